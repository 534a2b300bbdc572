"""Spellings of primitives that NumPy and JAX share, by the name of the module, and their helpers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from symfold.core.nodes import Node
from symfold.core.shapes import is_known
from symfold.exchange.code.array_functions import attributes
from symfold.exchange.code.expressions import COMPARISON, POWER, PRODUCT, Code
from symfold.exchange.code.targets import Rule, ShapeText, Spelling


def index_text(index: Sequence[Any], shape: ShapeText) -> str:
    """An index as it stands in brackets; the bounds of a slice may be unknown sizes."""

    def bound(end: Any) -> str:
        return "" if end is None else str(end) if isinstance(end, int) else shape((end,))[1:-2]

    return ", ".join(
        "..." if part is ... else str(part) if isinstance(part, int) else ":".join(map(bound, part)) for part in index
    )


def rows_text(positions: Sequence[int]) -> str:
    """Rows at positions as an index: a slice, if they are a range upward."""
    if isinstance(positions, range) and positions.step > 0:
        step = f":{positions.step}" if positions.step > 1 else ""
        return f"{positions.start}:{positions.stop}{step}"
    return str(list(positions))


def axes_text(axis: tuple[int, ...] | None) -> str:
    return str(axis[0] if axis is not None and len(axis) == 1 else axis)


def reduced(function: str, axis: str = "axis", keepdims: str = "keepdims") -> Spelling:
    """A reduction over axes."""

    def spelling(node: Node, args: Sequence[Code], shape: ShapeText) -> str:
        given = attributes(node)
        over = "" if given["axis"] is None and not given["keepdims"] else f", {axis}={axes_text(given['axis'])}"
        return f"{function}({args[0].text}{over}{f', {keepdims}=True' if given['keepdims'] else ''})"

    return spelling


def along(function: str, axis: str = "axis") -> Spelling:
    """A function along axes."""
    return lambda node, args, shape: f"{function}({args[0].text}, {axis}={axes_text(attributes(node)['axis'])})"


def product_of(node: Node, args: Sequence[Code], shape: ShapeText) -> Code:
    return Code(f"{args[0].within(PRODUCT)} @ {args[1].within(POWER)}", PRODUCT)


def transposed(swapped: str) -> Spelling:
    """The last two axes exchanged; `swapped` is the template at an unknown number of axes."""

    def spelling(node: Node, args: Sequence[Code], shape: ShapeText) -> str:
        if not is_known(node.shape) or len(node.shape) > 2:
            return swapped.format(args[0].text)
        return f"{args[0].atom}.T" if len(node.shape) == 2 else args[0].text

    return spelling


def itself(node: Node, args: Sequence[Code], shape: ShapeText) -> Code:
    return args[0]


def entry(node: Node, args: Sequence[Code], shape: ShapeText) -> str:
    return f"{args[0].atom}[{index_text(attributes(node)['index'], shape)}]"


def rows(numbers: str = "{0}") -> Spelling:
    """Rows at positions; `numbers` is the template of a list of them."""

    def spelling(node: Node, args: Sequence[Code], shape: ShapeText) -> str:
        positions = rows_text(attributes(node)["positions"])
        return f"{args[0].atom}[{numbers.format(positions) if positions.startswith('[') else positions}]"

    return spelling


def put(node: Node, args: Sequence[Code], shape: ShapeText) -> str:
    """The helper `put`: zeros of a shape with a value at an index."""

    def part(index: Any) -> str:
        return (
            "..." if index is ... else str(index) if isinstance(index, int) else f"slice({', '.join(map(str, index))})"
        )

    index = ", ".join(map(part, attributes(node)["index"]))
    return f"put({args[0].text}, {shape(node.shape)}, ({index},))"


def accumulated(cumsum: str, flip: str) -> Spelling:
    """A cumulative sum, from templates over a value and an axis; backward, of the value flipped."""

    def spelling(node: Node, args: Sequence[Code], shape: ShapeText) -> str:
        given = attributes(node)
        axis, text = given["axis"], args[0].text
        if not given["backward"]:
            return cumsum.format(text, axis)
        return flip.format(cumsum.format(flip.format(text, axis), axis), axis)

    return spelling


def share(node: Node, args: Sequence[Code], shape: ShapeText) -> Code:
    """One over the number of entries that a mean takes."""
    axis, sizes = attributes(node)["axis"], node.args[0].shape
    count = shape(tuple(sizes if axis is None else (sizes[k] for k in axis)))[1:-1].rstrip(",").replace(", ", " * ")
    return Code(f"1 / ({count or '1'})", PRODUCT)


def embedded(numbers: str) -> Spelling:
    """Rows of a table; `numbers` writes their numbers as integers: of `{0.text}`, or of `{0.atom}` before a dot."""
    return lambda node, args, shape: f"{args[0].atom}[{numbers.format(args[1])}]"


def added_rows(arange: str, array: str) -> Spelling:
    """The helper `add_rows` at fixed positions, which are a range or a list: the adjoint of `take`."""

    def spelling(node: Node, args: Sequence[Code], shape: ShapeText) -> str:
        positions = attributes(node)["positions"]
        if isinstance(positions, range):
            numbers = f"{arange}({positions.start}, {positions.stop}, {positions.step})"
        else:
            numbers = array.format(list(positions))
        return f"add_rows({args[0].text}, {args[1].atom}.shape, {numbers})"

    return spelling


def added_embedded(numbers: str) -> Spelling:
    """The helper `add_rows` at numbers that are a value: the adjoint of `embed`."""
    return lambda node, args, shape: f"add_rows({args[0].text}, {args[1].atom}.shape, {numbers.format(args[2])})"


def at_largest(node: Node, args: Sequence[Code], shape: ShapeText) -> str:
    """The helper `at_max`, with its axes as a tuple."""
    axis = attributes(node)["axis"]
    axes = axis if axis is not None else tuple(range(shape(node.args[0].shape).count(",") or 1))
    return f"at_max({args[0].text}, {axes!r})"


def added_windows(node: Node, args: Sequence[Code], shape: ShapeText) -> str:
    """The helper `add_windows`: the adjoint of `windows`."""
    given = attributes(node)
    settings = ", ".join(f"{name}={given[name]!r}" for name in ("kernel", "stride", "padding", "dilation"))
    return f"add_windows({args[0].text}, {args[1].atom}.shape, {settings})"


def literal(value: Any) -> str:
    """A setting as Python writes it."""
    return f'float("{value}")' if isinstance(value, float) and not math.isfinite(value) else repr(value)


def listed(args: Sequence[Code]) -> str:
    return ", ".join(arg.text for arg in args)


def normed(node: Node, args: Sequence[Code], shape: ShapeText) -> Code:
    """The helper `layer_norm`, with the gain and the shift as a product and a sum."""
    given = attributes(node)
    text = f"layer_norm({args[0].text}, {axes_text(given['axes'])}, {given['epsilon']!r})"
    if len(args) > 1:
        text += f" * {args[1].within(POWER)}"
    if len(args) > 2:
        return Code(f"{text} + {args[2].within(PRODUCT)}", COMPARISON - 1)
    return Code(text, PRODUCT)


def attended(node: Node, args: Sequence[Code], shape: ShapeText) -> str:
    """The helper `attention`."""
    given = attributes(node)
    bias = f", bias={args[3].text}" if len(args) > 3 else ""
    causal = ", causal=True" if given["causal"] else ""
    return f"attention({listed(args[:3])}, scale={float(given['scale'])!r}{causal}{bias})"


def windowed(function: str, names: Sequence[str]) -> Spelling:
    """A helper over windows, with these attributes by name."""

    def spelling(node: Node, args: Sequence[Code], shape: ShapeText) -> str:
        given = attributes(node)
        return f"{function}({listed(args)}, {', '.join(f'{name}={literal(given[name])}' for name in names)})"

    return spelling


def primitives(np: str) -> dict[str, Rule]:
    """The rules of primitives."""
    return {
        "dot": product_of,
        "transpose": transposed(f"{np}.swapaxes({{0}}, -1, -2)"),
        "reshape": lambda node, args, shape: f"{np}.reshape({args[0].text}, {shape(attributes(node)['shape'])})",
        "expand": lambda node, args, shape: f"{np}.expand_dims({args[0].text}, {attributes(node)['axis']})",
        "squeeze": lambda node, args, shape: f"{np}.squeeze({args[0].text}, {attributes(node)['axis']})",
        "permute": lambda node, args, shape: f"{np}.transpose({args[0].text}, {_counted(attributes(node)['axes'])})",
        "concatenate": lambda node, args, shape: f"{np}.concatenate([{listed(args)}], axis={attributes(node)['axis']})",
        "stack": lambda node, args, shape: f"{np}.stack([{listed(args)}])",
        "item": entry,
        "take": rows(),
        "put": put,
        "cumulative_sum": accumulated(f"{np}.cumsum({{0}}, axis={{1}})", f"{np}.flip({{0}}, {{1}})"),
        "reverse": lambda node, args, shape: f"{args[0].atom}[::-1]",
        "sum": reduced(f"{np}.sum"),
        "mean": reduced(f"{np}.mean"),
        "max": reduced(f"{np}.max"),
        "first_max": reduced(f"{np}.max"),
        "share": share,
        "softmax": along("softmax"),
        "logsumexp": reduced("logsumexp"),
        "attention": attended,
        "layer_norm": normed,
        "causal": "causal_mask({0})",
        "sum_to": lambda node, args, shape: f"sum_to({args[0].text}, {shape(attributes(node)['shape'])})",
        "sum_like": f"sum_to({{0}}, {np}.shape({{1}}))",
        "broadcast_to": lambda node, args, shape: (
            f"{np}.broadcast_to({args[0].text}, {shape(attributes(node)['shape'])})"
        ),
        "broadcast_like": f"{np}.broadcast_to({{0}}, {np}.shape({{1}}))",
        "einsum": lambda node, args, shape: f'{np}.einsum("{attributes(node)["subscripts"]}", {listed(args)})',
        "convolution": windowed("convolution", ("stride", "padding", "dilation", "groups")),
        "at_max": at_largest,
        "add_windows": added_windows,
        "windows": windowed("windows", ("kernel", "stride", "padding", "dilation", "fill")),
        "alike": itself,
        "single": itself,
        "remat": itself,
    }


def _counted(axes: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(axis % len(axes) for axis in axes)


# the offsets of a window, each with the slices of an image that hold the entries there
PLACES = """\
def places(counts, kernel, stride, dilation):
    for offset in itertools.product(*map(range, kernel)):
        axes = zip(offset, counts, stride, dilation)
        yield offset, tuple(slice(k * d, k * d + s * (n - 1) + 1, s) for k, n, s, d in axes)"""


def helpers(np: str) -> dict[str, str]:
    """The helpers, written over a module."""
    return {
        name: source.replace("np.", f"{np}.")
        for name, source in {
            "sigmoid": "def sigmoid(z):\n    return np.exp(-np.logaddexp(0, -z))",
            "softmax": (
                "def softmax(z, axis):\n"
                "    powers = np.exp(z - np.max(z, axis=axis, keepdims=True))\n"
                "    return powers / np.sum(powers, axis=axis, keepdims=True)"
            ),
            "logsumexp": (
                "def logsumexp(z, axis=None, keepdims=False):\n"
                "    largest = np.max(z, axis=axis, keepdims=True)\n"
                "    total = np.log(np.sum(np.exp(z - largest), axis=axis, keepdims=True)) + largest\n"
                "    return total if keepdims else np.sum(total, axis=axis)"
            ),
            "causal_mask": ("def causal_mask(scores):\n    return np.triu(np.full(np.shape(scores)[-2:], -np.inf), 1)"),
            "attention": (
                "def attention(q, k, v, scale, causal=False, bias=0):\n"
                "    scores = q @ np.swapaxes(k, -1, -2) * scale + bias\n"
                "    if causal:\n"
                "        scores = scores + causal_mask(scores)\n"
                "    return softmax(scores, -1) @ v"
            ),
            "layer_norm": (
                "def layer_norm(z, axis, epsilon):\n"
                "    centered = z - np.mean(z, axis=axis, keepdims=True)\n"
                "    return centered / np.sqrt(np.mean(centered**2, axis=axis, keepdims=True) + epsilon)"
            ),
            "sum_to": (
                "def sum_to(a, shape):\n"
                "    extra = np.ndim(a) - len(shape)\n"
                "    a = np.sum(a, axis=tuple(range(extra)))\n"
                "    axes = tuple(k for k, size in enumerate(shape) if size == 1 and a.shape[k] != 1)\n"
                "    return np.sum(a, axis=axes, keepdims=True)"
            ),
            "at_max": (
                "def at_max(z, axis):\n"
                "    last = tuple(range(-len(axis), 0))\n"
                "    moved = np.moveaxis(z, axis, last)\n"
                "    flat = np.reshape(moved, (*moved.shape[: moved.ndim - len(axis)], -1))\n"
                "    first = np.arange(flat.shape[-1]) == np.argmax(flat, axis=-1)[..., None]\n"
                "    return np.moveaxis(np.reshape(first, moved.shape).astype(z.dtype), last, axis)"
            ),
            "places": PLACES,
        }.items()
    }
