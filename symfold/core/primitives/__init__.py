"""The primitives: what is not elementwise. A row says all that is intrinsic to an operation; `table.Primitive` lists it.

A family is a file; a new primitive is one row there, and a target may add a faster or prettier spelling of its own.
"""

from __future__ import annotations

from symfold.primitives.arrangement import concatenate as concatenate
from symfold.primitives.arrangement import expand as expand
from symfold.primitives.arrangement import item as item
from symfold.primitives.arrangement import joins_rows as joins_rows
from symfold.primitives.arrangement import put as put
from symfold.primitives.arrangement import reshape as reshape
from symfold.primitives.arrangement import splits_rows as splits_rows
from symfold.primitives.arrangement import squeeze as squeeze
from symfold.primitives.attention import attention as attention
from symfold.primitives.attention import layer_norm as layer_norm
from symfold.primitives.broadcasting import alike as alike
from symfold.primitives.broadcasting import broadcast_like as broadcast_like
from symfold.primitives.broadcasting import broadcast_to as broadcast_to
from symfold.primitives.broadcasting import fit as fit
from symfold.primitives.broadcasting import spread as spread
from symfold.primitives.broadcasting import sum_like as sum_like
from symfold.primitives.broadcasting import sum_to as sum_to
from symfold.primitives.broadcasting import zeros as zeros
from symfold.primitives.contractions import einsum as einsum
from symfold.primitives.contractions import subscripts_given as subscripts_given
from symfold.primitives.convolutions import convolution as convolution
from symfold.primitives.convolutions import max_pool as max_pool
from symfold.primitives.convolutions import mean_pool as mean_pool
from symfold.primitives.directional import directional as directional
from symfold.primitives.images import add_embedded as add_embedded
from symfold.primitives.images import add_windows as add_windows
from symfold.primitives.images import embed as embed
from symfold.primitives.images import permute as permute
from symfold.primitives.images import row_numbers as row_numbers
from symfold.primitives.images import window_slices as window_slices
from symfold.primitives.images import windows as windows
from symfold.primitives.masks import causal as causal
from symfold.primitives.opaque import opaque as opaque
from symfold.primitives.products import dot as dot
from symfold.primitives.products import swap as swap
from symfold.primitives.reductions import at_max as at_max
from symfold.primitives.reductions import even_shares as even_shares
from symfold.primitives.reductions import first_max as first_max
from symfold.primitives.reductions import joined as joined
from symfold.primitives.reductions import logsumexp as logsumexp
from symfold.primitives.reductions import norm as norm
from symfold.primitives.reductions import reduce_max as reduce_max
from symfold.primitives.reductions import reduce_mean as reduce_mean
from symfold.primitives.reductions import reduce_sum as reduce_sum
from symfold.primitives.reductions import safe_softmax as safe_softmax
from symfold.primitives.reductions import share as share
from symfold.primitives.reductions import single as single
from symfold.primitives.reductions import softmax as softmax
from symfold.primitives.scans import cumulative_sum as cumulative_sum
from symfold.primitives.stopping import stop_gradient as stop_gradient
from symfold.primitives.stopping import stopped as stopped
from symfold.primitives.table import EACH as EACH
from symfold.primitives.table import PRIMITIVES as PRIMITIVES
from symfold.primitives.table import TOGETHER as TOGETHER
from symfold.primitives.table import Apply as Apply
from symfold.primitives.table import Primitive as Primitive
from symfold.primitives.table import axes_given as axes_given
from symfold.primitives.table import axes_of as axes_of
from symfold.primitives.table import carried_places as carried_places
from symfold.primitives.table import is_primitive as is_primitive
from symfold.primitives.table import primitive as primitive
from symfold.primitives.table import read_places as read_places
