"""The loop: epoch after epoch, measured, stopped and resumed.

In: training steps and data. Out: the trained parameters and their history.

    sources        what a training reads
    metrics        what is measured after each epoch
    history        losses and metrics, as a picture and a table
    progress       progress bars
    pace           the steps of one call
    stopping       early stopping, callbacks, Ctrl-C
    checkpoints    the state of a training on disk
    resuming       a training as a snapshot, and back
    run            epoch after epoch
"""
