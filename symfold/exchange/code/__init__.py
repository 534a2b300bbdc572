"""Code to paste: a net as a Python function for NumPy, PyTorch or JAX, a loop per fold.

In: a net. Out: the source of a function of its parameters and inputs, which needs nothing of symfold.

    expressions         text with its precedence
    targets             the row of a target, and the table
    array_functions     elementwise functions as NumPy and JAX spell them
    array_primitives    primitives as NumPy and JAX spell them, and helpers
    numpy, torch, jax   one target each
    identifiers         valid names, each used once; names that differ in a number
    line_breaks         long statements over several lines
    operations          operations as expressions
    writer              nodes as statements, folds as loops
    function            the whole function
"""

from symfold.exchange.code.function import to_code as to_code
