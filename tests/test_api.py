"""The public names: what completion shows, in symfold and in its public modules."""

import functools
import importlib.util
import inspect
import pickle
import re
import subprocess
import sys
import traceback
import types
import typing
from pathlib import Path

import pytest

import symfold as sf
from symfold import extend
from symfold.api import ELSEWHERE

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


@pytest.mark.parametrize(
    "module, name, hint",
    [
        (sf, "cross_entropi", "did you mean sf.losses.cross_entropy?"),
        (sf, "ShapError", "did you mean sf.errors.ShapeError?"),
        (sf, "graph", "write net.graph(...)"),
        (sf, "compile", "write net.compile(...)"),
        (sf, "expr", "write net.expr"),
        (sf.mappers, "resid", "did you mean sf.mappers.residual?"),
        (sf.mappers, "resnet", "did you mean sf.mappers.residual?"),
        (sf, "Relu", "did you mean sf.relu?"),
        (sf, "conv", "did you mean sf.convolution?"),
        (sf, "qqq", "dir(sf) lists its names"),
        (sf.losses, "cross_entropie", "did you mean sf.losses.cross_entropy?"),
        (sf.losses, "zzz", "its names: absolute_error, binary_cross_entropy, cross_entropy, huber, l1, l2, mean_squared_error, poisson, squared_error"),
        (sf.optimizers, "momentun", "did you mean sf.optimizers.momentum?"),
        (sf.errors, "ShapError", "did you mean sf.errors.ShapeError?"),
        (sf.export, "to_dot", "did you mean sf.export.to_text?"),
        (sf.experiments, "by_strenght", "did you mean sf.experiments.by_strength?"),
        (extend, "primitve", "did you mean symfold.extend.primitive?"),
    ],
)
def test_a_missing_name_names_the_closest_one(module: types.ModuleType, name: str, hint: str) -> None:
    with pytest.raises(AttributeError, match=re.escape(f"has no name {name!r} ({hint})")):
        getattr(module, name)


def test_completion_shows_no_tables_and_no_imports() -> None:
    for module in (sf.mappers, sf.export, extend):
        assert not [name for name in dir(module) if (name.isupper() and name != "STEP") or name in ("np", "sp", "Any")]
    assert "primitive" in dir(extend) and "residual" in sf.mappers.MAPPERS and "dot" in sf.export.EXPORTS


def test_a_process_that_only_reads_a_pickle_has_all_methods_of_nets_and_nodes() -> None:
    x = sf.tensor("x")
    net = sf.fold(sf.mappers.residual, sf.layers("f1:3"), x)
    read = "import pickle, sys; net, x = pickle.load(sys.stdin.buffer); print(net.formula(), net + x, x * 2, sep='; ')"
    printed = subprocess.run([sys.executable, "-c", read], input=pickle.dumps((net, x)), capture_output=True, check=True).stdout
    assert printed.decode() == f"{net.formula()}; {net + x}; {x * 2}\n"


def test_every_public_module_is_among_them() -> None:
    public = {name: getattr(sf, name) for name in dir(sf)}
    assert {name: value for name, value in public.items() if isinstance(value, types.ModuleType)} == {**MODULES, "extend": sf.extend}


def test_functions_say_what_they_are_and_errors_of_calls_name_the_method() -> None:
    assert "hyperbolic tangent" in str(sf.tanh.__doc__) and "sigmoid" not in str(sf.tanh.__doc__)
    net = sf.fold(sf.mappers.residual, sf.layers("f1:3"), sf.tensor("x"))
    with pytest.raises(TypeError, match=r"net\.compile has no argument 'stile' .its arguments: backend, dtype"):
        net.compile(stile=1)
    with pytest.raises(TypeError, match=r"comparison\.to_html has no argument 'stile' .its arguments: path"):
        sf.compare(net, net).to_html(stile=1)


PUBLIC = {
    f"{module.__name__.removeprefix('symfold').lstrip('.') or 'sf'}.{name}": getattr(module, name)
    for module in (sf, sf.losses, sf.mappers, sf.experiments, sf.export, sf.optimizers)
    for name in sorted(dir(module))
    if inspect.isfunction(getattr(module, name)) or getattr(module, name) in (sf.Net, sf.Layer, sf.Layers, sf.Normal, sf.EarlyStopping, sf.relu)
}
METHODS = {f"net.{name}": getattr(sf.Net.of(sf.tensor("x")), name) for name in ["at", "bind", "compile", "diagram", "draw", "formula", "graph", "init", "lambdify", "record", "summary", "to_code", "to_json", "to_sympy"]}


@pytest.mark.parametrize("name, function", [*PUBLIC.items(), *METHODS.items()], ids=[*PUBLIC, *METHODS])
def test_a_misspelled_keyword_is_an_error_of_symfold(name: str, function: typing.Any) -> None:
    parameters = inspect.signature(function).parameters.values()
    own = [each.name for each in parameters if each.kind in (each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY)]
    if name == "sf.explore":
        pytest.importorskip("anywidget")
    with pytest.raises(sf.SymfoldError) as caught:
        function(misspelled=1)
    frames = [Path(frame.filename) for frame in traceback.extract_tb(caught.value.__traceback__)]
    assert len(frames) <= 2 and frames[0] == Path(__file__)  # the call, and the boundary
    if any(each.kind is each.VAR_KEYWORD for each in parameters):
        return
    assert isinstance(caught.value, TypeError) and "has no argument 'misspelled'" in str(caught.value)
    assert all(word in str(caught.value) for word in own[:3])
    if own:
        with pytest.raises(TypeError, match=f"has no argument '{own[0]}x' .did you mean '{own[0]}'|has no argument '.x'"):
            function(**{own[0] + "x": 1})


def test_an_error_keeps_the_frames_of_the_users_functions_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def mapper(z, f):  # type: ignore[no-untyped-def]
        return f + z

    def frames() -> list[str]:
        with pytest.raises(sf.errors.InvalidType, match="a layer of the fold is a function") as caught:
            sf.fold(mapper, sf.layers("f1:4"), sf.tensor("x"))
        return [frame.name for frame in traceback.extract_tb(caught.value.__traceback__)]

    assert frames() == ["frames", "call", "mapper"]
    monkeypatch.setenv("SYMFOLD_DEBUG", "1")
    assert len(frames()) > 5


def test_a_type_error_of_a_users_function_is_left_alone() -> None:
    def mapper(z, f):  # type: ignore[no-untyped-def]
        return f(z, colour=1)

    with pytest.raises(TypeError, match="colour") as caught:
        sf.fold(mapper, [lambda z: z], sf.tensor("x"))
    assert not isinstance(caught.value, sf.SymfoldError)


@pytest.mark.parametrize("name, written", ELSEWHERE.items())
def test_names_of_other_packages_give_the_call_of_this_one(name: str, written: str) -> None:
    net = sf.fold(sf.mappers.residual, sf.layers("f1:3", sf.dense(2, 2)), sf.tensor("x", (1, 2)))
    for owner in (net,) if importlib.util.find_spec(f"symfold.{name}") else (sf, net):  # symfold.show is a package
        with pytest.raises(sf.errors.UnknownName, match=rf"has no (name )?'{name}' \(write {re.escape(written)}\)"):
            getattr(owner, name)
    for place in re.findall(r"(?:sf|net)(?:\.\w+)+", written):  # what it names is there
        owner, *path = place.split(".")
        functools.reduce(getattr, path, {"sf": sf, "net": net}[owner])


@pytest.mark.parametrize("name, written", [("fit", "sf.fit(loss, params, data, "), ("layers", "net.summary()"), ("compare", "sf.compare(net, other)"), ("lesion", "sf.lesion(net, layers)"), ("paths", "sf.paths(net)"), ("to_onnx", "sf.to_onnx(net, path)"), ("dense", "sf.dense(inputs, outputs)")])
def test_a_net_asked_for_a_function_gives_the_whole_call(name: str, written: str) -> None:
    with pytest.raises(sf.errors.UnknownName, match=rf"a net has no '{name}' \(write {re.escape(written)}"):
        getattr(sf.Net.of(sf.tensor("x")), name)


def test_the_citation_names_this_version() -> None:
    assert f"\nversion: {sf.__version__}\n" in (Path(__file__).parent.parent / "CITATION.cff").read_text()
