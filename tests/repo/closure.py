"""Which files of the library does a script import, directly or through others?"""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2]
SRC = ROOT / "src"


def import_closure(script: Path) -> set[str]:
    """Paths from the root of every module of `oilcan` that running `script` imports.

    Imports inside functions count: a stage that calls the function depends on them.
    """
    seen: set[Path] = set()
    waiting = [script]
    while waiting:
        file = waiting.pop()
        if file in seen:
            continue
        seen.add(file)
        for module in _imports(file):
            waiting += [found for found in _files(module) if found not in seen]
    return {file.relative_to(ROOT).as_posix() for file in seen | _templates(seen) if file != script}


def _templates(modules: set[Path]) -> set[Path]:
    """Templates beside the modules that load them: a page changes with its template as with its code."""
    return {template for module in modules if "PackageLoader(" in module.read_text(encoding="utf-8")
            for template in (module.parent / "templates").iterdir()}


def _imports(file: Path) -> set[str]:
    modules = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            modules |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return {module for module in modules if module.split(".")[0] == "oilcan"}


def _files(module: str) -> list[Path]:
    """The module's file and the `__init__` files above it; nothing where the last step is no module.

    An `__init__` that holds its docstring alone does nothing when it is imported, so no output depends on it.
    """
    steps = module.split(".")
    files = [SRC.joinpath(*steps[:at], "__init__.py") for at in range(1, len(steps) + 1)]
    files.append(SRC.joinpath(*steps).with_suffix(".py"))
    return [file for file in files if file.is_file() and not (file.name == "__init__.py" and _is_docstring(file))]


def _is_docstring(file: Path) -> bool:
    statements = ast.parse(file.read_text(encoding="utf-8")).body
    return all(isinstance(each, ast.Expr) and isinstance(each.value, ast.Constant) for each in statements)


def covers(dep: str, file: str) -> bool:
    """Whether a dependency of dvc.yaml holds `file`."""
    return file == dep or file.startswith(f"{dep}/")


def suggested_deps(script: Path) -> list[str]:
    """The shortest list of deps that covers the closure: whole packages where all of one is imported."""
    closure = import_closure(script)
    deps: set[str] = set()
    for file in closure:
        folder = Path(file).parent
        best = file
        while folder != Path("src/oilcan") and folder != Path("src"):
            inside = {f.relative_to(ROOT).as_posix() for f in (ROOT / folder).rglob("*")
                      if f.is_file() and "__pycache__" not in f.parts
                      and not (f.name == "__init__.py" and _is_docstring(f))}
            if inside <= closure:
                best = folder.as_posix()
            folder = folder.parent
        deps.add(best)
    return sorted(deps)
