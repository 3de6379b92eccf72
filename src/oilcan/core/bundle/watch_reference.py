"""What the model was accepted on: levels, spreads and shares of every column, typed and versioned.

An output of the run that made the model, and part of its bundle. It holds no reading, no personal column and nothing
about a machine but its levels. What the limits of rules are drawn from is larger and an output of its own.
"""

import io
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

import numpy as np

from oilcan.contract import Contract
from oilcan.ground.errors import IntegrityError

VERSION: Final = 3            # 1 held steps of another kind, 2 did not know how long a sensor may rest
BINS: Final = 14
_REMEDY: Final = "Make it again and package again: `dvc repro reference package`"
_ARRAYS: Final = ("centre", "raw_centre", "group_centre", "scale", "raw_scale", "edges", "shares", "support",
                  "still", "pace")


@dataclass(frozen=True)
class WatchedColumn:
    """One column that is watched.

    Attributes
    ----------
    kind
        `sensor`, `condition` (how the machine is run: context, not drift), or `computed` from several sensors.
    low, high
        Physical range of the contract; None where it states none.
    is_judged
        Whether its level is compared with the reference; counters and texts are checked for quality alone.
    rest_windows
        After how many windows at rest it is stuck; 0 where it rests by nature, so that resting is not a fault.
    is_counter
        Whether it hardly ever falls: its pace is kept, not its level.
    unit_reach
        Powers of ten within which its windows lie around a machine's level or pace.
    """

    name: str
    unit: str
    description: str
    kind: Literal["sensor", "condition", "computed"]
    low: float | None
    high: float | None
    is_judged: bool
    rest_windows: int = 1
    is_counter: bool = False
    unit_reach: float = 0.0


@dataclass(frozen=True)
class WatchReference:
    """Levels, spreads and shares of the data that a model was accepted on.

    Attributes
    ----------
    dataset, contract_version, plan_hash
        What it belongs to; `check` compares them.
    made_from
        Input -> md5 as DVC records it.
    first, last
        Exact times of the first and last reading.
    window
        The window that `rates` and `limits` are about.
    columns
        What is watched, in the order of all arrays.
    conditions
        Operating conditions that are taken out of the readings.
    machines, group_of
        Machines with levels of their own, and the position of each one's group.
    groups
        Values of the first slice of the contract (usually the machine model), last one for all.
    known
        Slice column -> values seen, for example the models and sites.
    centre, raw_centre
        Level of each machine: as the features see it, and as it was read; shape (m, c).
    group_centre
        The same by group, shape (g, c).
    scale, raw_scale
        Standard deviation within a machine, of both, shape (c,).
    edges, shares
        Inner edges of the bins of deviations, shape (c, BINS - 1), and the share of readings in each, (c, BINS).
    support
        Operating conditions that were seen: the middle 99 %, shape (conditions, 2).
    still
        1 where a machine's column never moved, shape (m, c).
    pace
        Usual increase a slot of counters, shape (m, c); NaN elsewhere.
    facts
        Numbers of the rules: rates of events, forecasts, limits; plain values.
    """

    dataset: str
    contract_version: int
    plan_hash: str
    made_from: Mapping[str, str]
    first: int
    last: int
    window: str
    columns: tuple[WatchedColumn, ...]
    conditions: tuple[str, ...]
    machines: tuple[str, ...]
    group_of: tuple[int, ...]
    groups: tuple[str, ...]
    known: Mapping[str, tuple[str, ...]]
    centre: np.ndarray
    raw_centre: np.ndarray
    group_centre: np.ndarray
    scale: np.ndarray
    raw_scale: np.ndarray
    edges: np.ndarray
    shares: np.ndarray
    support: np.ndarray
    still: np.ndarray
    pace: np.ndarray
    facts: Mapping[str, Any]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns."""
        return tuple(column.name for column in self.columns)

    def check(self, contract: Contract, plan_hash: str, where: str) -> None:
        """Refuse a reference of another data set, contract or model.

        Raises
        ------
        IntegrityError
            If it is not the one of this contract and plan.
        """
        mine = (self.dataset, self.contract_version, self.plan_hash[:12])
        wanted = (contract.name, contract.version, plan_hash[:12])
        if mine != wanted:
            raise IntegrityError(f"{where}: the reference is of {mine[0]} v{mine[1]}, plan {mine[2]} (wanted "
                                 f"{wanted[0]} v{wanted[1]}, plan {wanted[2]}). {_REMEDY}.")

    def to_bytes(self) -> bytes:
        """One file: a header of JSON and plain numbers of NumPy; nothing in it can run code."""
        header = {name: value for name, value in vars(self).items() if name not in _ARRAYS}
        header |= {"version": VERSION, "columns": [asdict(column) for column in self.columns]}
        arrays = {name: getattr(self, name).astype(np.float32) for name in _ARRAYS}
        text = json.dumps(header, sort_keys=True, allow_nan=False).encode()
        return packed(arrays | {"header": np.frombuffer(text, dtype=np.uint8)})

    @classmethod
    def from_bytes(cls, content: bytes, where: str) -> "WatchReference":
        """Read what `to_bytes` wrote.

        Raises
        ------
        IntegrityError
            If the bytes are damaged, or of another version.
        """
        arrays = unpacked(content, where)
        try:
            header = json.loads(arrays.pop("header").tobytes())
            version = header.pop("version")
            if version != VERSION:
                raise IntegrityError(f"{where}: version of the reference is {version!r} (wanted {VERSION}). {_REMEDY}.")
            values: dict[str, Any] = header | {
                "columns": tuple(WatchedColumn(**entry) for entry in header["columns"]),
                "known": {name: tuple(values) for name, values in header["known"].items()},
                **{name: tuple(header[name]) for name in ("conditions", "machines", "group_of", "groups")},
                **{name: arrays[name].astype(np.float64) for name in _ARRAYS},
            }
            return cls(**values)
        except (KeyError, TypeError, ValueError, AttributeError) as err:
            raise IntegrityError(f"{where}: holds no reference ({err}). {_REMEDY}.") from err


def packed(arrays: Mapping[str, np.ndarray]) -> bytes:
    """Arrays in one file, the same bytes for the same numbers.

    They are not compressed: each build of Python has its own zlib, and not all of them write the same bytes.

    Examples
    --------
    >>> content = packed({"limits": np.array([1.0, 2.0])})
    >>> unpacked(content, "watch_reference.npz")["limits"].tolist()
    [1.0, 2.0]
    """
    stream = io.BytesIO()
    np.savez(stream, allow_pickle=False, **arrays)
    return stream.getvalue()


def unpacked(content: bytes, where: str) -> dict[str, np.ndarray]:
    """Arrays of `packed`; IntegrityError if the bytes are damaged.

    Examples
    --------
    >>> unpacked(packed({"limits": np.array([1.0, 2.0])}), "watch_reference.npz")["limits"].tolist()
    [1.0, 2.0]
    """
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as loaded:
            return {name: loaded[name] for name in loaded.files}
    except Exception as err:
        raise IntegrityError(f"{where}: not readable ({' '.join(str(err).split())[:200]}). {_REMEDY}.") from err
