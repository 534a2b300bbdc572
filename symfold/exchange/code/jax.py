"""JAX."""

from symfold.exchange.code.array_functions import functions
from symfold.exchange.code.array_primitives import (
    added_embedded,
    added_rows,
    along,
    embedded,
    helpers,
    primitives,
    reduced,
    rows,
    windowed,
)
from symfold.exchange.code.targets import CodeTarget, add_target

OWN = ("attention", "layer_norm", "causal_mask", "sum_to", "at_max", "places")
HELPERS = {
    **{name: source.replace("softmax(", "jax.nn.softmax(") for name, source in helpers("jnp").items() if name in OWN},
    "scan": """\
def scan(step, state, entries, count):
    first = jax.tree.map(lambda entry: entry[0], entries)
    for _ in range(2):  # the state has the shape and type of the next one
        after = jax.eval_shape(step, state, first)[0]
        full = lambda z, like: jnp.broadcast_to(jnp.asarray(z, like.dtype), like.shape)
        state = jax.tree.map(full, state, after)
    return jax.lax.scan(step, state, entries, count)""",
    "add_rows": """\
def add_rows(values, shape, rows):
    return jnp.zeros(shape, values.dtype).at[rows].add(values)""",
    "windows": """\
def windows(x, kernel, stride, padding, dilation, fill):
    around = [(0, 0)] * (x.ndim - len(kernel)) + [(size, size) for size in padding]
    x = jnp.pad(x, around, constant_values=fill)
    spans = zip(x.shape[-len(kernel) :], kernel, stride, dilation)
    counts = [(n - d * (k - 1) - 1) // s + 1 for n, k, s, d in spans]
    parts = [x[(..., *place)] for _, place in places(counts, kernel, stride, dilation)]
    return jnp.reshape(jnp.stack(parts, axis=-1), (*parts[0].shape, *kernel))""",
    "add_windows": """\
def add_windows(values, shape, kernel, stride, padding, dilation):
    around = [0] * (len(shape) - len(kernel)) + list(padding)
    total = jnp.zeros([n + 2 * size for n, size in zip(shape, around)], values.dtype)
    counts = values.shape[-2 * len(kernel) : -len(kernel)]
    for offset, place in places(counts, kernel, stride, dilation):
        total = total.at[(..., *place)].add(values[(..., *offset)])
    return total[tuple(slice(size, size + n) for n, size in zip(shape, around))]""",
    "put": """\
def put(value, shape, index):
    return jnp.zeros(shape, jnp.asarray(value).dtype).at[index].set(value)""",
    "convolution": """\
def convolution(x, weight, stride, padding, dilation, groups):
    around = [(size, size) for size in padding]
    return jax.lax.conv_general_dilated(
        x, weight, stride, around, rhs_dilation=dilation, feature_group_count=groups
    )""",
    "max_pool": """\
def max_pool(x, kernel, stride, padding, dilation):
    around = [(0, 0), (0, 0), *((size, size) for size in padding)]
    sizes, steps, apart = (1, 1, *kernel), (1, 1, *stride), (1, 1, *dilation)
    return jax.lax.reduce_window(
        x, -jnp.inf, jax.lax.max, sizes, steps, around, window_dilation=apart
    )""",
    "sum_pool": """\
def sum_pool(x, kernel, stride, padding, dilation):
    around = [(0, 0), (0, 0), *((size, size) for size in padding)]
    sizes, steps, apart = (1, 1, *kernel), (1, 1, *stride), (1, 1, *dilation)
    return jax.lax.reduce_window(x, 0.0, jax.lax.add, sizes, steps, around, window_dilation=apart)""",
    "mean_pool": """\
def mean_pool(x, kernel, stride, padding, dilation, padded):
    ones = jnp.ones_like(x)
    if padded:
        around = [(0, 0), (0, 0), *((size, size) for size in padding)]
        ones = jnp.pad(ones, around, constant_values=1)
    counts = sum_pool(ones, kernel, stride, [0 if padded else size for size in padding], dilation)
    return sum_pool(x, kernel, stride, padding, dilation) / counts""",
}

ROW = add_target(
    CodeTarget(
        "jax",
        ("import itertools", "import jax", "import jax.numpy as jnp"),
        {
            **functions("jnp"),
            **{name: f"jax.nn.{name}({{0}})" for name in ("sigmoid", "relu", "softplus", "silu", "mish")},
            "gelu": "jax.nn.gelu({0}, approximate=False)",
            "relu6": "jax.nn.relu6({0})",
            "hardsigmoid": "jax.nn.hard_sigmoid({0})",
            "hardswish": "jax.nn.hard_swish({0})",
            "erf": "jax.scipy.special.erf({0})",
            "erfc": "jax.scipy.special.erfc({0})",
        },
        {
            **primitives("jnp"),
            "softmax": along("jax.nn.softmax"),
            "logsumexp": reduced("jax.nn.logsumexp"),
            "embed": embedded("jnp.asarray({0.text}, dtype=int)"),
            "take": rows("jnp.array({0})"),
            "add_rows": added_rows("jnp.arange", "jnp.array({0})"),
            "add_embedded": added_embedded("jnp.asarray({0.text}, dtype=int)"),
            "stop_gradient": "jax.lax.stop_gradient({0})",
            "max_pool": windowed("max_pool", ("kernel", "stride", "padding", "dilation")),
            "mean_pool": windowed("mean_pool", ("kernel", "stride", "padding", "dilation", "padded")),
        },
        HELPERS,
        array="jnp.array({0})",
        stack="jnp.stack({0})",
        root="jnp.sqrt({0})",
        scan="scan({0}, {1}, {2}, {3})",
    )
)
