"""The objective: a loss as it is trained. Every module rewrites a net.

In: a loss as it is written. Out: the loss that a training step takes the gradient of.

    forms         the training form of a net: dropout that drops
    statistics    batch statistics, frozen as parameters
    samples       whether samples stay apart
    terms         the terms of a loss: means and sums over samples, and others
    weights       losses with weights for samples and classes
    stages        layers fitted one after another
"""
