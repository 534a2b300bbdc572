"""Which modules of PyTorch are written out and which stay layers: no skip connection is hidden, and `depth` is obeyed.

The oracle for paths is PyTorch itself: with every weight layer replaced by `t*z`, a module of sums computes its polynomial.
"""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

import symfold as sf
from symfold.errors import InvalidType, InvalidValue, NoRule

torch = pytest.importorskip("torch", reason="the extra 'torch' is not installed")

from torch import nn  # noqa: E402


class Half(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.skip = nn.Linear(3, 3), nn.Linear(3, 3)

    def forward(self, x: Any) -> Any:
        return torch.tanh(self.conv(x)) + self.skip(x)


class Body(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.mid = Half(), Half()

    def forward(self, x: Any) -> Any:
        return self.mid(self.first(x)) + x


class Block(nn.Module):
    """A residual block, of another width with a convolution in its shortcut; as in a ResNet."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(before, after), nn.Linear(after, after)
        self.down = nn.Linear(before, after) if before != after else None

    def forward(self, x: Any) -> Any:
        y = self.b(torch.relu(self.a(x)))
        return torch.relu(y + (x if self.down is None else self.down(x)))


class Attend(nn.Module):
    """Scores with a bias that depends on no input, and a mask of whole numbers: no skip connection."""

    def __init__(self) -> None:
        super().__init__()
        self.q, self.k, self.bias = nn.Linear(3, 3), nn.Linear(3, 3), nn.Parameter(torch.randn(5, 5))

    def forward(self, x: Any, mask: Any) -> Any:
        return torch.softmax(self.q(x) @ self.k(x).mT + self.bias + (1 - mask) * -9.0, -1) @ x


class Normed(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.attend, self.norm = Attend(), nn.LayerNorm(3)

    def forward(self, x: Any, mask: Any) -> Any:
        return x + self.norm(self.attend(x, mask))


class Masked(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.parts = nn.ModuleList([Normed() for _ in range(3)])

    def forward(self, x: Any, mask: Any) -> Any:
        for part in self.parts:
            x = part(x, mask)
        return x


def stages() -> Any:
    return nn.Sequential(*(nn.Sequential(Block(a, b), Block(b, b)) for a, b in ((3, 3), (3, 4), (4, 5))), nn.Linear(5, 2))


class Times(nn.Module):
    """The layer t*z; of another width, the first entry for all."""

    def __init__(self, t: int, width: int) -> None:
        super().__init__()
        self.t, self.width = t, width

    def forward(self, z: Any) -> Any:
        return self.t * z[..., :1].expand(*z.shape[:-1], self.width)


def counted(module: Any, t: int) -> float:
    """The polynomial of the paths of a module at t, computed by PyTorch."""
    module = copy.deepcopy(module)
    for part in list(module.modules()):
        for name, child in list(part.named_children()):
            if isinstance(child, nn.Linear):
                setattr(part, name, Times(t, child.out_features))
    return float(module(torch.ones(2, 3, dtype=torch.float64))[0, 0])


def test_every_path_of_nested_modules_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (nn.Sequential(Body(), nn.Linear(3, 1)), stages(), nn.Sequential(nn.Sequential(stages()))):
        net, params = sf.from_torch(module.double(), torch.ones(2, 3).double())
        polynomial = sf.paths(net).polynomial
        (t,) = polynomial.free_symbols
        monkeypatch.setattr(torch, "tanh", lambda z: z)
        assert [float(polynomial.subs(t, k)) for k in (1, 2, 3)] == [counted(module, k) for k in (1, 2, 3)]
        monkeypatch.undo()
        value = torch.randn(2, 3).double()
        np.testing.assert_allclose(net(params, value.numpy()), module(value).detach().numpy(), atol=1e-12)


def test_modules_are_opened_to_a_depth() -> None:
    module, value = nn.Sequential(Body(), nn.Linear(3, 1)).double(), torch.randn(2, 3).double()
    texts = []
    for depth in range(4):
        net, params = sf.from_torch(module, value, depth=depth)
        np.testing.assert_allclose(net(params, value.numpy()), module(value).detach().numpy(), atol=1e-12)
        texts.append(net.formula(form="expanded"))
    assert texts[0] == "sequential(input)\nclosed: sequential (several layers inside)"
    assert texts[1] == "linear1(body0(input))\nclosed: body0 (several layers inside)"
    assert texts[2] == "linear1(mid0(first0(input)) + input)\nclosed: first0, mid0 (several layers inside)"
    assert texts[3] == sf.from_torch(module, value)[0].formula(form="expanded")
    assert sf.from_torch(module, value, depth=9)[0] == sf.from_torch(module, value)[0]
    with pytest.raises(InvalidType, match="depth=True must be a whole number"):
        sf.from_torch(module, value, depth=True)
    with pytest.raises(InvalidValue, match="depth=-1"):
        sf.from_torch(module, value, depth=-1)


def test_biases_and_masks_of_scores_are_no_skip_connections() -> None:
    module, values = Masked().double(), (torch.randn(2, 5, 3).double(), torch.ones(5, dtype=torch.int64))
    net, params = sf.from_torch(module, values)
    assert "attend0(x, mask)" in str(net) and "softmax" not in str(net)
    np.testing.assert_allclose(net(params, *(v.numpy() for v in values)), module(*values).detach().numpy(), atol=1e-12)


def test_modules_that_repeat_are_opened_and_what_is_in_them_stays_closed() -> None:
    def convolutions() -> Any:
        return nn.Sequential(nn.Sequential(nn.Linear(3, 3), nn.Tanh(), nn.Linear(3, 3)), nn.LayerNorm(3))

    module = nn.Sequential(nn.Sequential(*(convolutions() for _ in range(3))), nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 1)))
    rolled = sf.roll(sf.from_torch(module, torch.zeros(2, 3))[0])
    assert [fold.op.count for fold in rolled.bindings] == [3]
    leaves = [leaf for leaf in rolled.leaves if leaf.op.role == "layer"]
    assert sum(len(leaf.op.names) for leaf in leaves) == 8


def test_what_stays_closed_is_marked_wherever_it_counts_as_one() -> None:
    block = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 3))
    module, value = nn.Sequential(block, nn.Linear(3, 3)), torch.zeros(2, 3)
    closed, opened = (sf.from_torch(module, value, depth=depth)[0] for depth in (1, 2))
    note = "sequential0: 1 layer with several layers inside, each counted as one"
    assert str(sf.paths(closed)) == f"Paths(t**2; {note})" and str(sf.cost(closed)).endswith(f"({note})")
    assert "sequential0 (2 layers inside)" in str(closed.summary()) and "sequential0: 1 layer" in str(sf.compare(closed, opened))
    assert [data.get("inside") for _, data in closed.graph().nodes(data=True) if data["kind"] == "layer"] == [2, None]
    assert "inside" not in str(sf.paths(opened)) + str(sf.cost(opened)) + str(opened.summary())


def test_an_unknown_operation_is_marked() -> None:
    class Strange(nn.Module):
        def forward(self, x: Any) -> Any:
            return torch.special.bessel_j0(x) + x

    net, _ = sf.from_torch(Strange(), torch.zeros(2, 3), partial=True)
    assert "1 layer with an unknown operation" in str(sf.paths(net)) and "(unknown)" in str(net.summary())


def test_errors_name_the_line_and_nothing_is_written_before_them(capfd: pytest.CaptureFixture[str]) -> None:
    class Strange(nn.Module):
        def forward(self, x: Any) -> Any:
            return torch.special.bessel_j0(x)

    class Branch(nn.Module):
        def forward(self, x: Any) -> Any:
            if x.sum() > 0:
                return x
            return -x

    with pytest.raises(NoRule, match=r"module '\(the root\)' \(Strange\), at test_torch_opening.py, line \d+: return torch.special"):
        sf.from_torch(Strange(), torch.zeros(2, 3))
    with pytest.raises(InvalidValue, match=r"line \d+: if x.sum\(\) > 0:; control flow"):
        sf.from_torch(Branch(), torch.zeros(2, 3))
    assert capfd.readouterr() == ("", "")


def test_buffers_that_nothing_changes_are_constants() -> None:
    class Causal(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.value, self.norm = nn.Linear(3, 3), nn.BatchNorm1d(4)
            self.register_buffer("bias", torch.tril(torch.ones(1, 4, 4)))

        def forward(self, x: Any) -> Any:
            scores = (x @ x.mT).masked_fill(self.bias == 0, float("-inf"))
            return self.norm(torch.softmax(scores, -1) @ self.value(x))

    module, value = Causal().double().eval(), torch.randn(2, 4, 3).double()
    net, params = sf.from_torch(module, value)
    assert list(params) == ["value_weight", "value_bias", "norm_weight", "norm_bias", "norm_running_mean", "norm_running_var"]
    np.testing.assert_allclose(net(params, value.numpy()), module(value).detach().numpy(), atol=1e-12)
    module.load_state_dict(sf.to_state_dict(params, module))


def test_a_module_without_numbers_is_read_for_its_structure() -> None:
    with torch.device("meta"):
        module = nn.Sequential(*(nn.Linear(3, 3) for _ in range(3)))
    net, params = sf.from_torch(module, torch.zeros(2, 3, device="meta"))
    assert [fold.op.count for fold in net.bindings] == [3] and all(np.isnan(array).all() for array in params.values())
