"""Choices, masks, stopped gradients and types of numbers, from PyTorch and for it: its numbers, or a refusal.

PyTorch's own operations and its autograd are the oracle throughout.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import weighted_squares

import symfold as sf
from symfold.base.trees import flatten
from symfold.core.functions import ROWS, where
from symfold.core.names import names_of
from symfold.core.net import Net
from symfold.core.nodes import Node, walk
from symfold.core.primitives import Apply, attention, layer_norm, stopped
from symfold.errors import NoRule

torch = pytest.importorskip("torch", reason="the extra 'torch' is not installed")

from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402, N812
from torch.utils._pytree import tree_leaves  # noqa: E402

INF, NAN = float("inf"), float("nan")


class Wrap(nn.Module):
    """A function as a module, with submodules, parameters and buffers by name."""

    def __init__(self, function: Callable[..., Any], **parts: Any) -> None:
        super().__init__()
        self.function = function
        for name, part in parts.items():
            if isinstance(part, torch.Tensor) and not isinstance(part, nn.Parameter):
                self.register_buffer(name, part)
            else:
                setattr(self, name, part)

    def forward(self, *args: Any) -> Any:
        return self.function(self, *args)


def reals(*values: Any) -> Any:
    return torch.tensor(*values, dtype=torch.float64)


def named(net: Net, values: tuple[Any, ...]) -> dict[str, Any]:
    """The net's inputs by name, as arrays."""
    return {node.op.name: value.detach().numpy() for node, value in zip(net.inputs, values, strict=True)}


def primitives_in(net: Net) -> list[Any]:
    """The operations of a net, in the bodies of its layers as well."""
    roots = [*net.outputs]
    heads: list[Any] = []
    while roots:
        for node in walk([roots.pop()]):
            heads.append(node.op.primitive if isinstance(node.op, Apply) else node.op)
            inner = getattr(node.op, "body", None) or getattr(node.op, "block", None)
            roots += inner.results if inner else ()
    return heads


def assert_as_pytorch(module: Any, values: tuple[Any, ...], tolerance: float = 1e-10) -> Net:
    """The net and its module have PyTorch's values, and its gradients by parameters and real inputs."""
    net, params = sf.from_torch(module.eval(), values)
    leaves = tuple(value.clone().requires_grad_(value.is_floating_point()) for value in values)
    wanted = tree_leaves(module(*leaves))
    results, back = flatten(net(params, **named(net, values)))[0], sf.to_torch(net, params)
    for result, again, leaf in zip(results, tree_leaves(back(*values)), wanted, strict=True):
        np.testing.assert_allclose(result, leaf.detach().numpy(), rtol=tolerance, atol=tolerance)
        np.testing.assert_allclose(again.detach().numpy(), leaf.detach().numpy(), rtol=tolerance, atol=tolerance)
    loss = sum((k + 1) * (leaf * leaf).sum() for k, leaf in enumerate(wanted))
    if not (isinstance(loss, torch.Tensor) and loss.requires_grad):
        return net
    loss.backward()
    again_leaves = tuple(value.clone().requires_grad_(value.is_floating_point()) for value in values)
    sum((k + 1) * (leaf * leaf).sum() for k, leaf in enumerate(tree_leaves(back(*again_leaves)))).backward()
    slopes = {node.op.name: leaf.grad for node, leaf in zip(net.inputs, leaves, strict=True) if leaf.requires_grad}
    slopes |= {path.replace(".", "_"): weight.grad for path, weight in module.named_parameters()}
    by_name = {path.removeprefix("p_"): weight.grad for path, weight in back.named_parameters()}
    by_name |= {node.op.name: leaf.grad for node, leaf in zip(net.inputs, again_leaves, strict=True)}
    for name, gradient in slopes.items():
        if gradient is not None and by_name.get(name) is not None:
            np.testing.assert_allclose(
                by_name[name].numpy(), gradient.numpy(), rtol=tolerance, atol=tolerance, err_msg=name
            )
    squares = weighted_squares(net)
    read = {name for leaf in squares.leaves for name in names_of(leaf)}
    given = {name: array for name, array in {**params, **named(net, values)}.items() if name in read}
    _, gradients = sf.value_and_grad(squares, wrt=sorted(slopes.keys() & read))(**given)
    for name, gradient in dict(gradients).items():
        slope = np.zeros(np.shape(gradient)) if slopes[name] is None else slopes[name].numpy()
        np.testing.assert_allclose(gradient, slope, rtol=tolerance, atol=tolerance, err_msg=name)
    return net


# ---------------------------------------------------------------- kinks, ties and special points

LINE = reals([-7.0, -3.0, -1.0, -0.5, 0.0, 0.5, 1.0, 3.0, 6.0, 7.0])
TIES = reals([[1.0, 2.0, 2.0], [3.0, 3.0, 3.0], [-1.0, 0.0, -1.0]])
KINKED: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
    "relu": (F.relu, (LINE,)),
    "leaky_relu": (lambda x: F.leaky_relu(x, 0.2), (LINE,)),
    "prelu": (F.prelu, (LINE, reals([0.25]))),
    "elu": (lambda x: F.elu(x, 0.7), (LINE,)),
    "selu": (F.selu, (LINE,)),
    "celu": (lambda x: F.celu(x, 0.7), (LINE,)),
    "hardtanh": (F.hardtanh, (LINE,)),
    "relu6": (F.relu6, (LINE,)),
    "hardswish": (F.hardswish, (LINE,)),
    "threshold": (lambda x: F.threshold(x, 0.5, 20.0), (LINE,)),
    "softplus": (F.softplus, (LINE[:-2],)),
    "abs": (torch.abs, (LINE,)),
    "clamp": (lambda x: x.clamp(-1, 1), (LINE,)),
    "clamp from below": (lambda x: x.clamp_min(1), (LINE,)),
    "clamp from above": (lambda x: x.clamp(max=1), (LINE,)),
    "clamp by tensors": (
        lambda x, a, b: x.clamp(a, b),
        (reals([1.0] * 5), reals([1.0, 0.0, -1.0, 2.0, 2.0]), reals([2.0, 1.0, 0.5, 3.0, 1.0])),
    ),
    "maximum": (torch.maximum, (TIES, TIES[0])),
    "minimum": (torch.minimum, (TIES, TIES[0])),
    "max of all": (torch.max, (TIES,)),
    "min of all": (torch.min, (TIES,)),
    "max along an axis": (lambda x: x.max(1)[0], (TIES,)),
    "min along an axis": (lambda x: x.min(0, keepdim=True)[0], (TIES,)),
    "amax": (lambda x: x.amax(1), (TIES,)),
    "amax of all": (torch.amax, (TIES,)),
    "amin": (lambda x: x.amin((0, 1), keepdim=True), (TIES,)),
    "max_pool1d": (lambda x: F.max_pool1d(x[None], 2, 1), (TIES,)),
    "where": (lambda x: torch.where(x > 0, x * x, -x), (LINE,)),
}


@pytest.mark.parametrize("name", KINKED)
def test_the_slope_at_kinks_and_ties_is_that_of_pytorch_there_and_back(name: str) -> None:
    function, values = KINKED[name]
    module = Wrap(lambda self, *args: function(*args))
    # float32 constants of PyTorch's own kernels: 1/0.7 of celu, 1/6 of hardswish
    tolerance = 1e-6 if name in ("celu", "hardswish") else 1e-12
    assert_as_pytorch(module, values, tolerance)
    slopes = []
    for one in (module, sf.to_torch(*sf.from_torch(module, values))):
        leaves = [value.clone().requires_grad_() for value in values]
        (one(*leaves) * (1 + torch.arange(one(*leaves).numel()).reshape(one(*leaves).shape))).sum().backward()
        slopes.append([leaf.grad.numpy() for leaf in leaves])
    for a, b in zip(*slopes, strict=True):
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


POINTS = [(head, point) for head, row in ROWS.items() for point in row.special]


@pytest.mark.parametrize("head, point", POINTS, ids=[f"{head.__name__}{point.at}" for head, point in POINTS])
def test_every_special_point_of_a_function_has_one_slope_by_autograd_and_by_ours(head: Any, point: Any) -> None:
    at = [float(a) for a in point.at]
    names = [f"a{k}" for k in range(len(at))]
    net = Net.of(Node(head, tuple(sf.tensor(name, ()) for name in names)))
    leaves = [reals(a).requires_grad_() for a in at]
    value = sf.to_torch(net, {})(*leaves)
    if value.requires_grad:
        value.backward()
    result, gradients = sf.value_and_grad(net, wrt=names)(**dict(zip(names, at, strict=True)))
    np.testing.assert_allclose(value.detach().numpy(), result, rtol=1e-12)
    np.testing.assert_allclose(
        [0.0 if leaf.grad is None else leaf.grad for leaf in leaves],
        [float(dict(gradients)[name]) for name in names],
        rtol=1e-12,
    )


# ---------------------------------------------------------------- choice and masks


def test_a_choice_is_one_node_and_its_mask_may_depend_on_inputs() -> None:
    net = assert_as_pytorch(
        Wrap(lambda self, x, y: torch.where(x > y, x, y * 2)), (reals([1.0, 2.0, 3.0]), reals([2.0, 2.0, 2.0]))
    )
    assert primitives_in(net).count(where) == 1


@pytest.mark.parametrize("value", [NAN, INF, -INF])
def test_a_mask_fills_with_what_it_says(value: float) -> None:
    module = Wrap(lambda self, x, m: x.masked_fill(m, value))
    assert_as_pytorch(module, (reals([1.0, 2.0]), torch.tensor([False, False])))
    net, params = sf.from_torch(module, (reals([1.0, 2.0]), torch.tensor([True, False])))
    np.testing.assert_array_equal(net(params, np.array([1.0, 2.0]), np.array([True, False])), [value, 2.0])
    known = Wrap(lambda self, x: x.masked_fill(self.shut, value), shut=torch.tensor([True, False]))
    np.testing.assert_array_equal(sf.from_torch(known, (reals([1.0, 2.0]),))[0](np.array([1.0, 2.0])), [value, 2.0])


def test_a_branch_that_is_not_read_changes_nothing() -> None:
    """PyTorch's autograd of the module that is read gives NaN there: 0 times the infinite slope of log at 0."""
    module = Wrap(lambda self, x: torch.where(x > 0, torch.log(x), torch.zeros_like(x)).sum())
    net, params = sf.from_torch(module, (reals([1.0, 2.0]),))
    value, gradient = sf.value_and_grad(net, wrt=["x"] if net.inputs[0].op.name == "x" else [net.inputs[0].op.name])(
        params, np.array([2.0, 0.0])
    )
    assert value == pytest.approx(np.log(2)) and next(iter(dict(gradient).values())).tolist() == [0.5, 0.0]


SCORES = torch.as_tensor(np.random.default_rng(0).normal(size=(2, 3, 5)))
CAUSAL = torch.ones(3, 3, dtype=torch.bool).tril()


@pytest.mark.parametrize("given", [True, False], ids=["given", "known"])
@pytest.mark.parametrize(
    "mask",
    [CAUSAL, torch.tensor([[True, False, True], [False] * 3, [True] * 3]), torch.ones(3, 3, dtype=torch.bool)],
    ids=["causal", "empty row", "all"],
)
def test_attention_with_a_mask_of_truth_values_is_one_node(mask: Any, given: bool) -> None:
    if given:
        net = assert_as_pytorch(
            Wrap(lambda self, q, m: F.scaled_dot_product_attention(q, q, q, attn_mask=m)), (SCORES, mask)
        )
    else:
        net = assert_as_pytorch(
            Wrap(lambda self, q: F.scaled_dot_product_attention(q, q, q, attn_mask=self.m), m=mask), (SCORES,)
        )
    assert primitives_in(net).count(attention) == 1


def test_attention_written_out_with_minus_infinity() -> None:
    def attend(self: Any, q: Any, m: Any) -> Any:
        return torch.softmax((q @ q.mT).masked_fill(~m, -INF), -1) @ q

    assert_as_pytorch(Wrap(attend), (SCORES, CAUSAL))


@pytest.mark.parametrize("options", [{"need_weights": False}, {}], ids=["fused", "weights"])
def test_multihead_attention_with_masks(options: dict[str, Any]) -> None:
    attends = nn.MultiheadAttention(4, 2, batch_first=True).double()
    x = torch.as_tensor(np.random.default_rng(1).normal(size=(2, 3, 4)))
    shut = torch.tensor([[False, False, True], [False, False, False]])
    net = assert_as_pytorch(
        Wrap(lambda self, x, m: self.a(x, x, x, key_padding_mask=m, attn_mask=~CAUSAL, **options)[0], a=attends),
        (x, shut),
    )
    assert not options or primitives_in(net).count(attention) == 1


def test_an_encoder_with_a_padding_mask_as_an_input() -> None:
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, norm_first=True)
    encoder = nn.TransformerEncoder(layer, 3, enable_nested_tensor=False).double()
    x = torch.as_tensor(np.random.default_rng(2).normal(size=(2, 4, 8)))
    shut = torch.tensor([[False, False, False, True], [False] * 4])
    module = Wrap(lambda self, x, m: self.e(x, src_key_padding_mask=m), e=encoder)
    net = assert_as_pytorch(module, (x, shut))
    assert [fold.op.count for fold in net.bindings] == [3]  # of a block that stands once
    assert (primitives_in(net).count(attention), primitives_in(net).count(layer_norm)) == (1, 2)


# ---------------------------------------------------------------- stopped gradients


def straight_through(self: Any, x: Any) -> Any:
    return x + (torch.tanh(self.lin(x)) - x).detach()


def frozen_body(self: Any, x: Any) -> Any:
    with torch.no_grad():
        h = torch.tanh(self.lin(x))
    return self.head(h) + x


def nested_regions(self: Any, x: Any) -> Any:
    with torch.no_grad():
        a = self.lin(x)
        with torch.enable_grad():
            b = a * x
        c = a + b
    return a, b, c, self.head(c) * b


def frozen_views(self: Any, x: Any) -> Any:
    with torch.no_grad():
        a, b = (x * 2).split(1, 0)
        same = x
    return a * b * x, same * x


def frozen_and_in_place(self: Any, x: Any) -> Any:
    y = x * 2
    row = y[0]
    with torch.no_grad():
        h = self.lin(x)
    return (row + h) * y.detach()


def frozen_steps(self: Any, x: Any) -> Any:
    with torch.no_grad():
        for _ in range(3):
            x = torch.tanh(self.lin(x)) + x
    return self.head(x)


def scaled_by_item(self: Any, x: Any) -> Any:
    return x * x.sum().item()


STOPPED = {
    f.__name__: f
    for f in (
        straight_through,
        frozen_body,
        nested_regions,
        frozen_views,
        frozen_and_in_place,
        frozen_steps,
        scaled_by_item,
    )
}


@pytest.mark.parametrize("name", STOPPED)
def test_no_gradient_flows_where_pytorch_stops_it(name: str) -> None:
    torch.manual_seed(0)
    module = Wrap(STOPPED[name], lin=nn.Linear(3, 3), head=nn.Linear(3, 3)).double()
    net = assert_as_pytorch(module, (torch.as_tensor(np.random.default_rng(3).normal(size=(2, 3))),))
    assert stopped in primitives_in(net)


def test_steps_without_gradients_are_still_steps() -> None:
    parts = nn.ModuleList([nn.Linear(3, 3) for _ in range(4)]).double()

    def steps(self: Any, x: Any) -> Any:
        with torch.no_grad():
            for part in self.parts:
                x = part(x)
        return x * 2

    net = assert_as_pytorch(Wrap(steps, parts=parts), (reals([[1.0, 2.0, 3.0]]),))
    assert [fold.op.count for fold in sf.roll(net).bindings] == [4]


def test_a_disabled_autocast_is_read_and_an_enabled_one_is_refused() -> None:
    def surrounded(enabled: bool) -> Any:
        def forward(self: Any, x: Any) -> Any:
            with torch.autocast("cpu", enabled=enabled):
                h = self.lin(x)
            return h * 2

        return Wrap(forward, lin=nn.Linear(3, 3))

    net, _ = sf.from_torch(surrounded(False), torch.zeros(2, 3))
    assert str(net) == "lin(x)*2" or "lin(" in str(net)
    with pytest.raises(NoRule, match=r"wrap_with_autocast in module '\(the root\)' \(Wrap\)"):
        sf.from_torch(surrounded(True), torch.zeros(2, 3))


# ---------------------------------------------------------------- types of numbers

TRUTH, LONG, INT, BYTE, SINGLE, DOUBLE, HALF = (
    torch.bool,
    torch.int64,
    torch.int32,
    torch.uint8,
    torch.float32,
    torch.float64,
    torch.float16,
)
TYPES = (TRUTH, LONG, INT, BYTE, torch.int8, torch.int16, HALF, torch.bfloat16, SINGLE, DOUBLE)
UNARY = (
    "neg", "abs", "sign", "square", "floor", "ceil", "trunc", "relu", "sum", "amax", "amin", "argmax", "sin", "sqrt", "reciprocal", "sigmoid", "logical_not",
    "bitwise_not", "isnan", "any", "all", "tril", "clone", "t", "detach", "tanh", "log1p",
)  # fmt: skip
BINARY = (
    "add",
    "sub",
    "mul",
    "div",
    "maximum",
    "minimum",
    "eq",
    "ne",
    "lt",
    "ge",
    "logical_and",
    "logical_xor",
    "bitwise_and",
    "bitwise_or",
    "matmul",
    "atan2",
)


def entries(dtype: Any, seed: int) -> Any:
    """Numbers that a type has, its bounds among them if it has few."""
    drawn = np.random.default_rng(seed)
    if dtype == TRUTH:
        return torch.as_tensor(drawn.integers(0, 2, size=(3, 3)).astype(bool))
    if dtype.is_floating_point:
        return torch.as_tensor(drawn.normal(size=(3, 3))).to(dtype)
    bounds = torch.iinfo(dtype)
    low, high = (bounds.min, bounds.max) if bounds.bits < 32 else (-9, 9)
    return torch.as_tensor(drawn.integers(low, high + 1, size=(3, 3))).to(dtype)


def assert_equal_or_refused(function: Callable[..., Any], values: tuple[Any, ...], ids: str) -> bool:
    """PyTorch's numbers to the precision of its type, or a refusal by operation and module; whether it was read."""
    try:
        wanted = function(*values)
    except (RuntimeError, TypeError, IndexError):  # PyTorch has no such operation
        return True
    module = Wrap(lambda self, *args: function(*args))
    try:
        net, params = sf.from_torch(module, values)
    except NoRule as error:
        assert "in module '(the root)' (Wrap)" in str(error), ids
        return False
    arrays = {
        node.op.name: (value.float() if value.dtype == torch.bfloat16 else value).numpy()
        for node, value in zip(net.inputs, values, strict=True)
    }
    digits = torch.finfo(wanted.dtype).eps * 16 if wanted.is_floating_point() else 0
    for result in (
        net(params, **arrays),
        sf.to_torch(net, params)(*(v.double() if v.is_floating_point() else v for v in values)).detach().numpy(),
    ):
        np.testing.assert_allclose(result, wanted.double().numpy(), rtol=digits, atol=digits, err_msg=ids)
    return True


@pytest.mark.parametrize("name", UNARY)
def test_an_operation_on_numbers_of_any_type_is_pytorchs_or_refused(name: str) -> None:
    for dtype in TYPES:
        assert_equal_or_refused(lambda a: getattr(torch, name)(a), (entries(dtype, 1),), f"{name} {dtype}")


@pytest.mark.parametrize("name", BINARY)
def test_an_operation_on_numbers_of_two_types_is_pytorchs_or_refused(name: str) -> None:
    for first, second in product((TRUTH, LONG, INT, BYTE, torch.int8, SINGLE, DOUBLE), repeat=2):
        assert_equal_or_refused(
            lambda a, b: getattr(torch, name)(a, b), (entries(first, 1), entries(second, 2)), f"{name} {first} {second}"
        )


@pytest.mark.parametrize("scalar", [-1, 2, 300, 0.5])
@pytest.mark.parametrize("name", ["add", "mul", "eq", "gt", "le", "clamp_min", "clamp_max"])
def test_an_operation_with_a_number_is_pytorchs_or_refused(name: str, scalar: Any) -> None:
    for dtype in (TRUTH, LONG, BYTE, torch.int8, DOUBLE):
        assert_equal_or_refused(lambda a: getattr(torch, name)(a, scalar), (entries(dtype, 1),), f"{name} {dtype}")


def test_casts_are_pytorchs_or_refused() -> None:
    read = {
        (first, second)
        for first, second in product(TYPES, repeat=2)
        if assert_equal_or_refused(
            lambda a, second=second: a.to(second), (entries(first, 4) * (1 if first == TRUTH else 3),), f"{first} {second}"
        )
    }
    assert {
        (DOUBLE, LONG),
        (DOUBLE, TRUTH),
        (LONG, TRUTH),
        (TRUTH, DOUBLE),
        (TRUTH, LONG),
        (BYTE, LONG),
        (BYTE, torch.int16),
        (LONG, DOUBLE),
        (HALF, SINGLE),
        (DOUBLE, SINGLE),
    } <= read
    assert (
        not {
            (LONG, BYTE),
            (DOUBLE, BYTE),
            (BYTE, torch.int8),
            (torch.int16, BYTE),
            (DOUBLE, HALF),
            (SINGLE, torch.bfloat16),
            (LONG, HALF),
        }
        & read
    )


def test_what_must_be_read_is_read_for_whole_numbers_and_truth_values() -> None:
    cases = [
        (name, dtype) for name in ("add", "mul", "maximum", "eq", "lt", "logical_and") for dtype in (TRUTH, LONG, INT)
    ]
    for name, dtype in cases:
        assert assert_equal_or_refused(
            getattr(torch, name), (entries(dtype, 1), entries(dtype, 2)), f"{name} {dtype}"
        )


def test_complex_parameters_are_refused_by_their_module_or_kept_opaque() -> None:
    wave = Wrap(lambda self, x: torch.view_as_real(x * self.w), w=nn.Parameter(torch.randn(3, dtype=torch.complex64)))
    outer = Wrap(lambda self, x: self.wave(x) * 2, wave=wave)
    with pytest.raises(
        NoRule, match=r"aten\.mul\.Tensor in module 'wave' \(Wrap\).* it computes with numbers of type complex64"
    ):
        sf.from_torch(outer, (torch.randn(2, 3),))
    assert str(sf.from_torch(outer, (torch.randn(2, 3),), partial=True)[0]).splitlines()[0].endswith("*2")


def test_shapes_that_depend_on_values_are_refused_and_branches_are_both_read() -> None:
    with pytest.raises(
        NoRule,
        match=r"aten\.index\.Tensor in module '\(the root\)' \(Wrap\).* it gives a tensor whose shape depends on values",
    ):
        sf.from_torch(Wrap(lambda self, x: x[x > 0].sum()), (torch.randn(2, 3),), partial=True)
    branch = Wrap(lambda self, x: torch.cond(x.sum() > 0, lambda x: x + 1, lambda x: x - 1, (x,)))
    net, params = sf.from_torch(branch, (torch.randn(2, 3),))
    for x in (np.ones((2, 3)), -np.ones((2, 3))):
        assert np.array_equal(net(params, x), x + np.sign(x))


def test_advice_fits_the_mode_of_the_module() -> None:
    always = Wrap(lambda self, x: F.dropout(x, 0.5))
    with pytest.raises(NoRule, match=r"call \.eval\(\) on the module first"):
        sf.from_torch(always.train(), torch.randn(2, 3))
    with pytest.raises(NoRule, match=r"dropout draws numbers \(give partial=True"):
        sf.from_torch(always.eval(), torch.randn(2, 3))


# ---------------------------------------------------------------- random modules

Step = Callable[[Any, Any, Any], Any]  # two states and a mask of truth values
STEPS: dict[str, Step] = {
    "choose": lambda a, b, m: torch.where(m, a, b),
    "compare": lambda a, b, m: torch.where(a > b, a * 2, b),
    "fill": lambda a, b, m: a.masked_fill(m, 0.5) + b,
    "shut": lambda a, b, m: torch.softmax(a.masked_fill(m & (a < a.amax(-1, keepdim=True)), -INF), -1) * b,
    "detach": lambda a, b, m: a.detach() * b,
    "largest": lambda a, b, m: a.max(-1, keepdim=True)[0] - b.amin(0),
    "bound": lambda a, b, m: a.clamp(-0.5, 0.5) + torch.maximum(a, b),
    "leak": lambda a, b, m: F.leaky_relu(a, 0.1) + F.elu(b) * m,
    "count": lambda a, b, m: a * (m | (a > b)).sum() / 3,
    "cast": lambda a, b, m: a * (b * 3).long() + m.to(a.dtype),
    "attend": lambda a, b, m: F.scaled_dot_product_attention(a, b, b, attn_mask=m),
    "norm": lambda a, b, m: F.layer_norm(a + b, (3,)),
}


@settings(max_examples=25, deadline=None)
@given(st.lists(st.sampled_from(sorted(STEPS)), min_size=1, max_size=4), st.booleans(), st.integers(0, 99))
def test_random_modules_have_pytorchs_values_and_gradients(names: list[str], frozen: bool, seed: int) -> None:
    def forward(self: Any, x: Any, m: Any) -> Any:
        a, b = self.lin(x), x
        for name in names:
            if frozen and name == names[0]:
                with torch.no_grad():
                    b = b * self.lin(a)
            a, b = STEPS[name](a, b, m), a
        return a, b

    torch.manual_seed(seed)
    drawn = np.random.default_rng(seed)
    mask = torch.as_tensor(drawn.integers(0, 2, size=(3, 3)).astype(bool))
    assert_as_pytorch(Wrap(forward, lin=nn.Linear(3, 3)).double(), (torch.as_tensor(drawn.normal(size=(3, 3))), mask))
