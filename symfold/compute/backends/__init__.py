"""Backends: programs of nets. A new backend is one row.

In: a net, the shapes of its inputs, parameters. Out: a program, or a training.

    stacks    many batches of equal shapes in one value
    table     the rows of backends, and the call that adds one
    choice    the backend that `auto` takes
    threads   how many there may be, and pools of them
    jax/      folds as lax.scan (extra `jax`)
    numpy/    NumPy calls into preallocated arrays
    native/   machine code by LLVM (extra `native`)
    rows      the backends of symfold
"""
