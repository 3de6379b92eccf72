"""One policy operates the fleet, window by window: watch, decide, retrain, gate, promote, roll back."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import pandas as pd

from oilcan.evaluation.operated.operated_year import Service
from oilcan.governance.retrain_choice import JudgedWindow
from oilcan.ground.errors import DataError
from oilcan.monitoring.watch_report import WatchReport
from oilcan.monitoring.window_axis import DAY_US
from oilcan.operations.replay.fleet_watch import FleetWatch, ModelWatch
from oilcan.operations.replay.model_judging import judge, why_roll_back
from oilcan.operations.replay.model_making import ReplayModel
from oilcan.operations.replay.model_shelf import ModelShelf
from oilcan.operations.replay.replay_settings import ReplaySettings
from oilcan.operations.replay.replayed_fleet import ReplayedFleet
from oilcan.operations.replay.retrain_policies import ReplayPolicy
from oilcan.operations.watching.deciding import decide_on, signals_of

Kind = Literal["begin", "alert", "retrain", "untrainable", "promote", "hold", "reject", "rollback"]


@dataclass(frozen=True)
class Happening:
    """Something that a person would have heard of.

    Attributes
    ----------
    at
        Exact time.
    """

    at: int
    kind: Kind
    words: str


@dataclass
class PolicyRun:
    """How a policy went through the operation.

    Attributes
    ----------
    services
        Models in service and since when.
    models
        Every model that the policy made, by the moment of making, promoted or not.
    unknown_windows
        Windows without a verdict of the monitoring.
    """

    policy: ReplayPolicy
    happenings: list[Happening] = field(default_factory=list)
    services: list[tuple[int, ReplayModel]] = field(default_factory=list)
    models: dict[int, ReplayModel] = field(default_factory=dict)
    unknown_windows: int = 0

    def count(self, *kinds: Kind) -> int:
        """How often something happened."""
        return sum(each.kind in kinds for each in self.happenings)

    def in_service(self, task: str) -> list[Service]:
        """Probabilities and policies for the judgement of the whole operation; a model replaced at once has no rows."""
        column = f"p_{task}"
        kept: list[Service] = []
        for since, model in self.services:
            service = Service(since, model.forecasts[column].to_numpy(np.float64), model.policies[task])
            kept = [each for each in kept if each.since < since] + [service]
        return kept


@dataclass(frozen=True)
class Operation:
    """What all policies of a replay share.

    Attributes
    ----------
    windows
        First and last window of operation.
    """

    settings: ReplaySettings
    fleet: ReplayedFleet
    shelf: ModelShelf
    watch: FleetWatch
    windows: tuple[int, int]

    def run(self, policy: ReplayPolicy, say: Callable[[str], None]) -> PolicyRun:
        """Operate from the first window to the last."""
        operator = _Operator(self, policy)
        for window in range(self.windows[0], self.windows[1] + 1):
            operator.step(window)
        done = operator.done
        say(f"{policy.name}: {len(done.models) - 1} retrainings, {done.count('promote')} promotions, "
            f"{done.count('alert')} alerts")
        return done


class _Operator:
    """The state of one policy between two windows."""

    def __init__(self, shared: Operation, policy: ReplayPolicy) -> None:
        self._shared, self._policy, self.done = shared, policy, PolicyRun(policy)
        begins = int(shared.settings.begins.value // 1000)
        self._champion = shared.shelf.model(shared.settings.begins)
        self._before: tuple[int, ReplayModel] | None = None             # in service since, and the one before
        self._last_action: int | None = None
        self._last_calendar = begins
        self._watch = ModelWatch(shared.watch, shared.settings, self._champion)
        self.done.models[begins] = self._champion
        self.done.services.append((begins, self._champion))
        self._note(begins, "begin", "the first model goes into service")

    def step(self, window: int) -> None:
        """What happens when a window is over."""
        axis, settings = self._shared.settings.axis, self._shared.settings
        now = axis.start(window + 1)
        report, opened = self._watch.enter(window)
        for alert in opened:
            explained = next(each for each in (*report.open, *report.closed) if each.alert.key == alert.key)
            self._note(now, "alert", explained.diagnosis.what)
        self.done.unknown_windows += report.state == "unknown"
        self._try_rollback(now)
        decision = decide_on(report, settings.monitoring.decision, last_action=self._last_action, now=now)
        rules = settings.retrain.model_copy(update={"calendar_days": settings.replay.calendar_days})
        reasons = self._policy.reasons(_judged(report, axis.name(window)), decision, rules,
                                       days_since_calendar=(now - self._last_calendar) / DAY_US)
        if reasons and window < self._shared.windows[1]:
            self._retrain(now, reasons)

    def _retrain(self, now: int, reasons: tuple[str, ...]) -> None:
        settings = self._shared.settings
        self._last_action = now
        if self._policy.by_calendar and (now - self._last_calendar) / DAY_US >= settings.replay.calendar_days:
            self._last_calendar = now
        self._note(now, "retrain", "; ".join(reasons))
        try:
            challenger = self._shared.shelf.model(pd.Timestamp(now, unit="us", tz="UTC"))
        except DataError as err:
            return self._note(now, "untrainable", str(err))
        self.done.models[now] = challenger
        verdict = judge(settings, challenger, self._champion)
        words = "; ".join(verdict.reasons)
        if verdict.decision == "promote":
            return self._promote(now, challenger, words)
        if self._policy.is_gated:
            return self._note(now, verdict.decision, words)
        return self._promote(now, challenger, f"without the gate, whose answer is {verdict.decision}: {words}")

    def _promote(self, now: int, model: ReplayModel, words: str) -> None:
        since = now + round(self._shared.settings.replay.rollout_days * DAY_US)
        self._before = since, self._champion
        self._serve(since, model)
        self._note(since, "promote", words)

    def _try_rollback(self, now: int) -> None:
        settings = self._shared.settings
        if self._before is None or not self._policy.is_gated:
            return
        since, before = self._before
        if now - since > round(settings.replay.trial_days * DAY_US):
            self._before = None
            return
        reason = why_roll_back(settings, self._shared.fleet, self._champion, before, since=since, now=now)
        if reason is not None:
            self._before = None
            self._serve(now, before)
            self._note(now, "rollback", reason)

    def _serve(self, since: int, model: ReplayModel) -> None:
        self._champion = model
        self._watch = ModelWatch(self._shared.watch, self._shared.settings, model)
        self.done.services.append((since, model))

    def _note(self, at: int, kind: Kind, words: str) -> None:
        self.done.happenings.append(Happening(at, kind, words))


def _judged(report: WatchReport, window: str) -> JudgedWindow:
    """The window as `oilcan decide` records it."""
    signals = signals_of(report, None)
    alerts = sum(alert.is_learned_from for alert in report.standing)
    return JudgedWindow(window, 0.0, alerts, signals.loss_at_least_per_machine_month_eur, signals.age_days)
