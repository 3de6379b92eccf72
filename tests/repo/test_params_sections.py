"""A new section of params.yaml, or a key more in one, renews only the stages that read it."""

import re

import pytest

pytestmark = pytest.mark.slow

PROBE = '''"""Section `probe` of params.yaml."""

import pydantic

from oilcan.ground.section import Section


class ProbeParams(Section):
    """A section that no stage reads."""

    seed: int = pydantic.Field(ge=0)
'''


def _listed(repo) -> set[str]:
    """Stages that `dvc repro --dry` lists; its exit code is 0 whether it lists any or none."""
    return set(re.findall(r"^Running stage '(.+)'", repo.run("dvc", "repro", "--dry").stdout, re.M))


def _edit(repo, path: str, before: str, after: str) -> None:
    file = repo.path / path
    text = file.read_text(encoding="utf-8")
    assert text.count(before) == 1, (path, before)
    file.write_text(text.replace(before, after), encoding="utf-8")


def test_a_new_section_renews_no_stage(small_repo):
    (small_repo.path / "src/oilcan/params/stages/probe.py").write_text(PROBE, encoding="utf-8")
    _edit(small_repo, "src/oilcan/params/whole.py", "    compute: ComputeParams\n",
          "    compute: ComputeParams\n    probe: ProbeParams\n")
    _edit(small_repo, "src/oilcan/params/whole.py", "from oilcan.params.stages.reference",
          "from oilcan.params.stages.probe import ProbeParams\nfrom oilcan.params.stages.reference")
    with (small_repo.path / "params.yaml").open("a", encoding="utf-8") as params:
        params.write("probe:\n  seed: 1\n")
    assert _listed(small_repo) == set()
    # the stages accept the new section: one that is made to run ends well
    small_repo.run("dvc", "repro", "--force", "--single-item", "explain")


def test_a_new_key_renews_the_stages_that_read_its_section(small_repo):
    small_repo.set_params(explain={"probe": 1})
    _edit(small_repo, "src/oilcan/params/stages/explain.py", "class ExplainParams(Section):\n",
          "class ExplainParams(Section):\n    probe: int = 0\n")
    assert _listed(small_repo) == {"explain"}
