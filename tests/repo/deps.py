"""Rewrite the dependency lists of the pipeline files from the imports of their stage scripts (`make deps`).

Only lines that name code below `src/` change; data, contracts and locks stay as they are written.
"""

import re
from pathlib import Path

from tests.repo.closure import ROOT, suggested_deps

_LIST = re.compile(r"(?P<head>^ +deps:\n)(?P<items>(?:^ +- .*\n)+)", re.M)


def rewritten(text: str) -> str:
    """The text of a dvc.yaml with the `src/` entries of every stage's `deps` renewed."""
    stages = re.split(r"(?m)^(?=  \w+:\n)", text)
    return "".join(_stage(part) for part in stages)


def _stage(text: str) -> str:
    script = re.search(r"(?<!\S)(?:\.\./)?(src/stages/\w+\.py)", text)
    if not script:
        return text
    found = _LIST.search(text)
    if not found:
        return text
    items = found["items"].splitlines(keepends=True)
    indent = items[0][: items[0].index("-")]
    prefix = "../" if any(item.strip().startswith("- ../src/") for item in items) else ""
    kept = [item for item in items if not item.strip().removeprefix("- ").removeprefix("../").startswith("src/")]
    code = sorted({script[1], *suggested_deps(ROOT / script[1])})
    renewed = "".join([*kept, *(f"{indent}- {prefix}{path}\n" for path in code)])
    return text[: found.start("items")] + renewed + text[found.end("items"):]


def main() -> None:
    """Renew both pipeline files."""
    for name in ("dvc.yaml", "data/dvc.yaml"):
        file = Path(ROOT / name)
        file.write_text(rewritten(file.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
