"""`sf.fit`: the arguments of a training, checked before its first step."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from symfold.base.arguments import check_params, flag, one_of, whole
from symfold.base.public import public
from symfold.compute.backends.table import DTYPES
from symfold.compute.bounded_inputs import bounded_inputs
from symfold.compute.compile import chosen_backend
from symfold.compute.lowering import rolled
from symfold.compute.parameters import Layout, layout_of, parameters_of
from symfold.core.net import Net
from symfold.core.shapes import is_known, show
from symfold.errors import InvalidType, InvalidValue
from symfold.training.data.batches import Batch
from symfold.training.loop.checkpoints import Plain
from symfold.training.loop.history import Epoch, Fitted
from symfold.training.loop.progress import Progress
from symfold.training.loop.resuming import checkpoints_of
from symfold.training.loop.run import Job, run
from symfold.training.loop.sources import source_of
from symfold.training.loop.stopping import Best, EarlyStopping, callbacks_of
from symfold.training.objective.forms import training_form
from symfold.training.objective.stages import Stage, stages_of
from symfold.training.objective.weights import Weights, weighted
from symfold.training.optimizers import Optimizer
from symfold.training.optimizers.composition import checked
from symfold.training.step.accumulation import Accumulation
from symfold.training.step_counter import STEP


@public
def fit(
    loss: object,
    params: Mapping[str, object],
    data: Batch | None = None,
    *,
    optimizer: Optimizer,
    batches: Iterable[Any] | None = None,
    names: Sequence[str] | None = None,
    epochs: int = 1,
    batch_size: int | None = None,
    accumulate: int = 1,
    seed: int = 0,
    shuffle: bool = True,
    validation: Batch | Iterable[Any] | float | None = None,
    early_stopping: EarlyStopping | Mapping[str, Any] | int | None = None,
    callbacks: Callable[[Epoch], object] | Sequence[Callable[[Epoch], object]] = (),
    sample_weight: object = None,
    class_weight: object = None,
    metrics: Mapping[str, object] | None = None,
    progress: bool | str | None = None,
    checkpoint: str | Path | None = None,
    every: int = 1,
    keep: int = 3,
    resume: bool = False,
    slots: Mapping[str, object] | None = None,
    stages: bool = False,
    remat: str | int | None = None,
    backend: str = "auto",
    dtype: str = "float64",
) -> Fitted:
    """Train the parameters of a loss by gradient steps over mini-batches of `data`, or over `batches`.

    `data` holds an array for every input, samples along the first axis, reshuffled each epoch by `seed`: NumPy arrays,
    memory maps (of which only the rows of a batch are read), columns and frames of pandas, tensors of PyTorch. Without
    `batch_size` a batch is all of it. `batches` is an iterable of such mappings, a `DataLoader` too; if it gives
    tuples, `names` has the inputs of their entries. `params` must have exactly the names of the loss's parameters.
    Arguments are checked before the first step and never modified. Statistics (`sf.keep_statistics`) are not trained. A
    loss that is not finite stops the training: an error names data or parameters that are not finite; else `Diverged`
    gives the step, a gradient that is not finite, and the last good parameters.

    After each epoch, `metrics` are taken, numbers or arrays of numbers: functions of the parameters, nets on the whole
    training data, or scores of predictions (`sf.metric`, with the functions of `sklearn.metrics` for instance). With
    `validation` (data, batches of them, or a fraction of the samples, drawn by the seed before the training; the last
    ones if `shuffle=False`) the loss, these nets and scores are evaluated on the validation data too (on these alone if
    the training reads `batches`), and `early_stopping` stops if that loss was no better for this number of epochs (or
    as `sf.EarlyStopping` says), and returns the parameters of the best epoch. `callbacks` are functions of the epoch's
    record (`epoch`, `loss`, `validation_loss`, `metrics`, `validation`, `params`); one that returns True or raises
    `sf.StopTraining` ends the training. Ctrl-C ends it between steps, and the parameters so far are returned;
    `history.stopped` says why a training ended early.

    A net with dropout is trained in its training form (`sf.training_form`), with random numbers by the seed and the
    step, and evaluated as it is written.

    With `accumulate=k`, the gradients of k batches make one update, as one large batch would. The last update of an
    epoch may have fewer; with batches of unknown number, they are carried into the next epoch. A net whose samples
    depend on each other, by batch norm or a mean over the batch, is refused: means over a small batch are others.

    `sample_weight` has a number for every sample of `data`, or is the name of an entry of each batch; `class_weight`
    maps labels to weights, or is "balanced". A mean over samples becomes sum(w * l) / sum(w), a sum becomes sum(w * l).
    The validation loss is unweighted.

    With `checkpoint`, a folder, the state of the training is written after every `every` epochs, atomically, and the
    last `keep` are kept. `resume=True` goes on from the newest one, and ends with exactly the parameters and history of
    a training that was never interrupted; if there is none yet, it starts from `params`. It needs the same arguments,
    `params` too (`epochs` may grow, except with `stages`), and data whose batches repeat: arrays, a list of batches, or
    a source with `set_epoch(number)`.

    `slots` are those of an earlier training, `done.slots`: its momenta and step counter go on, from `params`.

    With `stages`, the layers of the net's folds are fitted one after another, in order of application: stage k trains
    the parameters of layer k and those outside of folds' layers (a projection, a readout). Earlier layers stay fixed,
    bit for bit, and later ones are omitted (`sf.lesion`), so that stage k trains the net of depth k. `epochs` is the
    whole budget, divided evenly, the remainder to the first stages; the optimizer's slots restart in each stage. Nets
    in `metrics` are evaluated without the layers not fitted yet; `history.stages` names the layer of each step.

    `remat` saves memory in gradients of deep nets ("sqrt", "reversible", or an amount as "256MB"), as for
    `sf.value_and_grad`.

    `progress` shows a bar by tqdm or rich (extra `progress`), else a plain one; None shows it on a terminal, and as a
    widget in notebooks. `backend` takes the steps: NumPy one per call; others many, about half a second of them, and
    over several epochs if nothing is measured between them. Parameters are returned in float64, even if computed in
    float32. With `dtype="bfloat16"` (JAX), parameters, slots, sums and losses are in float32, factors of products in
    bfloat16.

    >>> import numpy as np, symfold as sf
    >>> net = sf.fold(sf.mappers.residual, sf.layers("f1:4", sf.dense(2, 2, sf.tanh)), sf.tensor("x", (None, 2)))
    >>> loss = sf.squared_error(net, sf.tensor("target", (None, 2)))
    >>> data = {"x": np.ones((4, 2)), "target": np.zeros((4, 2))}
    >>> sf.fit(loss, net.init(0), data, optimizer=sf.sgd(0.01), epochs=7, stages=True).history.stages
    ['f1', 'f1', 'f1', 'f2', 'f2', 'f3', 'f3']
    >>> done = sf.fit(loss, net.init(0), data, optimizer=sf.sgd(0.01), epochs=90, validation=0.25, early_stopping=3)
    >>> len(done.history.ends), done.history.best
    (90, 90)
    """
    original = Net.of(loss)
    shape = original.outputs[0].shape
    if is_known(shape) and shape:  # several outputs are refused with the gradient
        raise InvalidValue(
            f"a loss is a single number, got shape {show(shape)} (of a net, make a loss: "
            "sf.losses.mean_squared_error(net, target); of numbers, take the mean)"
        )
    check_params(params)
    checked(optimizer)
    if (data is None) == (batches is None):
        raise InvalidType("fit takes either data (arrays by input name) or batches (an iterable of them)")
    epochs, seed, shuffle = whole("epochs", epochs, 1), whole("seed", seed), flag("shuffle", shuffle)
    if batch_size is not None:
        batch_size = whole("batch_size", batch_size, 1)
    if (accumulate := whole("accumulate", accumulate, 1)) > 1 and data is not None and batch_size is None:
        raise InvalidValue(f"accumulate={accumulate} needs the size of a micro-batch (give batch_size)")
    dtype = one_of("dtype", dtype, DTYPES)
    inputs = [node.op.name for node in rolled(original).inputs]
    weights = Weights(sample_weight, class_weight, original)
    labels = bounded_inputs(original)
    source, held = source_of(
        data, batches, inputs, names, weights, epochs, batch_size, seed, shuffle, validation, labels
    )
    accumulation = Accumulation(accumulate, source.steps, weights.input) if accumulate > 1 else None
    trained = training_form(original, seed)
    if weights and not accumulation:
        trained = weighted(trained, weights.name)
    net = rolled(trained)
    backend = chosen_backend(backend, net, 3 * epochs * (source.steps or 100), dtype)
    plan = stages_of(trained, epochs) if flag("stages", stages) else [Stage("", net, None, epochs)]
    best = None
    if early_stopping is not None and early_stopping is not False:
        best = Best(EarlyStopping.of(early_stopping))
        if held is None:
            raise InvalidValue("early_stopping watches the validation loss, and there is none (give validation=0.1)")
        if len(plan) > 1:
            raise InvalidValue("early_stopping and stages do not go together: every stage has its share of the epochs")
    if slots is not None and (stages or checkpoint is not None):
        raise InvalidValue("slots go on in a training without stages and checkpoints (leave out one of them)")
    settings: dict[str, Plain] = {
        "optimizer": repr(optimizer),
        "batch_size": batch_size,
        "accumulate": accumulate,
        "seed": seed,
        "shuffle": shuffle,
        "early_stopping": repr(best.rule) if best else None,
        "metrics": list(metrics) if isinstance(metrics, Mapping) else [],
        "stages": epochs if stages else None,
        "remat": remat,
        "backend": backend,
        "dtype": dtype,
    }
    start = parameters_of(params, trained_layout(net, params))
    checkpoints, snapshot = checkpoints_of(checkpoint, every, keep, resume, original, source, held, start, settings)
    if snapshot and snapshot.epoch > epochs:
        raise InvalidValue(
            f"epochs={epochs}, and the checkpoint in {str(checkpoint)!r} is of epoch {snapshot.epoch} (give more)"
        )
    job = Job(
        loss=rolled(original),
        start=start,
        optimizer=optimizer,
        source=source,
        validation=held,
        plan=plan,
        epochs=epochs,
        metrics=metrics,
        callbacks=callbacks_of(callbacks),
        best=best,
        progress=Progress(progress, epochs),
        checkpoints=checkpoints,
        snapshot=snapshot,
        accumulation=accumulation,
        remat=remat,
        backend=backend,
        dtype=dtype,
        staged=stages,
        slots=slots or {},
    )
    return run(job)


def trained_layout(net: Net, params: Mapping[str, object]) -> Layout:
    """The layout of the parameters, without the step counter unless it is given with them."""
    layout = layout_of(net)
    if STEP in layout.leaves and STEP.op.name not in params:
        return Layout(tuple(leaf for leaf in layout.leaves if leaf != STEP))
    return layout
