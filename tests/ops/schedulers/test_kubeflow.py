"""The compiled pipeline is that of dvc.yaml; that it gives the lock file of `dvc repro` is in test_one_lock.py."""

import pytest
from tests.ops.schedulers.scheduled_runs import KUBEFLOW, kubeflow_python
from tests.repo.closure import ROOT

from oilcan.io.stage.dvc_files import stage_names

AGAIN = """
import runpy, sys
from kfp import compiler
build = runpy.run_path(sys.argv[1])
compiler.Compiler().compile(build["pipeline"], sys.argv[2])
print(*build["stages"]())
"""


@pytest.mark.slow
def test_the_committed_pipeline_is_that_of_dvc_yaml(tmp_path):
    stages = kubeflow_python(AGAIN, KUBEFLOW / "build.py", tmp_path / "again.yaml").stdout.split()
    committed = (KUBEFLOW / "oilcan_retrain.yaml").read_text(encoding="utf-8")
    assert (tmp_path / "again.yaml").read_text(encoding="utf-8") == committed, "run `make schedules`"
    assert set(stages) == set(stage_names(ROOT)) - {"data/dvc.yaml:fetch"}      # which other data sets have
