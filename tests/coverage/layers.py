"""The classes of `torch.nn` with their settings and inputs.

A setting is the arguments of the class, by position and by name, and the inputs of a call: the shape of a tensor of real
numbers, or a function from a random generator to an input.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

Given = tuple[int, ...] | Callable[[torch.Generator], Any]


@dataclass(frozen=True)
class Setting:
    """How a class is built and called."""

    args: tuple[Any, ...]
    inputs: tuple[Given, ...]
    options: dict[str, Any] = field(default_factory=dict)
    output: int | None = None  # the part of the result to compare, if it has several
    called: dict[str, Any] = field(default_factory=dict)  # further arguments of the call
    training: bool = False
    before: Callable[[Any], Any] | None = None  # of the first input

    def __str__(self) -> str:
        shown = [*map(show, self.args), *(f"{key}={show(value)}" for key, value in self.options.items())]
        return ", ".join(shown)


def show(value: object) -> str:
    return "tensor" if isinstance(value, torch.Tensor) else getattr(value, "__name__", None) or str(value)


def whole(count: int, *shape: int) -> Given:
    """Whole numbers from 0 to count - 1."""
    return lambda generator: torch.randint(count, shape, generator=generator)


def positive(*shape: int) -> Given:
    return lambda generator: torch.rand(shape, generator=generator, dtype=torch.float64) + 0.1


def signs(*shape: int) -> Given:
    return lambda generator: torch.randint(2, shape, generator=generator).double() * 2 - 1


def truths(*shape: int) -> Given:
    return lambda generator: torch.randint(2, shape, generator=generator).double()


def shares(*shape: int) -> Given:
    """Positive numbers of sum 1 along axis 1."""
    return lambda generator: torch.rand(shape, generator=generator, dtype=torch.float64).softmax(1)


def logs(*shape: int) -> Given:
    """Logarithms of positive numbers of sum 1 along axis 1."""
    return lambda generator: torch.randn(shape, generator=generator, dtype=torch.float64).log_softmax(1)


def fixed(value: Any) -> Given:
    return lambda generator: value


def of(*args: Any, on: Any, output: int | None = None, called: dict[str, Any] | None = None, training: bool = False, **options: Any) -> Setting:
    inputs = (on,) if callable(on) or all(isinstance(size, int) for size in on) else tuple(on)
    return Setting(args, inputs, options, output, called or {}, training)


ROWS, SEQUENCE, IMAGE, VOLUME = (3, 4), (2, 4, 9), (2, 4, 9, 8), (2, 4, 5, 6, 7)
PLACES = {1: SEQUENCE, 2: IMAGE, 3: VOLUME}
WEIGHTS = torch.linspace(0.5, 1.5, 4, dtype=torch.float64)
PAIR, TRIPLE = (ROWS, ROWS), (ROWS, ROWS, ROWS)
REDUCTIONS = ({}, {"reduction": "sum"}, {"reduction": "none"})


def activations() -> dict[str, list[Setting]]:
    plain = "CELU ELU GELU Hardshrink Hardsigmoid Hardswish Hardtanh LeakyReLU LogSigmoid Mish PReLU RReLU ReLU ReLU6 SELU SiLU Sigmoid Softplus Softshrink Softsign Tanh Tanhshrink"
    further: dict[str, list[Setting]] = {
        "CELU": [of(0.5, on=ROWS)], "ELU": [of(0.5, on=ROWS)], "GELU": [of("tanh", on=ROWS)], "Hardshrink": [of(0.3, on=ROWS)], "Hardtanh": [of(-0.5, 0.7, on=ROWS)],
        "LeakyReLU": [of(0.3, on=ROWS)], "PReLU": [of(4, on=IMAGE)], "Softplus": [of(2, on=ROWS), of(1, 0.5, on=ROWS)], "Softshrink": [of(0.3, on=ROWS)],
        "Threshold": [of(0.1, 0.5, on=ROWS)], "GLU": [of(on=ROWS), of(1, on=IMAGE)],
        **{name: [of(on=ROWS, dim=1), of(on=IMAGE, dim=1), of(on=IMAGE)] for name in ("Softmax", "LogSoftmax", "Softmin")},
        "Softmax2d": [of(on=IMAGE)],
        "MultiheadAttention": [of(4, 2, on=((3, 2, 4),) * 3, output=0), of(4, 2, on=((2, 3, 4),) * 3, batch_first=True, output=0, called={"need_weights": False}), of(4, 2, on=((2, 3, 4), (2, 5, 4), (2, 5, 4)), batch_first=True, add_bias_kv=True, add_zero_attn=True, output=0)],
    }  # fmt: skip
    return {name: [of(on=ROWS), *further.pop(name, [])] for name in plain.split()} | further


def convolutions() -> dict[str, list[Setting]]:
    result: dict[str, list[Setting]] = {}
    for rank, shape in PLACES.items():
        result[f"Conv{rank}d"] = [
            of(4, 6, 3, on=shape), of(4, 6, 3, on=shape, stride=2, padding=1, groups=2), of(4, 4, 3, on=shape, groups=4, bias=False, dilation=2),
            of(4, 6, 3, on=shape, padding="same"), of(4, 6, 2, on=shape, padding="same"), of(4, 6, 3, on=shape, padding="valid"),
            *(of(4, 6, 3, on=shape, padding=1, padding_mode=mode) for mode in ("reflect", "replicate", "circular")), of(4, 6, 3, on=shape[1:]),
        ]  # fmt: skip
        result[f"ConvTranspose{rank}d"] = [
            of(4, 6, 3, on=shape), of(4, 6, 3, on=shape, stride=2, padding=1, output_padding=1, groups=2), of(4, 6, 2, on=shape, stride=2, bias=False),
            of(4, 4, 3, on=shape, groups=4, dilation=2), of(4, 6, 3, on=shape[1:]),
        ]  # fmt: skip
    result["Unfold"] = [of(3, on=IMAGE), of((2, 3), on=IMAGE, stride=2, padding=1, dilation=(1, 2))]
    result["Fold"] = [of((5, 6), 3, on=(2, 18, 12)), of((6, 6), 2, on=(2, 8, 9), stride=2), of((4, 5), (2, 3), on=(2, 12, 20), padding=1, dilation=(2, 1))]
    return result


def pools() -> dict[str, list[Setting]]:
    result: dict[str, list[Setting]] = {}
    for rank, shape in PLACES.items():
        result[f"MaxPool{rank}d"] = [
            of(2, on=shape), of(3, on=shape, stride=2, padding=1), of(3, on=shape, stride=2, ceil_mode=True), of(2, on=shape, dilation=2), of(2, on=shape[1:]), of(3, on=shape, stride=2, padding=1, return_indices=True),
        ]  # fmt: skip
        result[f"AvgPool{rank}d"] = [
            of(2, on=shape), of(3, on=shape, stride=2, padding=1), of(3, on=shape, stride=2, padding=1, count_include_pad=False), of(3, on=shape, stride=2, ceil_mode=True),
            of(3, on=shape, stride=2, padding=1, ceil_mode=True, count_include_pad=False), of(2, on=shape[1:]),
        ]  # fmt: skip
        if rank > 1:
            result[f"AvgPool{rank}d"].append(of(2, on=shape, divisor_override=3))
        uneven = 4 if rank == 1 else (3, None) if rank == 2 else (2, 4, 3)
        for kind in ("Avg", "Max"):
            result[f"Adaptive{kind}Pool{rank}d"] = [of(1, on=shape), of(3, on=shape), of(uneven, on=shape)]
        result[f"AdaptiveMaxPool{rank}d"].append(of(3, on=shape, return_indices=True))
        result[f"LPPool{rank}d"] = [of(2, 2, on=shape), of(3, 3, on=shape, stride=2), of(2, 3, on=shape, stride=2, ceil_mode=True)]
        small = (2, 4, *(4,) * rank)
        places = torch.arange(4**rank).reshape(1, 1, *(4,) * rank).expand(small) * 2
        result[f"MaxUnpool{rank}d"] = [of(2, on=(small, fixed(places.contiguous())))]
    return result


def paddings() -> dict[str, list[Setting]]:
    result: dict[str, list[Setting]] = {}
    for rank, shape in PLACES.items():
        uneven = tuple(range(2 * rank))[: 2 * rank]
        small = tuple(min(k, 3) for k in uneven)
        result[f"ConstantPad{rank}d"] = [of(1, 0.5, on=shape), of(small, 0.0, on=shape), of((-1, *small[1:]), 2.0, on=shape)]
        result[f"ZeroPad{rank}d"] = [of(1, on=shape), of(small, on=shape)]
        for kind in ("Circular", "Reflection", "Replication"):
            result[f"{kind}Pad{rank}d"] = [of(2, on=shape), of(small, on=shape), of(1, on=shape[1:])]
    return result


def resampling() -> dict[str, list[Setting]]:
    modes = [("linear", SEQUENCE), ("bilinear", IMAGE), ("bicubic", IMAGE), ("trilinear", VOLUME)]
    return {
        "Upsample": [
            *(of(on=shape, scale_factor=2) for shape in PLACES.values()), of(on=IMAGE, size=(5, 13)), of(on=IMAGE, scale_factor=(1.5, 2.3)), of(on=IMAGE, size=(5, 13), mode="nearest-exact"),
            *(of(on=shape, scale_factor=2, mode=mode, align_corners=corners) for mode, shape in modes for corners in (False, True)),
            of(on=IMAGE, size=(5, 13), mode="bilinear"), of(on=IMAGE, scale_factor=1.7, mode="bilinear"), of(on=IMAGE, scale_factor=1.7, mode="bilinear", recompute_scale_factor=True),
        ],
        "UpsamplingBilinear2d": [of(on=IMAGE, scale_factor=2), of(on=IMAGE, size=7)], "UpsamplingNearest2d": [of(on=IMAGE, scale_factor=2), of(on=IMAGE, size=7)],
        "PixelShuffle": [of(2, on=IMAGE), of(2, on=(4, 3, 3))], "PixelUnshuffle": [of(2, on=(2, 4, 6, 8)), of(3, on=(4, 6, 9))],
        "ChannelShuffle": [of(2, on=IMAGE), of(4, on=SEQUENCE)],
    }  # fmt: skip


def norms() -> dict[str, list[Setting]]:
    result: dict[str, list[Setting]] = {}
    for rank, shape in PLACES.items():
        result[f"BatchNorm{rank}d"] = [of(4, on=shape), of(4, on=shape, affine=False, eps=1e-3), of(4, on=shape, track_running_stats=False)]
        result[f"InstanceNorm{rank}d"] = [of(4, on=shape), of(4, on=shape, affine=True), of(4, on=shape, affine=True, track_running_stats=True), of(4, on=shape[1:])]
    result["BatchNorm1d"].append(of(4, on=ROWS))
    return result | {
        "SyncBatchNorm": [of(4, on=IMAGE)],
        "GroupNorm": [of(2, 4, on=IMAGE), of(4, 4, on=SEQUENCE, affine=False), of(1, 4, on=ROWS), of(2, 4, on=VOLUME)],
        "LayerNorm": [of(4, on=ROWS), of((9, 8), on=IMAGE), of(8, on=IMAGE, elementwise_affine=False), of(8, on=IMAGE, bias=False)],
        "RMSNorm": [of(4, on=ROWS), of((9, 8), on=IMAGE, eps=1e-6)],
        "LocalResponseNorm": [of(2, on=IMAGE), of(3, on=SEQUENCE, alpha=0.1), of(3, on=VOLUME, k=2.0)],
        "CrossMapLRN2d": [of(3, on=IMAGE)],
    }  # fmt: skip


def general() -> dict[str, list[Setting]]:
    words = whole(7, 2, 5)
    return {
        "Identity": [of(on=ROWS)], "Linear": [of(4, 5, on=ROWS), of(4, 5, on=IMAGE[:1] + (3, 4), bias=False), of(4, 5, on=(4,))],
        "Bilinear": [of(4, 3, 5, on=(ROWS, (3, 3))), of(4, 3, 5, on=((2, 3, 4), (2, 3, 3)), bias=False)],
        "Flatten": [of(on=IMAGE), of(2, 3, on=IMAGE)], "Unflatten": [of(1, (2, 2), on=IMAGE)],
        **{name: [of(on=shape), of(0.2, on=shape)] for name, shape in {"Dropout": ROWS, "Dropout1d": SEQUENCE, "Dropout2d": IMAGE, "Dropout3d": VOLUME, "AlphaDropout": ROWS, "FeatureAlphaDropout": IMAGE}.items()},
        "Embedding": [of(7, 3, on=words), of(7, 3, on=words, padding_idx=0)],
        "EmbeddingBag": [of(7, 3, on=words), of(7, 3, on=words, mode="sum"), of(7, 3, on=words, mode="max"), of(7, 3, on=(words, fixed(None), (2, 5)), mode="sum"), of(7, 3, on=words, padding_idx=0), of(7, 3, on=whole(7, 6), called={"offsets": torch.tensor([0, 2, 2])})],
        "CosineSimilarity": [of(on=PAIR), of(on=(IMAGE, IMAGE), dim=2)], "PairwiseDistance": [of(on=PAIR), of(1.0, on=PAIR), of(3.0, on=PAIR, keepdim=True)],
        "Sequential": [Setting((nn.Linear(4, 4), nn.ReLU()), (ROWS,))],
        "Transformer": [of(4, 2, 1, 1, 8, on=((5, 2, 4), (3, 2, 4))), of(4, 2, 1, 1, 8, on=((2, 5, 4), (2, 3, 4)), batch_first=True, norm_first=True)],
        "TransformerEncoderLayer": [of(4, 2, 8, on=(5, 2, 4)), of(4, 2, 8, on=(2, 5, 4), batch_first=True, norm_first=True, activation="gelu")],
        "TransformerDecoderLayer": [of(4, 2, 8, on=((5, 2, 4), (3, 2, 4))), of(4, 2, 8, on=((2, 5, 4), (2, 3, 4)), batch_first=True, norm_first=True)],
        "TransformerEncoder": [of(nn.TransformerEncoderLayer(4, 2, 8), 2, on=(5, 2, 4))],
        "TransformerDecoder": [of(nn.TransformerDecoderLayer(4, 2, 8), 2, on=((5, 2, 4), (3, 2, 4)))],
        **{name: [of(4, 3, on=(5, 2, 4), output=0), of(4, 3, 2, on=(2, 5, 4), batch_first=True, bidirectional=True, output=0), of(4, 3, on=(5, 4), bias=False, output=0)] for name in ("RNN", "GRU")},
        "LSTM": [of(4, 3, on=(5, 2, 4), output=0), of(4, 3, 2, on=(2, 5, 4), batch_first=True, bidirectional=True, output=0), of(4, 3, on=(5, 4), bias=False, output=0), of(4, 5, on=(5, 2, 4), proj_size=3, output=0)],
        "RNNCell": [of(4, 3, on=ROWS), of(4, 3, on=(ROWS, (3, 3)), nonlinearity="relu"), of(4, 3, on=(4,), bias=False)],
        "GRUCell": [of(4, 3, on=ROWS), of(4, 3, on=(ROWS, (3, 3))), of(4, 3, on=(4,), bias=False)],
        "LSTMCell": [of(4, 3, on=ROWS, output=0), of(4, 3, on=ROWS, bias=False, output=1), of(4, 3, on=(4,), output=0)],
    } | {}  # fmt: skip


def losses() -> dict[str, list[Setting]]:
    def each(*inputs: Given, further: tuple[dict[str, Any], ...] = (), args: tuple[Any, ...] = ()) -> list[Setting]:
        return [Setting(args, inputs, {**options}) for options in (*REDUCTIONS, *further)]

    hidden = whole(5, 3)
    labels = torch.tensor([[1, 3, -1, 0], [2, -1, 1, 1], [0, 1, 2, 3]])
    lengths = (fixed(torch.tensor([[1, 2, 2], [3, 1, 2]])), fixed((6, 5)), fixed((3, 2)))
    return {
        "FractionalMaxPool2d": [of(2, on=IMAGE, output_size=3)], "FractionalMaxPool3d": [of(2, on=VOLUME, output_size=2)],
        **{name: each(*PAIR) for name in ("L1Loss", "MSELoss")},
        "SmoothL1Loss": each(*PAIR, further=({"beta": 0.5},)), "HuberLoss": each(*PAIR, further=({"delta": 0.5},)),
        "SoftMarginLoss": each(ROWS, signs(*ROWS)), "HingeEmbeddingLoss": each(ROWS, signs(*ROWS), further=({"margin": 0.5},)),
        "BCELoss": each(shares(*ROWS), truths(*ROWS), further=({"weight": WEIGHTS},)),
        "BCEWithLogitsLoss": each(ROWS, truths(*ROWS), further=({"weight": WEIGHTS, "pos_weight": WEIGHTS},)),
        "KLDivLoss": each(logs(*ROWS), shares(*ROWS), further=({"log_target": True}, {"reduction": "batchmean"})),
        "NLLLoss": [*each(logs(3, 5), hidden, further=({"weight": torch.ones(5, dtype=torch.float64) * 2}, {"ignore_index": 1})), Setting((), (logs(2, 5, 3, 2), whole(5, 2, 3, 2)))],
        "CrossEntropyLoss": [
            *each((3, 5), hidden, further=({"label_smoothing": 0.1}, {"ignore_index": 1}, {"weight": torch.linspace(1, 2, 5, dtype=torch.float64)}, {"weight": torch.linspace(1, 2, 5, dtype=torch.float64), "label_smoothing": 0.1})),
            Setting((), ((2, 5, 3), whole(5, 2, 3))), Setting((), ((3, 5), shares(3, 5))), Setting((), ((3, 5), shares(3, 5)), {"label_smoothing": 0.1, "weight": torch.linspace(1, 2, 5, dtype=torch.float64)}), Setting((), ((5,), whole(5))),
        ],
        "PoissonNLLLoss": each(*(ROWS, positive(*ROWS)), further=({"log_input": False}, {"full": True})),
        "GaussianNLLLoss": each(ROWS, ROWS, positive(*ROWS), further=({"full": True},)),
        "MultiLabelSoftMarginLoss": each(ROWS, truths(*ROWS), further=({"weight": WEIGHTS},)),
        "MultiLabelMarginLoss": each(ROWS, fixed(labels)),
        "MultiMarginLoss": each((3, 5), hidden, further=({"p": 2, "margin": 0.5}, {"weight": torch.linspace(1, 2, 5, dtype=torch.float64)})),
        "MarginRankingLoss": each((3,), (3,), signs(3), further=({"margin": 0.5},)),
        "CosineEmbeddingLoss": each(ROWS, ROWS, signs(3), further=({"margin": 0.2},)),
        "TripletMarginLoss": each(*TRIPLE, further=({"swap": True}, {"p": 1})),
        "TripletMarginWithDistanceLoss": each(*TRIPLE, further=({"distance_function": nn.CosineSimilarity(), "swap": True},)),
        # PyTorch's slope of this loss is right only below a log_softmax
        "CTCLoss": [Setting((), ((6, 2, 4), *lengths), {**options}, before=lambda x: x.log_softmax(2)) for options in (*REDUCTIONS, {"zero_infinity": True})],
        "LinearCrossEntropyLoss": [of(4, 5, on=(ROWS, whole(5, 3)))],
        "AdaptiveLogSoftmaxWithLoss": [of(4, 10, [3, 6], on=(ROWS, whole(10, 3)), output=1)],
    }  # fmt: skip


SETTINGS: dict[str, list[Setting]] = {**activations(), **convolutions(), **pools(), **paddings(), **resampling(), **norms(), **general(), **losses()}

# containers, bases of others, and an old name
CONTAINERS = frozenset({"Module", "Container", "ModuleDict", "ModuleList", "ParameterDict", "ParameterList", "RNNBase", "RNNCellBase", "DataParallel", "NLLLoss2d"})

REFUSED = {
    "AdaptiveLogSoftmaxWithLoss": "the sizes of its parts depend on the labels (its `log_prob` is read)",
    "CTCLoss": "torch.export has no shape for it",
    "CrossMapLRN2d": "torch.export cannot trace its buffers (LocalResponseNorm is the same function)",
    "FractionalMaxPool2d": "it draws its windows",
    "FractionalMaxPool3d": "it draws its windows",
    "GaussianNLLLoss": "it checks the signs of the variances, which torch.export does not trace",
}


def classes() -> list[str]:
    """The names of the layer classes of `torch.nn`."""
    names = [name for name, value in vars(nn).items() if inspect.isclass(value) and issubclass(value, nn.Module)]
    return sorted(name for name in names if name not in CONTAINERS and not name.startswith("Lazy"))
