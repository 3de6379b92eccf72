"""Columns computed from others of the same row, by an expression that cannot do anything else."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from oilcan.contract import Derived
from oilcan.core.prepare.expressions import evaluate
from oilcan.ground.errors import ContractError, bullet_list
from oilcan.ground.expression_grammar import check_expression

if TYPE_CHECKING:               # names for the reader; the service computes online features without waiting for pandas
    import pandas as pd


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

    Examples
    --------
    >>> power = Derived(expression="torque * speed / 2", unit="W", description="Power")
    >>> compute_derived({"torque": np.array([2.0, 3.0]), "speed": np.array([10.0, np.nan])}, {"power": power}, 2)
    {'power': array([10., nan])}
    """
    known, added = dict(values), {}
    with np.errstate(all="ignore"):
        for name, spec in derived.items():
            result = evaluate(spec.expression, known)
            column = np.broadcast_to(np.asarray(result, dtype=np.float64), (n,))
            known[name] = added[name] = np.where(np.isfinite(column), column, np.nan)
    return added


def check_derived(derived: Mapping[str, Derived], known: Sequence[str]) -> None:
    """Refuse faulty expressions, all faults at once; see `add_derived`.

    Examples
    --------
    >>> power = Derived(expression="torque * speed", unit="W", description="Power")
    >>> check_derived({"power": power}, ["torque", "speed"])       # nothing is wrong
    """
    names, faults = list(known), []
    for name, spec in derived.items():
        where = f"derived.{name} ({spec.expression!r})"
        faults += [f"{where}: {fault}" for fault in check_expression(spec.expression, names)]
        names.append(name)
    if faults:
        raise ContractError(bullet_list("derived columns cannot be computed; edit datasets/<name>.yaml", faults))
