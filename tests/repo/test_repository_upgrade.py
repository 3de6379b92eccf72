"""A repository that began at commit d261a0c takes in today's Oilcan by docs/upgrading.md, and there is a way back.

`tests/golden/upgrade/repository.tar.gz` is that commit without its code, documents and tests. The team has parameters,
a contract and a dvc.lock of its own; today's tree comes in as a merge.
"""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OLD = ROOT / "tests/golden/upgrade/repository.tar.gz"
_IDENTITY = ("-c", "user.name=Team", "-c", "user.email=team@example.org", "-c", "commit.gpgsign=false")


class Team:
    """The repository of a team."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def git(self, *words: str, check: bool = True) -> str:
        """Run git; what it prints."""
        return subprocess.run(["git", *_IDENTITY, *words], cwd=self.folder, capture_output=True, text=True,
                              check=check).stdout

    def run(self, program: str, *words: str) -> tuple[int, str]:
        """Exit code of a program of the environment, and all that it prints."""
        done = subprocess.run([Path(sys.executable).with_name(program), *words], cwd=self.folder, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        return done.returncode, done.stdout

    def change(self, file: str, *changes: tuple[str, str]) -> None:
        """Replace text in a file; each is there once or more."""
        path = self.folder / file
        text = path.read_text(encoding="utf-8")
        for before, after in changes:
            assert re.search(before, text), before
            text = re.sub(before, after, text)
        path.write_text(text, encoding="utf-8")


@pytest.fixture
def team(tmp_path) -> Team:
    """Work of its own on d261a0c, tagged `before-upgrade`; today's tree is the branch `upstream`."""
    made = Team(tmp_path / "team")
    made.folder.mkdir()
    made.git("init", "-q", "-b", "main")
    subprocess.run(["tar", "-xf", OLD, "-C", made.folder], check=True)
    made.git("add", "-A", "-f")
    made.git("commit", "-q", "-m", "Oilcan at d261a0c")
    made.git("checkout", "-q", "-b", "upstream")
    made.git("rm", "-rq", ".")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout.decode()
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (made.folder / name).parent.mkdir(parents=True, exist_ok=True)
            (made.folder / name).write_bytes((ROOT / name).read_bytes())
    made.git("add", "-A", "-f")
    made.git("commit", "-q", "-m", "Oilcan of today")
    made.git("checkout", "-q", "main")
    made.change("params.yaml", ("machines: 100", "machines: 60"),
                ("max_rejected_share: 0.02", "max_rejected_share: 0.05"))
    made.change("dvc.lock", ("md5: [0-9a-f]{6}", "md5: abcdef"))
    contract = (made.folder / "datasets/azure_pdm.yaml").read_text(encoding="utf-8")
    (made.folder / "datasets/mills.yaml").write_text(contract.replace("name: azure_pdm", "name: mills"),
                                                     encoding="utf-8")
    made.git("add", "-A")
    made.git("commit", "-q", "-m", "Our plant")
    made.git("tag", "before-upgrade")
    return made


def test_a_repository_is_upgraded_by_the_documented_commands_and_goes_back(team):
    before = (team.folder / "dvc.lock").read_bytes()
    team.git("merge", "-q", "upstream", check=False)
    assert set(team.git("diff", "--name-only", "--diff-filter=U").split()) == {"dvc.lock", "params.yaml"}
    code, said = team.run("oilcan", "doctor", "--merge")
    assert code == 1
    assert "files that people write are in conflict" in said
    assert "- params.yaml" in said
    conflict = r"<<<<<<<[^\n]*\n(?P<ours>.*?)=======\n(?P<theirs>.*?)>>>>>>>[^\n]*\n"
    team.change("params.yaml", (f"(?s){conflict}", r"\g<ours>"))          # keeps a word that has moved
    team.git("add", "params.yaml")
    code, said = team.run("oilcan", "doctor", "--merge")
    assert (code, "ours for now: dvc.lock" in said) == (0, True), said
    code, said = team.run("oilcan", "doctor", "start")
    assert code == 1
    assert "max_rejected_share" in said                                   # the word is named, with what to do
    team.change("params.yaml", (r"  max_rejected_share: 0\.05\n", ""))
    code, said = team.run("oilcan", "doctor", "start")
    assert code == 0, said
    assert "machines: 60" in (team.folder / "params.yaml").read_text(encoding="utf-8")
    assert (team.folder / "datasets/mills.yaml").is_file()
    assert (team.folder / "dvc.lock").read_bytes() == before
    code, said = team.run("dvc", "repro", "--dry", "data/dvc.yaml:simulate")
    assert (code, "src/stages/simulate.py" in said) == (0, True), said
    team.git("add", "-A")
    team.git("commit", "-q", "-m", "Oilcan upgraded")

    team.git("reset", "-q", "--hard", "before-upgrade")
    assert team.git("status", "--porcelain") == ""
    assert (team.folder / "dvc.lock").read_bytes() == before
