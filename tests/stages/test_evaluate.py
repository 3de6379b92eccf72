import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import yaml
from tests.evaluation_frames import FLEET, ROWS, Evidence, fleet, lots
from tests.stages.running import run_stage

from oilcan.evaluation.plots import COLUMNS
from oilcan.io.vega_bundle import vega_bundle
from oilcan.reports import plots_page

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests" / "golden" / "evaluate_toy.json"
PARAMS = "evaluate: {seed: 7, bootstrap: 40, min_slice_machines: 3}\n"


def _write(evidence: Evidence, contract: str, folder: Path) -> None:
    prepared, predictions = folder / "prepared", folder / "predictions"
    (prepared / "telemetry").mkdir(parents=True)
    predictions.mkdir()
    (folder / f"{evidence.contract.name}.yaml").write_text(contract)
    (folder / "params.yaml").write_text(PARAMS)
    (folder / "model.json").write_text(json.dumps(evidence.model))
    (folder / "explain.json").write_text(json.dumps(evidence.explained))
    for name in ("rows", "errors", "maintenance", "machines"):
        getattr(evidence, name).to_parquet(prepared / f"{name}.parquet", index=False)
    evidence.failures.to_parquet(prepared / "judged_failures.parquet", index=False)
    evidence.readings.to_parquet(prepared / "telemetry" / "part-0000.parquet", index=False)
    evidence.predictions.to_parquet(predictions / "predictions.parquet", index=False)


def _run(folder: Path, name: str, out: str = "out") -> Path:
    places = [f"{name}.yaml", "prepared", "predictions", "model.json", "explain.json",
              f"{out}/metrics/evaluate.json", f"{out}/metrics/detail/evaluate.json",
              f"{out}/metrics/detail/slices.json", f"{out}/plots"]
    run_stage("evaluate", *(folder / place for place in places), params=folder / "params.yaml")
    return folder / out


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("evaluate")
    _write(fleet(), FLEET, folder)
    return _run(folder, "toy")


def test_the_stage_writes_metrics_slices_and_plots(evaluated: Path) -> None:
    headlines, detail = (_flat(json.loads((evaluated / "metrics" / name).read_text()))
                         for name in ("evaluate.json", "detail/evaluate.json"))
    assert headlines.items() <= detail.items()
    assert {"costs.saving", "costs.saving_ci95.0", "events.detected_share", "test.pr_auc"} <= set(headlines)
    assert detail["test.n"] > 0
    assert "site" in json.loads((evaluated / "metrics" / "detail" / "slices.json").read_text())
    assert sorted(file.stem for file in (evaluated / "plots").glob("*.csv")) == sorted(COLUMNS)


def test_two_runs_write_the_same_bytes(evaluated: Path) -> None:
    again = _run(evaluated.parent, "toy", "again")
    files = [file.relative_to(evaluated) for file in sorted(evaluated.rglob("*")) if file.is_file()]
    assert files
    assert [file for file in files if (evaluated / file).read_bytes() != (again / file).read_bytes()] == []


def test_metrics_of_the_toy_fleet_are_the_recorded_ones(evaluated: Path) -> None:
    # To renew: copy the new file, and say in the commit why it changed.
    found = _flat(json.loads((evaluated / "metrics" / "detail" / "evaluate.json").read_text()))
    recorded = _flat(json.loads(GOLDEN.read_text()))
    assert found.keys() == recorded.keys()
    assert found == pytest.approx(recorded, rel=1e-4, abs=1e-5)


def _flat(values: dict, prefix: str = "") -> dict[str, float]:
    flat: dict[str, float] = {}
    for name, value in values.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{name}.")
        elif isinstance(value, list):
            flat |= {f"{prefix}{name}.{at}": each for at, each in enumerate(value)}
        elif not isinstance(value, str):
            flat[prefix + name] = value
    return flat


def test_independent_rows_are_sliced_by_their_own_columns(tmp_path: Path) -> None:
    _write(lots(), ROWS, tmp_path)
    out = _run(tmp_path, "lots")
    assert set(json.loads((out / "metrics" / "detail" / "slices.json").read_text())["kind"]) == {"large", "small"}


@pytest.mark.parametrize("make", [fleet, lots])
def test_dvc_draws_the_plots_of_the_pipeline_on_a_page_without_network(make: object, tmp_path: Path) -> None:
    evidence = make()  # type: ignore[operator]
    _write(evidence, FLEET if evidence.fleet.has_time else ROWS, tmp_path)
    (_run(tmp_path, evidence.contract.name) / "plots").rename(tmp_path / "plots")
    _dvc(tmp_path, "git", "init", "-q")
    _dvc(tmp_path, "dvc", "init", "-q")
    folder = tmp_path / ".dvc" / "plots"
    folder.mkdir()
    for template in (ROOT / ".dvc" / "plots").glob("*.json"):
        (folder / template.name).write_text(template.read_text())
    (folder / "page.html").write_text(plots_page.page(vega_bundle()))
    _dvc(tmp_path, "dvc", "config", "plots.html_template", "plots/page.html")
    section = yaml.safe_load((ROOT / "dvc.yaml").read_text())["plots"]
    mine = [plot for plot in section if "plots/" in json.dumps(plot)]
    (tmp_path / "dvc.yaml").write_text(yaml.safe_dump({"plots": mine}))

    _dvc(tmp_path, "dvc", "plots", "show", "-o", "drawn")

    html = (tmp_path / "drawn" / "index.html").read_text()
    assert "<script src" not in html
    assert "cdn." not in html
    assert html.count("vegaEmbed('#") == len(mine)
    specs = json.loads(_dvc(tmp_path, "dvc", "plots", "show", "--json"))
    assert not specs.get("errors")
    assert len(specs["data"]) == len(mine)


def _dvc(folder: Path, *command: str) -> str:
    here = {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "DVC_NO_ANALYTICS": "1", "HOME": str(folder),
            "DVC_SITE_CACHE_DIR": str(folder / "site"), "CI": "true"}
    return subprocess.run(command, cwd=folder, env=here, check=True, capture_output=True, text=True).stdout


def test_every_plot_of_the_pipeline_names_columns_that_are_written() -> None:
    section = yaml.safe_load((ROOT / "dvc.yaml").read_text())["plots"]
    wrong = []
    for plot in section:
        for axis in ("x", "y"):
            for file, columns in next(iter(plot.values())).get(axis, {}).items():
                known = COLUMNS.get(Path(file).stem)
                if file.startswith("plots/") and known is not None:
                    wrong += [f"{file}: {name}" for name in ([columns] if isinstance(columns, str) else columns)
                              if name not in known]
    assert wrong == []


def test_the_specs_draw_with_the_bundled_vega(evaluated: Path) -> None:
    import vl_convert

    table = pd.read_csv(evaluated / "plots" / "confusion.csv").assign(rev="workspace")
    template = (ROOT / ".dvc" / "plots" / "counts.json").read_text()
    filled = (template.replace('"<DVC_METRIC_DATA>"', table.to_json(orient="records"))
              .replace("<DVC_METRIC_X>", "forecast").replace("<DVC_METRIC_Y>", "actual"))
    drawn = vl_convert.vegalite_to_svg(filled)
    assert f"{table['n'].max():,}" in drawn
