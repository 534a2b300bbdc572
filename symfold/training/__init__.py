"""Training: parameters that minimize a loss.

In: a loss (a net), parameters, data. Out: trained parameters and a history.

    step_counter    the number of steps taken, for schedules and dropout
    optimizers      update rules, schedules, clipping, groups of parameters
    forms           the training form of a net: dropout that drops
    data            arrays, frames and tensors by the names of the inputs; validation data
    batches         mini-batches of arrays, as stacks
    terms           the terms of a loss: means and sums over samples, and others
    weights         losses with weights for samples and classes
    sources         what a training reads
    statistics      batch statistics, frozen as parameters
    accumulation    gradients of several batches for one update
    training_step   a training step as a net
    finiteness      the cause of losses and parameters that are not finite
    stages          layers fitted one after another
    checkpoints     the state of a training on disk, to resume from
    metrics         what is measured after each epoch
    history         losses and metrics, as a picture and a table
    progress        progress bars
    pace            the steps of one call
    stopping        early stopping, callbacks, Ctrl-C
    resuming        a training as a snapshot, and back
    loop            epoch after epoch
    fit             sf.fit
    minimize        sf.minimize
    boosting/       regressors of other packages as layers, fitted stage by stage
    check           gradients against finite differences
"""
