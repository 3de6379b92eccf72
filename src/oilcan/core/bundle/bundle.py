"""Everything that is needed to forecast, check, explain and watch one model, as one value."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from oilcan.contract import Contract
from oilcan.core.bundle.drift_reference import DriftReference
from oilcan.core.bundle.learned_rows import LearnedRows
from oilcan.core.bundle.normals import Normals
from oilcan.core.bundle.watch_reference import WatchReference
from oilcan.core.features.plan import FeaturePlan
from oilcan.core.model.fitted import Fitted


@dataclass(frozen=True)
class Bundle:
    """A loaded bundle.

    Attributes
    ----------
    digest
        SHA-256 of the manifest, which lists the digests of all other files: the name of the bundle in logs.
    manifest
        Lineage and library versions, as `oilcan.scoring.lineage` wrote them.
    drift_reference
        Distribution of features and forecasts on validation rows; monitoring compares new data with it.
    normals
        Usual value of each feature; reasons compare a reading with it.
    check_rows
        Features and expected forecasts by column, each of shape (rows,); see `oilcan.scoring.check`.
    fill_periods
        For how many sampling periods a missing reading was replaced by the last one before features were computed.
        The service does the same.
    learned
        Rows that the model has learned from.
    watch_reference
        What `oilcan.monitoring` compares new data with; None where the data count no time, or none was learned.
    """

    digest: str
    manifest: Mapping[str, Any]
    fitted: Fitted
    contract: Contract
    plan: FeaturePlan
    drift_reference: DriftReference
    normals: Normals
    check_rows: Mapping[str, np.ndarray]
    fill_periods: int
    learned: LearnedRows
    watch_reference: WatchReference | None = None
