"""What PyTorch's operations are as nodes: one row an operation, by its name in ATen, for all its overloads.

A family is a file. A case that a row does not cover is a `NoRule` that says why.
"""

from __future__ import annotations

from symfold.exchange.torch_arrangement import ARRANGEMENT
from symfold.exchange.torch_elementwise import ELEMENTWISE
from symfold.exchange.torch_images import IMAGES
from symfold.exchange.torch_products import PRODUCTS
from symfold.exchange.torch_recurrent import RECURRENT
from symfold.exchange.torch_rows import Row

OPERATIONS: dict[str, Row] = {**ELEMENTWISE, **ARRANGEMENT, **PRODUCTS, **IMAGES, **RECURRENT}

# operations that do to whole numbers what they do to others
WHOLE = frozenset({
    "view", "reshape", "_unsafe_view", "flatten", "unflatten", "unsqueeze", "squeeze", "permute", "transpose", "t", "numpy_T", "expand", "expand_as", "broadcast_to",
    "select", "slice", "narrow", "split", "split_with_sizes", "chunk", "unbind", "cat", "concat", "stack", "contiguous", "clone", "detach", "alias",
    "lift_fresh_copy", "add", "sub", "mul", "neg", "maximum", "minimum", "clamp",
})  # fmt: skip
CASTS = frozenset({"to", "_to_copy", "type_as"})
