"""Extending from outside: docs/howto/extend.md adds one row of each kind, and every query answers for nets that use them."""

import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import pytest
import sympy as sp
from pages import DOCS, cells, run

import symfold as sf
from symfold import extend
from symfold.compute.backends.table import installed
from symfold.errors import InvalidValue, NoRule
from symfold.training.step.training_step import training_step

SECTIONS = (DOCS / "howto/extend.md").read_text("utf-8").split("\n## ")[1:]
X = sf.tensor("x", (None, 3))
TARGET = sf.tensor("target", (None, 3))


@pytest.fixture(scope="module")
def page() -> Iterator[tuple[dict[str, Any], list[Any]]]:
    """The names and the answers of the page, its code run once; what it adds is taken out at the end."""
    names: dict[str, Any] = {}
    with extend.temporary():
        answers = list(run("howto/extend.md", names))
        yield names, answers


@pytest.fixture
def added(page: tuple[dict[str, Any], list[Any]]) -> dict[str, Any]:
    return page[0]


def test_the_answers_of_the_page(page: tuple[dict[str, Any], list[Any]]) -> None:
    _, (running, warm, weights, printed, loss, trains, shape, successors, code, longest) = page
    assert running.tolist() == [1, 3, 6]
    assert warm == round(0.5 * np.logaddexp(2, 0), 4)
    assert weights == ["W1", "W2", "W3"]
    assert printed is None and str(sf.fold(sf.mappers.damped, sf.layers("f1:3"), sf.tensor("x"))) == "z1 = x + 0.9*f1(x)\nz2 = z1 + 0.9*f2(z1)"
    assert loss == 3.5 and trains and shape == (3, 3)
    assert successors == ["f1", "z1"] and code == "return 1 + gamma(x)" and longest == 3


def layers(kind: Any = None) -> Any:
    return sf.layers("f1:4", sf.dense(3, 3, sf.tanh) if kind is None else kind)


NETS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "primitive": lambda names: sf.fold(lambda z, f: names["running_sum"](f(z), backward=False) + z, layers(), X),
    "function": lambda names: sf.fold(lambda z, f: names["warm"](f(z), 0.5) + z, layers(), X),
    "layer kind": lambda names: sf.fold(sf.mappers.residual, layers(names["linear"]), X),
    "mapper": lambda names: sf.fold(sf.mappers.damped, layers(), X),
    "loss": lambda names: sf.losses.hinge(sf.fold(sf.mappers.residual, layers(), X), TARGET),
}


@pytest.fixture(params=NETS)
def net(request: pytest.FixtureRequest, added: dict[str, Any]) -> sf.Net:
    return NETS[request.param](added)


def values_of(net: sf.Net) -> dict[str, Any]:
    random = np.random.default_rng(0)
    return {node.op.name: random.normal(size=(4, 3)) for node in net.inputs}


def test_each_section_is_at_most_fifteen_lines() -> None:
    assert len(SECTIONS) == 10
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


def test_gradients_of_an_added_backend(net: sf.Net) -> None:
    loss = net if net.shape == () else sf.squared_error(net, TARGET)
    params, values = net.init(seed=0), values_of(loss)
    both = sf.value_and_grad(loss)
    value, gradients = both.compile(backend="interpreted")(params, **values)
    expected, expected_gradients = both(params, **values)
    assert np.allclose(value, expected) and gradients.keys() == expected_gradients.keys()
    assert all(np.allclose(gradients[name], expected_gradients[name]) for name in gradients)


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
    fitted = sf.fit(loss, params, {"target": target}, optimizer=sf.optimizers.unbiased_rmsprop(rate=0.1), epochs=3)
    value, average = params["w"].copy(), np.zeros((2, 3))
    for step in range(1, 4):
        slope = 2 * (value - target)
        average = 0.9 * average + 0.1 * slope**2
        value = value - 0.1 * slope / (np.sqrt(average / (1 - 0.9**step)) + 1e-8)
    assert np.allclose(fitted.params["w"], value, rtol=1e-12)


def test_a_training_step_of_an_added_optimizer_is_a_net(added: dict[str, Any]) -> None:
    net = sf.fold(sf.mappers.residual, layers(), X)
    step = training_step(sf.squared_error(net, TARGET), sf.optimizers.unbiased_rmsprop())
    assert sf.from_json(step.to_json()) == step and "steps_W1" in {p.op.name for p in step.params}


def test_a_name_that_is_taken_or_cannot_be_written_is_refused() -> None:
    with pytest.raises(InvalidValue, match="mapper 'residual' exists already"):
        extend.mapper("residual", lambda z, f: f(z))
    with pytest.raises(InvalidValue, match="is not a name for a loss"):
        extend.loss("mean error", lambda y, t: y - t)
    with pytest.raises(InvalidValue, match="name 'paths' is taken"):

        @extend.analysis
        def paths(net: Any) -> int:
            return 0


def test_an_added_mapper_is_listed(added: dict[str, Any]) -> None:
    from symfold.apps.command.tables import mappers

    assert "damped" in dir(sf.mappers) and "damped" in {row["name"] for row in mappers()}


def test_additions_end_with_their_context() -> None:
    with extend.temporary():
        extend.mapper("briefly", lambda z, f: f(z))
        assert "briefly" in dir(sf.mappers)
    assert "briefly" not in dir(sf.mappers)


@pytest.fixture
def scratch() -> Iterator[None]:
    with extend.temporary():
        yield


ROW = sf.tensor("x", (3,))


def identity(shape: Any) -> Any:
    return shape


def function_class(name: str, **facts: Any) -> Any:
    return type(name, (sp.Function,), facts)


@pytest.mark.usefixtures("scratch")
def test_two_definitions_of_one_primitive_are_never_equal() -> None:
    first = sf.Net.of(extend.primitive("scale", identity, lambda xp, a: a)(ROW))
    second = sf.Net.of(extend.primitive("scale", identity, lambda xp, a: 2 * a)(ROW))
    assert first != second and sf.verdict(first, second).text.startswith("different")
    for net, factor in ((first, 1), (second, 2)):
        assert net([1.0, 2.0, 3.0]).tolist() == net.compile()([1.0, 2.0, 3.0]).tolist() == [factor, 2 * factor, 3 * factor]
    assert pickle.loads(pickle.dumps(second)) == second == sf.from_json(second.to_json())


@pytest.mark.usefixtures("scratch")
def test_two_classes_of_one_name_are_different_functions() -> None:
    first, second = (sf.Net.of(extend.function(function_class("scaled_by", nargs=1), numbers)(ROW)) for numbers in (lambda xp, z: 1 * z, lambda xp, z: 2 * z))
    assert first != second and sf.verdict(first, second).text.startswith("different")
    assert (first([1.0, 2.0, 3.0]).tolist(), second([1.0, 2.0, 3.0]).tolist()) == ([1, 2, 3], [2, 4, 6])
    with pytest.raises(InvalidValue, match="the class tanh has a row already"):
        extend.function(sp.tanh)


@pytest.mark.usefixtures("scratch")
def test_a_cell_that_runs_twice_defines_its_names_again() -> None:
    for _ in range(2):
        extend.mapper("again", lambda z, f: f(z))
        extend.loss("again", lambda y, t: np.sum(y - t))
        extend.optimizer("again", lambda w, g: (w - g,))
        extend.exporter("again", lambda net, level: "", ".again")
        extend.analysis(again)
        extend.backend(extend.Backend("again", again))


def again(net: Any, *rest: Any) -> Any:
    return 1


REFUSED: dict[str, tuple[Callable[[], object], str]] = {
    "a primitive named 3": (lambda: extend.primitive(3, identity), "3 of type int is not a name for a primitive"),
    "a linear text": (lambda: extend.primitive("new", identity, linear="none"), "linear='none' is not a tuple of positions of its 1 argument, 'all together'"),
    "a linear number": (lambda: extend.primitive("new", identity, linear=0), "linear=0 is not a tuple"),
    "a position that is not there": (lambda: extend.primitive("new", identity, linear=(7,)), r"linear=\(7,\) is not a tuple"),
    "a shape that is not there": (lambda: extend.primitive("new", identity, shape_only=(1,)), r"shape_only=\(1,\) is not a tuple"),
    "an unknown kind": (lambda: extend.primitive("new", identity, dtypes=("integer",)), "each one of 'real', 'whole', 'truth', 'name'"),
    "a misspelt fact": (lambda: extend.primitive("new", identity, liner=(0,)), r"no fact 'liner' \(did you mean 'linear'\? its facts: linear, "),
    "numbers that are a number": (lambda: extend.primitive("new", identity, 3), "numbers=3 is not callable"),
    "a function of Python's": (lambda: extend.function(int), "is not a SymPy class"),
    "a slope too few": (lambda: extend.function(function_class("new", nargs=2), slopes=(lambda a, b: a,)), "takes 2 arguments, and has 1 slope "),
    "a misspelt fact of a function": (lambda: extend.function(function_class("new"), slops=()), "did you mean 'slopes'"),
    "a body that is a number": (lambda: extend.layer_kind(3), "the body 3 of a layer kind is not callable"),
    "a mapper that is a number": (lambda: extend.mapper("new", 3), "step=3 is not callable"),
    "a mapper named 3": (lambda: extend.mapper(3, again), "3 of type int is not a name for a mapper"),
    "a mapper with a factory": (lambda: extend.mapper("euler", again), "mapper 'euler' exists already|name 'euler' is taken"),
    "an architecture": (lambda: extend.mapper("unet", again), "name 'unet' is taken"),
    "a name of the module": (lambda: extend.mapper("MAPPERS", again), "name 'MAPPERS' is taken"),
    "a keyword": (lambda: extend.mapper("class", again), "'class' is not a name for a mapper .it is a keyword"),
    "a private name": (lambda: extend.mapper("__x", again), "'__x' is not a name for a mapper .it is private"),
    "a loss that is a number": (lambda: extend.loss("new", 3), "rule=3 is not callable"),
    "slots in one text": (lambda: extend.optimizer("new", again, "velocity"), "slots='velocity' is not a tuple of names"),
    "a rule without slots": (lambda: extend.optimizer("new", lambda w, g: (w,), ("v",)), "must take the parameter, its gradient, 1 slot and"),
    "a backend that is there": (lambda: extend.backend(extend.Backend("numpy", again)), "backend 'numpy' exists already"),
    "a backend named auto": (lambda: extend.backend(extend.Backend("auto", again)), "name 'auto' is taken"),
    "a backend named 3": (lambda: extend.backend(extend.Backend(3, again)), "3 of type int is not a name for a backend"),
    "a program that is a number": (lambda: extend.backend(extend.Backend("new", 3)), "program=3 is not callable"),
    "a suffix that is taken": (lambda: extend.exporter("new", again, ".json"), "suffix '.json' is that of the format"),
    "a suffix in capitals": (lambda: extend.exporter("new", again, ".XYZ"), "'.XYZ' is not a suffix"),
    "an analysis that is a number": (lambda: extend.analysis(3), "question=3 is not callable"),
    "a layer that is a number": (lambda: extend.is_layer(3), "3 of type int is not a node"),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_what_a_row_cannot_be_is_refused_in_words(what: str) -> None:
    tables = [dict(table) for table in extend.TABLES]
    call, message = REFUSED[what]
    with pytest.raises(sf.SymfoldError, match=message):
        call()
    assert tables == list(extend.TABLES), "a refused row leaves nothing behind"


@pytest.mark.parametrize("name", ["extend", "core", "show", "Any", "formula", "__doc__"])
def test_an_analysis_takes_no_name_of_symfold(name: str) -> None:
    def question(net: Any) -> int:
        return 1

    question.__name__ = name
    with pytest.raises(InvalidValue, match=f"'{name}' is (taken|not a name for an? analysis)"):
        extend.analysis(question)


@pytest.mark.usefixtures("scratch")
@pytest.mark.parametrize("given", [[3], None, (2.0,), (-1,), (True,)])
def test_a_shape_rule_gives_a_tuple_of_sizes(given: Any) -> None:
    with pytest.raises(InvalidValue, match=r"the shape rule of the primitive 'new' gave .* not a tuple of sizes"):
        extend.primitive("new", lambda shape: given)(ROW)


@pytest.mark.usefixtures("scratch")
@pytest.mark.parametrize("adjoint, message", [
    (lambda node, bar: [bar], r"a cotangent of shape \(\) for argument 0 of shape \(3,\)"),
    (lambda node, bar: bar, "which is not a list of 1 cotangent"),
    (lambda node, bar: [bar, bar], "which is not a list of 1 cotangent"),
    (lambda node, bar: [1.0], "gave 1.0 for argument 0"),
])  # fmt: skip
def test_an_adjoint_gives_a_value_of_its_shape_per_argument(adjoint: Any, message: str) -> None:
    total = extend.primitive("total", lambda shape: (), lambda xp, a: xp.sum(a), adjoint)
    with pytest.raises(sf.SymfoldError, match=f"the adjoint of the primitive 'total' gave .*{message}|{message}"):
        sf.grad(sf.Net.of(total(ROW)), wrt=["x"])


@pytest.mark.usefixtures("scratch")
@pytest.mark.parametrize("rule, slots, message", [
    (lambda w, g: (np.sum(w),), (), r"a value of shape \(\) for the parameter of shape \(2, 3\)"),
    (lambda w, g, v: (w - g,), ("v",), "not a tuple of 2 values .give the next value of the parameter, the slot 'v'"),
    (lambda w, g: w - g, (), "not a tuple of 1 value"),
    (lambda w, g, v: (w - g, w), (extend.PerParameter("v"),), r"shape \(2, 3\) for the slot 'v' of shape \(1, 1\)"),
])  # fmt: skip
def test_an_optimizer_gives_the_shape_of_a_weight_and_a_value_per_slot(rule: Any, slots: Any, message: str) -> None:
    loss = sf.squared_error(sf.Net.of(sf.parameter("w", (2, 3))), sf.tensor("target", (2, 3)))
    with pytest.raises(InvalidValue, match=message):
        training_step(loss, extend.optimizer("new", rule, slots)())


@pytest.mark.usefixtures("scratch")
def test_a_loss_of_further_inputs_takes_them_by_position_or_name() -> None:
    weighted = extend.loss("weighted", lambda y, t, w, scale=1: scale * np.sum(w * (y - t) ** 2))
    y, t, w = (sf.tensor(name, (3,)) for name in "ytw")
    values = {"y": [1.0, 2.0, 3.0], "t": np.zeros(3), "w": [1.0, 0.0, 1.0]}
    assert weighted(sf.Net.of(y), t, w=w, scale=2)(**values) == 20 and weighted(y, t, sf.Net.of(w))(**values) == 10
    with pytest.raises(sf.SymfoldError, match="the loss weighted takes y, t, w, scale=1, got 2 values"):
        weighted(y, t)


@pytest.mark.usefixtures("scratch")
def test_a_function_without_a_derivative_asks_for_slopes() -> None:
    power = extend.function(function_class("power_of_two", nargs=1), composition=lambda z: z * z)
    with pytest.raises(NoRule, match=r"power_of_two.*give its row `slopes`"):
        sf.grad(sf.Net.of(power(sf.tensor("x"))), wrt=["x"])


@pytest.mark.usefixtures("scratch")
def test_an_added_analysis_is_a_name_of_symfold() -> None:
    extend.analysis(again)
    assert "again" in dir(sf)
    with pytest.raises(AttributeError, match=r"write sf\.again\(net\)"):
        sf.Net.of(ROW).again  # noqa: B018
    with pytest.raises(AttributeError, match=r"did you mean sf\.again"):
        sf.agein  # noqa: B018


@pytest.mark.usefixtures("scratch")
def test_a_wrong_number_of_arguments_is_refused_by_name() -> None:
    free = extend.function(function_class("free"), lambda xp, z: z)
    row = extend.primitive("one", identity, lambda xp, a: a)
    with pytest.raises(sf.errors.InvalidType, match="tanh takes 1 argument, got 2"):
        sf.tanh(ROW, ROW)
    with pytest.raises(sf.errors.InvalidType, match="free does not take 2 arguments"):
        free(ROW, ROW)
    with pytest.raises(sf.errors.InvalidType, match="primitive 'one' does not take 2 arguments"):
        row(ROW, ROW)


def test_series_of_primitives_that_are_linear_in_some_arguments() -> None:
    x, f = sf.tensor("x"), sf.layers("f1:3")
    with extend.temporary():
        gate = extend.primitive("gate", lambda g, a: a, lambda xp, g, a: xp.tanh(g) * a, linear=(1,))
        scaled = extend.primitive("scaled", lambda a, axis: a, lambda xp, a, axis: a / 2, linear=(0,))
        assert str(sf.series(sf.fold(lambda z, f: gate(x, f(z)), f, x), 1)) == "epsilon*gate(x, f2(0)) + O(epsilon**2)"
        assert str(sf.series(sf.fold(lambda z, f: scaled(f(z), axis=-1), f, x), 1)) == "epsilon*scaled(f2(0), axis=-1) + O(epsilon**2)"
        with pytest.raises(NoRule, match=r"'gate' .* argument 0 depends on layers, and its row says that it is linear in argument 1 only"):
            sf.series(sf.fold(lambda z, f: gate(f(z), f(z)), f, x), 1).coefficient(1)


def test_an_interpreter_without_a_method_says_which_to_define() -> None:
    class Depth(extend.Interpreter):
        def leaf(self, node: Any) -> int:
            return 0

    with pytest.raises(sf.errors.NoRule, match=r"Depth has no meaning for f\(z\) \(define its method 'apply'\)"):
        Depth().run(sf.fold(sf.mappers.residual, sf.layers("f1:3"), sf.tensor("x")).outputs)
