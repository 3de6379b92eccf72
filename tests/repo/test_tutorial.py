"""The tutorial tells the whole story, and every command of it prints what the page shows."""

import re
import subprocess

import pytest

from tests.repo import tutorial
from tests.repo.closure import ROOT

STORY = ["init", "data", "pipeline", "experiment", "better-model", "new-month", "drift", "alert", "retrain", "promote",
         "rollback"]


def test_the_chapters_are_the_story():
    assert list(dict.fromkeys(name for name, _, _ in tutorial.chapters())) == STORY
    text = tutorial.PAGE.read_text(encoding="utf-8")
    assert text.count("```bash") == len(tutorial.chapters())


def test_the_readme_tells_the_same_story():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    tour = readme.partition("## Ten minutes with it")[2].partition("\n## ")[0]
    links = re.findall(r"\[`([a-z-]+)`\]\(docs/tutorial/README\.md#([a-z-]+)\)", tour)
    assert links == [(name, name) for name in STORY]


@pytest.fixture
def curl():
    """Named in conftest.PROGRAMS."""


@pytest.mark.slow
@pytest.mark.usefixtures("curl")
@pytest.mark.timeout(1500)
def test_every_command_of_it_prints_what_the_page_shows(tmp_path):
    tutorial.build(tmp_path)
    tags = subprocess.run(["git", "tag", "--sort=creatordate"], cwd=tmp_path / "plant", check=True, capture_output=True,
                          text=True).stdout.split()
    assert set(STORY) <= set(tags)
