"""Derivatives that PyTorch and JAX form themselves of exported nets: those of the rows, of any order, in every mode.

The slopes of functions are compared with mpmath's, as on every backend; those of primitives, and second derivatives,
with the nets' own. Needs the extra `torch` or `jax`; skipped, with the reason, where it is missing.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest
import sympy as sp
from function_points import arity, points_of, special_points
from test_choice import UNREAD
from test_functions import EVERY_ROW, assert_exact, by_package, missing_points
from test_rows import EXAMPLES, IDS, named, node_of, values_of

import symfold as sf
from symfold.core.conversion import as_node
from symfold.core.functions import ROWS, Head, where
from symfold.core.nodes import Node
from symfold.core.primitives import Primitive, attention

if not (find_spec("torch") or find_spec("jax")):
    pytest.skip("neither the extra 'torch' nor 'jax' is installed", allow_module_level=True)

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*torch.jit.script.*:DeprecationWarning"),  # of forward mode in PyTorch's own code
    pytest.mark.filterwarnings("ignore:.*lru_cache.*:UserWarning"),  # of `torch.compile`, which traces cached functions anew
]
PACKAGES = pytest.mark.parametrize("package", ["torch", "jax"])


def exported(package: str, net: sf.Net) -> tuple[Any, Callable[[Any], Any]]:
    """A net of inputs alone as a function of arrays by position, and how a package makes an array; in double precision."""
    names = [node.op.name for node in net.inputs]
    if package == "torch":
        torch = pytest.importorskip("torch", reason="the extra 'torch' is not installed")
        module = sf.to_torch(net, {})
        return lambda *arrays: module(**dict(zip(names, arrays, strict=True))), lambda value: torch.tensor(np.asarray(value, float))
    jax = pytest.importorskip("jax", reason="the extra 'jax' is not installed")
    function = sf.to_jax(net)
    return lambda *arrays: function({}, **dict(zip(names, arrays, strict=True))), lambda value: jax.numpy.asarray(np.asarray(value, float))


def ways(package: str) -> dict[str, Callable[[Any], Any]]:
    """The second derivative of a function of one vector, by each pair of modes."""
    if package == "torch":
        import torch.func as f

        backward, forward = f.jacrev, f.jacfwd
    else:
        import jax

        backward, forward = jax.jacrev, jax.jacfwd
    modes = {"backward": backward, "forward": forward}
    return {f"{outer} over {inner}": lambda g, o=outer, i=inner: modes[o](modes[i](g)) for outer in modes for inner in modes}


@pytest.fixture(autouse=True)
def double_precision() -> Any:
    """JAX in double precision, if it is there."""
    try:
        import jax
    except ImportError:
        yield
        return
    with jax.enable_x64(True):
        yield


@EVERY_ROW
@PACKAGES
def test_slopes_of_functions_are_exact_everywhere(head: Head, package: str) -> None:
    pytest.importorskip(package, reason=f"the extra {package!r} is not installed")
    points = np.concatenate([points_of(head), special_points(head, "float64"), missing_points(head, "float64")])
    assert_exact(head, package, "float64", by_package(package, head, points))


@EVERY_ROW
@PACKAGES
def test_functions_that_are_not_read_change_nothing(head: Head, package: str) -> None:
    """At every point of a row, read and not read: a choice passes the slopes of what it reads on, and nothing of the rest."""
    pytest.importorskip(package, reason=f"the extra {package!r} is not installed")
    points = np.concatenate([points_of(head), special_points(head, "float64"), np.full((1, arity(head)), np.nan)])
    twice = {f"u{k}": np.concatenate([column, column]) for k, column in enumerate(points.T)}
    read = np.arange(2 * len(points)) < len(points)
    mask, *inputs = (sf.tensor(name, (len(read),)) for name in ("m", *twice))
    slopes = gradients(package, sf.Net.of(Node(where, (mask, Node(head, tuple(inputs)), inputs[0]))), {"m": read, **twice})
    for k, wanted in enumerate(by_package(package, head, points)[1:]):
        np.testing.assert_allclose(slopes[f"u{k}"][read], wanted, rtol=1e-12, atol=1e-15)
        np.testing.assert_array_equal(slopes[f"u{k}"][~read], float(k == 0))


def gradients(package: str, net: sf.Net, values: dict[str, Any]) -> dict[str, Any]:
    """The gradient of the sum of a net's value, by a package."""
    run, array = exported(package, net)
    names = [node.op.name for node in net.inputs]
    arrays = [array(values[name]) for name in names]
    if package == "torch":
        import torch

        arrays = [each.requires_grad_() for each in arrays]
        total = run(*arrays).sum() + 0 * arrays[0].nan_to_num(0, 0, 0).sum()  # which has a gradient even if the net has none
        slopes = torch.autograd.grad(total, arrays, allow_unused=True, materialize_grads=True)
    else:
        import jax

        slopes = jax.grad(lambda arrays: run(*arrays).sum())(arrays)
    return {name: np.asarray(slope) for name, slope in zip(names, slopes, strict=True)}


# -- primitives, at ordinary numbers and at others

SPECIAL = (0.0, -0.0, 1.0, 1.0, -1.0, np.inf, -np.inf, np.nan, 1e200, 1e-200, -1e200)


def drawn(row: Primitive, shapes: Any, how: str) -> list[Any]:
    """Numbers for the arguments of a primitive; whole ones stay what they are."""
    random = np.random.default_rng(3)
    fills: dict[str, Callable[[Any], Any]] = {
        "zero": lambda value: np.zeros_like(value),
        "minus infinity": lambda value: np.full_like(value, -np.inf),
        "ties": lambda value: np.round(value),
        "special": lambda value: random.choice(SPECIAL, size=value.shape),
    }
    values = values_of(row, shapes)
    return [fills[how](value) if how in fills and value.dtype.kind == "f" else value for value in values]


@PACKAGES
@pytest.mark.parametrize("how", ["special", *(pytest.param(how, marks=pytest.mark.slow) for how in ("ordinary", "zero", "ties", "minus infinity"))])
@pytest.mark.parametrize("row, shapes, attributes", EXAMPLES, ids=IDS)
def test_primitives_have_their_adjoints(row: Primitive, shapes: Any, attributes: Any, how: str, package: str) -> None:
    """The gradient that a package forms is that of the net's own gradient, unread rows of a choice beside it included."""
    if how == "special" and row.adjoint is None:
        pytest.skip("made of others, of which it has the slopes")
    values = named(drawn(row, shapes, how))
    node = node_of(row, shapes, attributes)
    mask = np.random.default_rng(1).integers(0, 2, node.shape).astype(float)
    for net in (sf.Net.of(node * 2), sf.Net.of(Node(where, (as_node(mask), node, node * 0 + 1)))):
        with np.errstate(all="ignore"):
            wanted = sf.grad(sf.Net.of(net.outputs[0].sum()), wrt=[*values]).compile("numpy")(**values)
        found = gradients(package, net, values)
        for k in row.carries(len(values)):
            np.testing.assert_allclose(found[f"a{k}"], wanted[f"a{k}"], rtol=1e-12, atol=1e-14)


# -- second derivatives, and transformations


def curvature(net: sf.Net, at: Any) -> Any:
    """The second derivative of the sum of a net of one vector `x`, as symfold has it."""
    slope, weights = sf.grad(sf.Net.of(net.outputs[0].sum()), wrt="x")["x"], sf.tensor("w", at.shape)
    product = sf.grad(sf.Net.of((slope * weights).sum()), wrt="x").compile("numpy")
    with np.errstate(all="ignore"):
        return np.stack([product(x=at, w=row)["x"] for row in np.eye(len(at))])


def assert_curved(package: str, net: sf.Net, at: Any, modes: tuple[str, ...]) -> None:
    run, array = exported(package, net)
    wanted = curvature(net, at)
    for mode in modes:
        found = np.asarray(ways(package)[mode](lambda x: run(x).sum())(array(at)))
        np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-12, err_msg=mode)


ALL_MODES = tuple(f"{outer} over {inner}" for outer in ("forward", "backward") for inner in ("forward", "backward"))
CURVED = [head for head, row in ROWS.items() if not row.flat and head not in (sp.polygamma, sp.gamma)]


@pytest.mark.parametrize("head", CURVED, ids=[head.__name__ for head in CURVED])
@pytest.mark.parametrize("package", ["torch", pytest.param("jax", marks=pytest.mark.slow)])
def test_second_derivatives_of_functions(head: Head, package: str) -> None:
    pytest.importorskip(package, reason=f"the extra {package!r} is not installed")
    points = np.array([point for point in points_of(head).tolist() if all(0.05 < abs(part) < 4 for part in point)])[:3]
    x = sf.tensor("x", (points.size,))
    columns = [x[k * len(points) : (k + 1) * len(points)] for k in range(arity(head))]
    assert_curved(package, sf.Net.of(Node(head, tuple(columns))), points.T.ravel(), ("forward over backward", "backward over backward"))


X = sf.tensor("x", (4,))
NETS: dict[str, sf.Net] = {
    **{f"unread: {name}": sf.Net.of(build(X)) for name, (build, _) in UNREAD.items() if name != "exp of exp"},
    "unread, in a fold": sf.fold(lambda s, v: np.where(v > 0, s * np.log(v), s), X, 3.0),
    "unread, by an index": sf.Net.of(np.where(X > 0, sf.softmax(np.log(X * X)), X)),
    "a residual of zero": sf.Net.of((np.where(X > 0, X**2, 0.0) - np.array([0.0, 0.0, 0.25, 9.0])) ** 2),
    "a product that is not read": sf.Net.of(np.where(X > 0, np.dot(np.ones((4, 4)), X) * np.dot(X, np.arange(16.0).reshape(4, 4)), 0.0)),
    "primitives": sf.Net.of(np.linalg.norm(X) + sf.logsumexp(X) + np.max(X) * sf.softmax(X)),
    "attention": sf.Net.of(attention(np.reshape(X, (2, 2)), np.reshape(X, (2, 2)), np.reshape(X, (2, 2)), scale=0.5, causal=True)),
}


@pytest.mark.parametrize("name", NETS)
@PACKAGES
def test_derivatives_of_nets_in_every_mode(name: str, package: str) -> None:
    net, at = NETS[name], np.array([-2.0, 0.0, 0.5, 3.0])
    run, array = exported(package, net)
    assert_curved(package, net, at, ALL_MODES)
    with np.errstate(all="ignore"):
        wanted = [sf.grad(sf.Net.of(net.outputs[0].sum()), wrt="x").compile("numpy")(x=row)["x"] for row in (at, at[::-1])]
    if package == "torch":
        import torch

        mapped = torch.func.vmap(torch.func.grad(lambda x: run(x).sum()))
    else:
        import jax

        mapped = jax.jit(jax.vmap(jax.grad(lambda x: run(x).sum())))
    np.testing.assert_allclose(np.asarray(mapped(array([at, at[::-1]]))), wanted, rtol=1e-12, atol=1e-14)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # PyTorch warns of its own code
def test_gradients_are_kept_when_pytorch_compiles() -> None:
    torch = pytest.importorskip("torch", reason="the extra 'torch' is not installed")
    module, x = sf.to_torch(NETS["primitives"], {}), torch.tensor([-2.0, 0.5, 1.0, 3.0], requires_grad=True)
    compiled = torch.compile(module, backend="aot_eager")
    torch.testing.assert_close(*(torch.autograd.grad(f(x).sum(), x)[0] for f in (module, compiled)))
