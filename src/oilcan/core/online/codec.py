"""A machine's state as bytes, and back: versioned, checked, free of code.

    magic  version  digest of all that follows  |  fingerprint  counts  |  numbers, little-endian, one after the other

What is written is the base, the raw readings since, the older readings that windows still hold, records
and static columns. The present follows from these, so it is computed again and not written.
"""

import hashlib
import math
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from oilcan.core.online.block import Block
from oilcan.core.online.rows import Rows, Taken
from oilcan.errors import IntegrityError

MAGIC: Final = b"OILF"
VERSION: Final = 1
_SEAL: Final = struct.Struct("<4sH32s")
_REMEDY: Final = "Replay the machine from its stored readings."


@dataclass(frozen=True)
class Snapshot:
    """One machine.

    Parameters
    ----------
    base
        Rows of state, each of shape (1, ...).
    readings
        Raw ones since the base, then per group of windows those before it; slots are 0.
    keys, times
        Of the records, shape (r,).
    """

    base: Taken
    readings: list[Block]
    keys: np.ndarray
    times: np.ndarray


class Codec:
    """Bytes of one kind of engine.

    Parameters
    ----------
    fingerprint
        What must be equal for state to mean the same: plan, settings.
    rows
        Whose rows are written, field by field.
    widths
        Columns of each list of readings.
    """

    def __init__(self, fingerprint: str, rows: Sequence[Rows], widths: Sequence[int]) -> None:
        self._fingerprint = hashlib.sha256(fingerprint.encode()).digest()
        self._fields = {name: row for each in rows for name, row in each.empty.items()}
        self._widths = list(widths)
        self._counts = struct.Struct(f"<32s{len(self._widths) + 1}I")

    def encode(self, snapshot: Snapshot) -> bytes:
        """The bytes of a machine."""
        lengths = [len(block.time) for block in snapshot.readings]
        body = [self._counts.pack(self._fingerprint, *lengths, len(snapshot.times))]
        body += [_bytes(snapshot.base[name]) for name in self._fields]
        for block in snapshot.readings:
            body += [_bytes(block.time), _bytes(block.values)]
        body += [_bytes(snapshot.keys), _bytes(snapshot.times)]
        joined = b"".join(body)
        return _SEAL.pack(MAGIC, VERSION, hashlib.sha256(joined).digest()) + joined

    def decode(self, dump: bytes) -> Snapshot:
        """What `encode` was given.

        Raises
        ------
        IntegrityError
            If the bytes are cut or changed, of another version, or of an engine with another plan or settings.
        """
        self._check(dump)
        _, *counts = self._counts.unpack_from(dump, _SEAL.size)
        shapes: list[tuple[tuple[int, ...], np.dtype]] = [((1, *row.shape), row.dtype) for row in self._fields.values()]
        for n, width in zip(counts[:-1], self._widths, strict=True):
            shapes += [((n,), _INTEGER), ((n, width), _NUMBER)]
        shapes += [((counts[-1],), _INTEGER)] * 2
        arrays = _arrays(dump, _SEAL.size + self._counts.size, shapes)
        base = {name: next(arrays) for name in self._fields}
        readings = [Block.of(np.zeros(n, np.int64), next(arrays), next(arrays)) for n in counts[:-1]]
        return Snapshot(base, readings, next(arrays), next(arrays))

    def _check(self, dump: bytes) -> None:
        if len(dump) < _SEAL.size + self._counts.size or dump[:4] != MAGIC:
            raise IntegrityError(f"state of a machine: not one, or cut off (found {len(dump)} bytes). {_REMEDY}")
        _, version, digest = _SEAL.unpack_from(dump)
        if version != VERSION:
            raise IntegrityError(f"state of a machine: unknown version (found {version}, wanted {VERSION}). {_REMEDY}")
        if hashlib.sha256(dump[_SEAL.size:]).digest() != digest:
            raise IntegrityError(f"state of a machine: cut off or changed (found {len(dump)} bytes). {_REMEDY}")
        if not dump.startswith(self._fingerprint, _SEAL.size):
            raise IntegrityError(f"state of a machine: made by another feature plan or with other settings. {_REMEDY}")


_INTEGER: Final = np.dtype(np.int64)
_NUMBER: Final = np.dtype(np.float64)


def _bytes(array: np.ndarray) -> bytes:
    return np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<"), copy=False).tobytes()


def _arrays(dump: bytes, at: int, shapes: list[tuple[tuple[int, ...], np.dtype]]) -> Iterator[np.ndarray]:
    for shape, dtype in shapes:
        n = math.prod(shape)
        yield np.frombuffer(dump, dtype.newbyteorder("<"), n, at).astype(dtype).reshape(shape)
        at += n * dtype.itemsize
