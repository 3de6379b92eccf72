"""Fills the marked blocks of README.md with what the commands really print.

    python tests/repo/readme.py        # in a checkout where `dvc repro` has run and all is committed

The commands run in a copy with its cache, so the checkout stays as it is.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
IDEA = "train.hist_gradient_boosting.max_leaf_nodes=31"

# block -> (what a reader types, which lines of its output are shown: a pattern, or all); `...` stands for the others
BLOCKS: dict[str, list[tuple[str, str]]] = {
    "summary": [("oilcan summary", "")],
    "fresh": [("dvc repro", "up to date"), ("oilcan doctor lock", "")],
    "experiment": [
        (f"dvc exp run -n wider -S {IDEA}", r"^(Running stage|Ran experiment)"),
        ("dvc params diff", ""),
        ("dvc metrics diff --precision 3", ""),
        ("dvc exp show --only-changed --no-pager", ""),
    ],
}


def block(name: str, folder: Path) -> str:
    """The commands of a block and what they print in `folder`."""
    lines = []
    for command, shown in BLOCKS[name]:
        done = subprocess.run(command.split(), cwd=folder, env=_environment(folder), capture_output=True, text=True,
                              check=True)
        lines += [f"$ {command}", *shortened(done.stdout.splitlines(), shown), ""]
    return "\n".join(lines).rstrip() + "\n"


def shortened(lines: list[str], shown: str) -> list[str]:
    """The lines that match `shown`, with `...` wherever others that are not blank were left out."""
    kept: list[str] = []
    for line in lines:
        if re.search(shown, line):
            kept.append(line.rstrip())
        elif line.strip() and kept[-1:] != ["..."]:
            kept.append("...")
    return kept


def filled(text: str, name: str, content: str) -> str:
    """README text with one block replaced."""
    return re.sub(rf"(<!-- {name} -->\n```\n).*?(```\n<!-- /{name} -->)", lambda m: m[1] + content + m[2], text,
                  flags=re.S)


def _environment(folder: Path) -> dict[str, str]:
    return os.environ | {
        "DVC_NO_ANALYTICS": "1", "COLUMNS": "120", "DVC_SITE_CACHE_DIR": str(folder.parent / "site"),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }


def main() -> None:
    page = ROOT / "README.md"
    with tempfile.TemporaryDirectory(prefix="oilcan-readme-") as place:
        folder = Path(place) / "oilcan"
        shutil.copytree(ROOT, folder, symlinks=True, ignore=shutil.ignore_patterns(".venv", ".*_cache"))
        text = page.read_text(encoding="utf-8")
        for name in BLOCKS:
            text = filled(text, name, block(name, folder))
    page.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
