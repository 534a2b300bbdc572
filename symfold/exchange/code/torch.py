"""PyTorch: functions of tensors."""

from collections.abc import Sequence

from symfold.core.nodes import Node
from symfold.core.primitives import forward_index
from symfold.errors import NoRule
from symfold.exchange.code.array_functions import (
    COMPARISONS,
    LOGIC,
    SAME_NAME,
    SAME_NAME_OF_TWO,
    attributes,
    chained,
    chosen,
    combined,
    compared,
    negated,
    tested,
)
from symfold.exchange.code.array_primitives import (
    PLACES,
    accumulated,
    added_embedded,
    added_rows,
    added_windows,
    at_largest,
    attended,
    axes_text,
    embedded,
    entry,
    index_text,
    itself,
    listed,
    normed,
    product_of,
    put,
    reduced,
    rows,
    share,
    transposed,
    windowed,
)
from symfold.exchange.code.expressions import PRODUCT, Code
from symfold.exchange.code.targets import CodeTarget, Rule, ShapeText, add_target

HELPERS = {
    "places": PLACES,
    "add_rows": """\
def add_rows(values, shape, rows):
    return values.new_zeros(shape).index_put((rows,), values, accumulate=True)""",
    "at_max": """\
def at_max(z, axis):
    last = tuple(range(-len(axis), 0))
    moved = torch.movedim(z, axis, last)
    flat = torch.reshape(moved, (*moved.shape[: moved.ndim - len(axis)], -1))
    order = torch.arange(flat.shape[-1], device=z.device)
    first = order == torch.argmax(flat, dim=-1, keepdim=True)
    return torch.movedim(torch.reshape(first, moved.shape).to(z.dtype), last, axis)""",
    "add_windows": """\
def add_windows(values, shape, kernel, stride, padding, dilation):
    around = [0] * (len(shape) - len(kernel)) + list(padding)
    total = values.new_zeros([n + 2 * size for n, size in zip(shape, around)])
    counts = values.shape[-2 * len(kernel) : -len(kernel)]
    for offset, place in places(counts, kernel, stride, dilation):
        total[(..., *place)] += values[(..., *offset)]
    return total[tuple(slice(size, size + n) for n, size in zip(shape, around))]""",
    "put": """\
def put(value, shape, index):
    result = value.new_zeros(shape)
    result[index] = value
    return result""",
    "windows": """\
def windows(x, kernel, stride, padding, dilation, fill):
    around = [size for size in reversed(padding) for _ in range(2)]
    x = torch.nn.functional.pad(x, around, value=fill)
    first = x.ndim - len(kernel)
    for k, (size, step, apart) in enumerate(zip(kernel, stride, dilation)):
        x = x.unfold(first + k, apart * (size - 1) + 1, step)
    return x[(..., *(slice(None, None, apart) for apart in dilation))]""",
    "causal_mask": """\
def causal_mask(scores):
    return torch.triu(scores.new_full(scores.shape[-2:], -torch.inf), 1)""",
    "attention": """\
def attention(q, k, v, scale, causal=False, bias=0):
    scores = q @ k.swapaxes(-1, -2) * scale + bias
    if causal:
        scores = scores + causal_mask(scores)
    return torch.softmax(scores, -1) @ v""",
    "layer_norm": """\
def layer_norm(z, dim, epsilon):
    centered = z - z.mean(dim=dim, keepdim=True)
    return centered / torch.sqrt((centered**2).mean(dim=dim, keepdim=True) + epsilon)""",
    "softmax": """\
def softmax(z, dim):
    return torch.exp(z - torch.logsumexp(z, dim=dim, keepdim=True))""",
}
FUNCTIONS: dict[str, Rule] = {
    **{name: f"torch.{name}({{0}})" for name in SAME_NAME},
    **{name: f"torch.{name}({{0}}, {{1}})" for name in SAME_NAME_OF_TWO},
    **{
        name: f"torch.{name}({{0}})"
        for name in ("asin", "acos", "atan", "asinh", "acosh", "atanh", "erf", "erfc", "relu", "sigmoid")
    },
    **{
        name: f"torch.nn.functional.{name}({{0}})"
        for name in ("silu", "gelu", "mish", "relu6", "hardsigmoid", "hardswish")
    },
    **{name: compared(sign) for name, sign in COMPARISONS.items()},
    **{name: combined(sign) for name, sign in LOGIC.items()},
    **{name: tested(f"torch.{name}({{0}})") for name in ("isnan", "isinf", "isfinite")},
    "logical_not": negated,
    "Abs": "torch.abs({0})",
    "ceiling": "torch.ceil({0})",
    "where": chosen("torch.where"),
    "Max": chained("torch.maximum"),
    "Min": chained("torch.minimum"),
    "clip": "torch.clip({0}, {1}, {2})",
    "atan2": "torch.atan2({0}, {1})",
    "Heaviside": lambda node, args, shape: (
        f"torch.heaviside({args[0].text}, {args[1].text if len(args) > 1 else f'torch.full_like({args[0].text}, 0.5)'})"
    ),
    "cbrt": "torch.sign({0}) * torch.abs({0}) ** (1 / 3)",
    "step": lambda node, args, shape: Code(f"1.0 * ({args[0].text} > 0)", PRODUCT),
    "sech": lambda node, args, shape: Code(f"1 / torch.cosh({args[0].text})", PRODUCT),
    "softplus": "torch.logaddexp({0}, torch.zeros_like({0}))",
}


def convolved(node: Node, args: Sequence[Code], shape: ShapeText) -> str:
    given = attributes(node)
    names = ", ".join(f"{name}={given[name]!r}" for name in ("stride", "padding", "dilation", "groups"))
    return f"torch.nn.functional.conv{len(given['stride'])}d({listed(args)}, {names})"


def opened(node: Node, args: Sequence[Code], shape: ShapeText) -> str:
    given = {**attributes(node), "output_padding": attributes(node)["extra"]}
    names = ", ".join(
        f"{name}={given[name]!r}" for name in ("stride", "padding", "output_padding", "groups", "dilation")
    )
    return f"torch.nn.functional.conv_transpose{len(given['stride'])}d({listed(args)}, {names})"


def entries(node: Node, args: Sequence[Code], shape: ShapeText) -> str:
    """Entries at an index; PyTorch has no backward slices, and reverses axes."""
    index = attributes(node)["index"]
    if not any(isinstance(part, tuple) and len(part) > 2 and (part[2] or 1) < 0 for part in index):
        return entry(node, args, shape)
    plain, reverse = forward_index(index, node.args[0].shape)
    return f"{args[0].atom}[{index_text(plain, shape)}].flip({', '.join(map(str, reverse))})"


def largest_of_windows(node: Node, args: Sequence[Code], shape: ShapeText) -> str:
    given = attributes(node)
    names = ", ".join(f"{name}={given[name]!r}" for name in ("stride", "padding", "dilation"))
    return f"torch.nn.functional.max_pool{len(given['stride'])}d({args[0].text}, {given['kernel']!r}, {names})"


def mean_of_windows(node: Node, args: Sequence[Code], shape: ShapeText) -> str:
    given = attributes(node)
    if any(apart > 1 for apart in given["dilation"]):
        raise NoRule("PyTorch's mean over windows takes no dilation (give dilation=1)")
    names = f"stride={given['stride']!r}, padding={given['padding']!r}, count_include_pad={given['padded']!r}"
    return f"torch.nn.functional.avg_pool{len(given['stride'])}d({args[0].text}, {given['kernel']!r}, {names})"


def softmax_of(node: Node, args: Sequence[Code], shape: ShapeText) -> str:
    axis = attributes(node)["axis"]
    return f"{'torch.' if len(axis) == 1 else ''}softmax({args[0].text}, dim={axes_text(axis)})"


def logsumexp_of(node: Node, args: Sequence[Code], shape: ShapeText) -> str:
    given = attributes(node)
    axes = given["axis"] if given["axis"] is not None else tuple(range(-len(node.args[0].shape), 0))
    return f"torch.logsumexp({args[0].text}, dim={axes_text(axes)}{', keepdim=True' if given['keepdims'] else ''})"


PRIMITIVES: dict[str, Rule] = {
    "dot": product_of,
    "transpose": transposed("torch.swapaxes({0}, -1, -2)"),
    "reshape": lambda node, args, shape: f"torch.reshape({args[0].text}, {shape(attributes(node)['shape'])})",
    "expand": lambda node, args, shape: f"torch.unsqueeze({args[0].text}, {attributes(node)['axis']})",
    "squeeze": lambda node, args, shape: f"torch.squeeze({args[0].text}, {attributes(node)['axis']})",
    "permute": lambda node, args, shape: f"torch.permute({args[0].text}, {attributes(node)['axes']})",
    "concatenate": lambda node, args, shape: f"torch.cat([{listed(args)}], dim={attributes(node)['axis']})",
    "stack": lambda node, args, shape: f"torch.stack([{listed(args)}])",
    "item": entries,
    "take": rows(),
    "put": put,
    "cumulative_sum": accumulated("torch.cumsum({0}, dim={1})", "torch.flip({0}, [{1}])"),
    "reverse": lambda node, args, shape: f"{args[0].atom}.flip(0)",
    "sum": reduced("torch.sum", "dim", "keepdim"),
    "mean": reduced("torch.mean", "dim", "keepdim"),
    "max": reduced("torch.amax", "dim", "keepdim"),
    "first_max": reduced("torch.amax", "dim", "keepdim"),
    "share": share,
    "softmax": softmax_of,
    "logsumexp": logsumexp_of,
    "attention": attended,
    "layer_norm": normed,
    "causal": "causal_mask({0})",
    "sum_to": lambda node, args, shape: f"{args[0].atom}.sum_to_size({shape(attributes(node)['shape'])})",
    "sum_like": lambda node, args, shape: f"{args[0].atom}.sum_to_size({args[1].atom}.shape)",
    "broadcast_to": lambda node, args, shape: f"torch.broadcast_to({args[0].text}, {shape(attributes(node)['shape'])})",
    "broadcast_like": lambda node, args, shape: f"torch.broadcast_to({args[0].text}, {args[1].atom}.shape)",
    "einsum": lambda node, args, shape: f'torch.einsum("{attributes(node)["subscripts"]}", {listed(args)})',
    "convolution": convolved,
    "transposed_convolution": opened,
    "max_pool": largest_of_windows,
    "mean_pool": mean_of_windows,
    "windows": windowed("windows", ("kernel", "stride", "padding", "dilation", "fill")),
    "add_windows": added_windows,
    "at_max": at_largest,
    "embed": embedded("{0.atom}.long()"),
    "add_rows": added_rows("torch.arange", "torch.tensor({0})"),
    "add_embedded": added_embedded("{0.atom}.long()"),
    "stop_gradient": lambda node, args, shape: f"{args[0].atom}.detach()",
    "alike": itself,
    "single": itself,
    "remat": itself,
}

ROW = add_target(
    CodeTarget(
        "torch", ("import itertools", "import torch"), FUNCTIONS, PRIMITIVES, HELPERS,
        array="torch.tensor({0}, dtype=torch.float64)",
        stack="torch.stack({0})",
        root="torch.sqrt({0})",
        wrapped="torch.tensor({0}, dtype=torch.float64)",
        given="torch.as_tensor({0})",
        dotted=True,
    )
)  # fmt: skip
