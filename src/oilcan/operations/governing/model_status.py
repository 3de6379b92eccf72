"""Should against is: what the registry says is in service, what each service serves, and what does not agree."""

import contextlib
import json
from dataclasses import dataclass
from pathlib import Path

from oilcan.governance import stage_order
from oilcan.ground.errors import OilcanError
from oilcan.io.registry import model_tags
from oilcan.io.stage.stage_inputs import read_yaml
from oilcan.operations.governing import audit_log
from oilcan.operations.governing.rollout import Serving, ask, laggards, listed_services


@dataclass(frozen=True)
class RegistryStatus:
    """One data set's model.

    Attributes
    ----------
    tag, version, bundle, by, why
        What is in service by the registry; None before the first promotion.
    services
        What each service answers from.
    notes
        What is to be done before the next comparison; nothing is wrong.
    troubles
        Everything that does not agree, or was left half done.
    """

    dataset: str
    tag: str | None
    version: str | None
    bundle: str | None
    by: str | None
    why: str | None
    services: tuple[Serving, ...]
    troubles: tuple[str, ...]
    notes: tuple[str, ...] = ()


def standing(root: Path, dataset: str, key: str | None = None) -> RegistryStatus:
    """What should be in service, and what is.

    Raises
    ------
    DataError
        If the audit log was changed: then nothing that it says can be relied on.
    """
    tags = model_tags.model_tags(root, [dataset])
    now, log = stage_order.in_service(tags), audit_log.entries(root)
    services = tuple(ask(service, key) for service in listed_services(root, dataset))
    troubles = [fault for fault in stage_order.tag_faults(tags, log) if fault.startswith(f"tag {dataset}")]
    if now is None:
        return RegistryStatus(dataset, None, None, None, None, None, services, tuple(troubles))
    bundle = now.fields.get("bundle", "")
    troubles += [f"service {lag}. Run `oilcan promote` again" for lag in laggards(services, bundle)]
    troubles += [f"service {each.service.name}: canary {each.canary.bundle[:12]} fell back: {each.canary.fell_back}. "
                 f"`oilcan rollback --canary` records it" for each in services if each.canary and each.canary.fell_back]
    notes, pinned = [], _pinned(root)
    if pinned != bundle and dataset == checked_out(root):
        notes.append(f"models/champion.json names {(pinned or 'no bundle')[:12]}, in service is {bundle[:12]}: the "
                     f"next review would compare with the wrong model. Run `oilcan champion`")
    return RegistryStatus(dataset, now.name, stage_order.version_at(tags, now.commit), bundle, now.fields.get("by"),
                          now.fields.get("why"), services, tuple(troubles), tuple(notes))


def faults(root: Path) -> list[str]:
    """Everything that is wrong with audit log and tags of a repository: what `oilcan audit verify` finds."""
    tags = model_tags.model_tags(root, model_tags.data_sets(root))
    anchors = {f"tag {tag.name}": tag.fields["audit"] for tag in tags if "audit" in tag.fields}
    found = audit_log.faults(root, anchors)
    found += model_tags.signature_faults(root, tags)
    with contextlib.suppress(OilcanError):      # a broken log stands in `found` already
        found += stage_order.tag_faults(tags, audit_log.entries(root))
    return found


def _pinned(root: Path) -> str | None:
    path = root / "models/champion.json"
    return json.loads(path.read_text(encoding="utf-8")).get("bundle") if path.exists() else None


def checked_out(root: Path) -> str:
    """The data set of the checkout."""
    return str(read_yaml(root / "params.yaml").get("dataset"))
