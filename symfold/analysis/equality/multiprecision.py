"""Evaluation of nets to many digits, which separates differences of nets from rounding."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from typing import Any, NamedTuple

import mpmath
import numpy as np
import sympy as sp

from symfold.analysis.equality.rational import Abandoned, Inexact, holds_rounded, work_of
from symfold.analysis.equality.smooth_layers import SmoothEvaluator, generator
from symfold.analysis.normal_form import exact
from symfold.core.functions import Formula, Head, relu, row_of, sigmoid, softplus, step
from symfold.core.leaves import Constant, FrozenArray
from symfold.core.nodes import Node
from symfold.core.primitives import Apply, is_primitive
from symfold.core.primitives.reductions import logsumexp, softmax
from symfold.core.shapes import NAME
from symfold.errors import NoRule
from symfold.transform.inlining import body_of, formals_of
from symfold.transform.specialize import with_shapes

DIGITS = (100, 50)  # a difference has to be the same at both precisions, the second with errors in each operation
ERROR = 5  # digits by which each operation may be off, so that complete cancellation shows
SAME = 40  # digits in which equal values agree
LARGEST, SMALLEST = 10**6, mpmath.mpf(10) ** -200  # arguments of functions; beyond, a value may need too many digits
ODD = ("tanh", "sinh", "sin", "tan", "asin", "atan", "asinh", "atanh")  # z itself for tiny z
PLAIN_NAMES = ("fabs", "sign")
MOST_WORK = 20_000  # operations on numbers in one evaluation

NAMES: dict[Head, str] = {
    sp.exp: "exp", sp.log: "log", sp.Abs: "fabs", sp.sign: "sign", sp.floor: "floor", sp.ceiling: "ceil",
    sp.sin: "sin", sp.cos: "cos", sp.tan: "tan", sp.sinh: "sinh", sp.cosh: "cosh", sp.tanh: "tanh",
    sp.asin: "asin", sp.acos: "acos", sp.atan: "atan", sp.asinh: "asinh", sp.acosh: "acosh", sp.atanh: "atanh",
    sp.atan2: "atan2", sp.erf: "erf", sp.erfc: "erfc", sp.gamma: "gamma", sp.loggamma: "loggamma",
}  # fmt: skip
FOLDED: dict[Head, Callable[[Any, Any], Any]] = {
    sp.Add: lambda a, b: a + b,
    sp.Mul: lambda a, b: a * b,
    sp.Max: max,
    sp.Min: min,
}
PLAIN: dict[Head, Callable[[Any], Any]] = {relu: lambda z: max(z, 0 * z), step: lambda z: 0 * z + (z > 0)}


class PreciseEvaluator(SmoothEvaluator):
    """Values of a net to a number of digits; inputs, layers and parameters as in `SmoothEvaluator`."""

    def __init__(self, values: Mapping[str, Any], key: str, positive: bool, digits: int, errs: bool = False):
        super().__init__(values, key, positive)
        self.errors = generator(key, "errors") if errs else None  # random errors in the last digits of each result
        self.numbers = mpmath.MPContext()
        self.numbers.dps = digits
        self.rounded, self.work = False, 0

    def leaf(self, node: Node) -> Any:
        if node.shape == (NAME,):
            return super().leaf(node)
        op = node.op
        if not isinstance(op, Constant):
            return self.each(self.numbers.mpf, super().leaf(node))
        self.rounded = self.rounded or holds_rounded(op)
        if isinstance(op.value, FrozenArray):
            return self.each(lambda value: self.numbers.mpf(str(value)), op.value.array)
        if (value := exact(node)) is not None:
            return self.numbers.mpf(value.numerator) / value.denominator
        if not op.value.is_real:
            raise Inexact(str(op.value))
        return self.numbers.mpf(str(sp.N(op.value, self.numbers.dps + 5)))

    def each(self, function: Callable[..., Any], *args: Any) -> Any:
        """A function of every entry."""
        result = np.frompyfunc(function, len(args), 1)(*args)
        if self.errors is None:
            return result
        shares = np.asarray(self.errors.uniform(-1, 1, np.shape(result))).astype(object)
        return result * (1 + shares * self.numbers.mpf(10) ** (ERROR - self.numbers.dps))

    def tanh(self, value: Any) -> Any:
        return self.each(lambda z: self.real("tanh", z), value)

    def real(self, name: str, *args: Any) -> Any:
        """The real value of a function, or nan."""
        if not all(map(self.numbers.isfinite, args)):
            return self.numbers.nan
        if name == "tanh" and abs(args[0]) > LARGEST:
            return self.numbers.sign(args[0])
        if name in ODD and abs(args[0]) < SMALLEST:
            return args[0]
        if name not in PLAIN_NAMES and any(arg and not SMALLEST <= abs(arg) <= LARGEST for arg in args):
            return self.numbers.nan
        try:
            value = getattr(self.numbers, name)(*args)
        except (ValueError, ZeroDivisionError, OverflowError):
            return self.numbers.nan
        return value if isinstance(value, self.numbers.mpf) else self.numbers.nan

    def apply(self, node: Node, args: Sequence[Any]) -> Any:
        op = node.op
        self.work += work_of(node, args)
        if self.work > MOST_WORK:
            raise Abandoned("too many numbers")
        if op in FOLDED:
            return reduce(lambda a, b: self.each(FOLDED[op], a, b), args)
        if op in PLAIN:
            return self.each(PLAIN[op], args[0])
        if op is sp.Pow:
            return self.each(self.power, *args)
        if op is sigmoid or op is softplus:
            logistic = op is sigmoid
            return self.each(
                lambda z: 1 / (1 + self.real("exp", -z)) if logistic else self.real("log", 1 + self.real("exp", z)),
                args[0],
            )
        if isinstance(op, type):
            if op in NAMES:
                return self.each(lambda *values: self.real(NAMES[op], *values), *args)
            if (definition := row_of(op).definition) is None:
                raise Inexact(op.__name__)
            return self.each(lambda *values: self.defined(definition, *values), *args)
        if is_primitive(node, softmax, logsumexp):
            attributes = dict(node.op.attributes)
            powers = self.each(lambda z: self.real("exp", z), args[0])
            total = powers.sum(axis=attributes["axis"], keepdims=attributes.get("keepdims", True))
            return powers / total if is_primitive(node, softmax) else self.each(lambda z: self.real("log", z), total)
        if isinstance(op, Apply) and op.primitive.body is not None:
            formals = formals_of([arg.shape for arg in node.args])
            return self.run((body_of(op, formals),), dict(zip(formals, args, strict=True)))[0]
        return super().apply(node, args)

    def defined(self, definition: Formula, *args: Any) -> Any:
        """The value of a function by the definition in its row."""
        digits = self.numbers.dps + 5
        value = sp.sympify(
            definition(
                *(sp.Float(str(arg), digits) if self.numbers.isfinite(arg) else sp.sympify(str(arg)) for arg in args)
            )
        )
        number = value.evalf(digits)
        return self.numbers.mpf(str(number)) if number.is_Number and number.is_finite else self.numbers.nan

    def power(self, base: Any, exponent: Any) -> Any:
        """A power; of any number if the exponent is an integer."""
        if exponent == int(exponent) and abs(exponent) < LARGEST:
            return base ** int(exponent) if base or exponent >= 0 else self.numbers.nan
        return self.real("power", base, exponent)


class PreciseComparison(NamedTuple):
    """Two nets at one point: where they differ for certain, or whether they agree to many digits."""

    differs: tuple[tuple[int, ...], float, float, float] | None  # place, both values, difference
    same: bool
    rounded: bool  # whether constants are rounded

    @property
    def relative(self) -> float:
        """The difference relative to the values."""
        return self.differs[3] / max(1.0, *map(abs, self.differs[1:3])) if self.differs else 0.0


def compare_precisely(a: Any, b: Any, values: Mapping[str, Any], key: str, positive: bool) -> PreciseComparison | None:
    """Two nets of known shapes at one point, to many digits; None if an operation cannot be evaluated so.

    >>> import symfold as sf
    >>> x = sf.tensor("x", ())
    >>> compare_precisely(sf.Net.of(sf.tanh(x) + 1e-20 * x), sf.Net.of(sf.tanh(x)), {"x": 1.0}, "0", False).differs[3]
    1e-20
    """
    try:
        evaluator = PreciseEvaluator(values, key, positive, DIGITS[0])
        first = [_entries(net, evaluator) for net in (a, b)]
        equal = all(
            np.shape(left) == np.shape(right) and np.all(left == right) for left, right in zip(*first, strict=True)
        )
        rougher = PreciseEvaluator(values, key, positive, DIGITS[1], errs=True)
        second = first if equal else [_entries(net, rougher) for net in (a, b)]
    except (Abandoned, NoRule, TypeError, ValueError, AttributeError, IndexError):
        return None
    numbers, same, best = evaluator.numbers, True, None
    for output, (left, right) in enumerate(zip(*first, strict=True)):
        try:
            left, right = np.broadcast_arrays(left, right)
        except ValueError:
            return None
        for index, p in np.ndenumerate(left):
            q = right[index]
            if not (numbers.isfinite(p) and numbers.isfinite(q)):
                continue
            gap = abs(p - q)
            same = same and gap <= numbers.mpf(10) ** -SAME * max(1, abs(p), abs(q))
            again = [numbers.mpf(np.broadcast_to(side[output], left.shape)[index]) for side in second]
            if gap * 1e-3 > abs(again[0] - p) + abs(again[1] - q) and (best is None or gap > best[1]):
                best = (output, *index), gap, p, q
    return PreciseComparison(
        None if best is None else (best[0], float(best[2]), float(best[3]), float(best[1])),
        same and best is None,
        evaluator.rounded,
    )


def _entries(net: Any, evaluator: PreciseEvaluator) -> list[Any]:
    shaped = with_shapes(net, {name: np.shape(value) for name, value in evaluator.values.items()})
    return [np.asarray(value, dtype=object) for value in evaluator.run_whole(shaped.outputs)]
