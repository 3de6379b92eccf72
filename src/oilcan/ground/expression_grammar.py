"""What an expression of a contract may say: arithmetic over columns, or over the cells of a record.

The expression is parsed and every node is compared with a short list. Nothing is evaluated as
Python; `core.prepare.expressions` computes.
"""

import ast
from collections.abc import Collection, Sequence
from typing import Final

FUNCTIONS: Final = {"min": 2, "max": 2, "abs": 1, "sqrt": 1, "log": 1, "exp": 1, "where": 3}    # name -> values
AGGREGATES: Final = ("mean", "std", "rms", "min", "max", "ptp", "skewness", "kurtosis", "crest")
CONSTANTS: Final = ("pi",)
CELLS: Final = "x"                                  # the cells of the record, by position: x[3], x[0:60]
_OPERATORS: Final = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.Pow, ast.UAdd, ast.USub,
                     ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.Eq, ast.NotEq)  # fmt: skip


def check_expression(expression: str, known: Sequence[str], *, has_cells: bool = False) -> list[str]:
    """What is wrong with an expression, one line each with the position; empty if nothing is.

    Parameters
    ----------
    expression
        For example `torque_nm * speed_rpm * 2 * pi / 60`.
    known
        Names of columns it may use.
    has_cells
        Whether it may use the cells of the record: `x[3]`, and aggregates of several, `mean(x[0:60])`.

    Examples
    --------
    >>> check_expression("a / b", ["a"])
    ["position 5: no column 'b' (known: a)"]
    >>> check_expression("open('x')", ["a"])
    ["position 1: no function 'open' (known: abs, exp, log, max, min, sqrt, where)"]
    >>> check_expression("rms(x[0:60]) / x[60]", [], has_cells=True)
    []
    """
    try:
        tree = ast.parse(expression.strip(), mode="eval")
    except (SyntaxError, ValueError) as err:
        return [f"position {getattr(err, 'offset', None) or 1}: not an expression ({err.args[0]})"]
    return _faults(tree.body, known, has_cells)


def columns_used(expression: str) -> set[str]:
    """Names of the columns in a checked expression.

    Examples
    --------
    >>> sorted(columns_used("max(a, b) * pi"))
    ['a', 'b']
    """
    names = {node.id for node in ast.walk(ast.parse(expression.strip(), mode="eval")) if isinstance(node, ast.Name)}
    return names - set(CONSTANTS) - set(FUNCTIONS)


def cells_used(expression: str) -> list[int]:
    """Positions of the cells in a checked expression, ascending; empty if it is not valid.

    Examples
    --------
    >>> cells_used("mean(x[1:4]) - x[9]")
    [1, 2, 3, 9]
    """
    try:
        nodes = list(ast.walk(ast.parse(expression.strip(), mode="eval")))
    except (SyntaxError, ValueError):
        return []
    spans = [cell_span(node) for node in nodes if isinstance(node, ast.Subscript)]
    return sorted({at for span in spans if span is not None for at in range(*span)})


def cell_span(node: ast.expr) -> tuple[int, int] | None:
    """First position and end of `x[3]` or `x[0:60]`; None for anything else."""
    if not (isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name) and node.value.id == CELLS):
        return None
    if isinstance(node.slice, ast.Slice):
        first = 0 if node.slice.lower is None else _whole(node.slice.lower)
        end = None if node.slice.upper is None or node.slice.step is not None else _whole(node.slice.upper)
        return (first, end) if first is not None and end is not None and first < end else None
    at = _whole(node.slice)
    return None if at is None else (at, at + 1)


def _whole(node: ast.expr) -> int | None:
    is_whole = isinstance(node, ast.Constant) and type(node.value) is int
    return node.value if is_whole else None  # type: ignore[attr-defined]  # just compared


def is_aggregate(node: ast.expr) -> bool:
    """True for an aggregate of several cells: one argument, which is a slice."""
    return (isinstance(node, ast.Call) and len(node.args) == 1 and isinstance(node.args[0], ast.Subscript)
            and isinstance(node.args[0].slice, ast.Slice))  # fmt: skip


def _faults(node: ast.expr, known: Sequence[str], has_cells: bool) -> list[str]:
    at = f"position {node.col_offset + 1}"
    if isinstance(node, ast.Constant):
        is_number = type(node.value) in (int, float) and abs(node.value) < 1e300  # type: ignore[arg-type]
        return [] if is_number else [f"{at}: {node.value!r} is not a number"]
    if isinstance(node, ast.Name):
        is_known = node.id in known or node.id in CONSTANTS
        return [] if is_known else [f"{at}: no column {node.id!r} (known: {', '.join(known)})"]
    if has_cells and isinstance(node, ast.Subscript):
        is_cell = cell_span(node) is not None and not isinstance(node.slice, ast.Slice)
        return [] if is_cell else [f"{at}: {ast.unparse(node)!r} is not a cell (wanted: x[3], or x[0:60] in an "
                                   f"aggregate)"]
    if isinstance(node, ast.Call):
        return _aggregate_faults(node, at) if has_cells and is_aggregate(node) else _call_faults(
            node, at, known, has_cells)
    parts = _operands(node)
    if parts is not None:
        return [fault for part in parts for fault in _faults(part, known, has_cells)]
    return [f"{at}: {ast.unparse(node)!r} is not allowed (wanted: numbers, columns, + - * / **, one comparison, "
            f"{_listed(FUNCTIONS)}, pi)"]


def _operands(node: ast.expr) -> list[ast.expr] | None:
    """What an allowed operator works on; None for any other node."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, _OPERATORS):
        return [node.left, node.right]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, _OPERATORS):
        return [node.operand]
    if isinstance(node, ast.Compare) and len(node.ops) == 1 and isinstance(node.ops[0], _OPERATORS):
        return [node.left, node.comparators[0]]
    return None


def _aggregate_faults(node: ast.Call, at: str) -> list[str]:
    name = ast.unparse(node.func)
    if name not in AGGREGATES or node.keywords:
        return [f"{at}: no aggregate {name!r} (known: {_listed(AGGREGATES)})"]
    span = ast.unparse(node.args[0])
    return [] if cell_span(node.args[0]) else [f"{at}: {span!r} is not a slice of cells (wanted e.g. x[0:60])"]


def _call_faults(node: ast.Call, at: str, known: Sequence[str], has_cells: bool) -> list[str]:
    name = node.func.id if isinstance(node.func, ast.Name) else ast.unparse(node.func)
    if name not in FUNCTIONS:
        return [f"{at}: no function {name!r} (known: {_listed(FUNCTIONS)})"]
    if len(node.args) != FUNCTIONS[name] or node.keywords:
        return [f"{at}: {name} takes {FUNCTIONS[name]} values (found {len(node.args) + len(node.keywords)})"]
    return [fault for argument in node.args for fault in _faults(argument, known, has_cells)]


def _listed(names: Collection[str]) -> str:
    return ", ".join(sorted(names))
