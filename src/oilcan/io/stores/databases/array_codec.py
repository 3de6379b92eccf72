"""Columns of numpy as PostgreSQL's binary arrays, written at once instead of value by value.

The form is that of the server's array_send: number of dimensions, whether there are nulls, type of the elements, their
number, the first index; then each element after its length. All big-endian.
"""

import struct
from typing import Final

import numpy as np
import psycopg
from psycopg.adapt import Dumper
from psycopg.pq import Format
from psycopg.types.numeric import Int8BinaryDumper, Int8Dumper

_BIGINT: Final = psycopg.adapters.types["int8"]
_BYTEA: Final = psycopg.adapters.types["bytea"]


class BigintArray(bytes):
    """A value of type bigint[], as sent."""


class ByteaArray(bytes):
    """A value of type bytea[], as sent."""


def bigints(column: np.ndarray) -> BigintArray:
    """Whole numbers, shape (n,)."""
    rows = np.empty(len(column), dtype=[("length", ">i4"), ("value", ">i8")])
    rows["length"], rows["value"] = 8, column
    return BigintArray(_header(_BIGINT.oid, len(column)) + rows.tobytes())


def byteas(values: np.ndarray) -> ByteaArray:
    """The bytes of each row, shape (n, k), C order."""
    width = values.itemsize * values.shape[1]
    rows = np.empty((len(values), 4 + width), dtype=np.uint8)
    rows[:, :4] = np.frombuffer(struct.pack(">i", width), dtype=np.uint8)
    rows[:, 4:] = np.frombuffer(values.tobytes(), dtype=np.uint8).reshape(len(values), width)
    return ByteaArray(_header(_BYTEA.oid, len(values)) + rows.tobytes())


def register(connection: psycopg.Connection[tuple[object, ...]]) -> None:
    """Let a connection send these arrays, and every integer as a bigint.

    With one type for integers a statement is prepared once, not once for every size of its numbers.
    """
    connection.adapters.register_dumper(BigintArray, _BigintArrayDumper)
    connection.adapters.register_dumper(ByteaArray, _ByteaArrayDumper)
    connection.adapters.register_dumper(int, Int8Dumper)
    connection.adapters.register_dumper(int, Int8BinaryDumper)


class _BigintArrayDumper(Dumper):
    format = Format.BINARY
    oid = _BIGINT.array_oid

    def dump(self, obj: BigintArray) -> bytes:
        return obj


class _ByteaArrayDumper(Dumper):
    format = Format.BINARY
    oid = _BYTEA.array_oid

    def dump(self, obj: ByteaArray) -> bytes:
        return obj


def _header(oid: int, n: int) -> bytes:
    return struct.pack(">iiIii", 1, 0, oid, n, 1)
