"""Every class of `torch.nn` as a net: PyTorch's numbers and gradients, or a refusal that the documentation lists.

Needs the extra `torch`; skipped, with the reason, where it is missing.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import symfold as sf
from symfold.core.nodes import walk
from symfold.core.primitives import is_apply
from symfold.transform.inlining import inlined

torch = pytest.importorskip("torch", reason="the extra 'torch' is not installed")

from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402, N812

from symfold.exchange.pytorch.ops import OPERATIONS  # noqa: E402
from tests.coverage.check import READ, compared, difference  # noqa: E402
from tests.coverage.layers import REFUSED, SETTINGS, classes  # noqa: E402

PAGE = Path(__file__).parents[2] / "docs/reference/pytorch.md"


def test_every_class_has_settings_and_every_refusal_is_in_the_documentation() -> None:
    assert set(classes()) == set(SETTINGS) >= set(REFUSED)
    assert len(REFUSED) <= 12
    text = PAGE.read_text(encoding="utf-8")
    assert all(f"`{name}`" in text and reason in text for name, reason in REFUSED.items())


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", SETTINGS)
def test_the_usual_setting_of_every_class(name: str) -> None:
    found = difference(SETTINGS[name][0], name)
    assert (found == READ) != (name in REFUSED), found


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", sorted(set(SETTINGS) - set(REFUSED)))
def test_further_settings_of_every_class(name: str) -> None:
    assert {str(setting): found for setting in SETTINGS[name][1:] if (found := difference(setting, name)) != READ} == {}


class Called(nn.Module):
    def __init__(self, function: Any) -> None:
        super().__init__()
        self.function = function

    def forward(self, *values: Any) -> Any:
        return self.function(*values)


R, ROWS, COLUMNS = (3, 4, 5), torch.tensor([2, 0, 2]), torch.tensor([[1, 3], [0, 2], [-1, 1]])
FUNCTIONS: dict[str, tuple[Any, ...]] = {
    "slices with a step": (lambda x: x[:, ::2, 1::3], R),
    "flip and rotation": (lambda x: x.flip(0, 2) + x.rot90(2, (0, 2)), R),
    "roll": (lambda x: x.roll((1, -2), (0, 2)) * x.roll(3), R),
    "repeat": (lambda x: x.repeat(2, 1, 3).sum(0) * x.repeat_interleave(3, dim=2).sum(0).repeat(2, 1)[:4], R),
    "gather": (lambda x: x.gather(2, torch.tensor([[[1, 4], [0, 0]], [[2, 2], [3, 1]]])), R),
    "gather by an input": (lambda x, places: x.gather(1, places), (3, 4), torch.tensor([[0, 3], [1, 1], [2, 0]])),
    "rows by an index": (lambda x: x[ROWS] + x.index_select(0, ROWS), R),
    "an index of two axes": (lambda x: x[ROWS, torch.tensor([1, 1, 0])], R),
    "an index that broadcasts": (lambda x: x[ROWS[:, None], COLUMNS], R),
    "an index of a middle axis": (lambda x: x[:, COLUMNS, 1:3], R),
    "an index of axes apart": (lambda x: x[ROWS, :, torch.tensor([0, 1, 4])], R),
    "scatter": (lambda x, y: x.scatter(1, COLUMNS[:, :1].abs(), y[:, :1]), (3, 4), (3, 4)),
    "scatter of a sum": (lambda x, y: x.scatter_add(1, torch.tensor([[1, 1], [0, 2], [3, 3]]), y[:, :2]), (3, 4), (3, 4)),
    "index_put": (lambda x, y: x.index_put((torch.tensor([0, 2]),), y[:2]), (3, 4), (3, 4)),
    "a number put where a mask is true": (lambda x: torch.index_put(x, (x > 0,), torch.tensor(0.5).double()), (3, 4)),
    "index_add": (lambda x, y: x.index_add(1, torch.tensor([0, 0, 3]), y[:, :3]), (3, 4), (3, 4)),
    "cumsum": (lambda x: x.cumsum(1) * x.cumsum(-1), R),
    "sums of einsum": (lambda x: torch.einsum("abc->c", x) + torch.einsum("abc,abc->c", x, x), R),
    "einsum with dots": (lambda x, y: torch.einsum("...ij,...jk", x, y), (2, 3, 4), (4, 5)),
    "einsum of a diagonal": (lambda x: torch.einsum("ii->i", x) * torch.einsum("ii", x), (4, 4)),
    "einsum of three": (lambda x, y, z: torch.einsum("bi,oij,bj->bo", x, y, z), (3, 4), (2, 4, 5), (3, 5)),
    "meshgrid": (lambda x, y: torch.stack(torch.meshgrid(x, y, indexing="xy")).sum(0), (3,), (4,)),
    "norms": (lambda x: x.norm(dim=1) + torch.linalg.vector_norm(x, 3, dim=1) + x.abs().amax(1), R),
    "variance": (lambda x: x.var(1) + x.std((0, 1)) + x.var(1, unbiased=False), R),
    "product": (lambda x: x.prod(1), R),
    "windows of an axis": (lambda x: x.unfold(1, 2, 1) ** 2, R),
    "padding that also cuts": (lambda x: F.pad(x, (1, -2, 0, 1), value=3.0), R),
    "moved axes": (lambda x: x.movedim((0, 2), (1, 0)).swapaxes(0, 1), R),
    "interpolation by area": (lambda x: F.interpolate(x, size=3, mode="area"), (2, 3, 7)),
    "remainders": (lambda x: x % 0.7 + torch.div(x, 0.3, rounding_mode="floor"), R),
    "entries at places": (lambda x, places: F.grid_sample(x, places, align_corners=False), (2, 3, 4, 5), (2, 3, 2, 2)),
    "entries at places, corners, borders": (lambda x, places: F.grid_sample(x, places, padding_mode="border", align_corners=True), (2, 3, 4, 5), (2, 3, 2, 2)),
    "entries at places, reflected": (lambda x, places: F.grid_sample(x, 2 * places, padding_mode="reflection", align_corners=False), (2, 3, 4, 5), (2, 3, 2, 2)),
    "nearest entries at places": (lambda x, places: F.grid_sample(x, places, mode="nearest", align_corners=True), (2, 3, 4, 5), (2, 3, 2, 2)),
    "entries of a volume at places": (lambda x, places: F.grid_sample(x, places, align_corners=True), (1, 2, 3, 4, 2), (1, 2, 2, 3, 3)),
    "a moved image": (lambda x, theta: F.grid_sample(x, F.affine_grid(theta, [2, 1, 3, 4], align_corners=True), align_corners=True), (2, 1, 4, 5), (2, 2, 3)),
    "a histogram": (lambda x: torch.histc(x, 4, -1, 1) + x.sum(), R),
    "a branch by values": (lambda x: torch.cond(x.sum() > 0, lambda x: (x.sin(), x + 1), lambda x: (x.cos(), x * 2), (x,)), R),
    "the other branch": (lambda x: torch.cond(x.sum() < 0, lambda x: (x.sin(), x + 1), lambda x: (x.cos(), x * 2), (x,)), R),
    "a constant transposed and viewed": (lambda x: x * torch.arange(10.0).view(2, 5).t().contiguous().view(-1)[:5], R),
    "an empty vector joined": (lambda x: torch.cat([torch.zeros(0), x, x.sin()], -2), R),
    "grouped heads": (lambda x: x[:, :, None].expand(3, 4, 2, 5).reshape(3, 8, 5), R),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_of_tensors(name: str) -> None:
    function, *given = FUNCTIONS[name]
    generator = torch.Generator().manual_seed(0)
    inputs = [torch.randn(shape, generator=generator, dtype=torch.float64) if isinstance(shape, tuple) else shape for shape in given]
    module = Called(function)
    assert compared(module, inputs, *sf.from_torch(module, tuple(inputs)), "numpy") == READ


DECOMPOSED: dict[str, tuple[Any, ...]] = {
    "inner": (torch.inner, (3, 4), (5, 4)),
    "tensordot": (lambda x, y: torch.tensordot(x, y, dims=2), R, (4, 5, 2)),
    "kron": (torch.kron, (2, 3), (3, 2)),
    "cross": (torch.linalg.cross, (4, 3), (4, 3)),
    "addr": (torch.addr, (3, 4), (3,), (4,)),
    "take_along_dim": (lambda x: torch.take_along_dim(x, torch.tensor([[2, 0, 1, 1]]), 0), (3, 4)),
    "renorm": (lambda x: torch.renorm(x, 2, 0, 1.0), (3, 4)),
    "weight norm": (lambda g, v: torch._weight_norm(v, g, 0), (3, 1), (3, 4)),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", DECOMPOSED)
def test_operations_without_a_row_are_decomposed_by_pytorch(name: str) -> None:
    function, *shapes = DECOMPOSED[name]
    inputs = [torch.randn(shape, generator=torch.Generator().manual_seed(len(shape)), dtype=torch.float64) for shape in shapes]
    module = Called(function)
    assert compared(module, inputs, *sf.from_torch(module, tuple(inputs)), "numpy") == READ


@pytest.mark.filterwarnings("ignore")
def test_an_rms_norm_without_an_epsilon_takes_the_precision_of_its_type() -> None:
    for dtype in (torch.float32, torch.float64):
        x = torch.full((1, 2), 1e-4, dtype=dtype)
        net, params = sf.from_torch(nn.RMSNorm(2, dtype=dtype), x)
        np.testing.assert_allclose(net(params, x.numpy()), nn.RMSNorm(2, dtype=dtype)(x).detach().numpy(), rtol=1e-6)


@pytest.mark.filterwarnings("ignore")
def test_operations_with_a_row_stay_when_others_are_decomposed() -> None:
    class Mixed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = nn.ModuleList([nn.TransformerEncoderLayer(4, 2, 8, batch_first=True) for _ in range(2)])

        def forward(self, x: Any) -> Any:
            for layer in self.layers:
                x = torch.heaviside(x, torch.tensor(0.0)) * layer(x)
            return x

    net, _ = sf.from_torch(Mixed().eval(), torch.zeros(2, 3, 4))
    names = [node.op.primitive.name for node in walk(inlined(net.outputs, keep=lambda node: True)) if is_apply(node)]
    assert names.count("attention") == 2 and names.count("layer_norm") == 4
    assert "norm1_0(x + self_attn0(x))" in str(net)


NATIVE = ("ConvTranspose2d", "ReflectionPad2d", "Upsample", "AdaptiveMaxPool2d", "PixelShuffle", "GroupNorm", "AvgPool2d", "Fold")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", NATIVE)
def test_operations_of_images_export_to_onnx(name: str, tmp_path: Path) -> None:
    runtime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    for setting in SETTINGS[name][1:3]:
        module = getattr(nn, name)(*setting.args, **setting.options).double().eval()
        x = torch.randn(setting.inputs[0], generator=torch.Generator().manual_seed(0), dtype=torch.float64)
        net, params = sf.from_torch(module, (x,), dynamic_shapes={})
        path = tmp_path / "net.onnx"
        sf.to_onnx(sf.Net.of(net.outputs[0]), path, params)
        (result,) = runtime.InferenceSession(path).run(None, {net.inputs[0].op.name: x.numpy()})
        np.testing.assert_allclose(result, module(x).detach().numpy(), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("name", ["ReflectionPad2d", "ReplicationPad2d", "CircularPad2d"])
def test_borders_of_entries_of_a_value_of_any_size(name: str, tmp_path: Path) -> None:
    runtime = pytest.importorskip("onnxruntime", reason="the package onnxruntime is not installed")
    module = getattr(nn, name)((1, 2, 0, 3)).double()
    net, params = sf.from_torch(module, (torch.zeros(2, 4, 4, dtype=torch.float64),))
    sf.to_onnx(net, tmp_path / "net.onnx", params)
    session = runtime.InferenceSession(tmp_path / "net.onnx")
    for shape in ((2, 4, 4), (3, 6, 4)):
        x = np.random.default_rng(0).normal(size=shape)
        wanted = module(torch.tensor(x)).numpy()
        np.testing.assert_array_equal(net(params, x), wanted)
        np.testing.assert_array_equal(session.run(None, {net.inputs[0].op.name: x})[0], wanted)


def test_rows_times_the_matrices_of_their_groups() -> None:
    generator = np.random.default_rng(0)
    rows, matrices, ends = generator.normal(size=(6, 4)), generator.normal(size=(3, 4, 5)), np.array([2, 2, 5])
    values = {"x": rows, "w": matrices, "ends": ends}
    x, w, last = (sf.tensor(name, value.shape) for name, value in values.items())
    net = sf.Net.of(OPERATIONS["_grouped_mm"]((6, 5), x, w, last))
    wanted = np.concatenate([rows[:2] @ matrices[0], rows[2:5] @ matrices[2], np.zeros((1, 5))])
    np.testing.assert_allclose(net(**values), wanted, rtol=1e-14)
