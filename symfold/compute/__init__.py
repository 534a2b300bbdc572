"""Compute: the numbers of a net.

In: a net, parameters and arrays. Out: arrays.

    evaluate        interpretation: slow, simple, correct for every number type
    initialization  initial distributions by name
    parameters      arrays by name, in one buffer
    random_inputs   random numbers for the inputs of a net
    whole_inputs    labels and row numbers, checked
    lowering        the passes from a net to the nodes that a backend writes
    backends/       NumPy, native code, JAX
    compile         a net as a compiled function, by a named backend
"""
