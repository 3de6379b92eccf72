"""What became of the records of a table, and what is wrong with it as a whole; parts of a table are joined."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Any, Final

import pandas as pd

from oilcan.contract import Contract, Table
from oilcan.core.ingest.cells.instants import InstantFacts
from oilcan.core.ingest.cells.numbers import Grouping
from oilcan.core.ingest.cleaned import Cleaned
from oilcan.core.ingest.rows.rejected import Line, rejected_lines
from oilcan.core.ingest.rows.row_outcomes import Kind, Verdict
from oilcan.core.ingest.rows.suspicions import Place, ends, groupings, thousands

COLUMNS: Final = ["table", "file", "row", "reason", "content"]


@dataclass(frozen=True)
class Account:
    """All that is remembered of a table besides its rows.

    Attributes
    ----------
    records, verdicts
        Records that could be cut into cells, and the number of those under each verdict.
    rejected
        Refused records, those first that could not be cut.
    groupings, ends
        What may be misread: decimal marks by column and file, and lines about events that may have an end.
    """

    name: str
    spec: Table
    records: int
    verdicts: dict[Verdict, int]
    rejected: list[Line]
    unknown_machines: list[str]
    counted: dict[str, int]
    absent: dict[str, int]
    instants: dict[tuple[str, bool], tuple[InstantFacts, Any]]
    further_problems: list[str]
    flag: str | None = None
    groupings: dict[Place, Grouping] = field(default_factory=dict)
    ends: tuple[str, ...] = ()
    joined: tuple["Account", ...] = ()

    @property
    def problems(self) -> list[str]:
        """Breaches of the table as a whole."""
        lines = [f"{name}: {line}" for (name, _), (facts, how) in self.instants.items()
                 for line in facts.problems(*how)]
        lines += self.further_problems
        if self.counted["lost_failures"]:
            lines.append(f"{self.counted['lost_failures']:,} rows whose {self.flag} is true have no valid machine or "
                         f"time, so their failures would be lost; fix the rows, or leave them out with `exclude`")
        return lines

    @property
    def malformed(self) -> int:
        """Records that could not be cut into cells; they come first in `rejected`, and no verdict counts them."""
        return len(self.rejected) - sum(self._reasons("refused").values())

    @property
    def warnings(self) -> list[str]:
        """What reads without fault and still looks wrong."""
        return [*thousands(self.spec, self.groupings), *self.ends]

    def counts(self) -> dict[str, Any]:
        """What became of the records; read = kept + excluded + refused + identical duplicates.

        Where there are any: `absent_columns`, rows of files without an optional column; `rows` that a long
        table became; `copied_to_all_machines`, rows made of those about every machine; `joined`, the same
        counts for the records of each join.
        """
        refused = self._reasons("refused")
        for line in self.rejected[:self.malformed]:
            refused[line.reason] = refused.get(line.reason, 0) + 1
        counts: dict[str, Any] = {
            "read": self.records + self.malformed,
            "kept": self.records - sum(self.verdicts.values()),
            "excluded": self._reasons("excluded"),
            "refused": refused,
            "duplicates_identical": sum(self._reasons("identical").values()),
            "out_of_order": self.counted["out_of_order"],
        }
        further = {"absent_columns": self.absent, "copied_to_all_machines": self.counted["copies"],
                   "rows": self.counted["rows"], "joined": {part.name: part.counts() for part in self.joined}}
        return counts | {word: value for word, value in further.items() if value}

    def _reasons(self, kind: Kind) -> dict[str, int]:
        return {verdict.reason: rows for verdict, rows in self.verdicts.items() if verdict.kind == kind}


def account_of(cleaned: Cleaned, contract: Contract) -> Account:
    """The account of a table, or of a part of it, after every row was decided."""
    counted = {"out_of_order": cleaned.out_of_order, "copies": cleaned.copies, "lost_failures": cleaned.lost_failures,
               "rows": len(cleaned.frame) if cleaned.owner is not None else 0}
    return Account(
        cleaned.name, cleaned.spec, len(cleaned.verdicts.kept), cleaned.verdicts.counts(), rejected_lines(cleaned),
        cleaned.unknown_machines, counted, cleaned.absent, cleaned.instants, cleaned.problems,
        flag=contract.failures.column, groupings=dict(groupings(cleaned)), ends=tuple(ends(cleaned)),
        joined=tuple(account_of(part, contract) for part in cleaned.joined))


def rejected_rows(accounts: Iterable[Account]) -> pd.DataFrame:
    """Refused rows of all tables with file, row number, reason and raw content."""
    lines = [line[1:] for account in accounts for line in account.rejected]
    return pd.DataFrame(lines, columns=COLUMNS).astype({name: "int64" if name == "row" else "str" for name in COLUMNS})


def join_parts(parts: Sequence[Account]) -> Account:
    """The account of a table whose parts hold the rows of some machines each."""
    if len(parts) == 1:
        return parts[0]
    wording = _wording(parts)
    verdicts: dict[Verdict, int] = {}
    given = [item for part in parts for item in part.verdicts.items()]
    for verdict, rows in sorted(given, key=lambda item: item[0].at):
        whole = next((known for known in verdicts if known[:2] == (verdict.kind, wording[verdict.at])),
                     verdict._replace(reason=wording[verdict.at]))
        verdicts[whole] = verdicts.get(whole, 0) + rows
    cut, refused = [], []
    for part in parts:
        reasons = {verdict.reason: wording[verdict.at] for verdict in part.verdicts}
        cut += part.rejected[:part.malformed]
        refused += [line._replace(reason=reasons[line.reason]) for line in part.rejected[part.malformed:]]
    return replace(
        parts[0], records=sum(part.records for part in parts), verdicts=verdicts,
        rejected=cut + sorted(refused, key=lambda line: (line.number, line.row)),
        unknown_machines=sorted({name for part in parts for name in part.unknown_machines}),
        counted=_sums([part.counted for part in parts]), absent=_sums([part.absent for part in parts]),
        instants=_joined_instants(parts), groupings=_joined_groupings(parts))


def _wording(parts: Sequence[Account]) -> dict[int, str]:
    """The reason that each decision gave: of different wordings the one whose rank is highest."""
    given = sorted({(verdict.at, -verdict.rank, len(verdict.reason), verdict.reason)
                    for part in parts for verdict in part.verdicts})
    return {at: next(choices)[3] for at, choices in groupby(given, key=lambda choice: choice[0])}


def _sums(counts: Iterable[dict[str, int]]) -> dict[str, int]:
    total: dict[str, int] = {}
    for each in counts:
        total |= {name: total.get(name, 0) + number for name, number in each.items()}
    return total


def _joined_instants(parts: Sequence[Account]) -> dict[tuple[str, bool], tuple[InstantFacts, Any]]:
    whole: dict[tuple[str, bool], tuple[InstantFacts, Any]] = {}
    for part in parts:
        for key, (facts, how) in part.instants.items():
            whole[key] = (whole[key][0].joined(facts) if key in whole else facts, how)
    return whole


def _joined_groupings(parts: Sequence[Account]) -> dict[Place, Grouping]:
    whole: dict[Place, Grouping] = {}
    for place, known in (item for part in parts for item in part.groupings.items()):
        whole[place] = whole.get(place, Grouping()).joined(known)
    columns = list(parts[0].spec.columns)
    return dict(sorted(whole.items(), key=lambda item: (columns.index(item[0][0]), item[0][1])))
