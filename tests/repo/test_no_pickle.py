"""Nothing in the product reads a form that can run code: no pickle, and nothing that reads pickles by another name."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PRODUCT = sorted([*(ROOT / "src").rglob("*.py"), *(ROOT / "deploy").rglob("*.py")])
MODULES = {"pickle", "_pickle", "cPickle", "cloudpickle", "dill", "marshal", "shelve", "skops", "jsonpickle",
           "joblib.numpy_pickle", "torch"}
# ruff's S506 looks after yaml.load
CALLS = {"load": {"joblib", "np", "numpy"}, "dump": {"joblib"}, "read_pickle": {"pd", "pandas"},
         "to_pickle": set(), "unsafe_load": {"yaml"}, "full_load": {"yaml"}}
WITH_CARE = {"np.load": "allow_pickle", "numpy.load": "allow_pickle"}     # the keyword that makes them safe


def dangers(tree: ast.AST) -> Iterator[str]:
    """What in a module could read a pickle, by line."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
            named = [alias.name for alias in node.names]
            if MODULES & {part for name in names for part in (name, name.split(".")[0])} or (
                    names == ["joblib"] and {"load", "dump"} & set(named)):
                yield f"line {node.lineno}: imports {names[0]}"
        if isinstance(node, ast.keyword) and node.arg in {"allow_pickle", "trusted"} and not (
                isinstance(node.value, ast.Constant) and node.value.value is False):
            yield f"line {node.value.lineno}: {node.arg}"
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and _is_danger(node.func, node):
            yield f"line {node.lineno}: calls {ast.unparse(node.func)}"


def _is_danger(function: ast.Attribute, call: ast.Call) -> bool:
    owners, owner = CALLS.get(function.attr), ast.unparse(function.value)
    if owners is None or (owners and owner not in owners):
        return False
    care = WITH_CARE.get(f"{owner}.{function.attr}")
    return care is None or care not in {keyword.arg for keyword in call.keywords}


@pytest.mark.parametrize("path", PRODUCT, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_module_can_read_a_pickle(path):
    assert list(dangers(ast.parse(path.read_text(encoding="utf-8")))) == []


@pytest.mark.parametrize("code", [
    "import pickle", "from pickle import loads", "import cloudpickle as c", "import joblib; joblib.load('a')",
    "from joblib import load", "import numpy as np; np.load('a')", "np.load('a', allow_pickle=True)",
    "np.load('a', allow_pickle=flag)", "import skops.io", "pd.read_pickle('a')", "yaml.unsafe_load(text)",
    "table.to_pickle('a')", "import joblib.numpy_pickle"])
def test_each_way_to_read_one_is_noticed(code):
    assert list(dangers(ast.parse(code)))


@pytest.mark.parametrize("code", ["import joblib; joblib.Parallel(2)", "np.load('a', allow_pickle=False)",
                                  "json.load(stream)", "yaml.safe_load(text)", "load_bundle(folder)"])
def test_what_reads_data_alone_is_not(code):
    assert list(dangers(ast.parse(code))) == []
