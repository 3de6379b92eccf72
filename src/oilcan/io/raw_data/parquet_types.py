"""Types of Parquet columns that pandas would hold as objects: as text, numbers or instants."""

from collections.abc import Set as AbstractSet

import pyarrow
from pyarrow import types

from oilcan.ground.errors import DataError


def plain_types(arrow: pyarrow.Table, texts: AbstractSet[str | int], file: str) -> pyarrow.Table:
    """The same cells in types that a column of a contract can be made from.

    Dates become instants, times of day and bytes text, decimals text where the contract wants text and else numbers.
    Whole numbers of identifiers and texts become text: as floats, which missing cells make of them, they lose digits.

    Parameters
    ----------
    texts
        Columns from which identifiers and texts are made.
    file
        Named in the message.

    Raises
    ------
    DataError
        Naming each column that holds lists or records, or bytes that are no UTF-8 text.

    Examples
    --------
    >>> days = pyarrow.table({"day": pyarrow.array([0, 1], pyarrow.date32()), "id": [7, None]})
    >>> plain = plain_types(days, {"id"}, "a.parquet")
    >>> [str(field.type) for field in plain.schema], plain["id"].to_pylist()
    (['timestamp[us]', 'string'], ['7', None])
    """
    problems = []
    for at, field in enumerate(arrow.schema):
        try:
            wanted = _wanted(field.type, is_text=field.name in texts)
            if wanted is not None:
                arrow = arrow.set_column(at, field.name, arrow.column(at).cast(wanted))
        except pyarrow.ArrowException:
            is_text = _is_bytes(field.type)
            what = "bytes that are no UTF-8 text" if is_text else f"{field.type}, which is no single value"
            problems.append(f"{file}: column {field.name!r} holds {what}. Leave it out of the contract (`unlisted: "
                            f"ignore`), or write it in another type.")
    if problems:
        raise DataError("\n".join(problems))
    return arrow


def _wanted(kind: pyarrow.DataType, *, is_text: bool) -> pyarrow.DataType | None:
    """The type to cast to; None where the column stays as it is."""
    if types.is_dictionary(kind):
        return _wanted(kind.value_type, is_text=is_text) or kind.value_type
    if types.is_nested(kind):
        raise pyarrow.ArrowTypeError("nested")
    if types.is_date(kind):
        return pyarrow.timestamp("us")
    if _is_bytes(kind) or types.is_time(kind) or types.is_null(kind):
        return pyarrow.string()
    if types.is_decimal(kind) or types.is_float16(kind):
        return pyarrow.string() if is_text else pyarrow.float64()
    return pyarrow.string() if is_text and types.is_integer(kind) else None


def _is_bytes(kind: pyarrow.DataType) -> bool:
    return bool(types.is_binary(kind) or types.is_large_binary(kind) or types.is_fixed_size_binary(kind))
