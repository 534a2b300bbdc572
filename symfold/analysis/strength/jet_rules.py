"""How primitives act on series: a primitive is in one of these tables, or has a rule of its own, or none."""

from __future__ import annotations

from symfold.primitives import (
    add_embedded,
    add_windows,
    alike,
    broadcast_like,
    broadcast_to,
    causal,
    concatenate,
    dot,
    einsum,
    embed,
    expand,
    item,
    permute,
    put,
    reduce_mean,
    reduce_sum,
    reshape,
    share,
    single,
    squeeze,
    sum_like,
    sum_to,
    swap,
    windows,
)
from symfold.sequences import add_rows, reverse_row, stack_row, take_row

LINEAR = (
    *(reshape, expand, squeeze, item, sum_to, broadcast_to, swap, permute, reduce_sum, reduce_mean, single, take_row, reverse_row, windows),
)
SHAPED = (put, sum_like, broadcast_like, alike, add_rows, embed, add_embedded, add_windows)  # linear in the first argument, the shape or the numbers of the others
JOINTLY = (stack_row, concatenate)  # linear in all arguments together
BILINEAR = (dot, einsum)  # linear in each argument
SHAPES = (share, causal)  # of a shape alone
