"""Data of a training.

In: arrays, memory maps, frames, tensors, or batches of a user. Out: arrays by the names of the inputs, and stacks of
batches.

    arrays     data by the names of the inputs; a part for validation
    batches    mini-batches of arrays, shuffled, as stacks
"""
