"""Random functions modulo a prime: nets compared by one evaluation each, with random functions as opaque layers.

Inputs are random numbers modulo a random prime of 127 bits. Sums, products, integer powers and rational numbers are
exact. Everything else (opaque layers, tanh, dot, ...) is a keyed hash of its name and arguments. Hashes of unequal
values are unequal but for collisions, so *equal* is wrong with a bounded probability only (Schwartz 1980, Zippel 1979).
*Unequal* proves nothing if a function that is not opaque was hashed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import lru_cache
from math import lcm, log2
from typing import Any, NamedTuple

import sympy as sp

from symfold.analysis.normal_form import exact, tidy
from symfold.core.blocks import Block, Call, is_call
from symfold.core.folds import Fold
from symfold.core.functions import fingerprint
from symfold.core.interpreter import Entries, Interpreter, order_of
from symfold.core.leaves import Input
from symfold.core.nodes import Node, digest, walk
from symfold.core.sequences import entry_of
from symfold.core.shapes import ANY, NAME
from symfold.core.stacked_inputs import StackedInputs

PRIME_BITS = 127
PRIMES = 119  # there are more than 2**119 primes of 127 bits
LARGEST = 2.0**40  # degree, or bits of a coefficient, above which a product is a random function
COMMUTATIVE = (sp.Add, sp.Mul, sp.Max, sp.Min)


class Value(NamedTuple):
    """A number modulo the prime, its shape, and bounds of the polynomial that it is the value of."""

    number: int
    shape: Any
    degree: int = 1  # in the inputs, the values of random functions and the fractions
    bits: float = 0.0  # of the sum of the absolute coefficients
    is_polynomial: bool = True  # no denominator


class Undefined(ArithmeticError):
    """A division by zero."""


@lru_cache(maxsize=16)
def prime_of(seed: int) -> int:
    """A prime of 127 bits, drawn from the seed.

    >>> prime_of(0).bit_length(), prime_of(0) == prime_of(0) != prime_of(1)
    (127, True)
    """
    for trial in range(100_000):
        drawn = int.from_bytes(hashlib.blake2b(b"prime %d %d" % (seed, trial), digest_size=16).digest())
        candidate = drawn % 2 ** (PRIME_BITS - 1) + 2 ** (PRIME_BITS - 1) | 1
        if sp.isprime(candidate):
            return candidate
    raise AssertionError("no prime among a hundred thousand odd numbers")


class RandomFunctions(Interpreter):
    """Values of nets with random functions in place of opaque layers, and of layers with bodies unless `opened`.

    If `folded`, a fold is a random function of one step on an arbitrary state, at a cost independent of its depth.
    """

    def __init__(self, seed: int, opened: bool = False, folded: bool = False):
        self.key, self.prime = b"symfold %d" % seed, prime_of(seed)
        self.opened, self.folded = opened, folded
        self.evaluations, self.degree, self.bits, self.denominator = 0, 1, 0.0, 1
        self.polynomial = True  # only sums, products and integer powers so far
        self.mapped: dict[int, tuple[int, Value]] = {}  # output sequence -> nesting and entry of the step
        self.nesting = 0  # of folds that are functions: inner and outer states differ
        self.shapes: dict[Any, bytes] = {}
        self.bodies: dict[Any, Any] = {}

    # -- values

    def random(self, what: bytes, values: Sequence[Value], shape: Any) -> Value:
        """The value of the random function of a name."""
        self.evaluations += 1
        self.polynomial = self.polynomial and not values
        content = [b"%d:" % len(what), what]
        for value in values:
            self.note(value)
            content += [value.number.to_bytes(16), self.shape_bytes(value.shape)]
        hashed = hashlib.blake2b(b"".join(content), key=self.key, digest_size=32).digest()
        return Value(int.from_bytes(hashed) % self.prime, shape)

    def note(self, value: Value) -> None:
        """Update the bounds of the polynomials that are compared."""
        if value.degree > self.degree:
            self.degree = value.degree
        if value.bits > self.bits:
            self.bits = value.bits

    def shape_bytes(self, shape: Any) -> bytes:
        """A shape as bytes, prefixed by their number."""
        if shape not in self.shapes:
            content = repr(shape).encode()
            self.shapes[shape] = b"%d:%b" % (len(content), content)
        return self.shapes[shape]

    def error(self, outputs: int) -> float:
        """log2 of a bound on the probability that unequal nets agree.

        Each pair of arguments of one function, and each output, may agree by accident: a nonzero polynomial of degree D
        vanishes at a random point with probability D/p at most, or the prime divides all its coefficients.
        """
        pairs = self.evaluations * (self.evaluations - 1) / 2 + outputs
        coefficients = 2 * (self.bits + self.degree * log2(self.denominator) + 1)
        return log2(pairs) + log2(
            2 * self.degree / 2.0 ** (PRIME_BITS - 1) + (1 + coefficients / (PRIME_BITS - 1)) / 2.0**PRIMES
        )

    # -- nodes

    def name(self, name: str) -> Value:
        return self.random(b"layer " + name.encode(), (), (NAME,))

    def leaf(self, node: Node) -> Value:
        value = exact(node)
        if value is None:
            op = node.op
            self.polynomial = self.polynomial and isinstance(op, Input)
            name = f"{op.role} {op.name}".encode() if isinstance(op, Input) else digest(node)
            return self.random(name, (), node.shape)
        if value.denominator % self.prime == 0:
            raise Undefined
        self.denominator = lcm(self.denominator, value.denominator)
        number = value.numerator * pow(value.denominator, -1, self.prime) % self.prime
        size = max(0, value.numerator.bit_length() - value.denominator.bit_length() + 1)
        return Value(number, (), int(value.denominator != 1), float(size))

    def shape_of(self, node: Node, args: Sequence[Value]) -> Any:
        """The shape of a result; if it is unknown, a key of what it depends on."""
        if ANY[0] not in node.shape:
            return node.shape
        if not isinstance(node.op, type):
            return (
                args[1].shape
                if isinstance(node.op, Call) and node.op.body is None
                else (op_name(node.op), *(arg.shape for arg in args))
            )
        parts: set[str] = set()
        for arg in args:
            parts |= set(arg.shape[1]) if arg.shape[:1] == ("broadcast",) else {repr(arg.shape)} if arg.shape else set()
        return ("broadcast", tuple(sorted(parts)))

    def apply(self, node: Node, args: Sequence[Value]) -> Value:
        op = node.op
        if is_call(node):
            return self.call(node, args)
        shape = self.shape_of(node, args)
        if op is sp.Add:
            return self.sum(args, shape)
        if op is sp.Mul:
            return self.product(args, shape)
        if (
            op is sp.Pow
            and (exponent := exact(node.args[1])) is not None
            and exponent.denominator == 1
            and abs(exponent) < LARGEST
        ):
            return self.power(args[0], int(exponent), shape)
        if isinstance(op, type):
            return self.random(fingerprint(op), sorted(args) if op in COMMUTATIVE else args, shape)
        entry = entry_of(node)
        return self.index(args[0], entry[1], node.args[0]) if entry else self.random(op_name(op), args, shape)

    def sum(self, args: Sequence[Value], shape: Any) -> Value:
        are_polynomials = all(arg.is_polynomial for arg in args)
        degrees, sizes = [arg.degree for arg in args], [arg.bits for arg in args]
        degree = max(degrees) if are_polynomials else sum(degrees)
        size = max(sizes) if are_polynomials else sum(sizes)
        if max(degree, size) > LARGEST:
            return self.random(b"Add", sorted(args), shape)
        return Value(
            sum(arg.number for arg in args) % self.prime, shape, degree, size + log2(len(args)), are_polynomials
        )

    def product(self, args: Sequence[Value], shape: Any) -> Value:
        degree, bits = sum(arg.degree for arg in args), sum(arg.bits for arg in args)
        if max(degree, bits) > LARGEST:
            return self.random(b"Mul", sorted(args), shape)
        number = 1
        for arg in args:
            number = number * arg.number % self.prime
        return Value(number, shape, degree, bits, all(arg.is_polynomial for arg in args))

    def power(self, base: Value, exponent: int, shape: Any) -> Value:
        degree, bits = base.degree * abs(exponent), base.bits * abs(exponent)
        if max(degree, bits) > LARGEST:
            return self.random(b"Pow %d" % exponent, (base,), shape)
        if exponent < 0 and base.number == 0:
            raise Undefined
        self.polynomial = self.polynomial and exponent >= 0
        return Value(pow(base.number, exponent, self.prime), shape, degree, bits, base.is_polynomial and exponent >= 0)

    def index(self, value: Any, position: int, node: Node) -> Value:
        return self.random(
            b"entry %d" % position, (value,), node.shape[1:] if ANY[0] not in node.shape else ("entry", value.shape)
        )

    def collect(self, entries: Entries, node: Node) -> Value:
        inner = tuple(sorted({repr(entry.shape) for entry in entries}))
        return self.random(
            b"stack", entries, node.shape if ANY[0] not in node.shape else ("stack", len(entries), inner)
        )

    # -- layers

    def call(self, node: Node[Call], args: Sequence[Value]) -> Value:
        """A layer: opened, or a random function of its body, or of its name if it is opaque."""
        op = node.op
        if op.body is None:
            return self.random(b"opaque", args, self.shape_of(node, args))
        if not self.opened:
            return self.random(b"body " + self.body(op.body).digest, args[1:], self.shape_of(node, args))
        block = self.body(op.body.retyped([arg.shape for arg in node.args[1:]]))
        result: Value = self.run(block.results, dict(zip(block.formals, args[1:], strict=True)))[0]
        return result

    def body(self, body: Block) -> Block:
        if body not in self.bodies:
            self.bodies[body] = Block(body.shapes, tidy(body.results))
        result: Block = self.bodies[body]
        return result

    # -- folds as functions of one step

    def meaning(self, node: Node, args: list[Any]) -> Any:
        if args and isinstance(node.op, (type, Call)) and all(type(arg) is Value for arg in args):
            return self.apply(node, args)  # the common case, without sequences
        return super().meaning(node, args)

    def stacked(self, node: Node[StackedInputs]) -> Any:
        return self.leaf(node) if self.folded else super().stacked(node)

    def fold(self, node: Node[Fold], fold: Fold, args: list[Any]) -> Sequence[Any]:
        if not self.folded:
            return super().fold(node, fold, args)
        values = [self.whole(a, n) for a, n in zip(args, node.args, strict=True)]
        block, carries = fold.block, fold.carries
        self.nesting += 1
        formals = [
            self.random(
                b"state %d of %d" % (k, self.nesting), (), shape if ANY[0] not in shape else ("state", value.shape)
            )
            for k, (shape, value) in enumerate(zip(block.shapes, values[:carries], strict=False))
        ]
        formals += [
            self.entry(value, shape) if each else value
            for value, each, shape in zip(values[carries:], fold.each, block.shapes[carries:], strict=True)
        ]
        results = self.follow(order_of(block), block.results, dict(zip(block.formals, formals, strict=True)))
        steps = [self.whole(r, n) for r, n in zip(results, block.results, strict=True)]
        self.nesting -= 1
        after: list[Any] = []
        for k, (step, result) in enumerate(zip(steps, block.results, strict=True)):
            mapped = k >= carries and set(block.formals[:carries]).isdisjoint(walk((result,)))
            if k < carries:
                value = self.random(f"fold {fold.count} {k}".encode(), [*values[:carries], *steps[:carries]], ())
            elif mapped:  # its steps are independent
                value = self.random(f"map {fold.count}".encode(), (step,), ())
            else:
                value = self.random(f"scan {fold.count}".encode(), [*values[:carries], *steps[:carries], step], ())
            shape = fold.result_shape(k)
            after.append(value._replace(shape=shape if ANY[0] not in shape else ("fold", value.number)))
            if mapped:
                self.mapped[value.number] = self.nesting + 1, step
        return after

    def entry(self, sequence: Value, shape: Any) -> Value:
        """The entry of a sequence in an arbitrary step; of the output of a fold, the result of its same step."""
        nesting, entry = self.mapped.get(sequence.number, (0, sequence))
        if nesting == self.nesting:
            return entry
        return self.random(
            b"entry of %d" % self.nesting, (sequence,), shape if ANY[0] not in shape else ("entry", sequence.shape)
        )


def op_name(op: Any) -> bytes:
    """The digest, or the name and attributes, of an operation that is not a SymPy function."""
    return op.digest if isinstance(op, Call) else repr(op).encode()
