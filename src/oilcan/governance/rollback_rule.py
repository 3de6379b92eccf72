"""Should the model before be put back? Decided on rows whose outcomes have become known since a promotion."""

from collections.abc import Sequence

from oilcan.core.phrasing.quantities import number
from oilcan.governance.gate_findings import Comparison


def reason_to_roll_back(since_promotion: Sequence[Comparison]) -> str | None:
    """The reason to put the model before back; None if there is none.

    The model in service must have cost more than the one before would have on the same rows, with the whole 95 %
    interval over machines: a bad week of a few machines is no reason.

    Parameters
    ----------
    since_promotion
        The model in service as challenger, the one before as champion.

    Examples
    --------
    >>> worse = Comparison("cost", "since the promotion", 100.0, 180.0, -0.8, -1.1, -0.2)
    >>> reason_to_roll_back([worse])
    'since the promotion it has cost 180 EUR, the model before would have cost 100 EUR on the same rows'
    >>> reason_to_roll_back([Comparison("cost", "since the promotion", 100.0, 180.0, -0.8, -1.9, 0.1)]) is None
    True
    """
    for each in since_promotion:
        if each.metric == "cost" and each.gain_high < 0:
            return (f"since the promotion it has cost {number(each.challenger)} EUR, the model before would have cost "
                    f"{number(each.champion)} EUR on the same rows")
    return None
