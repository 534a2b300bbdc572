"""Elementwise functions: SymPy's, and those that SymPy lacks. One row per function holds every fact about it.

In: a SymPy class, its numbers over an array namespace, its slopes. Out: rows, found by class, name or NumPy function.

    table          the fields of a row, and the call that adds one
    heads          the functions that SymPy lacks, as inert SymPy classes
    gammas         numbers of the gamma function and its derivatives
    activations    rows of activations
    choice         rows of comparisons, logic, `where` and `clip`
    logarithms     rows of functions whose plain formula loses digits
    special        rows of the error function and the gamma function
    elementary     rows of arithmetic, powers, exponentials, trigonometric and hyperbolic functions
"""

from symfold.core.functions import activations, choice, elementary, logarithms, special  # noqa: F401 - they hold the rows
from symfold.core.functions.heads import Inert as Inert
from symfold.core.functions.heads import cbrt as cbrt
from symfold.core.functions.heads import clip as clip
from symfold.core.functions.heads import divide as divide
from symfold.core.functions.heads import elu as elu
from symfold.core.functions.heads import equal as equal
from symfold.core.functions.heads import exp2 as exp2
from symfold.core.functions.heads import expm1 as expm1
from symfold.core.functions.heads import gaussian as gaussian
from symfold.core.functions.heads import gelu as gelu
from symfold.core.functions.heads import greater as greater
from symfold.core.functions.heads import greater_equal as greater_equal
from symfold.core.functions.heads import hardsigmoid as hardsigmoid
from symfold.core.functions.heads import hardswish as hardswish
from symfold.core.functions.heads import hardtanh as hardtanh
from symfold.core.functions.heads import hypot as hypot
from symfold.core.functions.heads import isfinite as isfinite
from symfold.core.functions.heads import isinf as isinf
from symfold.core.functions.heads import isnan as isnan
from symfold.core.functions.heads import leaky_relu as leaky_relu
from symfold.core.functions.heads import less as less
from symfold.core.functions.heads import less_equal as less_equal
from symfold.core.functions.heads import log1p as log1p
from symfold.core.functions.heads import log2 as log2
from symfold.core.functions.heads import log10 as log10
from symfold.core.functions.heads import logaddexp as logaddexp
from symfold.core.functions.heads import logical_and as logical_and
from symfold.core.functions.heads import logical_not as logical_not
from symfold.core.functions.heads import logical_or as logical_or
from symfold.core.functions.heads import logical_xor as logical_xor
from symfold.core.functions.heads import logistic as logistic
from symfold.core.functions.heads import mish as mish
from symfold.core.functions.heads import ndtr as ndtr
from symfold.core.functions.heads import not_equal as not_equal
from symfold.core.functions.heads import relu as relu
from symfold.core.functions.heads import relu6 as relu6
from symfold.core.functions.heads import sigmoid as sigmoid
from symfold.core.functions.heads import silu as silu
from symfold.core.functions.heads import softplus as softplus
from symfold.core.functions.heads import softsign as softsign
from symfold.core.functions.heads import step as step
from symfold.core.functions.heads import where as where
from symfold.core.functions.table import ROWS as ROWS
from symfold.core.functions.table import UFUNCS as UFUNCS
from symfold.core.functions.table import Formula as Formula
from symfold.core.functions.table import Function as Function
from symfold.core.functions.table import Head as Head
from symfold.core.functions.table import Point as Point
from symfold.core.functions.table import accepts as accepts
from symfold.core.functions.table import fingerprint as fingerprint
from symfold.core.functions.table import function as function
from symfold.core.functions.table import head_name as head_name
from symfold.core.functions.table import head_named as head_named
from symfold.core.functions.table import numbers_of as numbers_of
from symfold.core.functions.table import row_of as row_of
