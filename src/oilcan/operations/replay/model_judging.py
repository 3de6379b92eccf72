"""The gate of a replay, and the trial of a model after its promotion: both by the code of `review`."""

import numpy as np
import pandas as pd

from oilcan.contract import Contract
from oilcan.core.history.known_then import known_before
from oilcan.core.prepare.labels import Outlook, label_failures
from oilcan.core.timeline.groups import exact
from oilcan.governance import gate
from oilcan.governance.compare import against_champion
from oilcan.governance.event_comparison import Alarms, of_alarms
from oilcan.governance.fair_comparison import fairness
from oilcan.governance.gate_findings import Comparison, NotCompared, Verdict
from oilcan.governance.rollback_rule import reason_to_roll_back
from oilcan.ground.columns import KEY, PART, TARGET, TIME
from oilcan.operations.replay.model_making import ReplayModel
from oilcan.operations.replay.replay_settings import ReplaySettings
from oilcan.operations.replay.replayed_fleet import ReplayedFleet, rows_between


def judge(settings: ReplaySettings, challenger: ReplayModel, champion: ReplayModel) -> Verdict:
    """The verdict of the gate on the challenger's test rows.

    The quality of the data counts as passed: it is the same for every model, and `validate` judges it.
    """
    contract = challenger.contract
    conditions = fairness(champion, contract, challenger.predictions)
    comparisons: list[Comparison | NotCompared] = []
    if all(check.passed for check in conditions):
        alarms = Alarms(challenger.failures, challenger.machines, challenger.policies, champion.policies)
        comparisons = against_champion(contract, challenger.predictions, challenger.machines,
                                       _on_test_rows(champion, challenger.predictions), settings.params.review,
                                       settings.gate, alarms)
    return gate.judge(challenger.metrics, {"passed": True}, comparisons, settings.gate, contract.tasks,
                      (*conditions, *challenger.checks))


def why_roll_back(settings: ReplaySettings, fleet: ReplayedFleet, served: ReplayModel, before: ReplayModel, *,
                  since: int, now: int) -> str | None:
    """Why to put the model before back, from rows since the promotion with a known outcome; None for no reason.

    Parameters
    ----------
    since, now
        Exact times: when the model went into service, and today.
    """
    known, contract = now - settings.labels_late_us, served.contract
    rows = served.forecasts[rows_between(served.forecasts, since, known)]
    if rows.empty:
        return None
    tables = known_before(fleet.tables, pd.Timestamp(known, unit="us", tz="UTC"))
    frame = rows.reset_index(drop=True).assign(**{PART: "test"})
    frame[f"{TARGET}{contract.headline()[0]}"] = _outcomes(contract, frame, tables["failures"], known)
    old = before.forecasts.iloc[rows.index].reset_index(drop=True)
    alarms = Alarms(tables["failures"], tables["machines"], served.policies, before.policies)
    found = of_alarms(contract, contract.headline()[0], frame, old, alarms, settings.gate, settings.params.review)
    return reason_to_roll_back(list(found))


def _outcomes(contract: Contract, frame: pd.DataFrame, failures: pd.DataFrame, known: int) -> np.ndarray:
    horizon, lead_time = contract.look_ahead()
    return label_failures(Outlook.of(frame, failures, np.full(len(frame), known)), horizon=horizon,
                          lead_time=lead_time)


def _on_test_rows(champion: ReplayModel, predictions: pd.DataFrame) -> pd.DataFrame:
    """Key and forecasts of the champion for the test rows, in their order."""
    test = predictions.loc[predictions[PART] == "test", list(KEY)].reset_index(drop=True)
    first = int(exact(test[TIME]).min()) if len(test) else 0
    mine = champion.forecasts[exact(champion.forecasts[TIME]) >= first]
    return test.merge(mine, on=list(KEY), how="left", validate="one_to_one")
