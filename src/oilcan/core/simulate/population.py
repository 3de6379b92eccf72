"""The machines of the fleet: site, model, age, and how they differ."""

from dataclasses import dataclass, fields

import numpy as np
import pandas as pd

from oilcan.core.simulate import components
from oilcan.core.simulate.streams import stream


@dataclass(frozen=True)
class Model:
    """Type plate of a machine model, and how it wears relative to `COMPONENTS`."""

    name: str
    speed_rpm: float
    current_a: float
    pressure_bar: float
    flow_m3_h: float
    vibration_mm_s: float
    rise_k: float
    wear_factor: float
    interval_factor: float


MODELS = (
    Model("P100", 1480.0, 42.0, 4.2, 60.0, 1.8, 28.0, 0.95, 1.05),
    Model("P200", 2950.0, 78.0, 5.0, 110.0, 2.4, 34.0, 1.10, 0.95),
    Model("P300", 980.0, 135.0, 6.1, 240.0, 2.9, 24.0, 1.00, 1.00),
)
JOINING_MODEL = Model("P900", 3550.0, 64.0, 7.4, 150.0, 1.2, 41.0, 1.25, 1.00)
SITES = ("coast", "north", "valley")
OPERATORS = ("A. Berg", "B. Costa", "C. Dahl", "D. Evans", "E. Fontaine", "F. Greco", "G. Haas")
OLDEST_YEARS = 12.0


@dataclass(frozen=True)
class Machines:
    """A block of machines: the table that a company has, and hidden traits.

    Parameters
    ----------
    table
        machine_id, model, site, commissioned, operator_name.
    plates
        Type plate per machine, in the order of `table`.
    site
        Index into `SITES`, shape (n,).
    wear_factor, pace, interval_h
        Relative wear rate, fault growth per hour [1/h] and planned interval [h], shape (n, 4).
    age_years
        Age at the start of the block, shape (n,).
    load_pct, offsets
        Mean load [%] per machine (n,), sensor baseline offsets (n, 5), standard normal.
    """

    table: pd.DataFrame
    plates: tuple[Model, ...]
    site: np.ndarray
    wear_factor: np.ndarray
    pace: np.ndarray
    interval_h: np.ndarray
    age_years: np.ndarray
    load_pct: np.ndarray
    offsets: np.ndarray

    def plate(self, field: str) -> np.ndarray:
        """One field of the type plates, shape (n,)."""
        return np.array([getattr(model, field) for model in self.plates], dtype=float)

    def take(self, at: slice) -> "Machines":
        """Some of the machines, in their order.

        Examples
        --------
        >>> fleet = draw_machines(3, seed=1, start=pd.Timestamp("2024-01-01"))
        >>> fleet.take(slice(1, 3)).table["machine_id"].tolist()
        ['M002', 'M003']
        """
        arrays = {field.name: getattr(self, field.name)[at] for field in fields(self) if field.name != "table"}
        return Machines(table=self.table.iloc[at].reset_index(drop=True), **arrays)


def draw_machines(
    count: int, *, seed: int, start: pd.Timestamp, first_number: int = 1, joining: bool = False,
    is_new_model: bool = True,
) -> Machines:  # fmt: skip
    """Machines of all models and sites, or new ones that join.

    Parameters
    ----------
    count
        Number of machines, >= 1.
    start
        First instant of the block; ages are counted to it.
    first_number
        Number in the first identifier: 1 gives "M001".
    joining
        True for machines commissioned at `start`, of `JOINING_MODEL` where `is_new_model`, else of the known ones.

    Examples
    --------
    >>> fleet = draw_machines(2, seed=1, start=pd.Timestamp("2024-01-01"))
    >>> fleet.table["machine_id"].tolist(), fleet.pace.shape
    (['M001', 'M002'], (2, 4))
    """
    rng = stream(seed, "machines", block=int(joining))
    position = np.arange(count)
    plates = tuple(JOINING_MODEL if joining and is_new_model else MODELS[i % len(MODELS)] for i in position)
    site = (position // len(MODELS)) % len(SITES)
    age_years = np.zeros(count) if joining else rng.uniform(0.3, OLDEST_YEARS, count)
    age_days = np.round(age_years * 365.25)
    spread = rng.standard_normal((2, count, len(components.COMPONENTS)))
    wear = np.array([[model.wear_factor] for model in plates])
    interval = np.array([[model.interval_factor] for model in plates])
    table = pd.DataFrame(
        {
            "machine_id": [f"M{first_number + i:03d}" for i in position],
            "model": [model.name for model in plates],
            "site": [SITES[i] for i in site],
            "commissioned": start.normalize() - pd.to_timedelta(age_days, unit="D"),
            "operator_name": rng.choice(OPERATORS, count),
        }
    )
    return Machines(
        table=table,
        plates=plates,
        site=site,
        wear_factor=wear * np.exp(components.WEAR_SPREAD * spread[0]),
        pace=np.exp(components.GROWTH_SPREAD * spread[1]) / components.column("growth_h"),
        interval_h=interval * components.column("interval_h"),
        age_years=age_years,
        load_pct=rng.uniform(60.0, 76.0, count),
        offsets=rng.standard_normal((count, 5)),
    )
