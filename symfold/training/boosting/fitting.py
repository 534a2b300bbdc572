"""Fitting: stage after stage, each by the negative gradient of the loss."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from symfold.base.arguments import array_of, flag, real, whole
from symfold.base.public import public
from symfold.core.leaves import tensor
from symfold.core.net import Net
from symfold.errors import Advice, Diverged, InvalidValue
from symfold.frontend.folding import fold, scan
from symfold.frontend.named_layers import layers
from symfold.training.boosting.arguments import (
    check_logits,
    check_target,
    checked_table,
    loss_rule,
    split,
    step_maker,
)
from symfold.training.boosting.learners import Learner, LearnerLayer, drawn, fresh, listed_learners
from symfold.training.boosting.result import Boosted
from symfold.training.boosting.steps import Rows, Rule, Step, best_constant, best_step, sum_scale


@public
def boost(
    mapper: object,
    learner: object,
    x: object,
    y: object,
    *,
    stages: int | None = None,
    loss: str | Rule = "squared_error",
    shrinkage: float = 0.1,
    line_search: bool = True,
    subsample: float = 1.0,
    validation: float | tuple[object, object] | None = None,
    early_stopping: int | None = None,
    seed: int = 0,
) -> Boosted:
    """Fit learners stage by stage to the negative gradient of a loss, as the layers of a net (Friedman 2001).

    `mapper` is a name or a typed step ("boosting", "residual", "f(z) + z/2"), a function (z, f), or a function of the
    input that gives one, as `sf.mappers.boosting`. `learner` has `fit` and `predict`; it is copied for each of the
    `stages` (100 unless given). A list has one learner per stage. x has shape (samples, columns), y (samples,) or
    (samples, outputs): one prediction per entry of y (for "cross_entropy" one-hot rows).

    `loss` is a name in `sf.losses`, or a function of a prediction and a target; a mean counts as the sum. A layer
    writes `shrinkage` times the step times what its learner predicts. The step minimizes the loss along the learner's
    prediction, one number per stage: exactly if the loss is quadratic, else where its slope is zero to 1e-12 (along a
    direction without a minimum, a thousandth of its start). Without `line_search` it is 1.

    `subsample` is the fraction of samples that each stage draws, without replacement. `validation` is data (x, y), or a
    fraction of the samples, drawn by `seed`. With `early_stopping=n`, boosting stops after n stages without a lower
    validation loss, and the result has the stages up to the lowest. Learners whose `random_state` is None draw from
    `seed`, too; the draws are those of scikit-learn's GradientBoostingRegressor.

    Raises `InvalidType` for a classifier, or for a mapper that does not add its layer to the state, once; `Diverged`
    for a loss that is no longer finite.

    >>> class Mean:
    ...     def fit(self, x, y): self.value = y.mean()
    ...     def predict(self, x): return np.full(len(x), self.value)
    >>> result = boost("boosting", Mean(), [[0.0], [1.0]], [1.0, 3.0], stages=2)
    >>> print(result.net)
    z1 = f1(x) + x
    z2 = f2(x) + z1
    >>> result.predict([[5.0]])
    array([2.])
    """
    table, target = checked_table("x", x), array_of("y", y).astype(float)
    check_target(table, target)
    rule = loss_rule(loss)
    check_logits(rule, target)
    learners = listed_learners(learner, stages)
    shrinkage, subsample = real("shrinkage", shrinkage, above=0), real("subsample", subsample, above=0)
    if subsample > 1:
        raise InvalidValue(
            f"subsample={subsample} is not a fraction of the samples (give a number above 0 and up to 1)"
        )
    line_search, random = flag("line_search", line_search), np.random.RandomState(whole("seed", seed, 0))
    if early_stopping is not None:
        early_stopping = whole("early_stopping", early_stopping, 1)
        if validation is None:
            raise InvalidValue(
                f"early_stopping={early_stopping} needs validation data (give validation=0.1, or validation=(x, y))"
            )
    table, target, held_out = split(table, target, validation, random)
    single, outputs = target.ndim == 1, 1 if target.ndim == 1 else target.shape[1]
    columns = table.shape[1]
    make = step_maker(mapper)
    step = Step(make, rule, columns, outputs, single)
    start = best_constant(step, target, outputs)
    rows = Rows.of(table, start, target)
    step.check_adds(rows)
    tests = Rows.of(held_out[0], start, held_out[1]) if held_out else None
    fitted: list[LearnerLayer] = []
    losses, validation_losses = [step.loss(rows)], [step.loss(tests)] if tests else []
    scale = 0.0
    for number, each in enumerate(learners, 1):
        part = rows if subsample == 1 else rows.taken(drawn(len(target), max(1, int(subsample * len(target))), random))
        scale = scale or sum_scale(step, part)
        layer = fitted_layer(step, part, fresh(each, random), scale, float(shrinkage), line_search)
        fitted.append(layer)
        rows = step.after(layer, rows)
        losses.append(step.loss(rows))
        if not np.isfinite(losses[-1]):
            raise Diverged(
                f"the loss became {losses[-1]} at stage {number}", Advice("shrinkage", None, "try a smaller shrinkage")
            )
        if tests:
            tests = step.after(layer, tests)
            validation_losses.append(step.loss(tests))
            if early_stopping and number - int(np.argmin(validation_losses)) >= early_stopping:
                break
    if early_stopping:
        fitted = fitted[: int(np.argmin(validation_losses))]
    state = tensor("x", (None, columns + outputs))
    names = layers("f", count=len(fitted))
    return Boosted(
        net=fold(make(state), names, state),
        learners=tuple(layer.learner for layer in fitted),
        steps=tuple(layer.step for layer in fitted),
        start=start,
        widths=tuple(layer.width for layer in fitted),
        columns=columns,
        single=single,
        states=scan(make(state), names, state) if fitted else Net.of(state),
        losses=tuple(losses),
        validation_losses=tuple(validation_losses),
    )


def fitted_layer(
    step: Step, rows: Rows, learner: Learner, scale: float, shrinkage: float, line_search: bool
) -> LearnerLayer:
    """One stage: a learner fitted to the negative gradient, times the step of the least loss, times the shrinkage."""
    read, residual = step.read(rows), -scale * step.gradient(rows)
    width = step.columns + step.outputs if np.ptp(read[:, step.columns :], axis=0).any() else step.columns
    learner.fit(read[:, :width], residual[:, 0] if step.outputs == 1 else residual)
    layer = LearnerLayer(learner, 1.0, width, step.outputs)
    if not line_search:
        return replace(layer, step=shrinkage)
    size = best_step(step, rows, layer(read)[:, step.columns :])
    # to twelve digits: trees fitted by least squares need 1/2, and rounding would decide between equal splits
    return replace(layer, step=shrinkage * float(f"{size:.12g}"))
