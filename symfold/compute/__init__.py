"""Compute: numbers.

In: a net, parameters and arrays. Out: arrays.

    evaluate        by interpretation: slow, simple, and right for any number type
    parameters      arrays by name, in one buffer
    random_inputs   numbers for the inputs of a net, at random
    lowering        the passes from a net to what a backend writes
    backends/       NumPy, native code, JAX
    compile         a net as a compiled function, by a backend chosen by name
"""
