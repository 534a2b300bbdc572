"""Training: parameters that minimize a loss.

In: a loss (a net), parameters, data. Out: trained parameters and a history.

    step_counter    the number of steps taken, for schedules and dropout
    optimizers/     update rules, schedules, clipping, groups of parameters
    data/           arrays, frames and tensors by the names of the inputs, and batches of them
    objective/      the loss as it is trained: dropout that drops, weights, stages
    step/           a training step as a net
    loop/           epoch after epoch: metrics, history, stopping, checkpoints
    fit             sf.fit
    minimize        sf.minimize
    boosting/       regressors of other packages as layers, fitted stage by stage
    check           gradients against finite differences
"""
