"""exp, log, tanh, erf and their relatives as vector code: polynomials on a reduced range.

They are interpolated at Chebyshev points, so that a vector takes one pass. `ULPS` holds their error bounds, which the
tests measure.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import sympy as sp

from symfold.compute.backends.native.code import Code
from symfold.compute.backends.native.formats import FORMATS
from symfold.compute.backends.native.instructions import Reg
from symfold.core.functions import Head, sigmoid, softplus
from symfold.core.functions.activations import FAR

# the largest errors, in units in the last place of the result, in float64 and float32
ULPS: dict[Head, float] = {
    sp.exp: 1.5,
    sp.log: 1.5,
    sp.tanh: 3.0,
    sp.erf: 1.5,
    sp.erfc: 16.0,
    sigmoid: 2.5,
    softplus: 2.0,
}


def polynomial(code: Code, x: Reg, coefficients: Sequence[float]) -> Reg:
    """A polynomial at x; coefficients start with the constant.

    By fours, which do not wait for each other (Estrin 1960), then by Horner's rule in the fourth power.
    """
    parts, power = [code.number(coefficient, x.lanes) for coefficient in coefficients], x
    for _ in range(2):
        pairs = [code.fma(high, power, low) for low, high in zip(parts[::2], parts[1::2], strict=False)]
        parts = pairs + parts[2 * len(pairs) :]
        power = code.binary("fmul", power, power)
    value = parts.pop()
    while parts:
        value = code.fma(value, power, parts.pop())
    return value


def capped(code: Code, x: Reg, low: float, high: float) -> Reg:
    """x clipped to two bounds; nan stays nan."""
    x = code.select("ogt", code.number(high), x, x, code.number(high))
    return code.select("olt", code.number(low), x, x, code.number(low))


def reduced(code: Code, x: Reg, lift: int = 0) -> tuple[Reg, str, Reg]:
    """x = k ln 2 + r with |r| <= ln(2)/2: k as a number, k + lift as an integer, and r.

    Adding 1.5 * 2^mantissa rounds to an integer, in the last bits of the sum.
    """
    form = FORMATS[code.dtype]
    magic = 1.5 * 2.0**form.mantissa + lift
    shifted = code.fma(x, code.number(1 / math.log(2)), code.number(magic))
    k = code.binary("fsub", shifted, code.number(magic))
    r = code.fma(k, code.number(-form.ln2[0]), x)
    r = code.fma(k, code.number(-form.ln2[1]), r)
    kind, real = code.type(x.lanes, code.whole), code.type(x.lanes)
    bits = code.define(f"bitcast {real} {shifted.name} to {kind}")
    return k, bits, r


def scaled(code: Code, value: Reg, bits: str, halved: bool = False) -> Reg:
    """value * 2^k by adding k to the exponent; `halved`, in two steps, for subnormal or infinite results."""
    kind, real = code.type(value.lanes, code.whole), code.type(value.lanes)
    mantissa = FORMATS[code.dtype].mantissa

    def shift(text: str) -> str:
        return code.define(f"shl {kind} {text}, {whole(code, mantissa, value.lanes)}")

    if not halved:
        total = code.define(f"add {kind} {code.define(f'bitcast {real} {value.name} to {kind}')}, {shift(bits)}")
        return Reg(code.define(f"bitcast {kind} {total} to {real}"), value.lanes)
    # the low bits of the shifted sum are k in two's complement: sign-extended from the mantissa's width
    spare = 8 * code.dtype.itemsize - mantissa + 1
    up = code.define(f"shl {kind} {bits}, {whole(code, spare, value.lanes)}")
    k = code.define(f"ashr {kind} {up}, {whole(code, spare, value.lanes)}")
    first = code.define(f"ashr {kind} {k}, {whole(code, 1, value.lanes)}")
    second = code.define(f"sub {kind} {k}, {first}")
    for part in (first, second):
        exponent = code.define(f"add {kind} {part}, {whole(code, FORMATS[code.dtype].bias, value.lanes)}")
        value = code.binary("fmul", value, Reg(code.define(f"bitcast {kind} {shift(exponent)} to {real}"), value.lanes))
    return value


def whole(code: Code, number: int, lanes: int) -> str:
    return str(number) if lanes == 1 else f"splat ({code.whole} {number})"


def exp(code: Code, x: Reg) -> Reg:
    form = FORMATS[code.dtype]
    _, bits, r = reduced(code, capped(code, x, form.smallest - 1, form.largest + 1))
    tail = code.fma(code.binary("fmul", r, r), polynomial(code, r, form.exp), r)
    return scaled(code, code.binary("fadd", tail, code.number(1)), bits, halved=True)


def exp_within(code: Code, x: Reg) -> Reg:
    """exp clipped to normal results: one scaling instead of two."""
    bound = math.log(2) * (FORMATS[code.dtype].bias - 1)
    return lifted(code, capped(code, x, -bound, bound), 0)


LIFT = 64


def lifted(code: Code, x: Reg, lift: int) -> Reg:
    """2^lift exp(x), if that is a normal number: one scaling."""
    _, bits, r = reduced(code, x, lift)
    tail = code.fma(code.binary("fmul", r, r), polynomial(code, r, FORMATS[code.dtype].exp), r)
    return scaled(code, code.binary("fadd", tail, code.number(1)), bits)


def exp_of_minus(code: Code, size: Reg) -> tuple[Reg, Reg]:
    """e = exp(-size) and 1 - e, without cancellation, for a size of at least 0.

    e is p + p tail with a power p of 2, which is lifted first, since it may be subnormal; 1 - e is (1 - p) - p tail.
    """
    bound, back = code.number(1 - FORMATS[code.dtype].smallest), code.number(2.0**-LIFT)
    bounded = code.negative(code.select("ogt", bound, size, size, bound))
    _, bits, r = reduced(code, bounded, LIFT)
    tail = code.fma(code.binary("fmul", r, r), polynomial(code, r, FORMATS[code.dtype].exp), r)
    power = code.binary("fmul", scaled(code, code.number(1, size.lanes), bits), back)
    e = code.fma(power, tail, power)
    rest = code.fma(code.negative(power), tail, code.binary("fsub", code.number(1), power))
    return e, rest


def log(code: Code, x: Reg) -> Reg:
    """x = 2^k m with m from 1/sqrt(2) to sqrt(2); log(m) = 2 atanh((m - 1)/(m + 1))."""
    form, kind, real = FORMATS[code.dtype], code.type(x.lanes, code.whole), code.type(x.lanes)
    number = code.number
    tiny = 2.0 ** (2 - form.bias)
    lift = 2.0 ** (form.mantissa + 2)
    normal = code.select("olt", code.binary("fmul", x, number(lift)), x, x, number(tiny))
    offset = code.select("olt", number(-form.mantissa - 2.0), number(0.0), x, number(tiny))
    bits = code.define(f"bitcast {real} {normal.name} to {kind}")
    # the bits of x / sqrt(1/2): their exponent is the k that leaves m within sqrt(2) of 1
    root = int(np.array(math.sqrt(0.5), code.dtype).view(np.int64 if code.dtype.itemsize == 8 else np.int32))
    above = code.define(f"sub {kind} {bits}, {whole(code, root, x.lanes)}")
    k = code.define(f"ashr {kind} {above}, {whole(code, form.mantissa, x.lanes)}")
    back = code.define(f"shl {kind} {k}, {whole(code, form.mantissa, x.lanes)}")
    m = Reg(code.define(f"bitcast {kind} {code.define(f'sub {kind} {bits}, {back}')} to {real}"), x.lanes)
    count = code.binary("fadd", Reg(code.define(f"sitofp {kind} {k} to {real}"), x.lanes), offset)
    f = code.binary("fsub", m, number(1))
    s = code.binary("fdiv", f, code.binary("fadd", f, number(2)))
    s2 = code.binary("fmul", s, s)
    # log(m) = f - s (f - 2 s^2 tail): the correction to f is small
    tail = code.binary("fmul", code.binary("fadd", s2, s2), polynomial(code, s2, form.log))
    small = code.fma(s, code.binary("fsub", tail, f), code.binary("fmul", count, number(form.ln2[1])))
    value = code.fma(count, number(form.ln2[0]), code.binary("fadd", f, small))
    infinite = number(math.inf)
    value = code.select("oeq", x, value, x, infinite)
    value = code.select("oeq", number(-math.inf), value, x, number(0))
    return code.select("ult", number(math.nan), value, x, number(0))


def tanh(code: Code, x: Reg) -> Reg:
    """(1 - e)(1 + e)/(1 + e^2) with e = exp(-|x|), and the sign of x; sech takes the same exponential and divisor."""
    e, rest = exp_of_minus(code, code.intrinsic("fabs", x))
    above = code.fma(rest, e, rest)
    return code.intrinsic("copysign", code.binary("fdiv", above, code.fma(e, e, code.number(1))), x)


def reciprocal(code: Code, x: Reg) -> Reg:
    return code.binary("fdiv", code.number(1), x)


def logistic(code: Code, x: Reg) -> Reg:
    """1/(1 + exp(|x|)) for a negative x, else the rest to 1.

    The logistic functions of x and -x, whose product is the slope, take one exponential: the compiler sees it twice.
    Both terms are lowered by 2^LIFT: exp(|x|) does not overflow if the result is subnormal.
    """
    bound, one = code.number(1 - FORMATS[code.dtype].smallest), code.number(2.0**-LIFT)
    size = code.intrinsic("fabs", x)
    e = lifted(code, code.select("ogt", bound, size, size, bound), -LIFT)
    low = code.binary("fdiv", one, code.binary("fadd", e, one))
    return code.select("olt", low, code.binary("fsub", code.number(1), low), x, code.number(0))


def decay(code: Code, x: Reg) -> tuple[Reg, Reg]:
    """x bounded below, and exp(-|x|); in the far tail exp(x/2), which is normal even if exp(x) is subnormal."""
    x = code.select("olt", code.number(-10000), x, x, code.number(-10000))
    part = code.select(
        "olt", code.binary("fmul", x, code.number(0.5)), code.negative(code.intrinsic("fabs", x)), x, code.number(FAR)
    )
    return x, exp_within(code, part)


def tail(code: Code, near: Reg, x: Reg, e: Reg) -> Reg:
    """x*exp(x) in the far tail, else `near`."""
    return code.select("olt", code.binary("fmul", code.binary("fmul", x, e), e), near, x, code.number(FAR))


def silu(code: Code, x: Reg) -> Reg:
    """x times the sigmoid."""
    x, e = decay(code, x)
    share = code.binary(
        "fdiv", code.select("olt", e, code.number(1), x, code.number(0)), code.binary("fadd", e, code.number(1))
    )
    return tail(code, code.binary("fmul", x, share), x, e)


def mish(code: Code, x: Reg) -> Reg:
    """x*tanh(softplus(x)) as a quotient of polynomials in exp(-|x|)."""
    x, e = decay(code, x)
    number = code.number
    above = code.select(
        "olt", code.fma(e, e, code.binary("fadd", e, e)), code.fma(e, number(2), number(1)), x, number(0)
    )
    rest = code.select("olt", number(2), code.binary("fmul", code.binary("fadd", e, e), e), x, number(0))
    return tail(code, code.binary("fmul", x, code.binary("fdiv", above, code.binary("fadd", above, rest))), x, e)


def logistic_of(code: Code, a: Reg, b: Reg) -> Reg:
    """The logistic function of a - b, corrected for the rounding of the difference."""
    gap = code.select("oeq", code.number(0), code.binary("fsub", a, b), a, b)
    part = code.binary("fsub", a, gap)
    lost = code.binary("fadd", code.binary("fsub", a, code.binary("fadd", gap, part)), code.binary("fsub", part, b))
    lost = code.select("olt", lost, code.number(0), code.intrinsic("fabs", lost), code.number(math.inf))
    value = logistic(code, gap)
    return code.fma(code.binary("fmul", value, logistic(code, code.negative(gap))), lost, value)


def sech(code: Code, x: Reg) -> Reg:
    """2e/(1 + e^2) with e = exp(-|x|)."""
    e, _ = exp_of_minus(code, code.intrinsic("fabs", x))
    return code.binary("fdiv", code.binary("fadd", e, e), code.fma(e, e, code.number(1)))


def log_of_1_plus(code: Code, x: Reg) -> Reg:
    """log(1 + x) for x from 0 to 1: the logarithm of the rounded sum, corrected for its rounding."""
    total = code.binary("fadd", x, code.number(1))
    lost = code.binary("fsub", x, code.binary("fsub", total, code.number(1)))
    return code.binary("fadd", log(code, total), code.binary("fdiv", lost, total))


def soft_plus(code: Code, x: Reg) -> Reg:
    """max(x, 0) + log(1 + exp(-|x|))."""
    rest = log_of_1_plus(code, exp_of_minus(code, code.intrinsic("fabs", x))[0])
    return code.binary("fadd", positive_part(code, x), rest)


def positive_part(code: Code, x: Reg) -> Reg:
    return code.select("ole", code.number(0), x, x, code.number(0))


def beyond_1(code: Code, size: Reg) -> Reg:
    """erfc(x) for x >= 1: exp(-x^2) times a polynomial, corrected for the rounding of x^2."""
    form = FORMATS[code.dtype]
    square = code.binary("fmul", size, size)
    lost = code.lost_of_square(size, square)
    u = code.binary("fdiv", code.binary("fsub", size, code.number(3)), code.binary("fadd", size, code.number(3)))
    power_of_e = exp(code, code.negative(square))
    power_of_e = code.binary("fsub", power_of_e, code.binary("fmul", power_of_e, lost))
    return code.binary("fmul", power_of_e, polynomial(code, u, form.erfc))


def within_1(code: Code, x: Reg) -> Reg:
    """erf(x) for |x| <= 1."""
    return code.fma(x, polynomial(code, code.binary("fmul", x, x), FORMATS[code.dtype].erf), x)


def erf(code: Code, x: Reg) -> Reg:
    size = code.intrinsic("fabs", x)
    far = code.binary("fsub", code.number(1), beyond_1(code, capped(code, size, 1, 28)))
    return code.select("ole", within_1(code, x), code.intrinsic("copysign", far, x), size, code.number(1))


def erfc(code: Code, x: Reg) -> Reg:
    size = code.intrinsic("fabs", x)
    far = beyond_1(code, capped(code, size, 1, 28))
    far = code.select("olt", code.binary("fsub", code.number(2), far), far, x, code.number(0))
    return code.select("ole", code.binary("fsub", code.number(1), within_1(code, x)), far, size, code.number(1))


def ndtr(code: Code, x: Reg) -> Reg:
    """t = erfc(|x|/sqrt(2))/2 below 0, else 1 - t; exp(-x^2/2) is corrected for the rounding of x^2."""
    form, number = FORMATS[code.dtype], code.number
    size = capped(code, code.intrinsic("fabs", x), 0, 64)
    square = code.binary("fmul", size, size)
    lost = code.lost_of_square(size, square)
    small = code.binary("fmul", size, number(math.sqrt(0.5)))
    u = code.binary("fdiv", code.binary("fsub", small, number(3)), code.binary("fadd", small, number(3)))
    power_of_e = exp(code, code.binary("fmul", square, number(-0.5)))
    power_of_e = code.fma(power_of_e, code.binary("fmul", lost, number(-0.5)), power_of_e)
    far = code.binary("fmul", power_of_e, polynomial(code, u, form.erfc))
    tail = code.select("ole", code.binary("fsub", number(1), within_1(code, small)), far, small, number(1))
    tail = code.binary("fmul", tail, number(0.5))
    return code.select("olt", tail, code.binary("fsub", number(1), tail), x, number(0))
