"""The champion of the next comparison: models/champion.json and models/champion, written from the registry.

The file is an input of the stage `review`, so it says which model this commit was compared with. It changes when the
next comparison begins, not when a model is promoted: promoting makes no stage stale.
"""

import shutil
from pathlib import Path

from oilcan.governance import stage_order
from oilcan.io.bundle import champion
from oilcan.io.bundle.bundle_folder import load_bundle
from oilcan.io.registry import model_tags
from oilcan.io.repository.dvc_command import add
from oilcan.io.stage import files
from oilcan.io.stage.stage_inputs import read_yaml
from oilcan.operations.governing.candidate import candidate_at, publish


def pin_champion(root: Path) -> champion.Champion:
    """Make the model that is in service the champion of this checkout, and have DVC track its bundle.

    Returns
    -------
    The note that was written; it names no bundle where none is in service.

    Raises
    ------
    IntegrityError
        If the bytes are not those that the tagged commit records.
    OilcanError
        If they are neither in DVC's cache nor in its remote.
    """
    dataset = str(read_yaml(root / "params.yaml")["dataset"])
    tag = stage_order.in_service(model_tags.model_tags(root, [dataset]))
    if tag is None:
        return _written(root, champion.Champion(bundle=None))
    candidate = candidate_at(root, tag.commit)
    folder = publish(root, candidate)
    with files.fresh_folder(root / "models/champion") as draft:
        shutil.copytree(folder, draft, dirs_exist_ok=True)
        load_bundle(draft)
    approval = champion.Approval(approver=tag.fields["by"], reason=tag.fields["why"],
                                 decision=candidate.verdict.decision, dataset=dataset)
    note = champion.Champion(bundle=candidate.bundle, approval=approval)
    add(root, "models/champion")
    return _written(root, note)


def _written(root: Path, note: champion.Champion) -> champion.Champion:
    """Write the note, unless it says this already: `review` reads its bytes."""
    path = root / "models/champion.json"
    if not path.exists() or champion.read_note(path) != note:
        files.write_json(note.model_dump(), path)
    return note
