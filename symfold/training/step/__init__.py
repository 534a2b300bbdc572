"""A training step as a net: parameters, slots and a batch in; their next values out.

In: an objective and an optimizer. Out: a program that takes many steps in one call of a backend.

    accumulation     gradients of several batches for one update
    training_step    one step, and the parameters that it moves
    finiteness       the cause of losses and parameters that are not finite
"""
