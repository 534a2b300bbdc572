"""The dtypes of exported operations, and checks that a net of real numbers gives the same results.

truth    bool: the numbers 0 and 1                 narrow   int8, int16, unsigned: arithmetic wraps around
whole    int32, int64: exact up to 2**53           half     float16, bfloat16: casts to them round
real     float32, float64                          other    complex, quantized: not real numbers
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from symfold.errors import NoRule
from symfold.exchange.pytorch.operations import leaves

if TYPE_CHECKING:
    from torch.fx import Node as FxNode

KINDS: dict[str, str] = {
    "bool": "truth",
    **dict.fromkeys(("int32", "int64"), "whole"),
    **dict.fromkeys(("int8", "int16", "uint8", "uint16", "uint32", "uint64"), "narrow"),
    **dict.fromkeys(("float16", "bfloat16"), "half"),
    **dict.fromkeys(("float32", "float64"), "real"),
}
RANGES = {
    f"{'u' * (low == 0)}int{bits}": (low, low + 2**bits - 1)
    for bits in (8, 16, 32, 64)
    for low in (-(2 ** (bits - 1)), 0)
}

CASTS = frozenset({"to", "_to_copy", "type_as", "float", "double"})
COMPARISONS = frozenset({"eq", "ne", "lt", "le", "gt", "ge"})
LOGIC = frozenset({
    "logical_and", "logical_or", "logical_xor", "logical_not", "bitwise_and", "bitwise_or", "bitwise_xor", "bitwise_not", "__and__", "__or__", "__xor__",
    "isnan", "isinf", "isfinite", "any", "all",
})  # fmt: skip
# results are entries of the arguments
MOVES = frozenset({
    "view", "reshape", "_unsafe_view", "flatten", "unflatten", "unsqueeze", "squeeze", "permute", "transpose", "t", "numpy_T", "mT", "expand", "expand_as", "broadcast_to",
    "select", "slice", "narrow", "split", "split_with_sizes", "chunk", "unbind", "cat", "concat", "stack", "contiguous", "clone", "detach", "alias", "lift_fresh_copy",
    "tril", "triu", "item", "flip", "roll", "repeat", "tile", "repeat_interleave", "movedim", "unfold", "meshgrid", "broadcast_tensors", "pad", "constant_pad_nd",
    "arange", "zeros", "ones", "full", "new_zeros", "new_ones", "new_full", "zeros_like", "ones_like", "full_like", "eye", "scalar_tensor",
    "gather", "topk", "sort", "diagonal", "tensor_split", "slice_scatter", "select_scatter", "copy", "fill", "zero", "clip", "index_select", "index", "_unsafe_index", "scatter", "index_put",
})  # fmt: skip
CHOICES = frozenset(
    {
        "where",
        "masked_fill",
        "maximum",
        "minimum",
        "clamp",
        "clamp_min",
        "clamp_max",
        "relu",
        "max",
        "min",
        "amax",
        "amin",
    }
)
# the same results for whole numbers as for real ones
EXACT = MOVES | CHOICES | {
    "add", "sub", "rsub", "mul", "neg", "abs", "sign", "square", "floor", "ceil", "trunc", "sum", "argmax", "argmin",
    "matmul", "mm", "bmm", "linear", "addmm", "baddbmm", "embedding", "cumsum", "diff", "one_hot", "argsort", "scatter_add", "index_add", "floor_divide", "remainder",
    "max_pool1d_with_indices", "max_pool2d_with_indices", "max_pool3d_with_indices",
}  # fmt: skip
TRUTHFUL = MOVES | CHOICES | COMPARISONS | LOGIC | {"add", "mul"}


@dataclass(frozen=True)
class Types:
    """The dtypes of an operation's argument and result tensors, and the whole numbers among its arguments."""

    arguments: tuple[str, ...]
    results: tuple[str, ...]
    numbers: tuple[int, ...] = ()

    @classmethod
    def of(cls, node: FxNode, is_size: Callable[[object], bool]) -> Types:
        args = [arg for arg in leaves(node) if not (hasattr(arg, "meta") and is_size(arg.meta.get("val")))]
        arguments = tuple(dtype_of(arg.meta["val"]) for arg in args if hasattr(arg, "meta") and "val" in arg.meta)
        value = node.meta["val"]
        results = tuple(map(dtype_of, value)) if isinstance(value, (tuple, list)) else (dtype_of(value),)
        return cls(arguments, results, tuple(arg for arg in args if isinstance(arg, int) and not isinstance(arg, bool)))


def dtype_of(value: object) -> str:
    """The dtype of a tensor, or of a number computed from tensors."""
    if hasattr(value, "dtype"):
        return str(value.dtype).removeprefix("torch.")
    return {"SymInt": "int64", "SymBool": "bool", "int": "int64", "bool": "bool", "NoneType": "float64"}.get(
        type(value).__name__, "float64"
    )


def kind_of(dtype: str) -> str:
    """The kind of a dtype.

    >>> kind_of("uint8"), kind_of("bfloat16"), kind_of("complex64")
    ('narrow', 'half', 'other')
    """
    return KINDS.get(dtype, "other")


def check_types(name: str, types: Types) -> None:
    """Raise NoRule for an operation whose results on these dtypes differ from those on real numbers."""
    strange = next((dtype for dtype in (*types.arguments, *types.results) if kind_of(dtype) == "other"), None)
    if strange is not None:
        raise NoRule(f"it computes with numbers of type {strange}, and a net's numbers are real")
    if name in CASTS:
        return
    result = types.results[0]
    kind = kind_of(result)
    if kind == "truth" and name not in TRUTHFUL:
        raise NoRule("it gives truth values that depend on the inputs, which its row does not")
    if kind == "whole" and name not in EXACT:
        raise NoRule(f"it gives whole numbers ({result}) that depend on the inputs, which its row does not")
    if kind == "narrow" and name not in MOVES | CHOICES:
        raise NoRule(f"it computes in {result}, which wraps around (cast to int64 first)")
    if kind in ("narrow", "truth") and name in CHOICES | COMPARISONS:
        check_range(types)


def check_range(types: Types) -> None:
    """Raise NoRule if narrow numbers meet numbers out of their range, which PyTorch wraps around."""
    narrow = {dtype for dtype in types.arguments if kind_of(dtype) == "narrow"}
    others = {dtype for dtype in types.arguments if kind_of(dtype) in ("narrow", "whole")} - narrow
    if len(narrow) > 1 or (narrow and others):
        raise NoRule(
            f"it joins {' and '.join(sorted(narrow | others))}, one of which may wrap around (cast both to int64 first)"
        )
    for dtype in narrow:
        low, high = RANGES[dtype]
        outside = next((number for number in types.numbers if not low <= number <= high), None)
        if outside is not None:
            raise NoRule(f"{outside} does not fit {dtype}, and wraps around (cast to int64 first)")


def check_cast(source: str, target: str) -> None:
    """Raise NoRule for a cast that changes numbers, except by rounding to float32 or truncation to whole numbers.

    >>> check_cast("uint8", "int16"), check_cast("float64", "int64")
    (None, None)
    >>> check_cast("int64", "uint8")
    Traceback (most recent call last):
    ...
    symfold.errors.NoRule: a cast from int64 to uint8 wraps around
    """
    before, after = kind_of(source), kind_of(target)
    if after == "narrow" and before != "truth" and not _within(source, target):
        raise NoRule(f"a cast from {source} to {target} wraps around")
    if after == "half" and source != target and before != "truth":
        raise NoRule(f"a cast from {source} to {target} rounds (call .float() on the module first)")


def _within(source: str, target: str) -> bool:
    """Whether one integer dtype contains all numbers of another."""
    if source not in RANGES:
        return False
    (low, high), (least, most) = RANGES[source], RANGES[target]
    return least <= low and high <= most
