"""All sections of params.yaml, to check the whole file; a stage reads its own section only."""

import pydantic

from oilcan.ground.section import Section
from oilcan.params.compute import ComputeParams
from oilcan.params.stages.evaluate import EvaluateParams
from oilcan.params.stages.explain import ExplainParams
from oilcan.params.stages.explore import ExploreParams
from oilcan.params.stages.featurize import FeaturizeParams
from oilcan.params.stages.ingest import IngestParams
from oilcan.params.stages.monitor import MonitorParams
from oilcan.params.stages.package import PackageParams
from oilcan.params.stages.predict import PredictParams
from oilcan.params.stages.prepare import PrepareParams
from oilcan.params.stages.reference import ReferenceParams
from oilcan.params.stages.review import ReviewParams
from oilcan.params.stages.simulate import SimulateParams
from oilcan.params.stages.train import TrainParams
from oilcan.params.stages.validate import ValidateParams


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
