"""The JAX backend (extra `jax`): jitted functions with folds as `lax.scan`; batches sharded over all devices.

In: a net of known shapes. Out: a pure JAX function, and a program or training that calls it.

    convolutions   convolutions and their adjoints
    functions      primitives in JAX, one row each
    tracing        nodes as a pure function of arrays
    program        a net for one set of input shapes
    devices        sharding: batch rows over devices, parameters replicated
    training       a stack of training steps in one call
    row            the row of the backend
"""
