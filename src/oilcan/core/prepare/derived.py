"""Columns computed from others of the same row, by an expression that cannot do anything else.

The expression of a contract is parsed, every node is compared with a short list, and the tree is
walked over whole columns. Nothing is evaluated as Python.
"""

import ast
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from oilcan.contract import Derived
from oilcan.ground.errors import ContractError, bullet_list

if TYPE_CHECKING:               # names for the reader; the service computes online features without waiting for pandas
    import pandas as pd

_BINARY: Final[dict[type[ast.AST], Callable[[Any, Any], Any]]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.Pow: np.power, ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt, ast.GtE: operator.ge,
    ast.Eq: operator.eq, ast.NotEq: operator.ne,
}  # fmt: skip
_UNARY: Final[dict[type[ast.AST], Callable[[Any], Any]]] = {ast.UAdd: operator.pos, ast.USub: operator.neg}
_FUNCTIONS: Final[dict[str, tuple[int, Callable[..., Any]]]] = {
    "min": (2, np.minimum), "max": (2, np.maximum), "abs": (1, np.abs), "sqrt": (1, np.sqrt),
    "log": (1, np.log), "exp": (1, np.exp), "where": (3, np.where),
}  # fmt: skip
_CONSTANTS: Final = {"pi": np.pi}


def check_expression(expression: str, known: Sequence[str]) -> list[str]:
    """What is wrong with an expression, one line each with the position; empty if nothing is.

    Parameters
    ----------
    expression
        For example `torque_nm * speed_rpm * 2 * pi / 60`.
    known
        Names of columns it may use.

    Examples
    --------
    >>> check_expression("a / b", ["a"])
    ["position 5: no column 'b' (known: a)"]
    >>> check_expression("open('x')", ["a"])
    ["position 1: no function 'open' (known: abs, exp, log, max, min, sqrt, where)"]
    """
    try:
        tree = ast.parse(expression.strip(), mode="eval")
    except (SyntaxError, ValueError) as err:
        return [f"position {getattr(err, 'offset', None) or 1}: not an expression ({err.args[0]})"]
    return _faults(tree.body, known)


def _faults(node: ast.expr, known: Sequence[str]) -> list[str]:
    at = f"position {node.col_offset + 1}"
    if isinstance(node, ast.Constant):
        is_number = type(node.value) in (int, float) and abs(node.value) < 1e300  # type: ignore[arg-type]
        return [] if is_number else [f"{at}: {node.value!r} is no number"]
    if isinstance(node, ast.Name):
        is_known = node.id in known or node.id in _CONSTANTS
        return [] if is_known else [f"{at}: no column {node.id!r} (known: {', '.join(known)})"]
    if isinstance(node, ast.Call):
        return _call_faults(node, at, known)
    if isinstance(node, ast.BinOp) and type(node.op) in _BINARY:
        return _faults(node.left, known) + _faults(node.right, known)
    if isinstance(node, ast.UnaryOp) and type(node.op) in _UNARY:
        return _faults(node.operand, known)
    if isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in _BINARY:
        return _faults(node.left, known) + _faults(node.comparators[0], known)
    return [f"{at}: {ast.unparse(node)!r} is not allowed (wanted: numbers, columns, + - * / **, one comparison, "
            f"{', '.join(sorted(_FUNCTIONS))}, pi)"]


def _call_faults(node: ast.Call, at: str, known: Sequence[str]) -> list[str]:
    name = node.func.id if isinstance(node.func, ast.Name) else ast.unparse(node.func)
    if name not in _FUNCTIONS:
        return [f"{at}: no function {name!r} (known: {', '.join(sorted(_FUNCTIONS))})"]
    wanted = _FUNCTIONS[name][0]
    if len(node.args) != wanted or node.keywords:
        return [f"{at}: {name} takes {wanted} values (found {len(node.args) + len(node.keywords)})"]
    return [fault for argument in node.args for fault in _faults(argument, known)]


def add_derived(table: "pd.DataFrame", derived: Mapping[str, Derived], known: Sequence[str]) -> "pd.DataFrame":
    """The table with the derived columns added, float64; a later one may use an earlier one.

    A result that is not a finite number (a division by zero, the logarithm of a negative number) is
    a missing reading.

    Parameters
    ----------
    known
        Columns of `table` an expression may use: readings, never labels.

    Raises
    ------
    ContractError
        If an expression uses anything else; all faults of all expressions are listed.

    Examples
    --------
    >>> import pandas as pd
    >>> spec = Derived(expression="2 * a / b", unit="1", description="ratio")
    >>> add_derived(pd.DataFrame({"a": [1.0, 1.0], "b": [4.0, 0.0]}), {"r": spec}, ["a", "b"])["r"].tolist()
    [0.5, nan]
    """
    check_derived(derived, known)
    values = {name: table[name].to_numpy(dtype=np.float64, na_value=np.nan) for name in known if name in table}
    return table.assign(**compute_derived(values, derived, len(table)))


def compute_derived(values: Mapping[str, np.ndarray], derived: Mapping[str, Derived], n: int) -> dict[str, np.ndarray]:
    """The derived columns alone, from checked expressions; each shape (n,), NaN where not a finite number.

    Parameters
    ----------
    values
        Columns the expressions use, each shape (n,).
    """
    known, added = dict(values), {}
    with np.errstate(all="ignore"):
        for name, spec in derived.items():
            result = _value(ast.parse(spec.expression.strip(), mode="eval").body, known)
            column = np.broadcast_to(np.asarray(result, dtype=np.float64), (n,))
            known[name] = added[name] = np.where(np.isfinite(column), column, np.nan)
    return added


def columns_used(expression: str) -> set[str]:
    """Names of the columns in a checked expression.

    Examples
    --------
    >>> sorted(columns_used("max(a, b) * pi"))
    ['a', 'b']
    """
    names = {node.id for node in ast.walk(ast.parse(expression.strip(), mode="eval")) if isinstance(node, ast.Name)}
    return names - set(_CONSTANTS) - set(_FUNCTIONS)


def check_derived(derived: Mapping[str, Derived], known: Sequence[str]) -> None:
    """Refuse faulty expressions, all faults at once; see `add_derived`."""
    names, faults = list(known), []
    for name, spec in derived.items():
        where = f"derived.{name} ({spec.expression!r})"
        faults += [f"{where}: {fault}" for fault in check_expression(spec.expression, names)]
        names.append(name)
    if faults:
        raise ContractError(bullet_list("derived columns cannot be computed; edit datasets/<name>.yaml", faults))


def _value(node: ast.expr, values: Mapping[str, np.ndarray]) -> Any:
    if isinstance(node, ast.Constant):
        return np.float64(node.value)  # type: ignore[arg-type]  # checked: an int or a float
    if isinstance(node, ast.Name):
        return values[node.id] if node.id in values else _CONSTANTS[node.id]
    if isinstance(node, ast.Call):
        function = _FUNCTIONS[node.func.id][1]  # type: ignore[attr-defined]  # checked: a plain name
        return function(*(_value(argument, values) for argument in node.args))
    if isinstance(node, ast.BinOp):
        return _BINARY[type(node.op)](_value(node.left, values), _value(node.right, values))
    if isinstance(node, ast.UnaryOp):
        return _UNARY[type(node.op)](_value(node.operand, values))
    assert isinstance(node, ast.Compare)  # noqa: S101  # for mypy; check_expression lets nothing else through
    return _BINARY[type(node.ops[0])](_value(node.left, values), _value(node.comparators[0], values))
