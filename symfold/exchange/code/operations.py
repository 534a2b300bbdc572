"""Operations as expressions, as a target spells them."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import sympy as sp

from symfold.core.blocks import is_call
from symfold.core.functions import Head, divide, numbers_of
from symfold.core.leaves import Constant, FrozenArray, number_of
from symfold.core.nodes import Node, is_elementwise
from symfold.core.primitives import is_apply
from symfold.core.shapes import Shape, is_known
from symfold.core.stacked_inputs import known_count
from symfold.errors import NoRule, TooLarge
from symfold.exchange.code.array_functions import truth
from symfold.exchange.code.expressions import ATOM, POWER, PRODUCT, SIGN, SUM, Code, multiplied, summed
from symfold.exchange.code.targets import CodeTarget, filled

SHORT = 20  # characters of numbers that are written as a sum or a product
MOST = 2_000  # numbers of an array that is written out
ARITHMETIC = (sp.Add, sp.Mul, sp.Pow, divide)
EXACT = 2**53  # every smaller whole number is a float


class Expressions:
    """The expressions of operations, and the helpers that they call; `sizes` are the texts of unknown sizes."""

    def __init__(self, target: CodeTarget, sizes: Mapping[sp.Symbol, str]):
        self.target, self.sizes = target, sizes
        self.helpers: dict[str, None] = {}

    def constant(self, value: sp.Expr | FrozenArray) -> Code:
        if isinstance(value, FrozenArray):
            if value.array.ndim == 0:
                return _number(float(value.array))
            if value.array.size > MOST:
                raise TooLarge(
                    f"the net holds an array of {value.array.size:,} numbers, more than the {MOST:,} that code writes "
                    "out (make it an input or a parameter)"
                )
            text = re.sub(r"\b(nan|inf)\b", r'float("\1")', str(value.array.tolist()))
            return Code(self.called(self.target.array.format(text)))
        if isinstance(value, sp.Integer) and abs(value) < EXACT:
            return Code(str(value), SIGN if value < 0 else ATOM, number=True)
        if isinstance(value, sp.Rational) and value.q < EXACT and abs(value.p) < EXACT:
            return Code(f"{value.p} / {value.q}", PRODUCT, number=True)
        if value.free_symbols:
            return Code(self.size(value), SUM, number=True)
        return _number(float(value))

    def operation(self, node: Node, args: Sequence[Code], numbers: dict[Node, float]) -> Code:
        """The expression of an operation."""
        if isinstance(node.op, Constant):
            code = self.constant(node.op.value)
            if code.number and (value := number_of(node)) is not None and not value.free_symbols:
                numbers[node] = float(value)
            return code
        if is_call(node):
            raise NoRule("a layer is opaque and has no numbers (give it a body: net.bind({'f1': lambda z: ...}))")
        if is_elementwise(node):
            return self.elementwise(node, args, numbers)
        assert is_apply(node)
        name = node.op.primitive.name
        args = [self.stacked(arg) for arg in args]
        if name not in self.target.primitives:
            raise NoRule(
                f"code for {self.target.name} has no spelling of the primitive {name!r} "
                "(net.compile and the exports compute it; symfold.extend.code_target adds targets)"
            )
        return self.spelled(self.target.primitives[name], node, [self.numeric(self.wrapped(arg)) for arg in args])

    def elementwise(self, node: Node, args: Sequence[Code], numbers: dict[Node, float]) -> Code:
        head = node.op
        assert isinstance(head, type)
        args = [self.stacked(arg) for arg in args]
        if all(arg in numbers for arg in node.args):
            value = numbers[node] = _value(head, [numbers[arg] for arg in node.args])
            is_long = sum(len(arg.text) for arg in args) > SHORT
            # a float, too, where Python's own numbers fail, or are no floats
            if head not in ARITHMETIC or is_long or not abs(value) < EXACT:
                return _number(value)
        if head in ARITHMETIC:
            args = [self.numeric(arg) for arg in args]
            if head is sp.Add:
                return summed(args)
            if head is sp.Mul:
                return multiplied(args)
            return multiplied(args, "/") if head is divide else self.power(node, args)
        rule = self.target.functions.get(head.__name__)
        if rule is None:
            raise NoRule(
                f"code for {self.target.name} has no spelling of the function {head.__name__!r} "
                "(net.compile and the exports compute it; symfold.extend.code_target adds targets)"
            )
        decides = head.__name__ in ("where", "logical_and", "logical_or", "logical_xor", "logical_not")
        wrapped = list(map(self.wrapped, args))
        return self.spelled(rule, node, wrapped if decides else [self.numeric(arg) for arg in wrapped])

    def power(self, node: Node, args: Sequence[Code]) -> Code:
        base, exponent = args
        value = number_of(node.args[1])
        if value == -1:
            return Code(f"1 / {base.within(POWER)}", PRODUCT, number=base.number)
        if value in (sp.S.Half, -sp.S.Half) and not base.number:
            root = self.spelled(self.target.root, node, [base])
            return root if value > 0 else Code(f"1 / {root.text}", PRODUCT)
        if isinstance(value, sp.Integer) and value < 0:
            return Code(f"1 / {_powered(base.within(ATOM), str(-value))}", PRODUCT, number=base.number)
        number = base.number and exponent.number
        return Code(_powered(base.within(ATOM), exponent.within(ATOM)), POWER, number=number)

    def spelled(self, rule: Any, node: Node, args: Sequence[Code]) -> Code:
        """The expression that a rule gives; the helpers that it calls are remembered."""
        code = filled(rule, args) if isinstance(rule, str) else rule(node, args, self.shape)
        code = Code(code) if isinstance(code, str) else code
        self.called(code.text)
        return code

    def called(self, text: str) -> str:
        """The same text, after remembering the helpers that it calls."""
        for name in re.findall(r"(?<![\w.])(\w+)\(", text):
            if name in self.target.helpers and name not in self.helpers:
                self.called(self.target.helpers[name].split("\n", 1)[1])
                self.helpers[name] = None
        return text

    def numeric(self, arg: Code) -> Code:
        """A truth value as a number in arithmetic."""
        return Code(f"1.0 * ({truth(arg).text})", PRODUCT) if arg.truth else arg

    def wrapped(self, arg: Code) -> Code:
        """A number as an argument of a function."""
        return Code(self.called(self.target.wrapped.format(arg.text))) if arg.number else arg

    def stacked(self, arg: Code) -> Code:
        """A list as an array."""
        return Code(self.called(self.target.stack.format(arg.text))) if arg.listed else arg

    def shape(self, shape: Shape) -> str:
        """The text of a shape; one unknown size of a reshape that only it can have is written as it is."""
        if not is_known(shape):
            raise NoRule(
                "code for a shape of unknown rank cannot be written (give the inputs shapes: sf.tensor('x', (None, 3)))"
            )
        sizes = [str(size) if isinstance(size, int) else self.size(size) for size in shape]
        return f"({', '.join(sizes)}{',' if len(sizes) == 1 else ''})"

    def size(self, size: sp.Expr) -> str:
        """An unknown size, from the shapes of the inputs."""
        above, below = size.as_numer_denom()
        if size.atoms(sp.Function) or not size.free_symbols <= self.sizes.keys():
            known_count(size)
        text = str(above.xreplace({symbol: sp.Symbol(self.sizes[symbol]) for symbol in size.free_symbols}))
        return text if below == 1 else f"({text}) // {below}"


def _powered(base: str, exponent: str) -> str:
    is_short = base.isidentifier() and exponent.isalnum()
    return f"{base}**{exponent}" if is_short else f"{base} ** {exponent}"


def _number(value: float) -> Code:
    """A float; infinite and undefined ones by name."""
    text = repr(value) if math.isfinite(value) else f'float("{value}")'
    return Code(text, SIGN if text.startswith("-") else ATOM, number=True)


def _value(head: Head, args: Sequence[float]) -> float:
    """The value of a function of numbers."""
    with np.errstate(all="ignore"):
        return float(numbers_of(head)(*map(np.asarray, args)))
