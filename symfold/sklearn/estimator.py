"""What both estimators share: arguments, net, training, evaluation.

row --linear map--> z0 --fold of the mapper over f1 ... fn--> zn --linear map--> results
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

import symfold.api  # noqa: F401 - it attaches the methods of nets and fills the tables
from symfold.apps.table_nets import ACTIVATIONS, net_of
from symfold.base.arguments import NumpyArray, flag, one_of, quoted, real, whole
from symfold.base.public import public
from symfold.base.trees import Layered
from symfold.compute.backends.choice import CALL, operations
from symfold.compute.backends.table import DTYPES
from symfold.compute.compile import chosen_backend, compile_net
from symfold.compute.lowering import rolled
from symfold.compute.parameters import layout_of
from symfold.core.leaves import Normal
from symfold.core.net import Net
from symfold.core.stacked_inputs import Leaf
from symfold.errors import InvalidType, InvalidValue, unknown
from symfold.frontend.losses import l2
from symfold.training.boosting.bodies import ACTIVATIONS as SCIKIT_ACTIVATIONS
from symfold.training.fit import fit
from symfold.training.loop.history import Epoch, Fitted, History
from symfold.training.loop.stopping import EarlyStopping
from symfold.training.objective.statistics import keep_statistics
from symfold.training.optimizers import OPTIMIZERS, Optimizer, Schedule

LARGEST_BATCH = 200  # of batch_size="auto", as in scikit-learn
COMPILATIONS = 3  # of a loss, to compile its training
NUMPY_SECONDS = 5e-10, 3e-6  # of a training step in NumPy: per sample and parameter; per operation of the loss


class FoldEstimator(BaseEstimator):
    """What both estimators share: the net, its training, its evaluation."""

    @public
    def __init__(
        self,
        mapper: str | Layered = "residual",
        *,
        depth: int = 2,
        width: int = 64,
        activation: str | Layered = "relu",
        optimizer: str | Optimizer = "adam",
        learning_rate_init: Any = 0.001,
        alpha: float = 0.0001,
        batch_size: int | str = "auto",
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float | None = 1e-4,
        n_iter_no_change: int = 10,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        warm_start: bool = False,
        verbose: bool = False,
        backend: str = "auto",
        dtype: str = "float64",
    ):
        self.mapper = mapper
        self.depth = depth
        self.width = width
        self.activation = activation
        self.optimizer = optimizer
        self.learning_rate_init = learning_rate_init
        self.alpha = alpha
        self.batch_size = batch_size
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.random_state = random_state
        self.tol = tol
        self.n_iter_no_change = n_iter_no_change
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.warm_start = warm_start
        self.verbose = verbose
        self.backend = backend
        self.dtype = dtype

    def _train(
        self,
        X: NumpyArray,
        y: NumpyArray,
        outputs: int,
        loss_of: Callable[[Net], Any],
        weights: NumpyArray | None,
        step: bool = False,
    ) -> None:
        """Fit the parameters to rows of numbers and to targets as the loss takes them; a `step` is one more epoch.

        A step goes on with the optimizer's slots, a warm start with the parameters only, both as in scikit-learn.
        """
        net = self._net(X.shape[1], outputs)
        before = self._before(net, step)
        seed = int(check_random_state(self.random_state).randint(np.iinfo(np.int32).max))
        held = None
        if flag("early_stopping", self.early_stopping):
            X, held_x, y, held_y, *split = self._split(X, y, weights, seed)
            held, weights = {"x": held_x, "y": held_y}, split[0] if split else None
        size = self._size(len(X))
        total = len(X) if weights is None else float(np.sum(weights))
        penalized = [leaf for leaf in net.leaves if is_weight(leaf)]
        strength = not_negative("alpha", self.alpha)
        loss = Net.of(loss_of(net))
        if strength and penalized:  # per sample, as in scikit-learn: a batch weighs its share of the total
            share = total * size / len(X)
            loss = Net.of(loss.outputs[0] + l2(penalized, strength / (2 * share)))
        epochs = 1 if step else whole("max_iter", self.max_iter, 1)
        patience = whole("n_iter_no_change", self.n_iter_no_change, 1)
        tolerance = 0.0 if self.tol is None else not_negative("tol", self.tol)
        params = net.init(seed, by="glorot") if before is None else before.params
        plateau = [] if step or held or self.tol is None else [Plateau(tolerance, patience)]
        result = fit(
            loss,
            params,
            {"x": X, "y": y},
            optimizer=self._optimizer(),
            epochs=epochs,
            batch_size=size,
            seed=seed,
            shuffle=flag("shuffle", self.shuffle),
            validation=held,
            early_stopping=EarlyStopping(patience, tolerance) if held else None,
            callbacks=plateau,
            sample_weight=weights,
            slots=before.slots if before and step else None,
            progress=bool(self.verbose),
            backend=self._backend(loss, epochs * -(-len(X) // size), size * params.flat.size),
            dtype=self.dtype,
        )
        self.net_, self.params_ = self._net(X.shape[1], outputs, kept=True), result.params
        if len(self.net_.params) > len(net.params):  # norms over a batch keep the statistics of the training data
            self.params_ = keep_statistics(net, result.params, {"x": X})[1]
        self._fitted = result
        self.history_: History = result.history if before is None else joined(self.history_, result.history)
        self.n_iter_ = len(self.history_.ends)
        self.loss_ = float((self.history_.epochs or [np.nan])[-1])  # none if the first epoch was interrupted
        self.n_outputs_ = outputs
        self._compiled = compile_net(self.net_, "numpy")

    def _before(self, net: Net, step: bool) -> Fitted | None:
        """The training to go on with, if any."""
        fitted: Fitted | None = getattr(self, "_fitted", None)
        if fitted is None or not (flag("warm_start", self.warm_start) or step):
            return None
        if fitted.params.layout != layout_of(net):
            raise InvalidValue(
                "the net has other parameters than the one that was fitted before, so that its training cannot go on "
                "(fit with warm_start=False, or a new estimator)"
            )
        return fitted

    def _net(self, columns: int, outputs: int, kept: bool = False) -> Net:
        known = {**ACTIVATIONS, **SCIKIT_ACTIVATIONS}
        activation = known.get(self.activation) if isinstance(self.activation, str) else self.activation
        if not callable(activation):
            raise unknown("activation", self.activation, known)
        depth, width = whole("depth", self.depth), whole("width", self.width, 1)
        return net_of(self.mapper, depth, width, activation, columns, outputs, kept)

    def _optimizer(self) -> Optimizer:
        if isinstance(self.optimizer, Optimizer):
            return self.optimizer
        if not isinstance(self.optimizer, str):
            raise InvalidType(
                f"optimizer={quoted(self.optimizer)} is neither a name nor an optimizer (as 'adam', sf.adam(0.001))"
            )
        if not isinstance(self.learning_rate_init, Schedule):
            real("learning_rate_init", self.learning_rate_init, above=0.0)
        return OPTIMIZERS[one_of("optimizer", self.optimizer, OPTIMIZERS)](self.learning_rate_init)

    def _size(self, samples: int) -> int:
        """The size of batches that are nearly equal: the mean over a small rest is noise."""
        if isinstance(self.batch_size, str) and self.batch_size != "auto":
            raise InvalidValue(f"batch_size={quoted(self.batch_size)} is neither a whole number nor 'auto'")
        most = LARGEST_BATCH if self.batch_size == "auto" else whole("batch_size", self.batch_size, 1)
        return -(-samples // -(-samples // most))

    def _backend(self, loss: Net, steps: int, numbers: int) -> str:
        """For "auto", native code if it pays for its compile time; numbers are parameters times samples of a batch."""
        if self.backend != "auto":
            return self.backend
        executed = operations(rolled(loss).outputs)[1] or 1
        per_number, per_operation = NUMPY_SECONDS
        seconds = steps * (per_number * numbers + per_operation * executed)
        runs = seconds / (COMPILATIONS * CALL * executed)
        return chosen_backend("auto", rolled(loss), int(runs), one_of("dtype", self.dtype, DTYPES))

    def _split(self, X: NumpyArray, y: NumpyArray, weights: NumpyArray | None, seed: int) -> Sequence[Any]:
        """The rows to train on and those to validate by, with equal shares of the classes."""
        arrays = [X, y] if weights is None else [X, y, weights]
        fraction = real("validation_fraction", self.validation_fraction)
        if not 0 < fraction < 1:
            raise InvalidValue(f"validation_fraction={fraction!r} must lie between 0 and 1 (as 0.1)")
        stratify = y.ravel() if isinstance(self, ClassifierMixin) else None
        parts: Sequence[Any] = train_test_split(*arrays, test_size=fraction, random_state=seed, stratify=stratify)
        return parts

    def _results(self, X: object) -> NumpyArray:
        """What the net gives for rows: (samples, outputs)."""
        check_is_fitted(self)
        rows = np.asarray(validate_data(self, X, dtype=np.float64, reset=False))
        return np.asarray(self._compiled(self.params_, x=rows), dtype=float)


def check_step(estimator: FoldEstimator) -> None:
    """Refuse what a single epoch cannot have."""
    if flag("early_stopping", estimator.early_stopping):
        raise InvalidValue("partial_fit does not go with early_stopping (set early_stopping=False, or call fit)")


def joined(first: History, second: History) -> History:
    """The history of a training and of one that went on with it."""
    return replace(
        second,
        loss=[*first.loss, *second.loss],
        ends=[*first.ends, *(len(first.loss) + end for end in second.ends)],
        validation={
            name: [*first.validation.get(name, [np.nan] * len(first.ends)), *values]
            for name, values in second.validation.items()
        },
        best=None if second.best is None else len(first.ends) + second.best,
    )


@dataclass
class Plateau:
    """A callback that stops if the loss fell by less than `tolerance` in each of more than `patience` epochs."""

    tolerance: float
    patience: int
    best: float = np.inf
    epochs: int = 0

    def __call__(self, epoch: Epoch) -> bool:
        self.epochs = self.epochs + 1 if epoch.loss > self.best - self.tolerance else 0
        self.best = min(self.best, epoch.loss)
        return self.epochs > self.patience


def weighted_rows(
    X: NumpyArray, y: NumpyArray, weights: NumpyArray | None
) -> tuple[NumpyArray, NumpyArray, NumpyArray | None]:
    """The rows that count: those of weight zero are left out."""
    if weights is None:
        return X, y, None
    if (weights < 0).any():
        raise InvalidValue("sample_weight has negative entries (give 0 or more for every sample)")
    rows = weights != 0
    if not rows.any():
        raise InvalidValue("the weight of every sample is 0 (give some sample or class a positive weight)")
    return X[rows], y[rows], weights[rows]


def is_weight(leaf: Leaf) -> bool:
    """Whether a leaf is a weight, or a family of weights: matrices that start at random; no biases, no gains."""
    start = leaf.op.start
    drawn = start is None or (isinstance(start, Normal) and start.deviation > 0)
    return leaf.op.role == "parameter" and len(leaf.op.shape) > 1 and drawn


def not_negative(name: str, value: object) -> float:
    """A number that is 0 or more."""
    number = real(name, value)
    if number < 0:
        raise InvalidValue(f"{name}={value!r} is negative (give 0 or more)")
    return float(number)
