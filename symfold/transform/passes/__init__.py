"""Passes: the same net, cheaper to compute.

reassociation       sums and products regrouped, so that what does not need the state stands apart
rematerialization   a fold as groups of steps, so that the values of one group are held at a time
hoisting            what the next state does not need, computed for all steps in one batched operation
"""
