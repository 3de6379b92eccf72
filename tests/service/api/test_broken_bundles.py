"""A sealed bundle with a broken part: refused by the name of the part, in the service and outside it."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from oilcan.ground.errors import IntegrityError
from oilcan.ground.hashing import sha256
from oilcan.io.bundle.bundle_folder import MANIFEST, SEAL, load_bundle
from oilcan.io.stage import files
from oilcan.serving.model.loaded_bundle import LoadedBundle

WRONG: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda _: b"", "half": lambda content: content[:len(content) // 2],
    "zeros": lambda content: bytes(len(content)),
    "null": lambda _: b"null", "list": lambda _: b"[]", "object": lambda _: b"{}", "deep": lambda _: b"[" * 100_000,
    "not utf-8": lambda content: b"\xff\xfe" + content, "doubled": lambda content: content * 2,
}
VALUES = [None, "x", -1, 1.5, [], {}, True, [None]]


def seal(folder: Path) -> None:
    """Make the manifest and its seal fit the files as they are."""
    manifest = json.loads((folder / MANIFEST).read_text())
    manifest["files"] = {path.relative_to(folder).as_posix(): {"sha256": sha256(path), "bytes": path.stat().st_size}
                         for path in sorted(folder.rglob("*")) if path.is_file() and path.name not in {MANIFEST, SEAL}}
    files.write_json(manifest, folder / MANIFEST)
    seal_manifest(folder)


def seal_manifest(folder: Path) -> None:
    files.write_text(f"{sha256(folder / MANIFEST)}  {MANIFEST}\n", folder / SEAL)


@pytest.fixture
def copy(bundle_folder, tmp_path) -> Path:
    shutil.copytree(bundle_folder, tmp_path / "bundles/broken")
    return tmp_path / "bundles/broken"


def parts(folder: Path) -> list[Path]:
    """Every file of a bundle but the seal; of the trees the first and the last."""
    trees = sorted(folder.glob("trees/*"))
    return [*sorted(path for path in folder.iterdir() if path.is_file() and path.name not in {MANIFEST, SEAL}),
            trees[0], trees[-1]]


def test_whatever_is_wrong_with_a_part_is_an_error_that_names_it(copy):
    for part in parts(copy):
        good = part.read_bytes()
        for kind, wrong in WRONG.items():
            if part.suffix == ".npz" and kind in {"doubled", "not utf-8"}:
                continue            # a zip file may have other bytes around it
            part.write_bytes(wrong(good))
            seal(copy)
            with pytest.raises(IntegrityError, match=part.relative_to(copy).as_posix()):
                LoadedBundle.load(copy)
        part.write_bytes(good)
    seal(copy)
    assert LoadedBundle.load(copy).columns


def changes(content: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Each entry of a document taken out, and set to values of other types; of lists the first entry."""
    inside = content.items() if isinstance(content, dict) else list(enumerate(content))[:1] if isinstance(
        content, list) else ()
    for key, value in inside:
        yield (*at, key), ...
        for other in VALUES:
            if type(other) is not type(value):
                yield (*at, key), other
        yield from changes(value, (*at, key))


def changed(content: Any, path: tuple[Any, ...], value: Any) -> Any:
    copied = json.loads(json.dumps(content))
    place = copied
    for key in path[:-1]:
        place = place[key]
    if value is ...:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return copied


@pytest.mark.parametrize("name", ["forecasts.json", "plan.json", "normals.json", MANIFEST])
def test_each_entry_of_a_part_that_is_missing_or_of_another_type_is_an_error_or_serves(copy, name):
    good = json.loads((copy / name).read_text())
    features = LoadedBundle.load(copy).card()["features"]
    document = {key: value for key, value in good.items() if key != "medians"}
    tried = list(changes(document))
    for path, value in tried[::max(1, len(tried) // 60)]:
        (copy / name).write_text(json.dumps(changed(good, path, value)))
        if name == MANIFEST:
            seal_manifest(copy)
        else:
            seal(copy)
        try:
            served = LoadedBundle.load(copy)
        except IntegrityError:
            continue
        served.warm()
        assert served.card()["features"] == features, (path, value)


def test_the_service_names_the_part_and_goes_on(start, copy, bundle_folder):
    shutil.copytree(bundle_folder, copy.parent / "first")
    client = start(bundle=copy.parent / "first")
    for part in parts(copy):
        good = part.read_bytes()
        part.write_bytes(WRONG["half"](good))
        seal(copy)
        for call in ("activate", "shadow"):
            answer = client.post(f"/v1/model/{call}", json={"bundle": "broken"})
            assert answer.status_code == 422, (part.name, answer.text)
            assert part.name in answer.json()["error"]["found"]
        part.write_bytes(good)
    assert client.get("/v1/model").json()["previous"] is None


def test_outside_the_service_it_is_the_same_error(copy):
    (copy / "plan.json").write_bytes(b"{}")
    seal(copy)
    with pytest.raises(IntegrityError, match=r"plan\.json"):
        load_bundle(copy)
