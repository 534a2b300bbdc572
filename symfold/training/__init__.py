"""Training: parameters that minimise a loss.

In: a loss (a net), parameters, data. Out: trained parameters and a history.

    optimizers      how a parameter steps along its gradient
    batches         mini-batches of arrays
    training_step   a step of training as a net
    finiteness      why a training is no longer finite
    statistics      batch statistics, kept as parameters
    stages          layers fitted one after another
    train           sf.fit
    check           gradients against finite differences
"""
