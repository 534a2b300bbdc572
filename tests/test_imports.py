"""Imports point one way: a room imports only from the rooms before it, in the order that the package's docstring gives."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import symfold

ROOT = Path(symfold.__file__).parent
DOORS = {"__init__", "net", "nodes", "folding"}  # may import from above, inside a function: methods that hand a net on
MODULES = {path.relative_to(ROOT).with_suffix("").as_posix().replace("/", "."): path for path in sorted(ROOT.rglob("*.py"))}


def rooms() -> list[str]:
    """The rooms of the docstring, in their order."""
    lines = re.findall(r"^    ([a-z_]+(?:, [a-z_]+)*)  ", symfold.__doc__ or "", flags=re.MULTILINE)
    return [room for line in lines for room in line.split(", ")]


def room_of(module: str) -> str:
    return module.split(".")[0]


def imports(module: str) -> Iterator[tuple[str, bool]]:
    """The modules of symfold that a module imports, and whether it does when it is itself imported."""
    tree = ast.parse(MODULES[module].read_text())
    typing_only = {
        id(node)
        for branch in ast.walk(tree)
        if isinstance(branch, ast.If) and ast.unparse(branch.test) == "TYPE_CHECKING"
        for part in branch.body
        for node in ast.walk(part)
    }
    lazy = {
        id(node)
        for function in ast.walk(tree)
        if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
        for node in ast.walk(function)
    }
    for node in ast.walk(tree):
        if id(node) in typing_only:
            continue
        if isinstance(node, ast.Import):
            targets = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} imports relatively (write the whole name)"
            # of a package, a name may be a module of it or something that it holds
            targets = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for target in targets:
            if target.split(".")[0] == "symfold":
                found = resolved(target.removeprefix("symfold").removeprefix("."))
                if found is not None:
                    yield found, id(node) not in lazy


def resolved(target: str) -> str | None:
    """The module that a dotted name inside of symfold belongs to; None for what the package itself holds."""
    for name in (target, target.rpartition(".")[0]):
        for module in (name, f"{name}.__init__"):
            if module in MODULES and module != "__init__":
                return module
    return symfold._WHERE.get(target)


def test_every_module_stands_in_a_room_of_the_docstring() -> None:
    named = rooms()
    assert len(named) == len(set(named))
    assert {room_of(module) for module in MODULES} - {"__init__", "__main__"} <= set(named)


@pytest.mark.parametrize("module", [module for module in MODULES if module != "__init__"])
def test_imports_point_one_way(module: str) -> None:
    order = {room: number for number, room in enumerate(rooms())}
    own = order[room_of(module)]
    for target, at_once in imports(module):
        if at_once or room_of(module) not in DOORS:
            assert order[room_of(target)] <= own, f"{module} imports {target}, a room above it"


@pytest.mark.parametrize("module", [module for module in MODULES if module.startswith("analysis.") and module != "analysis.__init__"])
def test_the_rooms_of_the_analyses_are_in_order(module: str) -> None:
    """As the docstring of symfold/analysis lists them."""
    named = re.findall(r"^    ([a-z_]+)  ", ast.get_docstring(ast.parse(MODULES["analysis.__init__"].read_text()), clean=False) or "", flags=re.MULTILINE)
    order = {room: number for number, room in enumerate(named)}
    for target, _ in imports(module):
        if target.startswith("analysis."):
            assert order[target.split(".")[1]] <= order[module.split(".")[1]], f"{module} imports {target}, a room after it"


def test_no_module_imports_itself_by_way_of_others() -> None:
    needs = {module: {target for target, at_once in imports(module) if at_once} for module in MODULES if module != "__init__"}
    left = dict(needs)
    while left:
        free = [module for module, targets in left.items() if not targets & set(left)]
        assert free, f"a circle among {sorted(left)}"
        for module in free:
            del left[module]


def test_a_circle_and_an_upward_import_would_be_seen() -> None:
    assert ("shapes", True) in set(imports("nodes"))
    assert ("serialize", False) in set(imports("nodes"))
    assert rooms().index("shapes") < rooms().index("nodes") < rooms().index("net") < rooms().index("command")


@pytest.mark.parametrize("statement", ["import symfold", "import symfold; dir(symfold)", "import symfold.apps.command.main"])
def test_importing_alone_loads_nothing_heavy(statement: str) -> None:
    heavy = "{'sympy', 'numpy', 'networkx', 'graphviz', 'wasmtime', 'jax', 'jaxlib'}"
    code = f"import sys; {statement}; print(*sorted(set(sys.modules) & {heavy}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_a_backend_of_an_extra_is_imported_by_who_chooses_it_alone() -> None:
    code = """
import sys
import numpy as np, symfold as sf
loss = sf.Net.of(sf.squared_error(sf.layer("f", sf.dense(2, 2))(sf.tensor("x", (None, 2))), sf.tensor("t", (None, 2))))
loss.compile()(loss.init(), x=np.ones((1, 2)), t=np.ones((1, 2)))
sf.fit(loss, loss.init(), {"x": np.ones((1, 2)), "t": np.ones((1, 2))}, optimizer=sf.sgd(0.1))
print(*sorted(set(sys.modules) & {'jax', 'jaxlib'}))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_a_backend_whose_package_is_missing_names_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("symfold.compute.compile.find_spec", lambda name: None)
    net = symfold.Net.of(symfold.tensor("x") ** 2)
    for call in (
        lambda: net.compile("jax"),
        lambda: symfold.fit(net, {}, {"x": [1.0]}, optimizer=symfold.sgd(0.1), backend="jax"),
    ):
        with pytest.raises(ImportError, match=r"needs the package jax, which is not installed \(pip install 'symfold\[jax\]'\)"):
            call()
    assert net.compile("numpy")(3.0) == 9.0
