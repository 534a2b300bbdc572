"""NumPy."""

from symfold.exchange.code.array_functions import functions
from symfold.exchange.code.array_primitives import (
    added_embedded,
    added_rows,
    embedded,
    helpers,
    itself,
    primitives,
    windowed,
)
from symfold.exchange.code.targets import CodeTarget, add_target

HELPERS = {
    **helpers("np"),
    "erf": "def erf(z):\n    return np.vectorize(math.erf, otypes=[float])(z)",
    "erfc": "def erfc(z):\n    return np.vectorize(math.erfc, otypes=[float])(z)",
    "max_pool": """\
def max_pool(x, kernel, stride, padding, dilation):
    axes = tuple(range(-len(kernel), 0))
    return np.max(windows(x, kernel, stride, padding, dilation, -np.inf), axis=axes)""",
    "mean_pool": """\
def mean_pool(x, kernel, stride, padding, dilation, padded):
    axes = tuple(range(-len(kernel), 0))
    ones = windows(np.ones_like(x), kernel, stride, padding, dilation, float(padded))
    counts = np.sum(ones, axis=axes)
    return np.sum(windows(x, kernel, stride, padding, dilation, 0.0), axis=axes) / counts""",
    "add_rows": """\
def add_rows(values, shape, rows):
    total = np.zeros(shape, values.dtype)
    np.add.at(total, rows, values)
    return total""",
    "add_windows": """\
def add_windows(values, shape, kernel, stride, padding, dilation):
    around = [0] * (len(shape) - len(kernel)) + list(padding)
    total = np.zeros([n + 2 * size for n, size in zip(shape, around)], values.dtype)
    counts = values.shape[-2 * len(kernel) : -len(kernel)]
    for offset, place in places(counts, kernel, stride, dilation):
        total[(..., *place)] += values[(..., *offset)]
    return total[tuple(slice(size, size + n) for n, size in zip(shape, around))]""",
    "put": """\
def put(value, shape, index):
    result = np.zeros(shape, np.asarray(value).dtype)
    result[index] = value
    return result""",
    "convolution": """\
def convolution(x, weight, stride, padding, dilation, groups):
    rank = len(stride)
    x = np.pad(x, [(0, 0), (0, 0), *((size, size) for size in padding)])
    spans = [d * (k - 1) + 1 for d, k in zip(dilation, weight.shape[2:])]
    windows = np.lib.stride_tricks.sliding_window_view(x, spans, axis=tuple(range(2, 2 + rank)))
    steps = [slice(None, None, size) for size in (*stride, *dilation)]
    windows = windows[(..., *steps)]
    axes = [1, *range(2 + rank, 2 + 2 * rank)], [1, *range(2, 2 + rank)]
    pairs = zip(np.split(windows, groups, axis=1), np.split(weight, groups, axis=0))
    return np.concatenate([np.moveaxis(np.tensordot(*pair, axes), -1, 1) for pair in pairs], axis=1)""",
    "windows": """\
def windows(x, kernel, stride, padding, dilation, fill):
    rank = len(kernel)
    around = [(0, 0)] * (x.ndim - rank) + [(size, size) for size in padding]
    x = np.pad(x, around, constant_values=fill)
    spans = [d * (k - 1) + 1 for d, k in zip(dilation, kernel)]
    views = np.lib.stride_tricks.sliding_window_view(x, spans, axis=tuple(range(-rank, 0)))
    return views[(..., *(slice(None, None, size) for size in (*stride, *dilation)))]""",
}

ROW = add_target(
    CodeTarget(
        "numpy",
        ("import itertools", "import math", "import numpy as np"),
        {
            **functions("np"),
            "sigmoid": "sigmoid({0})",
            "relu": "np.maximum({0}, 0)",
            "erf": "erf({0})",
            "erfc": "erfc({0})",
        },
        {
            **primitives("np"),
            "embed": embedded("np.asarray({0.text}, dtype=int)"),
            "stop_gradient": itself,
            "max_pool": windowed("max_pool", ("kernel", "stride", "padding", "dilation")),
            "mean_pool": windowed("mean_pool", ("kernel", "stride", "padding", "dilation", "padded")),
            "add_rows": added_rows("np.arange", "{0}"),
            "add_embedded": added_embedded("np.asarray({0.text}, dtype=int)"),
        },
        HELPERS,
    )
)
