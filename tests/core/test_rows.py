"""The laws of the table of primitives, at the examples of every row: a new row is tested without a new test."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

import symfold as sf
from symfold.analysis.jacobians import probes  # noqa: F401 - its row is in the table as well
from symfold.analysis.jacobians.affine import is_affine
from symfold.compute.backends.table import installed
from symfold.core.leaves import tensor
from symfold.core.net import Net
from symfold.core.nodes import Node
from symfold.core.primitives import PRIMITIVES, Apply, Primitive, primitive
from symfold.transform.inlining import body_of

NO_NUMBERS = {"pullback", "directional", "opaque"}  # known by name alone
EXAMPLES = [(row, *example) for row in PRIMITIVES.values() for example in row.examples]
IDS = [f"{row.name}-{k}" for row in PRIMITIVES.values() for k in range(len(row.examples))]
every_row = pytest.mark.parametrize("row, shapes, attributes", EXAMPLES, ids=IDS)
BACKENDS = installed()


def values_of(row: Primitive, shapes: Any, seed: int = 0) -> list[Any]:
    """Numbers for the arguments: whole ones below the size of the table where a row asks for them."""
    random = np.random.default_rng(seed)
    kinds = (*row.dtypes, *["real"] * len(shapes))
    return [random.integers(0, shapes[k - 1][0], shape) if kind == "whole" else random.normal(size=shape) for k, (shape, kind) in enumerate(zip(shapes, kinds, strict=False))]


def node_of(row: Primitive, shapes: Any, attributes: Any) -> Node:
    return row(*(tensor(f"a{k}", shape) for k, shape in enumerate(shapes)), **attributes)


def numbers(row: Primitive, values: Any, attributes: Any) -> Any:
    return Apply(row, tuple(sorted(attributes.items()))).evaluate(*values)


def named(values: Any) -> dict[str, Any]:
    return {f"a{k}": value for k, value in enumerate(values)}


def test_every_row_has_examples() -> None:
    assert {name for name, row in PRIMITIVES.items() if not row.examples} == NO_NUMBERS | {name for name in PRIMITIVES if name.endswith("_test")}


@every_row
def test_the_shape_is_that_of_the_numbers(row: Any, shapes: Any, attributes: Any) -> None:
    assert node_of(row, shapes, attributes).shape == numbers(row, values_of(row, shapes), attributes).shape


@every_row
@pytest.mark.parametrize("backend", BACKENDS)
def test_every_backend_has_the_numbers_of_the_row(row: Any, shapes: Any, attributes: Any, backend: str) -> None:
    values, net = values_of(row, shapes), Net.of(node_of(row, shapes, attributes))
    wanted = numbers(row, values, attributes)
    try:
        found = net.compile(backend)({}, **named(values))
    except sf.errors.NoRule as error:
        assert backend == "native" and row.body is None and repr(row.name) in str(error)
        assert net.compile("auto").backend == "numpy"  # which falls back
        return
    np.testing.assert_allclose(found, wanted, rtol=1e-13, atol=1e-14)
    narrow = net.compile(backend, "float32")({}, **named(values))
    assert narrow.dtype == np.float32
    np.testing.assert_allclose(narrow, wanted, rtol=1e-5, atol=1e-5)


@every_row
def test_pytorch_has_the_numbers_and_the_slopes_of_the_row(row: Any, shapes: Any, attributes: Any) -> None:
    torch = pytest.importorskip("torch")
    values = values_of(row, shapes)
    module = sf.to_torch(Net.of(node_of(row, shapes, attributes)), {})
    given = [torch.tensor(value, requires_grad=value.dtype.kind == "f") for value in values]
    result = module(*given)
    np.testing.assert_allclose(result.detach().numpy(), numbers(row, values, attributes), rtol=1e-12, atol=1e-13)
    places = row.carries(len(shapes))
    if places and result.requires_grad:
        weights = np.random.default_rng(1).normal(size=result.shape)
        (result * torch.tensor(weights)).sum().backward()
        slopes = gradient(row, shapes, attributes, values, weights)
        for k in places:
            np.testing.assert_allclose(given[k].grad.numpy(), slopes[f"a{k}"], rtol=1e-10, atol=1e-11)


@every_row
def test_the_body_has_the_numbers_of_the_row(row: Any, shapes: Any, attributes: Any) -> None:
    if row.body is not None:
        node, values = node_of(row, shapes, attributes), values_of(row, shapes)
        body = body_of(node.op, node.args)
        assert body.shape == node.shape
        net = Net.of(body)  # which need not read an argument of which the row reads the shape
        given = {node.op.name: named(values)[node.op.name] for node in net.inputs}
        np.testing.assert_allclose(net(**given), numbers(row, values, attributes), rtol=1e-13, atol=1e-14)


def gradient(row: Any, shapes: Any, attributes: Any, values: Any, weights: Any) -> dict[str, Any]:
    loss = Net.of((node_of(row, shapes, attributes) * weights).sum())
    result: dict[str, Any] = sf.grad(loss, wrt=[f"a{k}" for k in range(len(shapes))])(**named(values))
    return result


@every_row
def test_the_adjoint_is_that_of_finite_differences(row: Any, shapes: Any, attributes: Any) -> None:
    """Of every argument: what is whole or read for its shape alone has none, whatever it is."""
    values = values_of(row, shapes)
    weights = np.random.default_rng(1).normal(size=numbers(row, values, attributes).shape)
    slopes = gradient(row, shapes, attributes, values, weights)
    for k, value in enumerate(values):
        assert slopes[f"a{k}"].shape == value.shape
        if k not in row.carries(len(values)) or row.flat:
            if row.name not in ("tap", "stop_gradient"):  # these say that a slope is there, or is not
                np.testing.assert_array_equal(slopes[f"a{k}"], np.zeros(value.shape))
            continue
        direction, step = np.random.default_rng(2).normal(size=value.shape), 1e-6
        ahead, behind = (np.sum(weights * numbers(row, [*values[:k], value + sign * step * direction, *values[k + 1 :]], attributes)) for sign in (1, -1))
        np.testing.assert_allclose(np.sum(slopes[f"a{k}"] * direction), (ahead - behind) / (2 * step), rtol=1e-6, atol=1e-7)


@every_row
def test_of_arguments_read_for_their_shape_the_numbers_do_not_matter(row: Any, shapes: Any, attributes: Any) -> None:
    values, others = values_of(row, shapes), values_of(row, shapes, seed=3)
    wanted = numbers(row, values, attributes)
    for k in row.shape_only:
        np.testing.assert_array_equal(numbers(row, [*values[:k], others[k], *values[k + 1 :]], attributes), wanted)
    carried = [k for k in range(len(values)) if k not in row.shape_only]
    for k in carried:  # and those of the others do
        changed = numbers(row, [*values[:k], others[k], *values[k + 1 :]], attributes)
        assert not np.array_equal(changed, wanted) or row.name in ("at_max",)


@every_row
def test_linear_in_what_the_row_says(row: Any, shapes: Any, attributes: Any) -> None:
    """F(a + 2 b) = F(a) + 2 F(b) in every group of arguments; and in no other."""
    node = node_of(row, shapes, attributes)
    values, others = values_of(row, shapes), values_of(row, shapes, seed=3)

    def at(group: Any, first: float, second: float) -> Any:
        return numbers(row, [first * a + second * b if k in group else a for k, (a, b) in enumerate(zip(values, others, strict=True))], attributes)

    groups = node.op.groups(len(shapes))
    for group in groups:
        np.testing.assert_allclose(at(group, 1, 2), at(group, 1, 0) + 2 * at(group, 0, 1), rtol=1e-12, atol=1e-12)
    linear = {k for group in groups for k in group}
    for k in set(row.carries(len(shapes))) - linear:
        assert not np.allclose(at((k,), 1, 2), at((k,), 1, 0) + 2 * at((k,), 0, 1))


@every_row
def test_affine_where_its_numbers_are(row: Any, shapes: Any, attributes: Any) -> None:
    values, others = values_of(row, shapes), values_of(row, shapes, seed=3)
    for k in row.carries(len(shapes)):
        layer = sf.layer("f", lambda z, k=k: row(*[*values[:k], z, *values[k + 1 :]], **attributes))
        call = layer(tensor("z", shapes[k])).op
        steps = [numbers(row, [*values[:k], values[k] + step * others[k], *values[k + 1 :]], attributes) for step in (-1, 0, 1)]
        even = np.allclose(steps[0] + steps[2], 2 * steps[1], rtol=1e-10, atol=1e-10)
        assert is_affine(call.body, 1, 0) == even, (k, even)


@every_row
def test_the_series_is_that_of_the_numbers(row: Any, shapes: Any, attributes: Any) -> None:
    """In the strength of layers that give the arguments: the first two coefficients by differences of the numbers."""
    places, values = row.carries(len(shapes)), values_of(row, shapes)
    layers = {k: sf.layer(f"f{k}", lambda z, c=k + 1: np.sin(c * z)) for k in places}
    x = {k: tensor(f"x{k}", shapes[k]) for k in places}
    node = row(*(x[k] + layers[k](x[k]) if k in places else value for k, value in enumerate(values)), **attributes)

    def at(epsilon: float) -> Any:
        moved = [value + epsilon * np.sin((k + 1) * value) if k in places else value for k, value in enumerate(values)]
        result = numbers(row, moved, attributes)
        return result if epsilon == 0 else result[np.isfinite(result)]

    given = {f"x{k}": values[k] for k in places}
    try:
        coefficients = sf.series(Net.of(node), order=2).evaluate({}, **given)
    except sf.errors.NoRule:
        assert not places or row.name in ("norm",), "a row that is linear, or has a body, has a series"
        return
    h, finite = 1e-4, np.isfinite(at(0))
    np.testing.assert_array_equal(finite, np.isfinite(coefficients[0]))
    coefficients = [np.broadcast_to(coefficient, finite.shape)[finite] for coefficient in coefficients]
    start = at(0)[finite]
    np.testing.assert_allclose(coefficients[0], start, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(coefficients[1], (at(h) - at(-h)) / (2 * h), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(coefficients[2], (at(h) - 2 * start + at(-h)) / (2 * h * h), rtol=1e-4, atol=1e-4)


@every_row
def test_a_path_leads_through_each_argument_that_has_a_slope(row: Any, shapes: Any, attributes: Any) -> None:
    places, values = row.carries(len(shapes)), values_of(row, shapes)
    x = tensor("x")
    kinds = (*row.dtypes, *["real"] * len(shapes))
    layers = [sf.layer(f"f{k}") for k in range(len(shapes))]
    args = [sf.layer(f"g{k}", lambda z, s=shape: np.broadcast_to(z, s))(layers[k](x)) if kinds[k] == "real" else value for k, (shape, value) in enumerate(zip(shapes, values, strict=True))]
    polynomial = sf.paths(Net.of(row(*args, **attributes) + 0 * x)).polynomial
    t = sf.paths(Net.of(sf.layer("f")(x))).polynomial
    assert (polynomial - 1 - len(places) * t**2).expand() == 0


@every_row
def test_json_pickle_and_formulas_keep_the_row(row: Any, shapes: Any, attributes: Any) -> None:
    node = node_of(row, shapes, attributes)
    net = Net.of(node)
    assert sf.from_json(net.to_json()) == net == pickle.loads(pickle.dumps(net))
    assert all(sf.formula(net, style=style) for style in ("text", "unicode", "latex", "mathml"))
    assert len(net.graph(level="primitive"))


def test_a_name_that_is_taken_is_refused() -> None:
    with pytest.raises(sf.errors.InvalidValue, match=r"the name 'max' is taken by a primitive of symfold\.core\.primitives\.reductions"):
        primitive("max", lambda a: a)
    assert PRIMITIVES["max"].examples


def test_a_degree_adds_up_over_the_groups_that_a_row_is_linear_in() -> None:
    q = sf.tensor("q", (3, 3))
    assert [sf.degree(Net.of(value)) for value in (q @ q, np.einsum("ij,jk->ik", q, q), q.sum(), np.cumsum(q))] == [2, 2, 1, 1]
    for value in (np.max(q), np.linalg.norm(q), sf.softmax(q)):
        with pytest.raises(sf.errors.NoRule, match="is not a polynomial"):
            sf.degree(Net.of(value))
