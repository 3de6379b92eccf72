"""A machine's state as bytes, and back: versioned, checked, free of code.

    magic  version  digest of all that follows  |  fingerprint  machine  counts  |  numbers, one after the other

Numbers are little-endian. What is written is the present, the base, the raw readings since, the older readings that
windows still hold, records and static columns. Windows follow from the readings, so they are computed again.
"""

import hashlib
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from oilcan.core.online.state.machine_arrays import MachineRows, Taken
from oilcan.core.online.state.reading_block import ReadingBlock
from oilcan.ground.errors import IntegrityError

MAGIC: Final = b"OILF"
VERSION: Final = 3           # 1 did not hold the present, 2 not the machine
_SEAL: Final = struct.Struct("<4sH32s")
_REMEDY: Final = "Replay the machine from its stored readings."


@dataclass(frozen=True)
class Snapshot:
    """One machine.

    Parameters
    ----------
    machine_id
        Whose it is.
    rows
        State by part and field, each of shape (1, ...).
    readings
        Raw ones since the base, then per group of windows those before it; slots are 0.
    keys, times
        Of the records, shape (r,).
    """

    machine_id: str
    rows: dict[str, Taken]
    readings: list[ReadingBlock]
    keys: np.ndarray
    times: np.ndarray


@dataclass(frozen=True)
class Decoded:
    """Several machines, each of their arrays one after the other.

    Parameters
    ----------
    rows
        State by part and field, each of shape (n, ...).
    counts
        Readings in each list, then records, by machine: shape (n, lists + 1).
    readings
        Times and values of each list.
    keys, times
        Of the records.
    """

    rows: dict[str, Taken]
    counts: np.ndarray
    readings: list[tuple[np.ndarray, np.ndarray]]
    keys: np.ndarray
    times: np.ndarray

    def blocks(self, slots: np.ndarray) -> list[ReadingBlock]:
        """Each list of readings, of the machines in these slots, shape (n,)."""
        return [ReadingBlock.of(np.repeat(slots, n), time, values)
                for n, (time, values) in zip(self.counts.T, self.readings, strict=False)]


class Codec:
    """Bytes of one kind of engine.

    Parameters
    ----------
    fingerprint
        What must be equal for state to mean the same: plan, settings.
    rows
        Whose rows are written, part by part and field by field.
    widths
        Columns of each list of readings.
    """

    def __init__(self, fingerprint: str, rows: Mapping[str, MachineRows], widths: Sequence[int]) -> None:
        self._fingerprint = _digest(fingerprint)
        self._fields = {part: each.empty for part, each in rows.items()}
        self._widths = list(widths)
        self._counts = struct.Struct(f"<32s32s{len(self._widths) + 1}I")
        self._row = np.dtype([(f"{part} {name}", row.dtype.newbyteorder("<"), row.shape)
                              for part, fields in self._fields.items() for name, row in fields.items()])

    def encode(self, snapshot: Snapshot) -> bytes:
        """The bytes of a machine."""
        lengths = [len(block.time) for block in snapshot.readings]
        body = [self._counts.pack(self._fingerprint, _digest(snapshot.machine_id), *lengths, len(snapshot.times))]
        body += [_bytes(snapshot.rows[part][name]) for part, fields in self._fields.items() for name in fields]
        for block in snapshot.readings:
            body += [_bytes(block.time), _bytes(block.values)]
        body += [_bytes(snapshot.keys), _bytes(snapshot.times)]
        joined = b"".join(body)
        return _SEAL.pack(MAGIC, VERSION, hashlib.sha256(joined).digest()) + joined

    def counts(self, dumps: Sequence[bytes]) -> np.ndarray:
        """Readings in each list, then records, by machine: shape (n, lists + 1)."""
        return np.array([self._counts.unpack_from(dump, _SEAL.size)[2:] for dump in dumps], dtype=np.int64)

    def decode(self, dumps: Sequence[bytes]) -> Decoded:
        """What `encode` was given, of several machines at once; the bytes must have passed `check`."""
        begin = _SEAL.size + self._counts.size
        counts = self.counts(dumps)
        cells = [cell for width in self._widths for cell in (1, width)] + [1, 1]        # of each array, per entry
        entries = np.column_stack([*(counts[:, at // 2] for at in range(len(cells) - 2)), counts[:, -1], counts[:, -1]])
        sizes = np.column_stack([np.full(len(dumps), self._row.itemsize), entries * cells * _INTEGER.itemsize])
        ends = begin + np.cumsum(sizes, axis=1)
        row, *arrays = (b"".join([dump[start:end] for dump, start, end in zip(dumps, *pair, strict=True)])
                        for pair in zip((ends - sizes).T.tolist(), ends.T.tolist(), strict=True))
        held = np.frombuffer(row, self._row)
        rows = {part: {name: held[f"{part} {name}"].astype(empty.dtype) for name, empty in fields.items()}
                for part, fields in self._fields.items()}
        *readings, keys, times = (_array(joined, _NUMBER if at % 2 and at < 2 * len(self._widths) else _INTEGER)
                                  for at, joined in enumerate(arrays))
        lists = [(time, values.reshape(-1, width))
                 for time, values, width in zip(readings[::2], readings[1::2], self._widths, strict=True)]
        return Decoded(rows, counts, lists, keys, times)

    def check(self, machine_id: str, dump: bytes) -> None:
        """Refuse what `encode` did not make of this machine.

        Raises
        ------
        IntegrityError
            If the bytes are cut or changed, of another version, of another machine, or of an engine with another plan
            or settings.
        """
        if len(dump) < _SEAL.size + self._counts.size or dump[:4] != MAGIC:
            raise IntegrityError(f"state of a machine: not one, or cut off (found {len(dump)} bytes). {_REMEDY}")
        _, version, digest = _SEAL.unpack_from(dump)
        if version != VERSION:
            raise IntegrityError(f"state of a machine: unknown version (found {version}, wanted {VERSION}). {_REMEDY}")
        if hashlib.sha256(dump[_SEAL.size:]).digest() != digest:
            raise IntegrityError(f"state of a machine: cut off or changed (found {len(dump)} bytes). {_REMEDY}")
        if not dump.startswith(self._fingerprint, _SEAL.size):
            raise IntegrityError(f"state of a machine: made by another feature plan or with other settings. {_REMEDY}")
        if not dump.startswith(_digest(machine_id), _SEAL.size + len(self._fingerprint)):
            raise IntegrityError(f"state of machine {machine_id}: is the state of another machine. {_REMEDY}")


_INTEGER: Final = np.dtype(np.int64)
_NUMBER: Final = np.dtype(np.float64)


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode(errors="replace")).digest()


def _bytes(array: np.ndarray) -> bytes:
    return np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<"), copy=False).tobytes()


def _array(joined: bytes, dtype: np.dtype) -> np.ndarray:
    return np.frombuffer(joined, dtype.newbyteorder("<")).astype(dtype)
