"""A student in Jupyter: looks at a net, trains a classifier, keeps it, plots it. Seven goals, 23 lines, about nine minutes.

She knows the README, "Ten minutes" and "A classifier". A notebook shows a value by its `_repr_*` methods.
"""

import base64
import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import symfold as sf

TABLE = Path(__file__).parents[2] / "examples" / "digits.csv"


@pytest.fixture(scope="module")
def classifier() -> SimpleNamespace:
    """A net for digits, trained. Three minutes, ten lines."""
    table = np.loadtxt(TABLE, delimiter=",", skiprows=1)
    pixels, digits = table[:, :64] / 16, table[:, 64].astype(int)
    x, label = sf.tensor("x", (None, 64)), sf.tensor("label", (None,))
    z = sf.layer("into", sf.dense(64, 16, sf.relu))(x)
    z = sf.fold(sf.mappers.residual, sf.layers("f1:4", sf.dense(16, 16, sf.relu)), z)
    net = sf.Net.of(sf.layer("out", sf.dense(16, 10))(z))
    loss = sf.losses.cross_entropy(net, label)
    data = {"x": pixels[:1500], "label": digits[:1500]}
    done = sf.fit(loss, net.init(seed=0), data, optimizer=sf.adam(0.01), epochs=8, batch_size=50, validation=0.1)
    return SimpleNamespace(net=net, done=done, pixels=pixels[1500:], digits=digits[1500:])


def test_a_net_shows_its_formula_and_its_picture() -> None:
    """The net as the last line of a cell. One minute, three lines."""
    net = sf.fold(lambda z, f: f(z) + z, sf.layers("f1:4"), sf.tensor("x"))
    (picture,) = re.findall(r'src="data:image/svg\+xml;base64,([^"]+)"', net._repr_html_())
    assert base64.b64decode(picture).decode().count('class="node layer"') == 3
    words = re.sub(r"<[^>]*>|\s", "", net._repr_html_())
    assert words == "z1=f1(x)+xz2=f2(z1)+z1z3=f3(z2)+z2"


def test_a_formula_is_mathematics_and_text() -> None:
    """The formula of a net. Half a minute, one line."""
    formula = sf.formula(sf.fold(lambda z, f: f(z) + z, sf.layers("f1:4"), sf.tensor("x")))
    assert formula == "z_k = f_k(z_{k-1}) + z_{k-1}, k = 1..3, z_0 = x"
    assert formula._repr_latex_().startswith(r"$\displaystyle z_{k} = f_{k}{\left(z_{k-1} \right)}")


def test_the_classifier_reads_digits(classifier: SimpleNamespace) -> None:
    """Scores on digits that it has not seen. One minute, two lines."""
    scores = classifier.net(classifier.done.params, classifier.pixels)
    assert np.mean(scores.argmax(axis=-1) == classifier.digits) > 0.85


def test_the_history_is_a_curve_and_a_sentence(classifier: SimpleNamespace) -> None:
    """The training as the last line of a cell. Half a minute, one line."""
    history = classifier.done.history
    assert str(history).startswith("History of 8 epochs, ") and "<img" in history._repr_html_()
    assert history.loss[-1] < history.loss[0] / 5


def test_the_history_as_a_plot(classifier: SimpleNamespace) -> None:
    """The curves with matplotlib, to hand in. Half a minute, one line."""
    pyplot = pytest.importorskip("matplotlib.pyplot", reason="the extra 'plot' is not installed")
    axes = classifier.done.history.plot()
    assert {line.get_label() for line in axes.get_lines()} >= {"loss", "validation loss"}
    pyplot.close(axes.figure)


def test_the_classifier_is_there_tomorrow(classifier: SimpleNamespace, tmp_path: Path) -> None:
    """Save, load, predict. One minute, three lines."""
    sf.save(tmp_path / "digits.safetensors", classifier.net, classifier.done.params)
    net, params = sf.load(tmp_path / "digits.safetensors")
    assert np.array_equal(net(params, classifier.pixels), classifier.net(classifier.done.params, classifier.pixels))


def test_the_same_in_scikit_learn(classifier: SimpleNamespace) -> None:
    """An estimator, and its score. One minute, two lines."""
    pytest.importorskip("sklearn", reason="the extra 'sklearn' is not installed")
    from symfold.sklearn import FoldClassifier

    half = len(classifier.pixels) // 2
    estimator = FoldClassifier("residual", depth=2, width=16, max_iter=60, learning_rate_init=0.01, tol=None, random_state=0)
    estimator.fit(classifier.pixels[:half], classifier.digits[:half])
    assert estimator.score(classifier.pixels[half:], classifier.digits[half:]) > 0.7
