"""The JAX backend (extra `jax`): folds as `lax.scan`, jitted, on what devices JAX has; trainings with their batches spread over all of them.

functions    how JAX computes elementwise heads and primitives, one row each
tracing      nodes as a pure function of arrays, that JAX may trace, jit and differentiate
program      a net for one set of input shapes
devices      where arrays lie: rows of a batch on different devices, parameters on every one
training     a stack of training steps in one call
row          the row of the backend
"""
