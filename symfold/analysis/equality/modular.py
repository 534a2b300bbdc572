"""Polynomial identity testing: nets of sums, products and integer powers, at a random point modulo a large prime.

Unequal values prove unequal polynomials; equal values prove equal ones but for a bounded probability (Schwartz 1980,
Zippel 1979). The prime must divide no denominator. Arrays are computed entry by entry, so matrices are covered.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import inf, lcm, log2
from typing import Any, NamedTuple

import numpy as np
import sympy as sp

from symfold.analysis.equality.counterexample import IDENTITY
from symfold.analysis.equality.random_functions import PRIME_BITS, PRIMES, prime_of
from symfold.analysis.equality.rational import Abandoned, ExactEvaluator, Inexact, Layers
from symfold.analysis.equality.smooth_layers import sizes
from symfold.core.blocks import Call
from symfold.core.leaves import Input
from symfold.core.nodes import Node
from symfold.core.shapes import NAME
from symfold.transform.specialize import with_shapes

MOST_EXPONENT = 2**40


@dataclass(frozen=True)
class Residue:
    """A number modulo a prime, with bounds of the polynomial that it is the value of."""

    number: int
    prime: int
    degree: float = 0.0
    bits: float = 0.0  # of the sum of the absolute coefficients

    def _with(self, other: Any) -> Residue:
        return (
            other
            if isinstance(other, Residue)
            else Residue(int(other) % self.prime, self.prime, 0.0, log2(abs(other)) if other else 0.0)
        )

    def __add__(self, other: Any) -> Any:
        if isinstance(other, np.ndarray):
            return NotImplemented
        other = self._with(other)
        degree, bits = max(self.degree, other.degree), max(self.bits, other.bits) + 1
        return Residue((self.number + other.number) % self.prime, self.prime, degree, bits)

    def __mul__(self, other: Any) -> Any:
        if isinstance(other, np.ndarray):
            return NotImplemented
        other = self._with(other)
        return Residue(
            self.number * other.number % self.prime, self.prime, self.degree + other.degree, self.bits + other.bits
        )

    __radd__, __rmul__ = __add__, __mul__

    def power(self, exponent: Any) -> Residue:
        """A power with an integer exponent from 0 up; any other is not a polynomial."""
        value = Fraction(exponent.number) if isinstance(exponent, Residue) else Fraction(exponent)
        if value.denominator != 1 or not 0 <= value < MOST_EXPONENT:
            raise Inexact("a power that is not a whole number from 0 up")
        times = int(value)
        return Residue(pow(self.number, times, self.prime), self.prime, self.degree * times, self.bits * times)


class Residues(ExactEvaluator):
    """Values of a polynomial net modulo a prime, at random inputs and parameters."""

    def __init__(self, seed: int):
        super().__init__(Layers({}, IDENTITY), {}, Fraction(1), most=10**9)
        self.prime, self.key = prime_of(seed), b"point %d" % seed
        self.denominator = 1
        self.points: dict[str, Any] = {}  # the inputs and parameters

    def drawn(self, name: str, shape: tuple[int, ...]) -> Any:
        """Random numbers modulo the prime, for a name."""
        numbers = [
            int.from_bytes(hashlib.blake2b(b"%d %b" % (place, name.encode()), key=self.key, digest_size=32).digest())
            % self.prime
            for place in range(int(np.prod(shape, dtype=int)))
        ]
        self.points[name] = np.array(numbers, dtype=object).reshape(shape).tolist()
        return _array([Residue(number, self.prime, 1.0) for number in numbers], shape)

    def leaf(self, node: Node) -> Any:
        if isinstance(node.op, Input):
            if node.shape == (NAME,):
                return node.op.name
            return self.drawn(node.op.name, sizes(node))
        value = super().leaf(node)
        return _array([self.read(entry) for entry in np.ravel(np.asarray(value, dtype=object))], np.shape(value))

    def read(self, value: Fraction) -> Residue:
        """A rational number modulo the prime; a fraction counts as an unknown because of its denominator."""
        if value.denominator % self.prime == 0:
            raise Abandoned("a denominator that the prime divides")
        self.denominator = lcm(self.denominator, value.denominator)
        number = value.numerator * pow(value.denominator, -1, self.prime) % self.prime
        return Residue(number, self.prime, float(value.denominator != 1), log2(max(1, abs(value.numerator))))

    def apply(self, node: Node, args: Sequence[Any]) -> Any:
        op = node.op
        if isinstance(op, type):
            if op is sp.Pow:
                exponent = self.exponent(node.args[1])
                return np.frompyfunc(lambda base: base.power(exponent), 1, 1)(args[0])
            if op is not sp.Add and op is not sp.Mul:
                raise Inexact(op.__name__)
        if isinstance(op, Call) and op.body is None:
            raise Inexact(f"the opaque layer {args[0]}")
        return super().apply(node, args)

    def exponent(self, node: Node) -> Fraction:
        """The value of an exponent."""
        value = super().leaf(node) if not node.args and not isinstance(node.op, Input) else None
        if not isinstance(value, Fraction):
            raise Inexact("a power that is not a number")
        return value


def _array(values: Sequence[Residue], shape: tuple[int, ...]) -> Any:
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array.reshape(shape) if shape else array[0]


class Decision(NamedTuple):
    """The result at one random point: whether the polynomials are equal, the error probability, where they differ."""

    equal: bool
    error: float  # log2 of the probability that "equal" is wrong; "different" never is
    prime: int
    points: Mapping[str, Any]
    values: tuple[int, int] = (0, 0)
    place: tuple[int, ...] = ()
    known: bool = True  # whether every size is a number, so that "equal" holds for all inputs


def decide(a: Any, b: Any, seed: int) -> Decision | None:
    """Whether two polynomial nets are equal, by their values at a random point modulo a random prime; else None.

    Rounded constants (floats of 16 digits and more) never make nets different here.

    >>> import symfold as sf
    >>> x = sf.tensor("x")
    >>> [decide(sf.Net.of(x**2 + c * x), sf.Net.of(x**2), seed=0).equal for c in (0, 1e-12)]
    [True, False]
    >>> decide(sf.Net.of(sf.tanh(x)), sf.Net.of(x), seed=0) is None
    True
    """
    evaluator = Residues(seed)
    try:
        outputs = [[np.asarray(value, dtype=object) for value in evaluator.outputs(shaped(net))] for net in (a, b)]
    except (Abandoned, TypeError, ValueError):
        return None
    if any(left.shape != right.shape for left, right in zip(*outputs, strict=True)):
        return None
    degree, bits, entries = 0.0, 0.0, 0
    for output, (left, right) in enumerate(zip(*outputs, strict=True)):
        for index, p in np.ndenumerate(left):
            q = right[index]
            if p.number != q.number:
                if evaluator.rounded:
                    return None
                return Decision(False, -inf, evaluator.prime, evaluator.points, (p.number, q.number), (output, *index))
            degree, bits, entries = max(degree, p.degree, q.degree), max(bits, p.bits, q.bits), entries + 1
    coefficients = 2 * (bits + degree * log2(evaluator.denominator) + 1)
    bound = 2 * degree / 2.0 ** (PRIME_BITS - 1) + (1 + coefficients / (PRIME_BITS - 1)) / 2.0**PRIMES
    error = log2(max(1, entries)) + log2(bound)
    sized = all(
        isinstance(size, int)
        for net in (a, b)
        for leaf in net.leaves
        if isinstance(leaf.op, Input)
        for size in leaf.shape
        if leaf.shape[-1:] != (NAME,)
    )
    return Decision(True, error, evaluator.prime, evaluator.points, known=sized) if error < -20 else None


def shaped(net: Any) -> Any:
    """The net with a number for every size of its inputs."""
    return with_shapes(net, {node.op.name: sizes(node) for node in net.inputs})
