"""Moments of stretches of readings, kept in one array per kind of state with only the fields that are asked for."""

from dataclasses import dataclass, fields
from typing import Final

import numpy as np

from oilcan.core.features.online.block import Block
from oilcan.core.features.scan import Moments, pieces

FIELDS: Final = tuple(field.name for field in fields(Moments))
NEEDS: Final = {            # what a statistic is computed from
    "mean": {"count", "mean"},
    "std": {"count", "mean", "square"},
    "min": {"low"},
    "max": {"high"},
    "slope": {"count", "mean", "t_mean", "t_square", "cross"},
}


@dataclass(frozen=True)
class Layout:
    """Which fields are kept, of how many sensors: an array (..., fields, sensors).

    Parameters
    ----------
    fields
        In the order of `Moments`.
    """

    fields: tuple[str, ...]
    sensors: int

    @classmethod
    def of(cls, statistics: set[str], sensors: int) -> "Layout":
        """For some statistics."""
        needed = {"count", "mean"}.union(*(NEEDS[name] for name in statistics))
        return cls(tuple(name for name in FIELDS if name in needed), sensors)

    @property
    def shape(self) -> tuple[int, int]:
        """Of one stretch."""
        return len(self.fields), self.sensors

    def empty(self) -> np.ndarray:
        """The stretch without readings."""
        out = np.zeros(self.shape)
        for at, name in enumerate(self.fields):
            out[at] = np.nan if name in {"low", "high"} else 0.0
        return out

    def unpack(self, array: np.ndarray) -> Moments:
        """Views of shape (..., sensors); a field that is not kept is one number that costs nothing."""
        found = {name: array[..., at, :] for at, name in enumerate(self.fields)}
        return Moments(**{name: found.get(name, _ABSENT) for name in FIELDS})

    def pack(self, moments: Moments) -> np.ndarray:
        """The inverse."""
        out = np.empty((*moments.mean.shape[:-1], *self.shape))
        for at, name in enumerate(self.fields):
            out[..., at, :] = getattr(moments, name)
        return out

    def join(self, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        """Packed moments of two stretches together."""
        return self.pack(self.unpack(left).joined(self.unpack(right)))

    def of_block(self, block: Block, values: np.ndarray, ticks: np.ndarray) -> np.ndarray:
        """Packed moments of each machine's readings, shape (m, fields, sensors).

        Parameters
        ----------
        values, ticks
            Shapes (n, sensors), NaN where missing, and (n,).
        """
        return self.pack(pieces(values, ticks, block.starts))

    def of_pages(self, values: np.ndarray, ticks: np.ndarray) -> np.ndarray:
        """Packed moments of pages in two passes over few rows, shape (n, fields, sensors).

        Parameters
        ----------
        values, ticks
            Shapes (n, rows, sensors), NaN where missing, and (n, rows).
        """
        there = ~np.isnan(values)
        low, weight = np.fmin.reduce(values, axis=1), there.astype(np.float64)
        count = weight.sum(axis=1)
        share = weight / np.maximum(count, 1)[:, None]
        gap = np.where(there, values - low[:, None], 0.0)       # from a reading: equal ones leave exactly 0
        offset = np.einsum("prs,prs->ps", gap, share)
        found = {"count": count, "mean": np.where(count > 0, low, 0.0) + offset, "low": low}
        if "high" in self.fields:
            found["high"] = np.fmax.reduce(values, axis=1)
        left = (gap - offset[:, None]) * weight
        if "square" in self.fields:
            found["square"] = np.einsum("prs,prs->ps", left, left)
        if "cross" in self.fields:
            found["t_mean"] = np.einsum("pr,prs->ps", ticks, share)
            t_left = (ticks[:, :, None] - found["t_mean"][:, None]) * weight
            found["t_square"] = np.einsum("prs,prs->ps", t_left, t_left)
            found["cross"] = np.einsum("prs,prs->ps", left, t_left)
        out = np.empty((len(values), *self.shape))
        for at, name in enumerate(self.fields):
            out[:, at] = found[name]
        return out


_ABSENT: Final = np.zeros((1, 1))
