"""Files that travel by a storage: nothing twice, nothing unread, nothing believed without its digest."""

from pathlib import Path

import joblib
import pydantic
import pytest

from oilcan.ground import dask_cluster
from oilcan.ground.errors import OilcanError
from oilcan.ground.sent_files import Desk, Storage
from oilcan.params.compute import ComputeParams


@pytest.fixture
def store(tmp_path: Path) -> Storage:
    return Storage(f"file://{tmp_path}/store")


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path / "desk")


def _contents(folder: Path) -> list[str]:
    return sorted(file.read_text() for file in folder.iterdir())


def test_a_content_is_sent_once_whatever_its_name(store, tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).write_text("same")
        store.send(tmp_path / name)
    again = Storage(store.url)                      # another process
    (written,) = (tmp_path / "store").iterdir()
    before = written.stat()
    again.send(tmp_path / "a")
    assert written.stat().st_mtime_ns == before.st_mtime_ns
    assert _contents(tmp_path / "store") == ["same"]


def test_a_write_that_was_cut_is_written_again(store, tmp_path, desk):
    (tmp_path / "a").write_text("whole")
    sent = store.send(tmp_path / "a")
    (tmp_path / "store" / sent.files[0][1]).write_text("wh")
    assert Storage(store.url).send(tmp_path / "a") == sent
    assert desk.bring(store, sent).read_text() == "whole"


def test_another_content_under_the_name_is_refused_and_leaves_nothing(store, tmp_path, desk):
    (tmp_path / "a").write_text("right")
    sent = store.send(tmp_path / "a")
    (tmp_path / "store" / sent.files[0][1]).write_text("wrong")
    with pytest.raises(OilcanError, match=r"compute\.storage: .*is not what was written there"):
        desk.bring(store, sent)
    assert not [file for file in (tmp_path / "desk").rglob("*") if file.is_file()]


def test_a_worker_reads_copies_and_what_it_wrote_comes_home(store, tmp_path, desk):
    home = tmp_path / "home"
    (home / "model").mkdir(parents=True)
    (home / "model/trees").write_text("trees")
    (home / "read").write_text("in")
    (home / "both").write_text("old")
    sent = [store.send(home / name) for name in ("model", "read", "both", "new", "made")]
    model, read, both, new, made = (desk.bring(store, each) for each in sent)
    assert all(path.is_relative_to(tmp_path / "desk") for path in (model, read, both, new, made))
    assert [file.name for file in model.iterdir()] == ["trees"]
    draft = both.with_name("draft")
    draft.write_text(read.read_text() + both.read_text())
    draft.replace(both)
    new.write_text("new")
    (made / "sub").mkdir(parents=True)
    (made / "sub/file").write_text("deep")
    found = [desk.written(store, each) for each in sent]
    assert found[:2] == [None, None]
    for written in found[2:]:
        store.bring_home(written)
    assert (home / "both").read_text() == "inold"
    assert (home / "new").read_text() == "new"
    assert (home / "made/sub/file").read_text() == "deep"
    assert sorted(path.name for path in home.iterdir()) == ["both", "made", "model", "new", "read"]


def test_the_next_piece_finds_what_its_host_has_and_nothing_of_the_last(store, tmp_path, desk):
    file, folder = tmp_path / "home/file", tmp_path / "home/folder"
    folder.mkdir(parents=True)
    file.write_text("1")
    for name in "ab":
        (folder / name).write_text(name)
    desk.bring(store, store.send(file))
    desk.bring(store, store.send(folder))
    file.write_text("2")
    (folder / "a").unlink()
    assert desk.bring(store, store.send(file)).read_text() == "2"
    assert [each.name for each in desk.bring(store, store.send(folder)).iterdir()] == ["b"]
    file.unlink()
    assert not desk.bring(store, store.send(file)).exists()


def test_a_worker_keeps_the_latest_files_within_its_limit(store, tmp_path):
    desk = Desk(tmp_path / "desk", most=25)
    copies = []
    for at in range(4):
        (tmp_path / f"{at}").write_text(f"{at}" * 10)
        copies.append(desk.bring(store, store.send(tmp_path / f"{at}")))
        desk.tidy_up()
    assert [copy.exists() for copy in copies] == [False, False, True, True]
    asked = (tmp_path / "store" / store.send(tmp_path / "3").files[0][1])
    asked.unlink()                                          # so it cannot be brought again
    assert desk.bring(store, store.send(tmp_path / "3")).read_text() == "3333333333"


def test_a_call_runs_on_copies_where_there_is_a_storage(store, tmp_path, desk, monkeypatch):
    monkeypatch.setattr(dask_cluster, "desk", lambda: desk)
    (tmp_path / "in").write_text("x")

    def copy(source: Path, *, target: Path) -> str:
        target.write_text(source.read_text() * 2)
        return str(target)

    sent = dask_cluster._sent(store, *joblib.delayed(copy)(tmp_path / "in", target=tmp_path / "out"))
    done = sent()
    assert done.value.startswith(str(tmp_path / "desk"))
    assert not (tmp_path / "out").exists()
    (written,) = done.written
    store.bring_home(written)
    assert (tmp_path / "out").read_text() == "xx"


def test_what_nothing_here_can_read_is_one_message():
    with pytest.raises(OilcanError, match=r"compute\.storage: nowhere://x cannot be used here .*make install-remotes"):
        Storage("nowhere://x")


def test_a_folder_that_cannot_be_made_is_one_message(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OilcanError, match=r"compute\.storage: file://.* cannot be made \(\w+Error: .*credentials"):
        Storage(f"file://{tmp_path}/file/store")


@pytest.mark.parametrize("url", ["", "bucket", "/shared", "s3://", "s3://bucket/", "s3://a b"])
def test_a_storage_is_a_url(url):
    with pytest.raises(pydantic.ValidationError, match="storage"):
        ComputeParams(backend="dask", storage=url, jobs=1)
