"""Training: parameters that minimize a loss.

In: a loss (a net), parameters, data. Out: trained parameters and a history.

    step_counter    the number of steps taken, for schedules and dropout
    optimizers      update rules, schedules, clipping, groups of parameters
    batches         mini-batches of arrays, as stacks
    training_step   a training step as a net
    finiteness      the cause of losses and parameters that are not finite
    statistics      batch statistics, frozen as parameters
    stages          layers fitted one after another
    train           sf.fit
    minimize        sf.minimize
    check           gradients against finite differences
"""
