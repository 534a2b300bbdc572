"""Passes: net to net, before numbers are computed.

In: nodes. Out: nodes with the same values, cheaper to compute.

    reassociation       sums and products reassociated to separate what does not depend on the state
    rematerialization   a fold as groups of steps, to store the values of one group at a time
    memory_plans        which steps keep their values within a budget
    fold_pairs          folds of gradients with a budget, and the folds whose values they read
    recomputation       folds and their gradients in groups that fit a budget
    contraction         sums of matrix products as one product
    windows             steps that take and return values instead of their windows
    convolutions        sums of products with windows as one operation
    joining             products of a step with a common factor as one wide product
    factoring           small factors multiplied first, and after sums
    saved_values        what a backward step computes from saved values, computed by the forward step, or the reverse
    hoisting            what the next state does not need, computed for all steps in one batched operation
    sinking             elementwise operations on long sequences that a fold emits, computed in its steps
"""
