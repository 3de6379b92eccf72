"""Stage scripts read, compute and write; commands parse, call and answer. All other work is in lower layers."""

import ast
from pathlib import Path

import pytest

from tests.repo.closure import ROOT

SCRIPTS = sorted((ROOT / "src/stages").glob("*.py"))
COMMANDS = sorted((ROOT / "src/oilcan/cli").glob("*/*.py"))
_WORK = {"joblib", "numpy", "pandas", "pyarrow", "shutil", "sklearn", "subprocess"}     # signs of work
_LOOPS = (ast.For, ast.While)


def _tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


def _imports(tree: ast.AST) -> set[str]:
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module}
    return {name.split(".")[0] for name in names}


def _statements(tree: ast.AST, kinds: tuple[type[ast.AST], ...]) -> list[str]:
    return [f"line {node.lineno}: {type(node).__name__}" for node in ast.walk(tree) if isinstance(node, kinds)]


@pytest.mark.parametrize("file", SCRIPTS, ids=lambda file: file.stem)
def test_a_stage_script_only_reads_computes_and_writes(file):
    tree = _tree(file)
    defined = [node.name for node in tree.body if isinstance(node, (ast.FunctionDef, ast.ClassDef))]
    assert defined == ["main"], "move the work to core, to the package of its subject, or to operations.partitioned"
    assert _statements(tree, (*_LOOPS, ast.Try)) == [], "a loop over data belongs to operations.partitioned or io.stage"
    assert not _imports(tree) & _WORK
    assert len(file.read_text(encoding="utf-8").splitlines()) <= 60


@pytest.mark.parametrize("file", COMMANDS, ids=lambda file: file.stem)
def test_a_command_only_parses_calls_and_answers(file):
    tree = _tree(file)
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name != "register"]
    assert [loop for function in functions for loop in _statements(function, _LOOPS)] == [], "move it to operations"
    long = [node.name for node in functions if len(node.body) > 15]
    assert long == [], "a command calls one operation and prints its answer"
    assert not _imports(tree) & _WORK
    assert len(file.read_text(encoding="utf-8").splitlines()) <= 120
