"""One commit as the report reads it: files of git, and outputs of DVC as far as the cache holds them."""

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from oilcan.contract import Contract, parse_contract
from oilcan.ground.errors import DataError, OilcanError
from oilcan.io.repository.git_plumbing import file_at, git, resolve, try_git
from oilcan.io.repository.integrity import cache_folder
from oilcan.io.stage.dvc_files import parse_yaml
from oilcan.io.stage.table_files import read_table


@dataclass(frozen=True)
class Commit:
    """Files and recorded outputs of one commit."""

    root: Path
    name: str                       # as it was asked for
    digest: str

    def text(self, path: str) -> str | None:
        """A file of git; None if the commit has none."""
        content = file_at(self.root, self.digest, path)
        return None if content is None else content.decode("utf-8")

    def json(self, path: str) -> dict[str, Any]:
        """A JSON file that has to be there.

        Raises
        ------
        DataError
            If the commit has no such file, or it is not JSON.
        """
        text = self.text(path)
        if text is None:
            raise DataError(f"{path}: not in {self.name} ({self.digest[:12]}), so nothing can be compared. "
                            f"Run `dvc repro` there and commit what it writes.")
        try:
            values: dict[str, Any] = json.loads(text)
        except json.JSONDecodeError as err:
            raise DataError(f"{path} of {self.name}: no JSON ({err}). Run `dvc repro` and commit it again.") from err
        return values

    def contract(self) -> Contract:
        """The contract of the data set that params.yaml of the commit chooses."""
        params = parse_yaml(self.text("params.yaml") or "{}")
        path = f"datasets/{params.get('dataset')}.yaml"
        text = self.text(path)
        if text is None:
            raise DataError(f"{path}: not in {self.name}. Commit the contract that params.yaml chooses.")
        return parse_contract(text, path)

    @cached_property
    def outputs(self) -> dict[str, str]:
        """Path -> md5 of every output that dvc.lock records."""
        stages = parse_yaml(self.text("dvc.lock") or "{}").get("stages") or {}
        return {out["path"]: out["md5"] for stage in stages.values() for out in stage.get("outs", []) if "md5" in out}

    def table(self, folder: str, name: str) -> pd.DataFrame | None:
        """A table of a recorded folder, from the cache; None if the cache does not have it."""
        listing = self._object(self.outputs.get(folder, ""))
        if listing is None:
            return None
        entries = {entry["relpath"]: entry["md5"] for entry in json.loads(listing.read_bytes())}
        place = self._object(entries.get(name, ""))
        return None if place is None else read_table(place)

    def _object(self, digest: str) -> Path | None:
        place = cache_folder(self.root) / "files/md5" / digest[:2] / digest[2:]
        return place if digest and place.is_file() else None


def find_commit(root: Path, name: str) -> Commit:
    """A commit by its name, fetched if it is not here, as in a shallow clone.

    Raises
    ------
    OilcanError
        If it is not here and cannot be fetched.
    """
    digest = resolve(root, f"{name}^{{commit}}")
    if digest is None:
        wanted = name.removeprefix("origin/")
        done = try_git(root, "fetch", "--quiet", "--depth=1", "origin", wanted)
        if done.returncode:
            why = " ".join(done.stderr.split())
            raise OilcanError(f"{name}: no such commit here, and it cannot be fetched ({why}). Run "
                              f"`git fetch --depth=1 origin {wanted}`, then try again.")
        digest = git(root, "rev-parse", "FETCH_HEAD")
    return Commit(root, name, digest)
