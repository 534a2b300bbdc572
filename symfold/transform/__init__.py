"""Transform: net to net.

In: a net. Out: a net that computes the same, its derivative, or a rewired one.

    specialise        unknown sizes given their numbers
    inlining          the bodies of layers and primitives written out
    step_ranges       the steps of a fold as ranges that are treated differently
    repeats           equations that repeat, made folds
    rolling           roll, unroll, and a depth given its number
    bind              opaque layers given bodies
    passes/           hoisting, reassociation, rematerialization
    autodiff/         adjoints and gradients
    rewiring/         layers grouped, mixed, swapped, taken out
"""
