"""Extending from outside: docs/extending.md adds one row of each kind, and every query answers for nets that use them."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import pytest
from pages import DOCS, cells, run

import symfold as sf
from symfold import extend
from symfold.compute.backends.table import installed
from symfold.errors import InvalidValue, NoRule
from symfold.training.training_step import training_step

SECTIONS = (DOCS / "extending.md").read_text("utf-8").split("\n## ")[1:]
X = sf.tensor("x", (None, 3))
TARGET = sf.tensor("target", (None, 3))


@pytest.fixture(scope="module")
def page() -> Iterator[tuple[dict[str, Any], list[Any]]]:
    """The names and the answers of the page, its code run once; what it adds is taken out at the end."""
    names: dict[str, Any] = {}
    with extend.temporary():
        answers = list(run("extending.md", names))
        yield names, answers


@pytest.fixture
def added(page: tuple[dict[str, Any], list[Any]]) -> dict[str, Any]:
    return page[0]


def test_the_answers_of_the_page(page: tuple[dict[str, Any], list[Any]]) -> None:
    _, (running, warm, weights, printed, loss, trains, zeros, successors, longest) = page
    assert running.tolist() == [1, 3, 6]
    assert warm == round(0.5 * np.logaddexp(2, 0), 4)
    assert weights == ["W1", "W2", "W3"]
    assert printed is None and str(sf.fold(sf.mappers.damped, sf.layers("f1:3"), sf.tensor("x"))) == "z1 = x + 0.9*f1(x)\nz2 = z1 + 0.9*f2(z1)"
    assert loss == 3 and trains and zeros.tolist() == [[0, 0, 0]]
    assert successors == ["f1", "z1"] and longest == 3


def layers(kind: Any = None) -> Any:
    return sf.layers("f1:4", sf.dense(3, 3, sf.tanh) if kind is None else kind)


NETS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "primitive": lambda names: sf.fold(lambda z, f: names["running_sum"](f(z), backward=False) + z, layers(), X),
    "function": lambda names: sf.fold(lambda z, f: names["warm"](f(z), 0.5) + z, layers(), X),
    "layer kind": lambda names: sf.fold(sf.mappers.residual, layers(names["linear"]), X),
    "mapper": lambda names: sf.fold(sf.mappers.damped, layers(), X),
    "loss": lambda names: sf.losses.absolute_error(sf.fold(sf.mappers.residual, layers(), X), TARGET),
}


@pytest.fixture(params=NETS)
def net(request: pytest.FixtureRequest, added: dict[str, Any]) -> sf.Net:
    return NETS[request.param](added)


def values_of(net: sf.Net) -> dict[str, Any]:
    random = np.random.default_rng(0)
    return {node.op.name: random.normal(size=(4, 3)) for node in net.inputs}


def test_each_section_is_at_most_fifteen_lines() -> None:
    assert len(SECTIONS) == 9
    for section in SECTIONS:
        lines = [line for cell in cells(section) for line in cell.splitlines() if line]
        assert 0 < len(lines) <= 15, section.splitlines()[0]


LAYERS_IN_STYLES = {
    "text": ("f_k(", "f3("),
    "unicode": ("fₖ(", "f₃("),
    "latex": (r"f_{k}{\left(", r"f_{3}{\left("),
    "mathml": ("<msub><mi>f</mi><mrow><mi>k</mi></mrow></msub>", "<msub><mi>f</mi><mn>3</mn></msub>"),
}


@pytest.mark.parametrize("style", LAYERS_IN_STYLES)
@pytest.mark.parametrize("form", ["fold", "steps", "expanded"])
def test_formulas(net: sf.Net, form: str, style: str) -> None:
    of_any, of_last = LAYERS_IN_STYLES[style]
    assert (of_any if form == "fold" else of_last) in net.formula(form=form, style=style)
    assert net.formula(form=form, style=style, max_ops=None)


@pytest.mark.parametrize("level", ["fold", "block", "step", "layer", "primitive"])
def test_graphs_and_pictures(net: sf.Net, level: str) -> None:
    graph = net.graph(level)
    assert nx.is_directed_acyclic_graph(nx.DiGraph(graph)) or level in ("fold", "block")
    assert net.diagram(level).source.startswith("digraph")


def test_gradients(net: sf.Net) -> None:
    loss = net if net.shape == () else sf.squared_error(net, TARGET)
    assert sf.from_json(sf.adjoint(net).to_json()) == sf.adjoint(net)
    assert sf.check_grad(loss) < 1e-4


def test_analyses(net: sf.Net) -> None:
    inputs = [node.op.name for node in net.inputs]
    assert sf.paths(net).count == 2**3 + (len(inputs) - 1)  # a target is one path more
    assert sf.cost(net).span == 3
    assert str(sf.series(net, order=1))
    assert sf.longest(net) == 3


def test_json(net: sf.Net) -> None:
    assert sf.from_json(net.to_json()) == net


@pytest.mark.parametrize("backend", ["auto", "interpreted", *installed()])
def test_numbers(net: sf.Net, backend: str) -> None:
    params, values = net.init(seed=0), values_of(net)
    try:
        found = net.compile(backend=backend)(params, **values)
    except NoRule as refused:
        assert backend == "native" and any(name in str(refused) for name in ("running_sum", "softplus_at"))
        return
    assert np.allclose(found, net(params, **values), rtol=1e-12)


def test_auto_falls_back_to_numpy_where_native_code_is_missing(added: dict[str, Any]) -> None:
    net = NETS["primitive"](added)
    assert net.compile().backend == "numpy"


def test_onnx_refuses_a_primitive_by_name(added: dict[str, Any], tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    net = NETS["primitive"](added)
    with pytest.raises(NoRule, match="running_sum"):
        sf.to_onnx(net, tmp_path / "net.onnx", net.init(seed=0), shapes={"x": (4, 3)})


def test_an_optimizer_steps_as_the_same_rule_by_hand(added: dict[str, Any]) -> None:
    w = sf.parameter("w", (2, 3))
    loss = sf.squared_error(sf.Net.of(w), sf.tensor("target", (2, 3)))
    params, target = {"w": np.full((2, 3), 2.0)}, np.arange(6.0).reshape(2, 3)
    fitted = sf.fit(loss, params, {"target": target}, optimizer=sf.optimizers.rmsprop(rate=0.1), epochs=3)
    value, average = params["w"].copy(), np.zeros((2, 3))
    for step in range(1, 4):
        slope = 2 * (value - target)
        average = 0.9 * average + 0.1 * slope**2
        value = value - 0.1 * slope / (np.sqrt(average / (1 - 0.9**step)) + 1e-8)
    assert np.allclose(fitted.params["w"], value, rtol=1e-12)


def test_a_training_step_of_an_added_optimizer_is_a_net(added: dict[str, Any]) -> None:
    net = sf.fold(sf.mappers.residual, layers(), X)
    step = training_step(sf.squared_error(net, TARGET), sf.optimizers.rmsprop())
    assert sf.from_json(step.to_json()) == step and "steps_W1" in {p.op.name for p in step.params}


def test_a_name_that_is_taken_or_cannot_be_written_is_refused() -> None:
    with pytest.raises(InvalidValue, match="mapper 'residual' exists already"):
        extend.mapper("residual", lambda z, f: f(z))
    with pytest.raises(InvalidValue, match="is not a name for a loss"):
        extend.loss("mean error", lambda y, t: y - t)
    with pytest.raises(InvalidValue, match="name 'paths' exists already"):

        @extend.analysis
        def paths(net: Any) -> int:
            return 0


def test_an_added_mapper_is_listed(added: dict[str, Any]) -> None:
    from symfold.apps.command.list import mappers

    assert "damped" in dir(sf.mappers) and "damped" in {row["name"] for row in mappers()}


def test_additions_end_with_their_context() -> None:
    with extend.temporary():
        extend.mapper("briefly", lambda z, f: f(z))
        assert "briefly" in dir(sf.mappers)
    assert "briefly" not in dir(sf.mappers)
