"""Rows of special functions: the error function, the gamma function and its derivatives."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import sympy as sp

import symfold.core.functions.gammas as gammas
import symfold.core.functions.heads as h
from symfold.core.arrays import Array, Namespace, namespace
from symfold.core.functions.table import Point, function, numbers_of


def entrywise(compute: Callable[..., float]) -> Callable[..., Array]:
    """A function of numbers, applied to each entry of arrays."""
    vectorized = np.vectorize(compute, otypes=[float])
    return lambda *args: vectorized(*args).astype(np.result_type(*args, np.float32), copy=False)


def in_jax(name: str) -> Callable[..., Array]:
    """A function of jax.scipy.special."""

    def compute(*args: Array) -> Array:
        from jax.scipy import special

        return getattr(special, name)(*args)

    return compute


def jax_polygamma(n: Any, z: Any) -> Array:
    """Up to order 6 by `gammas`, else by JAX, which takes no negative arguments."""
    from jax import numpy as jnp
    from jax.scipy import special

    if isinstance(n, float) and 0 <= n <= gammas.ORDERS:
        return gammas.polygamma(jnp, int(n), z)
    value = special.polygamma(jnp.asarray(n).astype(int), jnp.where(z < 0, jnp.nan, z))
    if isinstance(n, float):
        return value
    for order in range(gammas.ORDERS + 1):
        value = jnp.where(n == order, gammas.polygamma(jnp, order, z), value)
    return value


# coefficients of exp(x**2)*erfc(x) in powers of (x - 3)/(x + 3), for x from 1 until erfc is zero; the constant first
ERFC = (
    0.17900115118138996,
    -0.3262335600430372,
    0.2456038017123311,
    -0.15011593650077662,
    0.07166583719795913,
    -0.024392499318696324,
    0.004269136333516442,
    0.0007077464391818998,
    -0.0005970619608001586,
    4.525530176898081e-05,
    6.405668158758907e-05,
    -1.2860596350061318e-05,
    -7.97888949303997e-06,
    2.12095630243759e-06,
    1.255029035761768e-06,
    -2.984460748581384e-07,
    -2.383974561929355e-07,
    3.9410193344182884e-08,
    4.602033746156639e-08,
    -1.0037946067987078e-08,
    -2.0745902828272892e-09,
)

# coefficients of erf(x)/x - 1 in powers of x**2, for |x| <= 1; the constant first
ERF = (
    0.12837916709551256,
    -0.37612638903183543,
    0.11283791670945006,
    -0.02686617064323777,
    0.0052239776071164225,
    -0.0008548325975389692,
    0.00012055294904839707,
    -1.492473690741966e-05,
    1.6447424703317362e-06,
    -1.6208483801871705e-07,
    1.3720064546777686e-08,
    -7.795898827002142e-10,
)


def jax_scaled_erfc(x: Array) -> Array:
    """exp(x**2)*erfc(x) for x from 1 up."""
    from jax import numpy as jnp

    u, value = (x - 3.0) / (x + 3.0), jnp.full_like(x, ERFC[-1])
    for coefficient in reversed(ERFC[:-1]):
        value = value * u + coefficient
    return value


def jax_erfc(z: Array) -> Array:
    """erfc by JAX; above 1 by `jax_scaled_erfc`, since JAX's own loses digits in the square of z."""
    from jax import numpy as jnp
    from jax.scipy import special

    z = jnp.asarray(z)
    size = jnp.where(z > 1.0, jnp.minimum(z, 64.0), 1.0)
    far = numbers_of(h.gaussian, "jax")(size, 1.0) * jax_scaled_erfc(size)
    return jnp.where(z > 1.0, far, special.erfc(jnp.where(z > 1.0, 1.0, z)))


def jax_ndtr(z: Array) -> Array:
    """ndtr, as `jax_erfc` of z/sqrt(2), but with the gaussian of z itself."""
    from jax import numpy as jnp
    from jax.scipy import special

    z = jnp.asarray(z)
    size = jnp.clip(-z, math.sqrt(2.0), 64.0)
    far = numbers_of(h.gaussian, "jax")(size, 0.5) * jax_scaled_erfc(size * math.sqrt(0.5)) / 2.0
    return jnp.where(z < -math.sqrt(2.0), far, special.erfc(jnp.maximum(z, -math.sqrt(2.0)) * -math.sqrt(0.5)) / 2.0)


def in_torch(name: str) -> Callable[..., Array]:
    """A function of torch."""

    def compute(*args: Array) -> Array:
        import torch

        return getattr(torch, name)(*args)

    return compute


def gamma(z: float) -> float:
    """The gamma function, infinite at 0 and on overflow, as in C."""
    try:
        return math.gamma(z)
    except OverflowError:
        return math.inf
    except ValueError:
        return math.copysign(math.inf, z) if z == 0 else math.nan


def loggamma(z: float) -> float:
    """The logarithm of |gamma(z)|, infinite at the poles."""
    try:
        return math.lgamma(z)
    except (OverflowError, ValueError):
        return math.inf


def polygamma(order: float, z: float) -> float:
    """A derivative of digamma, by mpmath."""
    if math.isnan(z) or z == -math.inf:
        return math.nan
    if z == math.inf:
        return math.inf if order == 0 else 0.0
    try:
        return float(mpmath.psi(int(order), z))
    except ValueError:
        return math.nan if order == 0 else math.inf


def torch_polygamma(n: Any, z: Any) -> Array:
    """By the Hurwitz zeta function: PyTorch's own has only nine digits of the first derivative of digamma."""
    import torch

    n = torch.as_tensor(n, dtype=z.dtype, device=z.device)
    size = torch.exp(torch.lgamma(n + 1.0)) * torch.special.zeta(n + 1.0, z)
    return torch.where(n == 0, torch.digamma(z), torch.where(n % 2 == 0, -size, size))


function(
    sp.erf,
    slopes=(lambda z: 2 / sp.sqrt(sp.pi) * h.gaussian(z, 1),),
    spellings={"numpy": entrywise(math.erf), "jax": in_jax("erf"), "torch": in_torch("erf")},
    special=(Point((0,), 0, (2 / sp.sqrt(sp.pi),)), Point((sp.oo,), 1, (0,)), Point((-sp.oo,), -1, (0,))),
)
function(
    sp.erfc,
    slopes=(lambda z: -2 / sp.sqrt(sp.pi) * h.gaussian(z, 1),),
    spellings={"numpy": entrywise(math.erfc), "jax": jax_erfc, "torch": in_torch("erfc")},
    special=(Point((0,), 1, (-2 / sp.sqrt(sp.pi),)), Point((sp.oo,), 0, (0,)), Point((-sp.oo,), 2, (0,))),
    ulps={"native": 16, "jax": 16},
)
function(
    sp.gamma,
    gammas.gamma,
    slopes=(lambda z: sp.gamma(z) * sp.digamma(z),),
    spellings={"numpy": entrywise(gamma)},
    ulps={"jax": 8, "native": 8, "torch": 16},
)
function(
    sp.loggamma,
    slopes=(lambda z: sp.digamma(z),),
    spellings={"numpy": entrywise(loggamma), "jax": in_jax("gammaln"), "torch": in_torch("lgamma")},
    ulps={"jax": 16, "torch": 16},
)
function(
    sp.digamma,
    lambda xp, z: gammas.polygamma(xp, 0, z),
    slopes=(lambda z: sp.polygamma(1, z),),
    spellings={"numpy": entrywise(lambda z: polygamma(0, z)), "torch": in_torch("digamma")},
    ulps={"jax": 8, "torch": 16},
)
function(
    sp.polygamma,
    slopes=(lambda n, z: sp.Integer(0), lambda n, z: sp.polygamma(n + 1, z)),
    spellings={"numpy": entrywise(polygamma), "jax": jax_polygamma, "torch": torch_polygamma},
    ulps={"jax": 16, "torch": 16},
)


def over_root_2(xp: Namespace, z: Array) -> tuple[Array, Array]:
    """|z|/sqrt(2) as a sum of two numbers: its rounded value, and the rounding error."""
    z = xp.where(z < 0, -z, z)
    large = z * (2.0**27 + 1.0 if xp.finfo(z.dtype).bits == 64 else 2.0**12 + 1.0)
    head = large - (large - z)
    product, remainder = head * SHORT, (z - head) * SHORT + z * (math.sqrt(0.5) - SHORT)
    total = product + remainder
    return total, remainder - (total - product) + z * REST


SHORT, REST = 2896 / 4096, -4.833646656726457e-17  # 1/sqrt(2) in twelve bits, and the rounding error of its double


def ndtr(package: str) -> Callable[..., Array]:
    """The cumulative distribution function of the normal distribution, by a package's erfc."""

    def compute(z: Array) -> Array:
        xp = namespace(package)
        size, lost = over_root_2(xp, xp.clip(z, -64.0, 64.0))
        tail = numbers_of(sp.erfc, package)(size) / 2.0 - xp.exp(-size * size) * lost / math.sqrt(math.pi)
        return xp.where(z < 0, tail, 1.0 - tail)

    return compute


def numpy_ndtr(z: Any) -> Array:
    """ndtr by NumPy; integers become floats."""
    return ndtr("numpy")(np.asarray(z, np.result_type(z, np.float32)))


function(
    h.ndtr,
    slopes=(lambda z: h.gaussian(z, sp.Rational(1, 2)) / sp.sqrt(2 * sp.pi),),
    composition=lambda z: h.where(
        h.less(z, 0), sp.erfc(sp.Abs(z) / sp.sqrt(2)) / 2, 1 - sp.erfc(sp.Abs(z) / sp.sqrt(2)) / 2
    ),
    definition=lambda z: sp.erfc(-z / sp.sqrt(2)) / 2,
    spellings={"numpy": numpy_ndtr, "jax": jax_ndtr, "torch": ndtr("torch")},
    special=(
        Point((0,), sp.Rational(1, 2), (1 / sp.sqrt(2 * sp.pi),)),
        Point((sp.oo,), 1, (0,)),
        Point((-sp.oo,), 0, (0,)),
    ),
    ulps={"native": 16, "jax": 16},
)
