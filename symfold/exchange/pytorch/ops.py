"""PyTorch's operations as nodes: one row per ATen operation, for all its overloads.

Each file holds one family. A case that a row does not cover raises `NoRule` with the reason.
"""

from __future__ import annotations

from collections.abc import Callable

from symfold.errors import NoRule
from symfold.exchange.pytorch.arrangement import ARRANGEMENT, copied, same
from symfold.exchange.pytorch.choice import CHOICES, TRUTHS, cast
from symfold.exchange.pytorch.complex_numbers import COMPLEX_NUMBERS, is_complex
from symfold.exchange.pytorch.creation import CREATION
from symfold.exchange.pytorch.dtypes import CASTS, Types, check_types, kind_of
from symfold.exchange.pytorch.elementwise import ELEMENTWISE
from symfold.exchange.pytorch.fourier import FOURIER
from symfold.exchange.pytorch.images import IMAGES
from symfold.exchange.pytorch.indexing import INDEXING, masked_put
from symfold.exchange.pytorch.losses import LOSSES
from symfold.exchange.pytorch.norms import NORMS, rms_norm
from symfold.exchange.pytorch.pools import POOLS
from symfold.exchange.pytorch.products import PRODUCTS, attention_row
from symfold.exchange.pytorch.recurrent import RECURRENT
from symfold.exchange.pytorch.rows import Row
from symfold.exchange.pytorch.sampling import SAMPLING

FAMILIES = (
    ELEMENTWISE, CHOICES, CREATION, ARRANGEMENT, INDEXING, PRODUCTS, NORMS, IMAGES, SAMPLING, POOLS, LOSSES, RECURRENT,
)  # fmt: skip
OPERATIONS: dict[str, Row] = {name: row for family in FAMILIES for name, row in family.items()}
COMPLEX: dict[str, Row] = {**COMPLEX_NUMBERS, **FOURIER}  # with complex arguments or results

# with truth values as the argument at a place
MASKED: dict[str, tuple[int, Row]] = {
    "scaled_dot_product_attention": (3, attention_row(truths=True)),
    "index_put": (1, masked_put),
}
# rows that depend on the dtypes
OF_TYPES: dict[str, Callable[[Types], Row]] = {
    "rms_norm": lambda types: rms_norm(types.results[0]),
    "copy": lambda types: copied(cast(types.arguments[1], types.results[0])),
}


def is_known(name: str) -> bool:
    """Whether an operation has a row, or is read without one."""
    return name in OPERATIONS or name in COMPLEX or name == "getitem"


def computes_with_numbers(name: str) -> bool:
    """Whether an operation takes numbers where it takes tensors, so that a size among its arguments is a number."""
    return name in ELEMENTWISE or name in CHOICES or name in ("full", "new_full", "full_like", "fill", "scalar_tensor")


def row_for(name: str, types: Types) -> Row:
    """The row of an operation for these dtypes, or an error with the reason why there is none."""
    if name in COMPLEX and any(map(is_complex, (*types.arguments, *types.results))):
        return COMPLEX[name]
    if name in OPERATIONS:
        check_types(name, types)
    else:
        raise NoRule("there is no row for it")
    kinds, result = [kind_of(dtype) for dtype in types.arguments], kind_of(types.results[0])
    if name in CASTS:
        return cast(types.arguments[0], types.results[0])
    if result == "truth" and name in TRUTHS:
        return TRUTHS[name]
    place, masked = MASKED.get(name, (0, same))
    if place and kinds[place : place + 1] == ["truth"]:
        return masked
    if name in OF_TYPES:
        return OF_TYPES[name](types)
    if name == "detach" and result not in ("real", "half"):
        return same  # no gradient flows through it
    return OPERATIONS[name]
