"""A history displays itself, is drawn and becomes a frame; the number of steps of a call follows the time of a call."""

import base64
import pickle
import re
import sys
import xml.etree.ElementTree as ElementTree
from types import SimpleNamespace

import numpy as np
import pytest

import symfold as sf
from symfold.compute.backends.stacks import Stack
from symfold.errors import MissingPackage, UnknownName
from symfold.training.loop.history import HEIGHT, WIDTH, History
from symfold.training.loop.pace import SECONDS, Pace
from symfold.training.loop.progress import Progress

HISTORY = History([8.0, 4.0, 2.0, 2.0, 1.0, 1.0], [2, 4, 6], {"size": [1, 2, 3]}, {"loss": [9.0, 3.0, 4.0]}, best=2)


def test_a_history_is_a_sequence_that_shows_its_losses() -> None:
    assert list(HISTORY) == HISTORY.loss and HISTORY[-1] == 1.0 and HISTORY[:2] == [8.0, 4.0]
    assert HISTORY.epochs == [6.0, 2.0, 1.0] and History([8.0, 4.0, 2.0, 2.0, 7.0], [1, 4]).epochs == [8.0, 8 / 3]
    assert repr(HISTORY) == "History of 3 epochs, 6 steps: loss 6 -> 1, validation loss 9 -> 4; best epoch 2"
    assert repr(History()) == "History of 0 steps" and "<img" not in History()._repr_html_()
    assert repr(History([1.0], stopped="interrupted")) == "History of 1 step: loss 1; stopped: interrupted"


def test_the_validation_loss_has_the_name_of_the_record_and_a_wrong_name_is_answered() -> None:
    assert HISTORY.validation_loss == [9.0, 3.0, 4.0] and History().validation_loss == []
    assert pickle.loads(pickle.dumps(HISTORY)) == HISTORY and not hasattr(HISTORY, "accuracy")
    scored = History([1.0], [1], {"accuracy": [0.5]}, {"loss": [9.0], "accuracy": [0.25]})
    for history, name, words in (
        (HISTORY, "val_loss", r"did you mean history\.validation_loss"),
        (HISTORY, "accuracy", "its names: best, .*validation_loss"),
        (scored, "acuracy", r"did you mean history\.metrics\['accuracy'\]"),
    ):
        with pytest.raises(UnknownName, match=words):
            getattr(history, name)


def test_the_curve_in_a_notebook_shows_every_epoch() -> None:
    """Points at even distances, higher for larger losses, on a logarithmic scale; one line per curve."""
    (picture,) = re.findall(r"data:image/svg\+xml;base64,([^\"]+)", HISTORY._repr_html_())
    svg = ElementTree.fromstring(base64.b64decode(picture))
    assert "logarithmic axis" in "".join(svg.itertext())
    lines = [line.attrib["points"].split() for line in svg if line.tag.endswith("polyline")]
    points = [np.array([[float(number) for number in point.split(",")] for point in line]) for line in lines]
    assert [len(line) for line in points] == [3, 3]
    for line, values in zip(points, (HISTORY.epochs, HISTORY.validation["loss"]), strict=True):
        np.testing.assert_allclose(np.diff(line[:, 0]), (line[-1, 0] - line[0, 0]) / 2, atol=0.1)
        drop = np.log(values) - np.log(1.0)
        np.testing.assert_allclose((HEIGHT - 12 - line[:, 1]) / (HEIGHT - 24), drop / np.log(9.0), atol=1e-3)
        assert (line >= 0).all() and (line <= [WIDTH, HEIGHT]).all()
    for odd in (History([np.inf, 1.0, -1.0]), History([2.0]), History([1.0, 1.0]), History(list(map(float, range(5000))))):
        assert len(odd._repr_html_()) < 12_000


def test_a_frame_has_a_row_per_epoch() -> None:
    pandas = pytest.importorskip("pandas")
    frame = HISTORY.to_frame()
    assert list(frame.index) == [1, 2, 3] and frame.index.name == "epoch"
    wanted = {"loss": [6.0, 2.0, 1.0], "size": [1, 2, 3], "validation_loss": [9.0, 3.0, 4.0]}
    pandas.testing.assert_frame_equal(frame.reset_index(drop=True), pandas.DataFrame(wanted))


def test_a_plot_has_the_curves() -> None:
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    from matplotlib.figure import Figure

    axes = Figure().subplots()
    assert HISTORY.plot(axes) is axes and axes.get_yscale() == "log" and axes.get_xlabel() == "epoch"
    assert [list(line.get_ydata()) for line in axes.lines[:2]] == [[6.0, 2.0, 1.0], [9.0, 3.0, 4.0]]
    axes = History([3.0, -1.0, 2.0], [3]).plot(Figure().subplots())
    assert axes.get_yscale() == "linear" and axes.get_xlabel() == "step" and list(axes.lines[0].get_xdata()) == [1, 2, 3]


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("pandas", "matplotlib", "matplotlib.pyplot"):
        monkeypatch.setitem(sys.modules, name, None)
    for call, match in ((HISTORY.to_frame, "pip install pandas"), (HISTORY.plot, r"symfold\[plot\]")):
        with pytest.raises(MissingPackage, match=match):
            call()
    monkeypatch.setattr("symfold.training.loop.progress.find_spec", lambda name: None)
    with pytest.raises(MissingPackage, match=r"symfold\[progress\]"):
        Progress("tqdm", 3)
    assert Progress(True, 3).name == "plain"


@pytest.mark.parametrize("name", ["tqdm", "rich"])
def test_bars_show_the_epochs_and_the_loss(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip(name)
    with Progress(name, 4) as bar:
        bar.show(1, 2.5)
        bar.show(4, 0.125)
    shown = capsys.readouterr()
    assert "4/4" in shown.err and "0.125" in shown.err and shown.out == ""


def test_no_bar_is_shown_if_output_is_no_terminal(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert not Progress(None, 3).shown and Progress(True, 3).shown and not Progress(False, 3).shown
    shell = type("ZMQInteractiveShell", (), {})()
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    for found, shown in ((object(), True), (None, False)):  # a widget in notebooks, if its packages are installed
        monkeypatch.setattr("symfold.training.loop.progress.find_spec", lambda name, found=found: found)
        assert Progress(None, 3).shown is shown
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert Progress(None, 3).shown


class Clock:
    """A clock that a step moves by its seconds."""

    def __init__(self) -> None:
        self.now = 0.0

    def perf_counter(self) -> float:
        return self.now


@pytest.mark.parametrize("seconds", [1e-6, 1e-3, 0.02, 3.0])
def test_a_call_takes_about_half_a_second(seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a step costs, calls end in time after the first two; each step is in one call, in order."""
    clock = Clock()
    monkeypatch.setattr("symfold.training.loop.pace.time", clock)
    pace = Pace(sf.Net.of(sf.tensor("x") + 1.0), 1000, compiled=True)
    counts, first = [], []
    for _ in range(3):
        for piece in pace.pieces(Stack(10**6, {"x": np.zeros((4, 2))}, np.broadcast_to(np.arange(2), (10**6, 2)))):
            counts.append(piece.count)
            first.append(piece.count * seconds)
            clock.now += seconds * piece.count
            if len(counts) > 60:
                break
    assert max(first[2:]) <= max(2 * SECONDS, seconds)
    if seconds < 1e-5:  # no call is shorter than it must be
        assert min(first[2:5]) >= SECONDS / 4


def test_processes_that_must_agree_have_no_clock() -> None:
    """Calls of all steps, however long they take: the clocks of processes differ."""
    pace = Pace(sf.Net.of(sf.tensor("x") + 1.0), 10**9, compiled=True, bounded=False)
    stack = Stack(1000, {"x": np.zeros((4, 2))}, np.zeros((1000, 2), int))
    assert [piece.count for piece in pace.pieces(stack)] == [1000]
    assert next(Pace(sf.Net.of(sf.tensor("x") + 1.0), 10**9, compiled=True).pieces(stack)).count == 1


def test_results_compare_by_value() -> None:
    w = sf.parameter("w", (2,))
    loss = sf.Net.of(sf.squared_error(w, sf.tensor("t", (2,))))
    done = sf.fit(loss, {"w": np.ones(2)}, batches=[{"t": np.zeros(2)}], optimizer=sf.sgd(0.1), metrics={"w": lambda params: params["w"]})
    again = pickle.loads(pickle.dumps(done))
    assert again == done and again.history == done.history
    again.history.metrics["w"][0] = np.zeros(2)
    assert again != done


def test_the_result_of_a_training_is_short_at_a_prompt_and_says_where_its_losses_are() -> None:
    net = sf.fold(sf.mappers.residual, sf.layers("f1:20", sf.dense(2, 2)), sf.tensor("x", (None, 2)))
    done = sf.fit(sf.Net.of(net**2).sum(), net.init(0), {"x": np.ones((1, 2))}, optimizer=sf.sgd(1e-3), epochs=2)
    assert repr(done).startswith("Fitted(params={W1: (2, 2), W2: (2, 2), ") and len(repr(done)) < 300
    for name, hint in (("loss", "write done.history.loss"), ("stopped", "write done.history.stopped"), ("net", "write net(done.params, x)")):
        with pytest.raises(sf.errors.UnknownName, match=re.escape(hint)):
            getattr(done, name)
