"""One plant: the pipeline on its data set in a git worktree of its own, committed to the branch plant/NAME.

The branch takes in what was committed to the checkout since: code, contracts and parameters. What the pipeline makes
stays the plant's own, and DVC runs the stages that these changes make stale. A run that was killed goes on in its
worktree when it is started again from the same commit.
"""

import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from oilcan.ground.errors import OilcanError
from oilcan.io.bundle.verdict_file import GateVerdict, path_of
from oilcan.io.repository import leftovers
from oilcan.io.repository.dvc_command import dvc, repro
from oilcan.io.repository.git_plumbing import commit_of, git, resolve, try_git
from oilcan.io.repository.merging import take_our_outputs
from oilcan.io.repository.remotes import pull_raw
from oilcan.io.repository.worktrees import make_worktree, remove_worktree
from oilcan.io.stage import files
from oilcan.operations.governing.champion_pin import pin_champion
from oilcan.operations.plants.plant_list import Plant, changed

FOLDER: Final = Path(".oilcan/plants")
PAGES: Final = Path("reports/plants")                   # a folder for each plant, with its reports
_MADE: Final = ("dvc.lock", "data/dvc.lock", "metrics", "plots", "reports", "models")
_SHOWN: Final = ("*.html", "*.md")
_ONE_WORKTREE = threading.Lock()                        # git's list of worktrees is one file for all


class PlantRun:
    """The run of one plant from a commit of the checkout."""

    def __init__(self, root: Path, plant: Plant, base: str, say: Callable[[str], None]) -> None:
        self._root, self._plant, self._base, self._say = root, plant, base, say
        self._tree = root / FOLDER / plant.name
        self._note = self._tree.with_suffix(".json")
        self._tip = resolve(root, f"refs/heads/{plant.branch}")

    def run(self) -> str:
        """Do all of it, or what a killed run left; the commit of the branch.

        Raises
        ------
        OilcanError
            If git, DVC or a stage refuses; the worktree stays, and the next run goes on in it.
        """
        if read_note(self._root, self._plant.name).get("begun") == self._begun and self._tree.exists():
            self._say("goes on where it was ended")
            leftovers.fix_worktree(self._tree)
        else:
            self._say("worktree")
            self._make_worktree()
        self._write_note(self._begun, None)
        self._choose_params()
        pin_champion(self._tree)
        self._fetch()
        repro(self._tree, lambda stage: self._say(f"stage {stage.removeprefix('data/dvc.yaml:')}"))
        commit = self._commit()
        self._keep_reports()
        with _ONE_WORKTREE:
            remove_worktree(self._root, self._tree)
        self._note.unlink()
        return commit

    def failed(self, error: str) -> None:
        """Write down why the run ended, for the page."""
        self._write_note(read_note(self._root, self._plant.name).get("begun"), error)

    @property
    def _begun(self) -> list[str | None]:
        return [self._base, self._tip]

    def _write_note(self, begun: list[str | None] | None, error: str | None) -> None:
        files.write_json({"begun": begun, "error": error}, self._note)

    def _make_worktree(self) -> None:
        self._note.unlink(missing_ok=True)
        with _ONE_WORKTREE:
            make_worktree(self._root, self._tree, self._tip or self._base)
        if self._tip:
            self._take_in_base()

    def _take_in_base(self) -> None:
        """Merge the commit of the checkout, as a person would; outputs stay those of the plant."""
        merged = try_git(self._tree, "merge", "--quiet", "--no-ff", "--no-commit", self._base)
        if merged.returncode and not git(self._tree, "ls-files", "--unmerged"):
            raise OilcanError(f"{self._plant.branch}: git cannot merge {self._base[:12]}: "
                              f"{' '.join(merged.stderr.split())}. Fix that, then start it again.")
        git(self._tree, "checkout", self._base, "--", "params.yaml")
        there = [path for path in _MADE if resolve(self._tree, f"HEAD:{path}")]
        git(self._tree, "checkout", "HEAD", "--", *there)   # git would mix both sides where they differ in other lines
        try:
            take_our_outputs(self._tree)
        except OilcanError as err:
            raise OilcanError(f"{self._plant.branch}: was changed by hand where the checkout was. Merge "
                              f"{self._base[:12]} into it yourself, then start it again. {err}") from err

    def _choose_params(self) -> None:
        from dvc.utils.serialize import modify_yaml  # here: DVC takes half a second to import

        with modify_yaml(str(self._tree / "params.yaml")) as values:
            new: dict[str, Any] = changed(values, self._plant.changes) | {"dataset": self._plant.name}
            values.update(new)

    def _fetch(self) -> None:
        dvc(self._tree, "checkout", "--allow-missing", "--quiet")
        if not (self._tree / "data/raw" / self._plant.name).exists():
            asked = pull_raw(self._tree, self._plant.name)
            if asked:
                raise OilcanError(f"data/raw/{self._plant.name}: no remote has the files ({'; '.join(asked)}). Place "
                                  f"them with `oilcan dataset place {self._plant.name}`, and commit.")

    def _commit(self) -> str:
        verdict = GateVerdict.model_validate_json(path_of(self._tree / "models/bundle").read_text(encoding="utf-8"))
        git(self._tree, "add", "--all")
        is_merge = resolve(self._tree, "MERGE_HEAD") is not None
        if is_merge or git(self._tree, "status", "--porcelain"):
            lines = [f"Plant {self._plant.name}: {verdict.decision}", "", *(f"- {why}" for why in verdict.reasons)]
            git(self._tree, "commit", "--quiet", "--no-verify", "--file", "-", text="\n".join(lines))
        commit = commit_of(self._tree, "HEAD")
        git(self._root, "branch", "--force", self._plant.branch, commit)
        return commit

    def _keep_reports(self) -> None:
        kept = self._root / PAGES / self._plant.name
        with files.fresh_folder(kept) as draft:
            for pattern in _SHOWN:
                for report in (self._tree / "reports").glob(pattern):
                    shutil.copy(report, draft / report.name)


def read_note(root: Path, name: str) -> dict[str, Any]:
    """What a run that did not end has written down; empty if the last one ended well."""
    note = root / FOLDER / f"{name}.json"
    return dict(files.read_json(note)) if note.exists() else {}
