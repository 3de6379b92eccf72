"""The JavaScript of Vega is bundled once in an environment."""

from importlib.metadata import version
from pathlib import Path

from oilcan.io.vega_bundle import vega_bundle

NAME = f"share/oilcan/vega-{version('vl-convert-python')}.js"


def test_a_bundle_is_made_in_place_of_a_damaged_one_and_then_read(tmp_path: Path) -> None:
    kept = tmp_path / NAME
    kept.parent.mkdir(parents=True)
    kept.write_bytes(b"\xff\xfe")
    made = vega_bundle(tmp_path)
    assert "window.vegaEmbed=" in made.replace(" ", "")
    assert "</script" not in made
    assert kept.read_text() == made
    kept.write_text("// kept")
    assert vega_bundle(tmp_path) == "// kept"


def test_an_environment_that_cannot_keep_a_bundle_gets_it_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "share").write_text("a file where the folder would be")
    assert "vegaEmbed" in vega_bundle(tmp_path)
