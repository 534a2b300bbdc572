"""Transform: net to net.

In: a net. Out: a net that computes the same, its derivative, or a rewired one.

    specialize        numbers for unknown sizes, shapes and depths
    inlining          bodies of layers and primitives inlined; divisions; functions decomposed
    step_ranges       the steps of a fold split where only some of them change
    repeats/          repeated equations found and folded
    rolling           roll, unroll, and numbers for symbolic depths
    bind              bodies for opaque layers
    passes/           hoisting, reassociation, rematerialization
    autodiff/         adjoints and gradients
    rewiring/         layers grouped, mixed, swapped, removed
"""
