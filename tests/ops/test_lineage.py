"""From a forecast back to data and approver, from a file on to models and forecasts, and a model made again."""

from datetime import UTC, datetime

import pytest
from tests.ops.conftest import bundle_of, make

from oilcan.ground.errors import OilcanError
from oilcan.io.repository.git_plumbing import resolve
from oilcan.operations.governing.lineage_of import FileLineage, ModelLineage, lineage_of
from oilcan.operations.governing.promotion import promote
from oilcan.operations.governing.rebuilding import rebuild

AT = datetime(2026, 5, 1, tzinfo=UTC)


@pytest.mark.parametrize("form", ["digest", "start", "version", "commit", "name"])
def test_a_model_leads_back_by_any_of_its_names(registry, models, form):
    promote(registry.path, approver="Ada", reason="better", at=AT)
    digest, commit = bundle_of(models / "second"), resolve(registry.path, "HEAD")
    name = {"digest": digest, "start": digest[:14], "version": "fleet@v1.0.0", "commit": commit, "name": "HEAD"}[form]
    found = lineage_of(registry.path, name)
    assert isinstance(found, ModelLineage)
    assert (found.bundle, found.commit, found.versions, found.verdict) == (digest, commit, ["v1.0.0"], "promote")
    assert found.stages == ["package"]
    assert list(found.data) == ["made"]
    assert [(each["by"], each["why"], each["signature"]) for each in found.approvals] == [("Ada", "better", "none")]
    assert "promote: made up for a test" in found.gate[0]


def test_a_file_leads_on_to_every_model(registry, models):
    promote(registry.path, approver="Ada", reason="better", at=AT, revision="HEAD~1")
    found = lineage_of(registry.path, "made")
    assert isinstance(found, FileLineage)
    assert [(model["bundle"], model["version"]) for model in found.models] == [
        (bundle_of(models / "first"), "v1.0.0"), (bundle_of(models / "second"), None)]
    assert len(set(found.md5)) == 2


def test_what_nobody_knows_is_refused(registry):
    with pytest.raises(OilcanError, match="nothing is known by 'data/raw/nowhere'"):
        lineage_of(registry.path, "data/raw/nowhere")


def test_a_model_is_made_again_to_the_last_byte(registry, models):
    (registry.path / ".gitignore").write_text("/.oilcan/\n")
    registry.commit("the inputs travel in git")
    make(registry, models / "third")
    made = rebuild(registry.path, "HEAD")
    assert (made.differing, made.compared) == ((), ("models/bundle",))
    lock = registry.path / "dvc.lock"
    lock.write_text(lock.read_text().replace(lock.read_text().split("md5: ")[-1][:6], "000000"))
    registry.commit("a lock that was edited")
    assert "models/bundle: md5" in rebuild(registry.path, "HEAD").differing[0]
