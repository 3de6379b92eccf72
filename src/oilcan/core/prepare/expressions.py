"""The value of an expression of a contract, for all rows at once.

`ground.expression_grammar` says what an expression may hold; only checked ones come here.
"""

import ast
import operator
from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np

from oilcan.ground.expression_grammar import cell_span, is_aggregate

_BINARY: Final[dict[type[ast.AST], Callable[[Any, Any], Any]]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.Pow: np.power, ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt, ast.GtE: operator.ge,
    ast.Eq: operator.eq, ast.NotEq: operator.ne,
}  # fmt: skip
_UNARY: Final[dict[type[ast.AST], Callable[[Any], Any]]] = {ast.UAdd: operator.pos, ast.USub: operator.neg}
_FUNCTIONS: Final[dict[str, Callable[..., Any]]] = {
    "min": np.minimum, "max": np.maximum, "abs": np.abs, "sqrt": np.sqrt, "log": np.log, "exp": np.exp,
    "where": np.where,
}  # fmt: skip
_OF_NUMPY: Final[dict[str, Callable[..., Any]]] = {"mean": np.mean, "std": np.std, "min": np.min, "max": np.max}
_CONSTANTS: Final = {"pi": np.pi}
Cells = Callable[[int, int], np.ndarray]            # first position, end -> the cells, shape (n, end - first)


def evaluate(expression: str, values: Mapping[str, np.ndarray], cells: Cells | None = None) -> Any:
    """Value of a checked expression, shape (n,) or a single number; not finite where it is undefined.

    Parameters
    ----------
    values
        Columns the expression uses, each shape (n,).
    cells
        Gives the cells of the records by position, where the expression may use them. An aggregate
        over a missing cell is missing.

    Examples
    --------
    >>> x = np.array([[3.0, -3.0, 3.0, -3.0], [1.0, 1.0, 1.0, 5.0]])
    >>> evaluate("rms(x[0:4]) + x[3]", {}, lambda first, end: x[:, first:end]).tolist()
    [0.0, 7.645751311064591]
    """
    with np.errstate(all="ignore"):
        return _value(ast.parse(expression.strip(), mode="eval").body, values, cells)


def aggregate(name: str, x: np.ndarray) -> np.ndarray:
    """One number for each row of `x`, shape (n, k); NaN where a cell is missing or the number is undefined.

    `rms` is the root mean square, `ptp` the distance from peak to peak, `crest` the largest absolute value
    over the rms, `kurtosis` the fourth standardised moment (3 for a normal distribution), `std` and the
    moments are those of the k cells (divided by k).

    References
    ----------
    ISO 13373-1:2002, Condition monitoring of machines: vibration, for crest factor and kurtosis as
    measures of impulses.

    Examples
    --------
    >>> aggregate("crest", np.array([[0.0, 0.0, 0.0, 2.0]])).tolist()
    [2.0]
    """
    if name in _OF_NUMPY:
        return np.asarray(_OF_NUMPY[name](x, axis=1))
    if name == "ptp":
        return np.asarray(np.max(x, axis=1) - np.min(x, axis=1))
    if name in {"rms", "crest"}:
        rms = np.sqrt(np.mean(x * x, axis=1))
        return np.asarray(rms if name == "rms" else np.max(np.abs(x), axis=1) / rms)
    centred = x - np.mean(x, axis=1, keepdims=True)
    order = {"skewness": 3, "kurtosis": 4}[name]
    return np.asarray(np.mean(centred**order, axis=1) / np.mean(centred**2, axis=1) ** (order / 2))


def _value(node: ast.expr, values: Mapping[str, np.ndarray], cells: Cells | None) -> Any:
    if isinstance(node, ast.Constant):
        return np.float64(node.value)  # type: ignore[arg-type]  # checked: an int or a float
    if isinstance(node, ast.Name):
        return values[node.id] if node.id in values else _CONSTANTS[node.id]
    if cells is not None and isinstance(node, ast.Subscript):
        return cells(*(cell_span(node) or (0, 1)))[:, 0]
    if isinstance(node, ast.Call):
        name = node.func.id  # type: ignore[attr-defined]  # checked: a plain name
        if cells is not None and is_aggregate(node):
            return aggregate(name, cells(*(cell_span(node.args[0]) or (0, 1))))
        return _FUNCTIONS[name](*(_value(argument, values, cells) for argument in node.args))
    if isinstance(node, ast.BinOp):
        return _BINARY[type(node.op)](_value(node.left, values, cells), _value(node.right, values, cells))
    if isinstance(node, ast.UnaryOp):
        return _UNARY[type(node.op)](_value(node.operand, values, cells))
    assert isinstance(node, ast.Compare)  # noqa: S101  # for mypy; check_expression lets nothing else through
    return _BINARY[type(node.ops[0])](_value(node.left, values, cells), _value(node.comparators[0], values, cells))
