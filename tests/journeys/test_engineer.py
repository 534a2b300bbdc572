"""An engineer with a PyTorch model of twelve pre-norm blocks. Seven goals, 17 lines, about ten minutes.

She knows the README, "Your PyTorch model" and the page on exports. Needs the extra `torch`.
"""

import copy
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import symfold as sf

torch = pytest.importorskip("torch", reason="the extra 'torch' is not installed")

from torch import nn  # noqa: E402

DEPTH, WIDTH = 12, 8


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm, self.up, self.down = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, 2 * WIDTH), nn.Linear(2 * WIDTH, WIDTH)

    def forward(self, z: Any) -> Any:
        return z + self.down(torch.relu(self.up(self.norm(z))))


class Model(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem, self.head = nn.Linear(5, WIDTH), nn.Linear(WIDTH, 3)
        self.blocks = nn.ModuleList(Block() for _ in range(DEPTH))

    def forward(self, x: Any) -> Any:
        z = self.stem(x)
        for block in self.blocks:
            z = block(z)
        return self.head(z)


@pytest.fixture(scope="module")
def read() -> SimpleNamespace:
    """Her model as a net, rolled. Two minutes, three lines."""
    torch.manual_seed(0)
    model, x = Model().eval(), torch.randn(4, 5)
    net, params = sf.from_torch(model, x)
    return SimpleNamespace(model=model, x=x, net=sf.roll(net), params=params, theirs=model(x).detach().numpy())


def test_the_fold_in_the_model(read: SimpleNamespace) -> None:
    """Twelve blocks are one step, with PyTorch's numbers. One minute, two lines."""
    fold = r"z_k = z_{k-1} + down_{k-1}(relu(up_{k-1}(norm_{k-1}(z_{k-1})))), k = 1..12, z_0 = stem(x)"
    assert read.net.formula().splitlines() == [fold, "y = head(z_12)"]
    assert np.allclose(read.net(read.params, read.x), read.theirs, atol=1e-5)


def test_the_model_in_a_table(read: SimpleNamespace) -> None:
    """Layers, shapes and parameters on half a screen. Half a minute, one line."""
    summary = read.net.summary()
    assert summary.parameters == sum(weight.numel() for weight in read.model.parameters())
    assert "fold of 12 steps" in str(summary) and len(str(summary).splitlines()) < 15


def test_the_picture_on_one_screen(read: SimpleNamespace, tmp_path: Path) -> None:
    """One step and its loop, narrower than a screen. Half a minute, one line."""
    picture = read.net.draw(tmp_path / "model.svg", level="fold").read_text("utf-8")
    _, _, width, height = map(float, re.search(r'viewBox="([^"]+)"', picture)[1].split())  # type: ignore[index]
    assert width < 1200 and height < 600 and picture.count('class="node layer"') == 5


def test_what_boosting_would_change(read: SimpleNamespace) -> None:
    """Every block reads the stem: the answer in one screen. Two minutes, three lines."""
    boosted = sf.picard(read.net, 1)
    answer = str(sf.compare(read.net, boosted, names=("model", "boosted")))
    assert len(answer.splitlines()) < 60 and "What moved: from step 2 on, norm_{k-1} reads z_{k-1} in model and stem(x) in boosted." in " ".join(answer.split())
    assert [sf.paths(net).count for net in (read.net, boosted)] == [2**DEPTH, 1 + DEPTH]
    assert np.isfinite(boosted(read.params, read.x)).all()


def test_a_model_for_the_runtime(read: SimpleNamespace, tmp_path: Path) -> None:
    """ONNX, with a loop for the fold. One minute, one line."""
    onnx = pytest.importorskip("onnx", reason="the extra 'onnx' is not installed")
    from onnx.reference import ReferenceEvaluator

    sf.to_onnx(read.net, tmp_path / "model.onnx", read.params)
    model = onnx.load(tmp_path / "model.onnx")
    (output,) = ReferenceEvaluator(model).run(None, {"x": read.x.double().numpy()})
    assert np.allclose(output, read.theirs, atol=1e-5) and [node.op_type for node in model.graph.node].count("Scan") == 1


def test_code_to_paste(read: SimpleNamespace) -> None:
    """The model as one function of PyTorch with one loop. One minute, one line."""
    code = read.net.to_code("torch")
    names: dict[str, Any] = {}
    exec(code, names)
    weights = {name: torch.from_numpy(np.array(array)) for name, array in read.params.items()}
    assert np.allclose(names["net"](weights, read.x), read.theirs, atol=1e-5)
    assert len(re.findall("^    for ", code, flags=re.MULTILINE)) == 1


def test_weights_trained_here_go_back_into_her_model(read: SimpleNamespace) -> None:
    """A fit from PyTorch's weights, then PyTorch again. Two minutes, five lines."""
    loss = sf.losses.mean_squared_error(read.net, sf.tensor("target", (4, 3)))
    data = {"x": read.x.numpy(), "target": np.zeros((4, 3))}
    done = sf.fit(loss, read.params, data, optimizer=sf.adam(0.01), epochs=3, batch_size=4, backend="numpy")
    model = copy.deepcopy(read.model)
    model.load_state_dict(sf.to_state_dict(done.params, model))
    assert np.allclose(model(read.x).detach(), read.net(done.params, read.x), atol=1e-5)
    assert not np.allclose(model(read.x).detach(), read.theirs, atol=1e-2)
