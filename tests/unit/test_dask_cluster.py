"""What a stage refuses of a cluster before it has one, and what a worker refuses of a piece of work."""

import sys
from pathlib import Path

import joblib
import pydantic
import pytest

from oilcan.ground import dask_cluster
from oilcan.ground.errors import OilcanError
from oilcan.ground.installation import installed
from oilcan.io.stage import files
from oilcan.params.compute import ComputeParams


def test_without_the_extra_the_message_names_its_target(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(OilcanError, match=r"compute\.backend: needs the package 'distributed' .*`make install-dask`"):
        ComputeParams(backend="dask", jobs=41).side_by_side(41)


@pytest.mark.parametrize("address", ["", "localhost", "10.0.0.5:8786", "tcp://10.0.0.5", "http://10.0.0.5:8786"])
def test_an_address_is_local_or_that_of_a_scheduler(address: str) -> None:
    with pytest.raises(pydantic.ValidationError, match="address"):
        ComputeParams(backend="dask", address=address, jobs=1)


def test_a_worker_of_another_installation_refuses_a_call() -> None:
    wanted = installed() | {"numpy": "1.0"}
    with pytest.raises(OilcanError, match=r"joined during the run .*numpy \S+ \(wanted 1\.0\)"):
        dask_cluster._call(wanted, None, abs, (-1,), {})


def test_calls_take_absolute_paths_and_draft_under_names_of_their_own(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    drafts = []

    def write(path: Path) -> Path:
        with files.fresh_file(path) as draft:
            drafts.append(draft.name)
            draft.write_text("x", encoding="utf-8")
        return path

    sent = [dask_cluster._sent(None, *joblib.delayed(write)(Path("a.txt"))) for _ in range(2)]
    assert [call().value for call in sent] == [tmp_path / "a.txt"] * 2
    assert len(set(drafts)) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_a_new_folder_is_drafted_under_a_new_name_and_old_drafts_go(tmp_path: Path) -> None:
    for name in (".out.0123abcd.tmp", ".out.json.tmp"):
        (tmp_path / name).mkdir()
    with files.fresh_folder(tmp_path / "out") as draft:
        assert draft.name != ".out.0123abcd.tmp"
    assert sorted(path.name for path in tmp_path.iterdir()) == [".out.json.tmp", "out"]


def test_what_a_killed_writer_left_in_a_draft_is_not_in_the_folder(tmp_path: Path) -> None:
    with files.fresh_folder(tmp_path / "out") as draft:
        (draft / "part").mkdir()
        (draft / "part/.part-0002.parquet.4570-69bcdb2f.tmp").write_bytes(b"half")
        (draft / "part/part-0002.parquet").write_bytes(b"whole")
    assert [path.name for path in (tmp_path / "out").rglob("*") if path.is_file()] == ["part-0002.parquet"]
