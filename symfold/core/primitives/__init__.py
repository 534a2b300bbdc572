"""Primitives: the operations that are not elementwise, one row each.

In: a name, a shape rule, numbers over an array namespace, an adjoint. Out: a function from nodes to a node.

    table           the fields of a row, and the call that adds one
    arrangement     reshape, expand, squeeze, concatenate, item, put
    broadcasting    broadcasting, and its adjoint: sums to a shape
    budgets         the mark of a memory budget
    contractions    einsum
    directional     directional derivatives of opaque layers
    gelu_tanh       the tanh approximation of GELU
    guarding        products that are zero if a factor is
    images          permuted axes, embedding, windows
    classes         one-hot rows
    masks           causal masks
    opaque          an operation known by name and shape only
    products        matrix products
    randomness      random keys and masks; dropout
    reductions      sums, means, maxima, softmax, norms
    attention       scaled dot-product attention, layer norm, group norm
    padding         borders
    resampling      interpolation, adaptive pools, pixel shuffle
    convolutions    convolution, transposed convolution and pooling
    scans           cumulative sums
    sorting         positions in order of size
    stopping        sf.stop_gradient
    ranges          values between bounds

To add a primitive, add a row to one of these files.
"""

from __future__ import annotations

from symfold.core.primitives.arrangement import concatenate as concatenate
from symfold.core.primitives.arrangement import expand as expand
from symfold.core.primitives.arrangement import forward_index as forward_index
from symfold.core.primitives.arrangement import item as item
from symfold.core.primitives.arrangement import merges_leading_axes as merges_leading_axes
from symfold.core.primitives.arrangement import put as put
from symfold.core.primitives.arrangement import reshape as reshape
from symfold.core.primitives.arrangement import splits_leading_axis as splits_leading_axis
from symfold.core.primitives.arrangement import squeeze as squeeze
from symfold.core.primitives.attention import attention as attention
from symfold.core.primitives.attention import group_norm as group_norm
from symfold.core.primitives.attention import layer_norm as layer_norm
from symfold.core.primitives.broadcasting import alike as alike
from symfold.core.primitives.broadcasting import broadcast_like as broadcast_like
from symfold.core.primitives.broadcasting import broadcast_to as broadcast_to
from symfold.core.primitives.broadcasting import spread as spread
from symfold.core.primitives.broadcasting import sum_like as sum_like
from symfold.core.primitives.broadcasting import sum_to as sum_to
from symfold.core.primitives.broadcasting import unbroadcast as unbroadcast
from symfold.core.primitives.broadcasting import zeros as zeros
from symfold.core.primitives.budgets import budgeted as budgeted
from symfold.core.primitives.classes import NO_CLASS as NO_CLASS
from symfold.core.primitives.classes import one_hot as one_hot
from symfold.core.primitives.contractions import einsum as einsum
from symfold.core.primitives.contractions import subscripts_given as subscripts_given
from symfold.core.primitives.convolutions import convolution as convolution
from symfold.core.primitives.convolutions import max_pool as max_pool
from symfold.core.primitives.convolutions import mean_pool as mean_pool
from symfold.core.primitives.convolutions import transposed_convolution as transposed_convolution
from symfold.core.primitives.directional import directional as directional
from symfold.core.primitives.gelu_tanh import gelu_tanh as gelu_tanh
from symfold.core.primitives.guarding import guarded_product as guarded_product
from symfold.core.primitives.images import NO_ROW as NO_ROW
from symfold.core.primitives.images import add_embedded as add_embedded
from symfold.core.primitives.images import add_windows as add_windows
from symfold.core.primitives.images import embed as embed
from symfold.core.primitives.images import permute as permute
from symfold.core.primitives.images import row_numbers as row_numbers
from symfold.core.primitives.images import window_slices as window_slices
from symfold.core.primitives.images import windows as windows
from symfold.core.primitives.masks import causal as causal
from symfold.core.primitives.opaque import opaque as opaque
from symfold.core.primitives.padding import entries_along as entries_along
from symfold.core.primitives.padding import pad as pad
from symfold.core.primitives.products import dot as dot
from symfold.core.primitives.products import swap as swap
from symfold.core.primitives.randomness import dropout as dropout
from symfold.core.primitives.randomness import random_keys as random_keys
from symfold.core.primitives.randomness import random_mask as random_mask
from symfold.core.primitives.ranges import within as within
from symfold.core.primitives.reductions import at_max as at_max
from symfold.core.primitives.reductions import even_shares as even_shares
from symfold.core.primitives.reductions import first_max as first_max
from symfold.core.primitives.reductions import logsumexp as logsumexp
from symfold.core.primitives.reductions import norm as norm
from symfold.core.primitives.reductions import reduce_max as reduce_max
from symfold.core.primitives.reductions import reduce_mean as reduce_mean
from symfold.core.primitives.reductions import reduce_sum as reduce_sum
from symfold.core.primitives.reductions import reduced_count as reduced_count
from symfold.core.primitives.reductions import safe_softmax as safe_softmax
from symfold.core.primitives.reductions import share as share
from symfold.core.primitives.reductions import single as single
from symfold.core.primitives.reductions import softmax as softmax
from symfold.core.primitives.resampling import adaptive_max_pool as adaptive_max_pool
from symfold.core.primitives.resampling import adaptive_mean_pool as adaptive_mean_pool
from symfold.core.primitives.resampling import adaptive_windows as adaptive_windows
from symfold.core.primitives.resampling import interpolate as interpolate
from symfold.core.primitives.resampling import pixel_shuffle as pixel_shuffle
from symfold.core.primitives.resampling import repeated as repeated
from symfold.core.primitives.scans import cumulative_sum as cumulative_sum
from symfold.core.primitives.sorting import argsort as argsort
from symfold.core.primitives.stopping import stop_gradient as stop_gradient
from symfold.core.primitives.stopping import stopped as stopped
from symfold.core.primitives.table import EACH as EACH
from symfold.core.primitives.table import PRIMITIVES as PRIMITIVES
from symfold.core.primitives.table import TOGETHER as TOGETHER
from symfold.core.primitives.table import Apply as Apply
from symfold.core.primitives.table import Primitive as Primitive
from symfold.core.primitives.table import axes_given as axes_given
from symfold.core.primitives.table import axes_of as axes_of
from symfold.core.primitives.table import carried_places as carried_places
from symfold.core.primitives.table import is_apply as is_apply
from symfold.core.primitives.table import is_primitive as is_primitive
from symfold.core.primitives.table import primitive as primitive
from symfold.core.primitives.table import read_places as read_places
