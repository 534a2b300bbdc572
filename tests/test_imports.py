"""Imports point one way: from package to package in the order of the data, and from file to file in reading order."""

import ast
import importlib
import re
import subprocess
import sys
import types
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import symfold

ROOT = Path(symfold.__file__).parent
ORDER = ("errors", "base", "core", "frontend", "transform", "mappers", "show", "compute", "analysis", "training", "exchange", "apps", "api", "extend", "sklearn", "apps.command", "__main__")
MODULES = {
    path.relative_to(ROOT.parent).with_suffix("").as_posix().replace("/", ".").removesuffix(".__init__"): path for path in sorted(ROOT.rglob("*.py"))
}
PACKAGES = [module for module, path in MODULES.items() if path.name == "__init__.py" and module != "symfold"]
OPTIONAL = ("symfold.compute.backends.jax", "symfold.compute.backends.native", "symfold.exchange.pytorch.net_module")  # of extras: imported by what chooses them


def statements(node: ast.AST, inside: bool = False) -> Iterator[tuple[ast.Import | ast.ImportFrom, bool]]:
    """The imports below a node, and whether they are inside a function; not those for type checkers alone."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.Import, ast.ImportFrom)):
            yield child, inside
        elif isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
            continue
        elif isinstance(child, (ast.stmt, ast.excepthandler, ast.match_case)):
            yield from statements(child, inside or isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)))


@cache
def imports(module: str) -> tuple[tuple[str, bool], ...]:
    """The modules that a module imports, and whether it does so when it is itself imported; not those for type checkers alone."""
    found = []
    for node, inside in statements(ast.parse(MODULES[module].read_text())):
        if isinstance(node, ast.Import):
            targets = [alias.name for alias in node.names]
        else:
            assert node.level == 0, f"{module} imports relatively (write the whole name)"
            targets = [name for alias in node.names for name in (node.module or "", f"{node.module}.{alias.name}")]
        found += [(target, not inside) for target in targets if target in MODULES and target != module]
    return tuple(found)


def package_of(module: str) -> str:
    """The part of a module's name below symfold that has a place in the order; the command comes after all that it starts."""
    return max((name for name in ORDER if f"{module}.".startswith(f"symfold.{name}.")), key=len)


def test_imports_point_one_way() -> None:
    place = {module: ORDER.index(package_of(module)) for module in MODULES if module != "symfold"}
    assert not [f"{module} imports {target}, of a later package" for module in place for target, _ in imports(module) if place.get(target, 0) > place[module]]


def test_there_is_no_circle_even_through_imports_inside_functions() -> None:
    TopologicalSorter({module: {target for target, _ in imports(module)} for module in MODULES}).prepare()


def test_imports_inside_functions_are_for_optional_packages_alone() -> None:
    modules = [module for module in MODULES if module != "symfold" and not module.startswith("symfold.apps.command")]
    inside = [(module, target) for module in modules for target, at_once in imports(module) if not (at_once or target.startswith(OPTIONAL))]
    assert not inside


def test_readers_of_other_packages_do_not_import_each_other() -> None:
    readers = {module: module.split(".")[2] for module in MODULES if module.startswith(("symfold.exchange.pytorch.", "symfold.exchange.onnx.", "symfold.exchange.jaxpr."))}
    assert set(readers.values()) == {"pytorch", "onnx", "jaxpr"}
    assert not [f"{module} imports {target}" for module, reader in readers.items() for target, _ in imports(module) if readers.get(target, reader) != reader]


def files_of(package: str) -> list[str]:
    """The files and packages that the docstring of a package lists, in its order: the words left of the descriptions."""
    text = ast.get_docstring(ast.parse(MODULES[package].read_text()), clean=False) or ""
    lines = re.findall(r"^(?: {4})?([a-z_0-9]+/?(?:, [a-z_0-9]+/?)*)  ", text, flags=re.MULTILINE)
    return [name.removesuffix("/") for line in lines for name in line.split(", ")]


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_lists_its_files_in_reading_order(package: str) -> None:
    """Every file is listed once, and imports only from those before it."""
    listed = files_of(package)
    own = {module.removeprefix(package + ".") for module in MODULES if module.startswith(package + ".") and not module.endswith("__main__")}
    assert sorted(listed) == sorted({name.split(".")[0] for name in own})
    for name in own:
        for target, at_once in imports(f"{package}.{name}"):
            if at_once and target.startswith(package + "."):
                before, after = target.removeprefix(package + ".").split(".")[0], name.split(".")[0]
                assert before == after or listed.index(before) < listed.index(after), f"{package}: {after} imports {before}, which is listed after it"


def test_a_circle_and_a_later_package_would_be_seen() -> None:
    assert ("symfold.core.shapes", True) in set(imports("symfold.core.nodes"))
    assert ("symfold.compute.backends.jax.program", False) in set(imports("symfold.compute.backends.jax.row"))
    assert set(ORDER) == {package_of(module) for module in MODULES if module != "symfold"}


@pytest.mark.parametrize("statement", ["import symfold", "import symfold.apps.command.main"])
def test_importing_alone_loads_nothing_heavy(statement: str) -> None:
    heavy = "{'sympy', 'numpy', 'networkx', 'graphviz', 'wasmtime', 'jax', 'jaxlib'}"
    code = f"import sys; {statement}; print(*sorted(set(sys.modules) & {heavy}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_no_name_of_symfold_loads_an_extra_or_networkx() -> None:
    code = """
import sys
import types
import symfold as sf
assert 'symfold.extend' not in sys.modules
for name in dir(sf):
    getattr(sf, name)
assert 'symfold.extend' in sys.modules
print(*sorted(set(sys.modules) & {'jax', 'jaxlib', 'torch', 'onnx', 'llvmlite', 'wasmtime', 'networkx'}))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_a_backend_of_an_extra_is_imported_by_who_chooses_it_alone() -> None:
    code = """
import sys
import types
import numpy as np, symfold as sf
loss = sf.Net.of(sf.squared_error(sf.layer("f", sf.dense(2, 2))(sf.tensor("x", (None, 2))), sf.tensor("t", (None, 2))))
loss.compile()(loss.init(), x=np.ones((1, 2)), t=np.ones((1, 2)))
sf.fit(loss, loss.init(), {"x": np.ones((1, 2)), "t": np.ones((1, 2))}, optimizer=sf.sgd(0.1))
print(*sorted(set(sys.modules) & {'jax', 'jaxlib', 'networkx'}))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_a_backend_whose_package_is_missing_names_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("symfold.compute.backends.table.find_spec", lambda name: None)
    net = symfold.Net.of(symfold.tensor("x") ** 2)
    for call in (
        lambda: net.compile("jax"),
        lambda: symfold.fit(net, {}, {"x": [1.0]}, optimizer=symfold.sgd(0.1), backend="jax"),
    ):
        with pytest.raises(ImportError, match=r"needs the package jax, which is not installed \(pip install 'symfold\[jax\]'\)"):
            call()
    assert net.compile("numpy")(3.0) == 9.0


def test_every_public_name_stands_in_the_help_text() -> None:
    words = set(re.findall(r"\w+", symfold.__doc__ or ""))
    assert set(symfold.__all__) - {"__version__"} <= words


def test_a_missing_name_says_what_to_write() -> None:
    with pytest.raises(AttributeError, match=r"did you mean sf\.squared_error"):
        symfold.square_error  # noqa: B018


def test_estimators_say_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("symfold.sklearn")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "sklearn", None)  # as if it were not installed
    with pytest.raises(symfold.errors.MissingPackage, match=r"needs the package scikit-learn.*pip install 'symfold\[sklearn\]'"):
        importlib.import_module("symfold.sklearn")
    old = types.ModuleType("sklearn")
    old.utils, old.__version__ = types.ModuleType("sklearn.utils"), "1.5.2"  # type: ignore[attr-defined]
    old.utils.validation = types.ModuleType("sklearn.utils.validation")
    for module in (old, old.utils, old.utils.validation):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    with pytest.raises(symfold.errors.MissingPackage, match=r"needs scikit-learn 1.6 or later, and 1.5.2 is installed"):
        importlib.import_module("symfold.sklearn")
