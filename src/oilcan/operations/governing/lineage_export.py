"""The lineage of a model, or of all models that rest on a file, as texts in another format."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from oilcan.core.registry.lineage_graph import upstream
from oilcan.io.repository.git_plumbing import git
from oilcan.operations.governing.candidate import BUNDLE
from oilcan.operations.governing.lineage_formats import Json, open_lineage, prov
from oilcan.operations.governing.lineage_of import FileLineage, ModelLineage, model_at, stages_at

Format = Literal["openlineage", "prov"]


def exported(root: Path, found: ModelLineage | FileLineage, form: Format) -> Iterator[str]:
    """Lines of OpenLineage events, each event once; or one document in PROV-JSON."""
    models = [found] if isinstance(found, ModelLineage) else [model_at(root, each["commit"]) for each in found.models]
    whole: Json = {}
    lines: dict[str, None] = {}
    for model in models:
        stages = upstream(stages_at(root, model.commit), BUNDLE.as_posix())[::-1]
        at = git(root, "log", "-1", "--format=%cI", model.commit).strip()
        if form == "openlineage":
            lines |= dict.fromkeys(json.dumps(event) for event in open_lineage(model, stages, at))
        else:
            _join(whole, prov(model, stages, at))
    yield from lines
    if form == "prov":
        yield json.dumps(whole, indent=2)


def _join(whole: Json, document: Json) -> None:
    """Add a document to another; relations are numbered anew."""
    for section, values in document.items():
        there = whole.setdefault(section, {})
        for name, value in values.items():
            there[f"_:{section}{len(there)}" if name.startswith("_:") else name] = value
