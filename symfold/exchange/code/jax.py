"""JAX."""

from symfold.exchange.code.array_functions import (
    along,
    embedded,
    functions,
    helpers,
    primitives,
    reduced,
    rows,
    windowed,
)
from symfold.exchange.code.targets import CodeTarget, add_target

OWN = ("attention", "layer_norm", "causal_mask", "sum_to")
HELPERS = {
    **{name: source.replace("softmax(", "jax.nn.softmax(") for name, source in helpers("jnp").items() if name in OWN},
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
    return jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, sizes, steps, around, window_dilation=apart)""",
    "sum_pool": """\
def sum_pool(x, kernel, stride, padding, dilation):
    around = [(0, 0), (0, 0), *((size, size) for size in padding)]
    sizes, steps, apart = (1, 1, *kernel), (1, 1, *stride), (1, 1, *dilation)
    return jax.lax.reduce_window(x, 0.0, jax.lax.add, sizes, steps, around, window_dilation=apart)""",
    "mean_pool": """\
def mean_pool(x, kernel, stride, padding, dilation, padded):
    ones = jnp.ones_like(x)
    if padded:
        ones = jnp.pad(ones, [(0, 0), (0, 0), *((size, size) for size in padding)], constant_values=1)
    counts = sum_pool(ones, kernel, stride, [0 if padded else size for size in padding], dilation)
    return sum_pool(x, kernel, stride, padding, dilation) / counts""",
}

ROW = add_target(
    CodeTarget(
        "jax",
        ("import jax", "import jax.numpy as jnp"),
        {
            **functions("jnp"),
            **{name: f"jax.nn.{name}({{0}})" for name in ("sigmoid", "relu", "softplus", "silu", "mish")},
            "gelu": "jax.nn.gelu({0}, approximate=False)",
            "erf": "jax.scipy.special.erf({0})",
            "erfc": "jax.scipy.special.erfc({0})",
        },
        {
            **primitives("jnp"),
            "softmax": along("jax.nn.softmax"),
            "logsumexp": reduced("jax.nn.logsumexp"),
            "embed": embedded("jnp.asarray({0}, dtype=int)"),
            "take": rows("jnp.array({0})"),
            "stop_gradient": "jax.lax.stop_gradient({0})",
            "max_pool": windowed("max_pool", ("kernel", "stride", "padding", "dilation")),
            "mean_pool": windowed("mean_pool", ("kernel", "stride", "padding", "dilation", "padded")),
        },
        HELPERS,
        array="jnp.array({0})",
        stack="jnp.stack({0})",
        root="jnp.sqrt({0})",
    )
)
