"""A folder is a subject: few modules, names that occur once, and no circle between modules or between folders."""

import ast
from collections import defaultdict
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from tests.repo.closure import SRC

MODULES = {".".join(file.relative_to(SRC).with_suffix("").parts).removesuffix(".__init__"): file
           for file in sorted((SRC / "oilcan").rglob("*.py"))}
FOLDERS = sorted({file.parent for file in MODULES.values()})

Graph = dict[str, set[str]]


@cache
def _imported(file: Path) -> set[str]:
    """Modules that a file names anywhere: at the top, in functions, for type checking alone."""
    names = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            below = {f"{node.module}.{alias.name}" for alias in node.names}
            names |= {name if name in MODULES else node.module for name in below}
    return names & MODULES.keys()


def _module_graph() -> Graph:
    """Without `__init__` files, which gather names of the modules below them."""
    return {module: set(_imported(file) - {module})
            for module, file in MODULES.items() if file.name != "__init__.py"}


def _folder_graph() -> Graph:
    """Imports between folders that stand side by side; a folder and what lies below it are one subject."""
    graph: Graph = defaultdict(set)
    for file in MODULES.values():
        for name in _imported(file):
            here, there = file.parent.relative_to(SRC).parts, MODULES[name].parent.relative_to(SRC).parts
            level = next((at for at, (a, b) in enumerate(zip(here, there, strict=False)) if a != b), None)
            if level is not None:
                edge = ".".join(here[: level + 1]), ".".join(there[: level + 1])
                graph[edge[0]].add(edge[1])
    return graph


def _circle(graph: Graph) -> list[str]:
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as err:
        return list(err.args[1])
    return []


@pytest.mark.parametrize("graph", [_module_graph, _folder_graph], ids=["modules", "folders"])
def test_imports_make_no_circle(graph):
    assert _circle(graph()) == []


def test_a_circle_would_be_seen():
    graph = _folder_graph()
    graph["oilcan.ground"].add("oilcan.core")
    assert "oilcan.ground" in _circle(graph)


def test_a_module_name_occurs_once():
    places = defaultdict(list)
    for module, file in MODULES.items():
        if file.name != "__init__.py" and not module.startswith(("oilcan.params.", "oilcan.cli.")):
            # a section is named after its stage, a module of commands after its command
            places[file.stem].append(module)
    assert {name: found for name, found in places.items() if len(found) > 1} == {}


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.relative_to(SRC).as_posix())
def test_a_folder_is_a_subject(folder):
    modules = [file for file in folder.glob("*.py") if file.name != "__init__.py"]
    assert len(modules) <= 15, "divide it, or move modules to the subject they belong to"
    assert ast.get_docstring(ast.parse((folder / "__init__.py").read_text(encoding="utf-8"))), "say what is inside"
