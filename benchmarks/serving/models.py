"""The same model twice: a joblib file for the rivals, a bundle for us; of the fleet's own rows and parameters."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import joblib
import numpy as np

from oilcan.core.model.fitted import EventForecast
from oilcan.core.model.trees import TreeModel
from oilcan.io.batches import feature_rows
from oilcan.io.bundle import bundle_folder
from oilcan.io.repository import whole_params
from oilcan.scoring import check
from oilcan.training.ensembles.boosting import Boosting
from oilcan.training.ensembles.ensemble import Learning
from oilcan.training.ensembles.forests import Forest
from oilcan.training.targets import targets_of

_ROWS = 8_000           # to fit on: the size of the trees matters here, not their quality
_OF_MANIFEST = ("format", "version", "files")


@dataclass(frozen=True)
class Twin:
    """One model in both forms, and a row to ask both about."""

    joblib: Path
    bundle: Path
    features: tuple[str, ...]
    row: list[float]


def twin(root: Path, family: str, folder: Path) -> Twin:
    """Fit a family of trees to the headline task; everything else of the bundle stays."""
    base = bundle_folder.load_bundle(root / "models/bundle")
    rows, features = feature_rows.read_rows(root / "data/prepared", root / "data/features", base.plan, "train")
    p = whole_params.read_all_params(root / "params.yaml").train
    target = next(each for each in targets_of(base.contract, rows, rows, p.min_mode_failures)[0] if each.mode is None)
    values = target.values(rows)
    kept = np.random.default_rng(1).choice(np.flatnonzero(~np.isnan(values)), _ROWS)
    x, y = np.nan_to_num(features[kept], nan=0.0), values[kept]
    learning = Learning(regression=False, seed=1, jobs=2)
    estimator = (Forest("random_forest", p.random_forest).estimator(learning) if family == "random_forest"
                 else Boosting(p.hist_gradient_boosting).estimator(learning, x.shape[1]))
    estimator.fit(x, y)
    if family == "random_forest":
        estimator.set_params(n_jobs=None)
    joblib.dump(estimator, folder / f"{family}.joblib")
    trees = TreeModel.from_sklearn(estimator, x[:200])
    forecasts = tuple(dataclasses.replace(each, trees=trees) if isinstance(each, EventForecast) and each.mode is None
                      else each for each in base.fitted.forecasts)
    fitted = dataclasses.replace(base.fitted, forecasts=forecasts)
    facts = {name: fact for name, fact in base.manifest.items() if name not in _OF_MANIFEST}
    (folder / family).mkdir()
    packaged = root / "models/bundle"
    bundle_folder.write_bundle(
        folder / family, contract=packaged / "contract.yaml", plan=packaged / "plan.json", fitted=fitted,
        drift_reference=base.drift_reference, normals=base.normals,
        check_rows=check.check_rows(fitted, rows, features, 50), learned=base.learned, facts=facts)
    return Twin(folder / f"{family}.joblib", folder / family, tuple(base.fitted.features), x[0].astype(float).tolist())
