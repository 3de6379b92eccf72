"""Where a model comes from, in formats that other tools read: OpenLineage events, and W3C PROV as PROV-JSON.

Both say what the lock files of a commit say: which stage read what and wrote what, each file with its md5. A lock file
does not say when a stage ran, so every event has the time of the commit. The id of a run follows from what the stage
read and wrote, and its parameters: a stage that two models share is one run.
"""

import json
import urllib.parse
import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from oilcan.core.registry.lineage_graph import MadeBy, overlap
from oilcan.operations.governing.lineage_of import ModelLineage

_PRODUCER: Final = "urn:oilcan"
_SPEC: Final = "https://openlineage.io/spec"
Json = dict[str, Any]


def open_lineage(model: ModelLineage, stages: Sequence[MadeBy], at: str) -> list[Json]:
    """OpenLineage events, START and COMPLETE of each stage that a model rests on, and of the serving of a forecast.

    Parameters
    ----------
    stages
        From raw data to the bundle.
    at
        Time of the commit, ISO 8601.
    """
    events: list[Json] = []
    for made in stages:
        run = {"runId": run_id(made), "facets": {"executionParameters": _facet("ExecutionParametersRunFacet") | {
            "parameters": [{"key": key, "value": value} for key, value in _flat(made.params)]}}}
        events += _pair(run, f"{model.dataset}.{made.stage}", made.inputs, made.outputs, at)
    if model.forecast is not None:
        number = model.forecast["id"]
        run = {"runId": str(uuid.uuid5(uuid.NAMESPACE_URL, f"{model.bundle} {number}"))}
        bundle = {path: md5 for made in stages[-1:] for path, md5 in made.outputs.items()}
        events += _pair(run, f"{model.dataset}.serve", bundle, {f"forecast/{number}": str(number)}, at)
    return events


def prov(model: ModelLineage, stages: Sequence[MadeBy], at: str) -> Json:
    """The same as PROV-JSON (W3C member submission 2013): files are entities, stages activities, approvers agents."""
    document: Json = {name: {} for name in ("entity", "activity", "agent", "used", "wasGeneratedBy", "wasDerivedFrom",
                                            "wasAssociatedWith")}
    for made in stages:
        activity = f"oilcan:{made.stage}-{run_id(made)}"
        document["activity"][activity] = {"prov:label": made.stage, "oilcan:command": made.command,
                                          "oilcan:params": json.dumps(dict(_flat(made.params)), sort_keys=True)}
        for path, md5 in made.inputs.items():
            document["entity"][entity_of(path, md5)] = {"prov:label": path, "oilcan:md5": md5}
            _relate(document, "used", **{"prov:activity": activity, "prov:entity": entity_of(path, md5)})
        for path, md5 in made.outputs.items():
            document["entity"][entity_of(path, md5)] = {"prov:label": path, "oilcan:md5": md5}
            _relate(document, "wasGeneratedBy", **{"prov:entity": entity_of(path, md5), "prov:activity": activity})
    for part, whole in _parts(stages):
        _relate(document, "wasDerivedFrom", **{"prov:generatedEntity": part, "prov:usedEntity": whole})
    bundle = next(entity_of(path, md5) for path, md5 in stages[-1].outputs.items())
    document["entity"][bundle] |= {"oilcan:bundle": model.bundle, "oilcan:commit": model.commit, "oilcan:made": at}
    for approval in model.approvals:
        _approve(document, bundle, approval)
    if model.forecast is not None:
        forecast = f"oilcan:forecast-{model.forecast['id']}"
        document["entity"][forecast] = {"prov:label": f"forecast {model.forecast['id']}"}
        _relate(document, "wasDerivedFrom", **{"prov:generatedEntity": forecast, "prov:usedEntity": bundle})
    prefixes = {"oilcan": "urn:oilcan:", "dvc": "urn:oilcan:dvc:"}
    return {"prefix": prefixes} | {name: values for name, values in document.items() if values}


def entity_of(path: str, md5: str) -> str:
    """Name of a file with this content.

    Examples
    --------
    >>> entity_of("data/raw/demo fleet", "0f3c")
    'dvc:data/raw/demo%20fleet@0f3c'
    """
    return f"dvc:{urllib.parse.quote(path)}@{md5}"


def run_id(made: MadeBy) -> str:
    """Id of a run: the same for the same stage with the same inputs, outputs and parameters."""
    content = json.dumps([made.stage, made.command, sorted(made.inputs.items()), sorted(made.outputs.items()),
                          made.params], sort_keys=True, default=str)
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{_PRODUCER}:{content}"))


def _pair(run: Json, job: str, inputs: Mapping[str, str], outputs: Mapping[str, str], at: str) -> Iterator[Json]:
    for kind in ("START", "COMPLETE"):
        yield {"eventType": kind, "eventTime": at, "producer": _PRODUCER,
               "schemaURL": f"{_SPEC}/2-0-2/OpenLineage.json#/$defs/RunEvent", "run": run,
               "job": {"namespace": "oilcan", "name": job},
               "inputs": [_dataset(path, md5) for path, md5 in sorted(inputs.items())],
               "outputs": [_dataset(path, md5) for path, md5 in sorted(outputs.items())]}


def _dataset(path: str, version: str) -> Json:
    facet = _facet("DatasetVersionDatasetFacet", "1-0-1") | {"datasetVersion": version}
    space = "oilcan" if path.startswith("forecast/") else "dvc"
    return {"namespace": space, "name": path, "facets": {"version": facet}}


def _facet(name: str, version: str = "1-0-0") -> Json:
    return {"_producer": _PRODUCER, "_schemaURL": f"{_SPEC}/facets/{version}/{name}.json#/$defs/{name}"}


def _approve(document: Json, bundle: str, approval: Mapping[str, str]) -> None:
    act, person = f"oilcan:approval-{approval['entry']}", f"oilcan:person-{urllib.parse.quote(approval['by'])}"
    document["activity"][act] = {"prov:label": f"approval: {approval['why']}", "prov:startTime": approval["at"],
                                 "prov:endTime": approval["at"], "oilcan:signature": approval["signature"]}
    document["agent"][person] = {"prov:label": approval["by"],
                                 "prov:type": {"$": "prov:Person", "type": "prov:QUALIFIED_NAME"}}
    _relate(document, "used", **{"prov:activity": act, "prov:entity": bundle})
    _relate(document, "wasAssociatedWith", **{"prov:activity": act, "prov:agent": person})


def _relate(document: Json, relation: str, **ends: str) -> None:
    document[relation][f"_:{relation}{len(document[relation])}"] = ends


def _parts(stages: Sequence[MadeBy]) -> Iterator[tuple[str, str]]:
    """Inputs that are a part of an output, or hold one, and are not recorded under the same path."""
    made = {path: md5 for each in stages for path, md5 in each.outputs.items()}
    read = {path: md5 for each in stages for path, md5 in each.inputs.items()}
    for path, md5 in sorted(read.items()):
        for output, whole in sorted(made.items()):
            if path not in made and overlap(path, output):
                yield entity_of(path, md5), entity_of(output, whole)


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, value in sorted(values.items()):
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", str(value)
