"""From a forecast back to data and approver, from a file on to models and forecasts, and a model made again."""

import json
from datetime import UTC, datetime

import prov.model
import pytest
from openlineage.client import event_v2
from openlineage.client.generated.base import InputDataset, OutputDataset
from tests.ops.conftest import bundle_of, make

from oilcan.ground.errors import OilcanError
from oilcan.io.repository.git_plumbing import resolve
from oilcan.operations.governing.lineage_formats import entity_of
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


# other formats

def checked(event):
    """An event through the classes that OpenLineage generates from its schema."""
    facets = event["run"].get("facets", {})
    for facet in (*facets.values(), *(each["facets"]["version"] for each in event["inputs"] + event["outputs"])):
        assert facet["_schemaURL"].startswith("https://openlineage.io/spec/facets/1-0-")
    run = event_v2.Run(event["run"]["runId"], {})
    return event_v2.RunEvent(
        eventType=event_v2.RunState[event["eventType"]], eventTime=event["eventTime"], run=run,
        job=event_v2.Job(**event["job"]), producer=event["producer"],
        inputs=[InputDataset(each["namespace"], each["name"]) for each in event["inputs"]],
        outputs=[OutputDataset(each["namespace"], each["name"]) for each in event["outputs"]])


def test_open_lineage_has_a_start_and_an_end_of_every_stage(registry):
    promote(registry.path, approver="Ada", reason="better", at=AT)
    lines = registry.run("oilcan", "lineage", "fleet@v1.0.0", "--format", "openlineage").stdout.splitlines()
    events = [json.loads(line) for line in lines]
    assert [event["eventType"] for event in events] == ["START", "COMPLETE"]
    for event in events:
        made = checked(event)
        assert made.schemaURL == event["schemaURL"]
        assert [each.name for each in made.inputs] == ["made"]
        assert event["outputs"][0]["facets"]["version"]["datasetVersion"].endswith(".dir")
    both = registry.run("oilcan", "lineage", "made", "--format", "openlineage").stdout.splitlines()
    assert len(both) == 4
    assert set(lines) < set(both)


def test_prov_answers_which_data_made_this_model_and_who_approved_it(registry):
    promote(registry.path, approver="Ada Lind", reason="better", at=AT)
    found = lineage_of(registry.path, "fleet@v1.0.0")
    text = registry.run("oilcan", "lineage", "fleet@v1.0.0", "--format", "prov").stdout
    document = prov.model.ProvDocument.deserialize(content=text, format="json")
    facts = {kind: [dict(each.formal_attributes) for each in document.get_records(kind)]
             for kind in (prov.model.ProvGeneration, prov.model.ProvUsage, prov.model.ProvAssociation)}
    name = {str(key).rpartition(":")[2]: key for each in facts.values() for one in each for key in one}
    (made,) = facts[prov.model.ProvGeneration]
    read = {str(each[name["entity"]]) for each in facts[prov.model.ProvUsage]
            if each[name["activity"]] == made[name["activity"]]}
    assert read == {entity_of(path, md5) for path, md5 in found.data.items()}
    (bundle,) = document.get_record(made[name["entity"]])
    assert {str(value) for key, value in bundle.attributes if str(key) == "oilcan:bundle"} == {found.bundle}
    (approval,) = facts[prov.model.ProvAssociation]
    (person,) = document.get_record(approval[name["agent"]])
    assert person.label == "Ada Lind"
