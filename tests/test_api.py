"""The public names: what completion shows, in symfold and in its public modules."""

import pickle
import subprocess
import sys
import types
import typing

import pytest

import symfold as sf

MODULES = {"errors": sf.errors, "experiments": sf.experiments, "export": sf.export, "losses": sf.losses, "mappers": sf.mappers, "optimizers": sf.optimizers}


@pytest.mark.parametrize("name", MODULES)
def test_a_module_shows_what_it_defines_and_nothing_that_it_imports(name: str) -> None:
    module = MODULES[name]
    shown = dir(module)
    assert shown
    for public in shown:
        value = getattr(module, public)
        assert not public.startswith("_") and not isinstance(value, types.ModuleType)
        if typing.get_origin(value) is None:  # a type alias says where its origin is from
            assert getattr(value, "__module__", module.__name__).startswith(module.__name__)


def test_a_process_that_only_reads_a_pickle_has_all_methods_of_nets_and_nodes() -> None:
    x = sf.tensor("x")
    net = sf.fold(sf.mappers.residual, sf.layers("f1:3"), x)
    read = "import pickle, sys; net, x = pickle.load(sys.stdin.buffer); print(net.formula(), net + x, x * 2, sep='; ')"
    printed = subprocess.run([sys.executable, "-c", read], input=pickle.dumps((net, x)), capture_output=True, check=True).stdout
    assert printed.decode() == f"{net.formula()}; {net + x}; {x * 2}\n"


def test_every_public_module_is_among_them() -> None:
    public = {name: getattr(sf, name) for name in dir(sf)}
    assert {name: value for name, value in public.items() if isinstance(value, types.ModuleType)} == {**MODULES, "extend": sf.extend}
