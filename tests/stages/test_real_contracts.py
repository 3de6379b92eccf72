"""Every contract of datasets/ is valid, and each real data set that is here ingests with its known counts.

The real files are not part of the repository: they are looked for in the folder OILCAN_DATASETS
(default: ../shared/datasets). Where there is no such folder `TestRealData` is not collected, and
`test_real_data_are_all_there_or_all_away` says that this is why; nothing is ever skipped.
"""

import os
from pathlib import Path

import pytest

from oilcan.core.ingest import ingest
from oilcan.io.raw_data.raw_files import not_right, survey
from oilcan.io.raw_data.reading import read_raw
from oilcan.io.stage import stage_inputs

ROOT = Path(__file__).parents[2]
DATASETS = Path(os.environ.get("OILCAN_DATASETS", ROOT / "../shared/datasets"))
CONTRACTS = sorted((ROOT / "datasets").glob("*.yaml"))
FOLDERS = {
    "ai4i2020": "ai4i2020", "azure_pdm_daily": "azure_pdm", "azure_pdm_hourly": "azure_pdm",
    "backblaze_2013": "backblaze_2013", "cmapss_fd001": "cmapss", "cmapss_fd002": "cmapss",
}
PRESENT = {name: DATASETS / folder for name, folder in FOLDERS.items() if (DATASETS / folder).is_dir()}
# telemetry rows, machines, test machines, errors, maintenance, failures kept; all counted in the files by other means
KNOWN = {
    "ai4i2020": (10_000, 10_000, 0, 0, 0, 0),
    "azure_pdm_daily": (36_600, 100, 0, 3_919, 3_286, 743),
    "azure_pdm_hourly": (43_200, 20, 0, 782, 661, 147),
    "backblaze_2013": (868_524, 22_892, 0, 0, 0, 120),
    "cmapss_fd001": (20_631 + 13_096, 200, 100, 0, 0, 200),
    "cmapss_fd002": (53_759 + 33_991, 519, 259, 0, 0, 519),
}


def canonical(name):
    """Contract, folder and canonical tables of a real data set."""
    contract = stage_inputs.read_contract(ROOT / f"datasets/{name}.yaml")
    return contract, PRESENT[name], ingest(read_raw(contract, PRESENT[name]), contract, max_rejected_share=0.0)


@pytest.fixture(scope="module", params=sorted(PRESENT))
def real(request):
    return canonical(request.param)


def test_real_data_are_all_there_or_all_away():
    assert not DATASETS.is_dir() or set(PRESENT) == set(FOLDERS)


@pytest.mark.parametrize("path", CONTRACTS, ids=lambda path: path.stem)
def test_a_contract_is_valid_and_tells_what_a_user_must_know(path):
    contract = stage_inputs.read_contract(path)
    for table in contract.tables.values():
        for column in table.columns.values():
            assert column.unit
            assert column.description
    if path.stem != "demo_fleet":
        assert contract.source.homepage
        assert contract.source.citation
        assert contract.source.files


class TestRealData:
    """Laws of the data sets that are here; not collected where there are none."""

    __test__ = bool(PRESENT)

    def test_known_counts_are_kept_and_nothing_is_refused(self, real):
        contract, _, done = real
        tables = done.tables
        found = (len(tables["telemetry"]), len(tables["machines"]), int(tables["machines"]["is_test"].sum()),
                 len(tables["errors"]), len(tables["maintenance"]), len(tables["failures"]))
        assert found == KNOWN[contract.name]
        assert done.rejected.empty

    def test_files_are_those_the_contract_was_written_for(self, real):
        contract, folder, _ = real
        assert not_right(survey(contract, folder)) == []
        read = {file.relative_to(folder).as_posix() for table in contract.tables.values()
                for pattern in [*table.files, *table.test_files] for file in folder.glob(pattern) if file.is_file()}
        assert read | set(contract.failures.test_rul_files) == {file.path for file in contract.source.files}

    def test_readings_lie_in_their_physical_range(self, real):
        contract, _, done = real
        for name, column in contract.tables["telemetry"].columns.items():
            if name in done.tables["telemetry"] and column.range and column.type in {"number", "integer"}:
                low, high = (bound if bound is not None else fallback
                             for bound, fallback in zip(column.range, (-float("inf"), float("inf")), strict=True))
                readings = done.tables["telemetry"][name]
                assert readings.isna().all() or (readings.min() >= low and readings.max() <= high), name

    def test_telemetry_is_sorted_and_unique(self, real):
        _, _, done = real
        telemetry = done.tables["telemetry"]
        key = [name for name in ("machine_id", "time") if name in telemetry]
        assert not telemetry.duplicated(key).any()
        assert telemetry["machine_id"].is_monotonic_increasing

    def test_the_label_of_ai4i2020_is_there_and_its_parts_are_not(self):
        telemetry = canonical("ai4i2020")[2].tables["telemetry"]
        assert telemetry["machine_failure"].sum() == 339
        assert not {"twf", "hdf", "pwf", "osf", "rnf"} & set(telemetry)

    def test_a_daily_mean_is_stamped_when_it_is_known(self):
        tables = canonical("azure_pdm_daily")[2].tables
        assert tables["telemetry"]["time"].min().isoformat() == "2015-01-02T00:00:00+00:00"
        assert tables["maintenance"]["time"].min().isoformat() == "2014-06-01T06:00:00+00:00"


def test_the_four_turbofan_contracts_differ_in_files_and_words_alone():
    texts = {(ROOT / f"datasets/cmapss_fd00{n}.yaml").read_text().replace(f"FD00{n}", "FD").replace(f"fd00{n}", "fd")
             for n in (1, 2, 3, 4)}
    settings = [text[text.index("time: {kind"):].replace("hpc_or_fan", "hpc") for text in texts]
    assert len(set(settings)) == 1
