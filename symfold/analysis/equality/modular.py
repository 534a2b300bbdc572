"""Residues: nets of sums, products and whole powers, with numbers modulo a large prime, where one random point decides.

A polynomial over the rationals is a function modulo a prime that divides no denominator. Other values at one point are
other polynomials, for certain; the same values are the same polynomials but for a stated probability (Schwartz 1980,
Zippel 1979). Arrays are computed entry by entry, so this covers what a net does with matrices.
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
from symfold.analysis.equality.rational import Abandoned, Exact, Inexact, Layers
from symfold.analysis.equality.smooth_layers import sizes
from symfold.core.applied_layers import Call
from symfold.core.nodes import Node
from symfold.core.operations import Input
from symfold.core.shapes import NAME
from symfold.transform.specialize import with_shapes

MOST_EXPONENT = 2**40


@dataclass(frozen=True)
class Residue:
    """A number modulo a prime, with how large a polynomial it stands for."""

    number: int
    prime: int
    degree: float = 0.0
    bits: float = 0.0  # of the sum of the coefficients' sizes

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
        """A whole power from 0 up; anything else is no polynomial."""
        wanted = Fraction(exponent.number) if isinstance(exponent, Residue) else Fraction(exponent)
        if wanted.denominator != 1 or not 0 <= wanted < MOST_EXPONENT:
            raise Inexact("a power that is no whole number from 0 up")
        whole = int(wanted)
        return Residue(pow(self.number, whole, self.prime), self.prime, self.degree * whole, self.bits * whole)


class Residues(Exact):
    """The numbers of a polynomial net modulo a prime, its inputs and parameters drawn at random."""

    def __init__(self, seed: int):
        super().__init__(Layers({}, IDENTITY), {}, Fraction(1), most=10**9)
        self.prime, self.key = prime_of(seed), b"point %d" % seed
        self.denominator = 1
        self.points: dict[str, Any] = {}  # what was drawn

    def drawn(self, name: str, shape: tuple[int, ...]) -> Any:
        """Random numbers modulo the prime that belong to a name."""
        made = [
            int.from_bytes(hashlib.blake2b(b"%d %b" % (place, name.encode()), key=self.key, digest_size=32).digest())
            % self.prime
            for place in range(int(np.prod(shape, dtype=int)))
        ]
        self.points[name] = np.array(made, dtype=object).reshape(shape).tolist()
        return _array([Residue(number, self.prime, 1.0) for number in made], shape)

    def leaf(self, node: Node) -> Any:
        if node.shape == (NAME,):
            return node.op.name
        if isinstance(node.op, Input):
            return self.drawn(node.op.name, sizes(node))
        value = super().leaf(node)
        return _array([self.read(entry) for entry in np.ravel(np.asarray(value, dtype=object))], np.shape(value))

    def read(self, value: Fraction) -> Residue:
        """A rational number modulo the prime: one that is not whole counts as an unknown, for its denominator."""
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
        """The number that an exponent is."""
        value = super().leaf(node) if not node.args and not isinstance(node.op, Input) else None
        if not isinstance(value, Fraction):
            raise Inexact("a power that is no number")
        return value


def _array(values: Sequence[Residue], shape: tuple[int, ...]) -> Any:
    made = np.empty(len(values), dtype=object)
    made[:] = values
    return made.reshape(shape) if shape else made[0]


class Decision(NamedTuple):
    """What one random point says: whether the polynomials are equal, how likely that is wrong, and where they differ."""

    equal: bool
    error: float  # log2 of the probability that "equal" is wrong; "different" never is
    prime: int
    points: Mapping[str, Any]
    values: tuple[int, int] = (0, 0)
    place: tuple[int, ...] = ()
    known: bool = True  # whether every size is a number, so that "equal" is said of all inputs


def decide(a: Any, b: Any, seed: int) -> Decision | None:
    """Whether two polynomial nets are equal, by their values at one random point modulo a random prime; None for other nets.

    Numbers that are the rounding of others (floats of 16 digits and more) never make nets different here.

    >>> import symfold as sf
    >>> x = sf.tensor("x")
    >>> [decide(sf.Net.of(x**2 + c * x), sf.Net.of(x**2), seed=0).equal for c in (0, 1e-12)]
    [True, False]
    >>> decide(sf.Net.of(sf.tanh(x)), sf.Net.of(x), seed=0) is None
    True
    """
    reader = Residues(seed)
    try:
        found = [[np.asarray(value, dtype=object) for value in reader.outputs(shaped(net))] for net in (a, b)]
    except (Abandoned, TypeError, ValueError):
        return None
    if any(left.shape != right.shape for left, right in zip(*found, strict=True)):
        return None
    degree, bits, entries = 0.0, 0.0, 0
    for output, (left, right) in enumerate(zip(*found, strict=True)):
        for where, one in np.ndenumerate(left):
            other = right[where]
            if one.number != other.number:
                return (
                    None
                    if reader.rounded
                    else Decision(
                        False, -inf, reader.prime, reader.points, (one.number, other.number), (output, *where)
                    )
                )
            degree, bits, entries = max(degree, one.degree, other.degree), max(bits, one.bits, other.bits), entries + 1
    coefficients = 2 * (bits + degree * log2(reader.denominator) + 1)
    bound = 2 * degree / 2.0 ** (PRIME_BITS - 1) + (1 + coefficients / (PRIME_BITS - 1)) / 2.0**PRIMES
    error = log2(max(1, entries)) + log2(bound)
    whole = all(
        isinstance(size, int)
        for net in (a, b)
        for leaf in net.leaves
        if isinstance(leaf.op, Input)
        for size in leaf.shape
        if leaf.shape[-1:] != (NAME,)
    )
    return Decision(True, error, reader.prime, reader.points, known=whole) if error < -20 else None


def shaped(net: Any) -> Any:
    """The net with a number for every size of its inputs."""
    return with_shapes(net, {node.op.name: sizes(node) for node in net.inputs})
