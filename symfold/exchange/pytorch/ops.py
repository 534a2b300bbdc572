"""PyTorch's operations as nodes: one row per ATen operation, for all its overloads.

Each file holds one family. A case that a row does not cover raises `NoRule` with the reason.
"""

from __future__ import annotations

from symfold.errors import NoRule
from symfold.exchange.pytorch.arrangement import ARRANGEMENT, same
from symfold.exchange.pytorch.choice import CHOICES, TRUTHS, cast
from symfold.exchange.pytorch.dtypes import CASTS, Types, check_types, kind_of
from symfold.exchange.pytorch.elementwise import ELEMENTWISE
from symfold.exchange.pytorch.images import IMAGES
from symfold.exchange.pytorch.indexing import INDEXING
from symfold.exchange.pytorch.losses import LOSSES
from symfold.exchange.pytorch.norms import NORMS
from symfold.exchange.pytorch.pools import POOLS
from symfold.exchange.pytorch.products import MASKED, PRODUCTS
from symfold.exchange.pytorch.recurrent import RECURRENT
from symfold.exchange.pytorch.rows import Row

FAMILIES = (ELEMENTWISE, CHOICES, ARRANGEMENT, INDEXING, PRODUCTS, NORMS, IMAGES, POOLS, LOSSES, RECURRENT)
OPERATIONS: dict[str, Row] = {name: row for family in FAMILIES for name, row in family.items()}


def is_known(name: str) -> bool:
    """Whether an operation has a row, or is read without one."""
    return name in OPERATIONS or name == "getitem"


def row_for(name: str, types: Types) -> Row:
    """The row of an operation for these dtypes, or an error with the reason why there is none."""
    if name in OPERATIONS:
        check_types(name, types)
    else:
        raise NoRule("there is no row for it")
    kinds, result = set(map(kind_of, types.arguments)), kind_of(types.results[0])
    if name in CASTS:
        return cast(types.arguments[0], types.results[0])
    if result == "truth" and name in TRUTHS:
        return TRUTHS[name]
    if "truth" in kinds and name in MASKED:
        return MASKED[name]
    if name == "detach" and result not in ("real", "half"):
        return same  # no gradient flows through it
    return OPERATIONS[name]
