"""JAX functions as nets.

In: a function and examples of its arguments. Out: a net and its parameters.

    values         values of a jaxpr: nodes, or arrays that are known
    arguments      inputs and parameters by name, results by form
    tracing        a function traced at its examples
    elementwise, arrangement, products, indexing   JAX's operations, one row each
    control        scans, loops and choices
    reader         sf.from_jax
"""
