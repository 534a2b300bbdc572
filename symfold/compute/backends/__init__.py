"""Backends: from a net of known shapes to a program. A new backend is one row.

stacks    many like batches in one value
table     what a row holds, and the call that adds one
choice    which backend `auto` takes
jax/      folds as lax.scan (extra `jax`)
numpy/    NumPy calls into preallocated arrays
native/   machine code by LLVM (extra `native`)
rows      the backends that come with symfold
"""
