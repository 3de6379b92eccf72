"""What documents and docstrings cite is there: paths, tests, `make` targets, `oilcan` commands, modules."""

import ast
import re
from argparse import ArgumentParser, _SubParsersAction
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from oilcan import cli
from tests.repo.closure import ROOT, SRC

PRINTED = ROOT / "docs/examples"         # reports about past commits, whose files may be gone
PAGES = [*(page for page in sorted((ROOT / "docs").rglob("*.md")) if PRINTED not in page.parents),
         ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
CODE = [*sorted((ROOT / "src").rglob("*.py")), *sorted((ROOT / "tests").rglob("*.py"))]
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M))
_PATH = re.compile(r"(?<![\w./-])(?:tests|src|benchmarks|deploy|docs|datasets|requirements)/[\w*./-]*[\w*]")


@cache
def _texts(file: Path) -> str:
    """A page; of code its docstrings alone."""
    text = file.read_text(encoding="utf-8")
    if file.suffix == ".md":
        return text
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    return "\n".join(ast.get_docstring(node) or "" for node in ast.walk(ast.parse(text)) if isinstance(node, kinds))


def _cited(pattern: str | re.Pattern[str]) -> Iterator[tuple[str, str]]:
    """Place and text of everything that matches."""
    for file in [*PAGES, *CODE]:
        for hit in re.findall(pattern, _texts(file)):
            yield file.relative_to(ROOT).as_posix(), hit


def _is_template(name: str) -> bool:
    """`docs/stages/NAME.md` stands for many files, `press_line` for a reader's own data set."""
    return bool(re.search(r"[A-Z]{4,}|press_line", name.replace("README", "")))


def test_every_path_is_there():
    missing = [(place, path) for place, path in _cited(_PATH)
               if not _is_template(path) and not any(ROOT.glob(path.rstrip("/.")))]
    assert missing == []


def test_every_test_is_there():
    trees = {file: ast.parse(file.read_text(encoding="utf-8")) for file in CODE}
    known = {node.name for tree in trees.values() for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    known |= {file.stem for file in trees} | {"test_files", "test_rul", "test_rul_files", "test_rows"}   # of contracts
    assert [(place, name) for place, name in _cited(r"\btest_[a-z]\w+\b") if name not in known] == []


def test_every_file_of_code_is_there():
    known = {file.name for folder in ("src", "tests", "benchmarks", "deploy") for file in (ROOT / folder).rglob("*.py")}
    assert [(place, name) for place, name in _cited(r"\b[a-z]\w*\.py\b") if name not in known] == []


def test_every_make_target_is_there():
    assert [(place, name) for place, name in _cited(r"`make ([a-z-]+)") if name not in TARGETS] == []


def _commands(parser: ArgumentParser, words: tuple[str, ...] = ()) -> dict[tuple[str, ...], set[str]]:
    """Words of each command -> its options."""
    found = {words: {name for action in parser._actions for name in action.option_strings}}
    for action in parser._actions:
        if isinstance(action, _SubParsersAction):
            for name, below in action.choices.items():
                found |= _commands(below, (*words, name))
    return found


def test_every_command_and_option_is_there():
    commands = _commands(cli.parser())
    wrong = []
    for place, line in _cited(r"(?:`|^|\$ |& )oilcan ((?:[a-z][a-z-]*)[^`\n]*)"):
        words = line.split()
        known = max((given for given in commands if tuple(words[: len(given)]) == given), key=len)
        options = set(re.findall(r"(?<!\S)--[a-z-]+", line))
        if not known or not options <= commands[known]:
            wrong.append((place, line))
    assert wrong == []


def _exists(dotted: str) -> bool:
    """Whether a module has this path, or a module on the way defines the next name."""
    steps = dotted.split(".")
    for at in range(len(steps), 0, -1):
        for file in (SRC.joinpath(*steps[:at]).with_suffix(".py"), SRC.joinpath(*steps[:at], "__init__.py")):
            if file.is_file():
                return at == len(steps) or bool(re.search(rf"\b{steps[at]}\b", file.read_text(encoding="utf-8")))
    return False


def test_every_module_is_there():
    folders = "|".join(sorted({file.parent.name for file in (SRC / "oilcan").glob("*/__init__.py")}))
    name = rf"(?:\boilcan|`(?:{folders}))(?:\.[a-z_]\w*)+(?:\.[A-Z]\w*)?(?:\.\{{[\w, ]+\}})?"
    cited = [(place, one) for place, text in _cited(rf"(?<![\w./-]){name}") for one in _spelt_out(text.strip("`"))]
    not_code = re.compile(r"oilcan\.(pth$|key$|\w+\.(yaml|json|html)$|contract\.source\.|params\.seed)")  # files, YAML
    assert [(place, one) for place, one in cited if not not_code.match(one) and not _exists(one)] == []


def _spelt_out(name: str) -> list[str]:
    """`a.{b,c}` -> `a.b`, `a.c`; `io.stage` -> `oilcan.io.stage`."""
    stem, _, several = name.removeprefix("oilcan.").partition(".{")
    return [f"oilcan.{stem}.{one.strip()}" for one in several.rstrip("}").split(",")] if several else [f"oilcan.{stem}"]
