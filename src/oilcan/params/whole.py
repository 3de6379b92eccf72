"""All sections of params.yaml, to check the whole file; a stage reads its own section only."""

import pydantic

from oilcan.params.compute import ComputeParams
from oilcan.params.evaluate import EvaluateParams
from oilcan.params.explain import ExplainParams
from oilcan.params.explore import ExploreParams
from oilcan.params.featurize import FeaturizeParams
from oilcan.params.ingest import IngestParams
from oilcan.params.monitor import MonitorParams
from oilcan.params.package import PackageParams
from oilcan.params.predict import PredictParams
from oilcan.params.prepare import PrepareParams
from oilcan.params.reference import ReferenceParams
from oilcan.params.review import ReviewParams
from oilcan.params.section import Section
from oilcan.params.simulate import SimulateParams
from oilcan.params.train import TrainParams
from oilcan.params.validate import ValidateParams


class Params(Section):
    """The whole of params.yaml."""

    dataset: str = pydantic.Field(min_length=1)                  # name of a contract in datasets/
    compute: ComputeParams
    simulate: SimulateParams
    ingest: IngestParams
    validate_: ValidateParams = pydantic.Field(alias="validate")  # pydantic has a method of that name
    prepare: PrepareParams
    explore: ExploreParams
    featurize: FeaturizeParams
    train: TrainParams
    predict: PredictParams
    explain: ExplainParams
    evaluate: EvaluateParams
    review: ReviewParams
    package: PackageParams
    reference: ReferenceParams
    monitor: MonitorParams
