"""The files of a fitted model: trees as treelite's own bytes, everything else as one JSON file.

A bundle holds one fitted model in this form, the folder between stages holds two. What is read must write the same
again, so that no key is unknown, missing or of another type.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import pydantic

from oilcan.core.alarms.policy import AlarmPolicy
from oilcan.core.model.calibration import Calibrator
from oilcan.core.model.fitted import EventForecast, Fitted, Forecast, LifeForecast, NumberForecast, OutlookForecast
from oilcan.core.model.intervals import Interval
from oilcan.core.model.trees import TreeModel
from oilcan.ground.errors import IntegrityError, OilcanError, bullet_list
from oilcan.ground.section import breaches
from oilcan.io.stage import files

FORECASTS: Final = "forecasts.json"


class _Entry(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)

    task: str
    trees: tuple[str, ...]


class _Event(_Entry):
    kind: Literal["event"]
    mode: str | None
    calibrator: Calibrator
    policy: AlarmPolicy | None

    def forecast(self, trees: TreeModel) -> Forecast:
        return EventForecast(self.task, self.mode, trees, self.calibrator, self.policy)


class _WithInterval(_Entry):
    kind: Literal["life", "number"]
    interval: Interval

    def forecast(self, trees: TreeModel) -> Forecast:
        made = LifeForecast if self.kind == "life" else NumberForecast
        return made(self.task, trees, self.interval)


class _Outlook(_Entry):
    kind: Literal["outlook"]
    horizons: tuple[float, ...]
    own: int
    counts_cycles: bool
    calibrator: Calibrator

    def forecast(self, trees: TreeModel) -> Forecast:
        return OutlookForecast(self.task, self.horizons, self.own, self.counts_cycles, trees, self.calibrator)


class _Written(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(strict=True, extra="forbid")

    features: tuple[str, ...]
    plan_hash: str
    forecasts: tuple[Annotated[_Event | _WithInterval | _Outlook, pydantic.Field(discriminator="kind")], ...]


def write_forecasts(fitted: Fitted, folder: Path) -> None:
    """Write `forecasts.json` and `trees/` into a folder that is there."""
    (folder / "trees").mkdir()
    for path, checkpoint in _tree_files(fitted).items():
        (folder / path).write_bytes(checkpoint)
    files.write_json(_as_json(fitted), folder / FORECASTS)


def read_forecasts(content: Mapping[str, bytes], folder: Path, remedy: str) -> Fitted:
    """The model that `write_forecasts` wrote.

    Parameters
    ----------
    content
        Path in the folder -> bytes.
    folder, remedy
        Where they come from and what to do if they are wrong, for messages.

    Raises
    ------
    IntegrityError
        Naming the file that is missing or cannot be read.
    """
    with part_named(folder / FORECASTS, remedy):
        json.loads(_bytes(content, FORECASTS))          # pydantic would quote all of it
        written = _Written.model_validate_json(content[FORECASTS])
    forecasts = []
    for entry in written.forecasts:
        trees = []
        for path in entry.trees:
            with part_named(folder / path, remedy):
                trees.append(_trees(_bytes(content, path)))
        with part_named(folder / FORECASTS, remedy):
            forecasts.append(entry.forecast(TreeModel.bag(trees)))
    fitted = Fitted(written.features, written.plan_hash, tuple(forecasts))
    with part_named(folder / FORECASTS, remedy):
        if _as_json(fitted) != json.loads(content[FORECASTS]):
            raise ValueError("it holds more or other entries than a model has")
    return fitted


@contextmanager
def part_named(part: Path, remedy: str) -> Iterator[None]:
    """Turn whatever fails while a part of a model is read into one error that names the part."""
    try:
        yield
    except FileNotFoundError as err:
        raise IntegrityError(f"{part}: does not exist. {remedy}.") from err
    except pydantic.ValidationError as err:
        raise IntegrityError(bullet_list(f"{part}: not readable as part of a model. {remedy}", breaches(err))) from None
    except IntegrityError as err:
        if part.name in str(err):
            raise
        raise IntegrityError(f"{part}: not readable as part of a model ({err}). {remedy}.") from err
    except Exception as err:        # readers of JSON, YAML, NumPy and treelite raise errors of any kind at wrong bytes
        reason = str(err) if isinstance(err, OilcanError) else f"{type(err).__name__}: {' '.join(str(err).split())}"
        raise IntegrityError(f"{part}: not readable as part of a model ({reason[:500]}). {remedy}.") from err


def _trees(content: bytes) -> TreeModel:
    trees = TreeModel(content)
    if trees.members[0].serialize_bytes() != content:
        raise ValueError("it holds more or other bytes than its trees")
    return trees


def _bytes(content: Mapping[str, bytes], path: str) -> bytes:
    if path not in content:
        raise FileNotFoundError(path)
    return content[path]


def _as_json(fitted: Fitted) -> dict[str, Any]:
    entries = [_entry(forecast) | {"trees": _paths(at, forecast)} for at, forecast in enumerate(fitted.forecasts)]
    return {"features": list(fitted.features), "plan_hash": fitted.plan_hash, "forecasts": entries}


def _entry(forecast: Forecast) -> dict[str, Any]:
    if isinstance(forecast, LifeForecast | NumberForecast):
        kind = "life" if isinstance(forecast, LifeForecast) else "number"
        return {"kind": kind, "task": forecast.task, "interval": forecast.interval.as_json()}
    if isinstance(forecast, OutlookForecast):
        return {"kind": "outlook", "task": forecast.task, "horizons": list(forecast.horizons), "own": forecast.own,
                "counts_cycles": forecast.counts_cycles, "calibrator": forecast.calibrator.as_json()}
    return {"kind": "event", "task": forecast.task, "mode": forecast.mode,
            "policy": forecast.policy.as_json() if forecast.policy else None,
            "calibrator": forecast.calibrator.as_json()}


def _paths(at: int, forecast: Forecast) -> list[str]:
    return [f"trees/{at:02d}-{member}.treelite" for member in range(len(forecast.trees.checkpoints))]


def _tree_files(fitted: Fitted) -> dict[str, bytes]:
    return {path: checkpoint for at, forecast in enumerate(fitted.forecasts)
            for path, checkpoint in zip(_paths(at, forecast), forecast.trees.checkpoints, strict=True)}
