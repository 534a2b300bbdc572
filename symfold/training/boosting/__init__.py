"""Boosting: any regressor with `fit` and `predict` as a layer, fitted stage by stage (Friedman 2001).

In: a mapper, a learner, data, a loss. Out: a net of opaque layers, and the learner and the step of each.

      state     z = (the columns of x, the prediction),   z_0 = (x, the best constant)
      layer k   reads rows like the state, writes step_k * learner_k into the prediction, and zero elsewhere
      stage k   learner_k is fitted to the negative gradient of the loss by what layer k writes; step_k by a line search

So `f(x) + z` is gradient boosting, in which every learner reads the input, and `f(z) + z` a residual net, in which
learner k reads the input and the prediction of the k - 1 learners before it. The gradient is that of a net.

    learners    a regressor as an opaque layer
    bodies      differentiable regressors as layers with bodies
    steps       one step of a mapper, its loss by what the layer writes, and the step of the least loss
    arguments   data, losses and mappers, checked
    result      the net with its learners
    fitting     stage after stage
"""
