"""Losses against PyTorch's, in values and gradients."""

from typing import Any

import numpy as np
import pytest

import symfold as sf

torch = pytest.importorskip("torch")
RANDOM = np.random.default_rng(11)
Y = RANDOM.normal(size=(6, 4)) * 3
T, TRUTHS, COUNTS, LABELS = RANDOM.normal(size=(6, 4)), RANDOM.integers(0, 2, (6, 4)) * 1.0, RANDOM.integers(0, 6, (6, 4)) * 1.0, RANDOM.integers(0, 4, 6)
ONE_HOT, FACTORS = np.eye(4)[LABELS], np.array([0.5, 1.0, 2.0, 4.0])
SHARES = RANDOM.dirichlet(np.ones(4), 6)
L, F = sf.losses, torch.nn.functional
FACTORS_OF = torch.tensor(FACTORS)
CASES: dict[str, tuple[Any, Any, Any]] = {
    "mean_squared_error": (T, L.mean_squared_error, F.mse_loss),
    "absolute_error": (T, L.absolute_error, F.l1_loss),
    "huber": (T, L.huber, F.huber_loss),
    "huber of another delta": (T, lambda y, t: L.huber(y, t, delta=0.3), lambda y, t: F.huber_loss(y, t, delta=0.3)),
    "poisson": (COUNTS, L.poisson, F.poisson_nll_loss),
    "binary_cross_entropy": (TRUTHS, L.binary_cross_entropy, F.binary_cross_entropy_with_logits),
    "binary_cross_entropy with pos_weight": (
        TRUTHS,
        lambda y, t: L.binary_cross_entropy(y, t, pos_weight=FACTORS),
        lambda y, t: F.binary_cross_entropy_with_logits(y, t, pos_weight=FACTORS_OF),
    ),
    "cross_entropy": (LABELS, L.cross_entropy, F.cross_entropy),
    "cross_entropy of shares": (SHARES, L.cross_entropy, F.cross_entropy),
    "cross_entropy of smoothed shares": (SHARES, lambda y, t: L.cross_entropy(y, t, label_smoothing=0.2), lambda y, t: F.cross_entropy(y, t, label_smoothing=0.2)),
    "cross_entropy with smoothing and class weights": (
        LABELS,
        lambda y, t: L.cross_entropy(y, t, label_smoothing=0.2, class_weights=FACTORS),
        lambda y, t: F.cross_entropy(y, t, label_smoothing=0.2, weight=FACTORS_OF),
    ),
    "cross_entropy with class weights": (
        LABELS,
        lambda y, t: L.cross_entropy(y, t, class_weights=FACTORS),
        lambda y, t: F.cross_entropy(y, t, weight=FACTORS_OF),
    ),
    "cross_entropy of one-hot labels with class weights": (
        ONE_HOT,
        lambda y, t: L.cross_entropy(y, t, class_weights=FACTORS),
        lambda y, t: F.cross_entropy(y, t, weight=FACTORS_OF),
    ),
    "cross_entropy of shares with smoothing and class weights": (
        SHARES,
        lambda y, t: L.cross_entropy(y, t, label_smoothing=0.2, class_weights=FACTORS),
        lambda y, t: F.cross_entropy(y, t, label_smoothing=0.2, weight=FACTORS_OF),
    ),
    "cross_entropy with a mask": (
        LABELS,
        lambda y, t: L.cross_entropy(y, t, mask=np.not_equal(t, 2)),
        lambda y, t: F.cross_entropy(y, t, ignore_index=2),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_loss_and_its_gradient_are_those_of_pytorch(name: str) -> None:
    target, ours, theirs = CASES[name]
    loss = sf.Net.of(ours(sf.tensor("y", (None, 4)), sf.tensor("t", (None, *target.shape[1:]))))
    y = torch.tensor(Y, requires_grad=True)
    wanted = theirs(y, torch.tensor(target))
    wanted.backward()
    np.testing.assert_allclose(loss(y=Y, t=target), wanted.item(), rtol=1e-14)
    np.testing.assert_allclose(sf.grad(loss, wrt=["y"])(y=Y, t=target)["y"], y.grad.numpy(), rtol=1e-12, atol=1e-16)
