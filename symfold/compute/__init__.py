"""Compute: the numbers of a net.

In: a net, parameters and arrays. Out: arrays.

    random_inputs   random numbers for the inputs of a net
    bounded_inputs  labels, row numbers and other targets, checked
    evaluate        interpretation: slow, simple, correct for every number type
    initialization  initial distributions by name
    parameters      arrays by name, in one buffer
    named_arrays    results by name, made when they are read
    lowering        the passes from a net to the nodes that a backend writes
    backends/       NumPy, native code, JAX
    compile         a net as a compiled function, by a named backend
"""
