"""The reader: Python's parser builds the syntax tree, and every node of it is checked against a whitelist.

mapper     ::= expression | expression, expression, ...       (a state of several parts)
expression ::= number | z | x | z[0] | z[1] | ...
             | -expression | expression (+ - * / ** @) expression
             | LETTER(expression, ...) | FUNCTION(expression, ...)      (a letter is a layer)
             | expression (> >= < <= == !=) expression | expression (and or) expression | not expression

An error quotes the part outside the grammar, and its note points at it.
"""

from __future__ import annotations

import ast
import math
import warnings
from dataclasses import dataclass
from difflib import get_close_matches
from functools import reduce

from symfold.errors import ParseError, listing, printable
from symfold.mappers.expressions.trees import (
    FUNCTIONS,
    NAMES,
    Name,
    Number,
    Operation,
    Part,
    Tree,
    bottom_up,
    is_layer,
)

MAX_LENGTH = 1_000
MAX_PARTS = 4
MAX_DEPTH = 100
MAX_DIGITS = 1_000

OPERATORS: dict[type[ast.AST], str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.Pow: "**",
    ast.MatMult: "@",
    ast.USub: "-",
    ast.Not: "not",
}
COMPARISONS: dict[type[ast.AST], str] = {
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Eq: "==",
    ast.NotEq: "!=",
}

# names of common mistakes; any other node is called by its class in Python's tree
_WORDS: dict[type[ast.AST], str] = {
    ast.Attribute: "an attribute", ast.Lambda: "a lambda", ast.Subscript: "an index",
    ast.ListComp: "a comprehension", ast.SetComp: "a comprehension", ast.DictComp: "a comprehension",
    ast.GeneratorExp: "a comprehension", ast.JoinedStr: "a string",
    ast.NamedExpr: "an assignment", ast.Tuple: "a tuple", ast.List: "a list", ast.Dict: "a dict", ast.Set: "a set",
    ast.Starred: "a starred argument",
}  # fmt: skip

_OTHERS: dict[type[ast.AST], str] = {
    ast.BitXor: "^", ast.Mod: "%", ast.FloorDiv: "//", ast.BitAnd: "&", ast.BitOr: "|", ast.Invert: "~",
}  # fmt: skip

# the signs of operators that are not in the grammar
_SIGNS: dict[type[ast.AST], str] = {
    ast.BitXor: "^", ast.Mod: "%", ast.FloorDiv: "//", ast.BitAnd: "&", ast.BitOr: "|", ast.Invert: "~",
}  # fmt: skip

_ALLOWED = (
    "allowed are z, x, layers such as f(...), numbers, + - * / ** @, comparisons, and, or, not, functions such as "
    "where and tanh; see symfold list functions"
)
_EXAMPLE = "write an expression such as 'f(z) + z'"


def parse(text: str) -> Tree:
    """The tree of an expression; a `ParseError` quotes the part outside the grammar, and its note points at it."""
    source = text.strip()
    if not source:
        raise ParseError("the expression is empty (write one such as 'f(z) + z')")
    if len(source) > MAX_LENGTH:
        raise ParseError(
            f"the expression is {len(source):,} characters long (at most {MAX_LENGTH:,} are read): {_short(source)}"
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            body = ast.parse(source, mode="eval").body
    except (RecursionError, MemoryError):
        raise ParseError(
            f"cannot read {_short(source)}: it is nested too deeply (at most {MAX_DEPTH} levels)"
        ) from None
    except SyntaxError as error:
        raise _not_python(source, error) from None
    except ValueError as error:
        raise ParseError(f"cannot read {_short(source)}: {error} ({_EXAMPLE})") from None
    parts = body.elts if isinstance(body, ast.Tuple) else [body]
    reader = _Reader(source, len(parts) if isinstance(body, ast.Tuple) else 0)
    if isinstance(body, ast.Tuple) and not 2 <= len(parts) <= MAX_PARTS:
        raise reader.refuse(body, f"is a tuple of {len(parts)}", f"a state has 2 to {MAX_PARTS} parts")
    trees = tuple(reader.read(part, 1) for part in parts)
    tree = Operation(",", trees) if reader.parts else trees[0]
    if (digits := _digits(tree)) > MAX_DIGITS:
        raise ParseError(
            f"cannot read {_short(source)}: its powers grow too large "
            f"(about {digits:.3g} digits if z, x and f(...) are 10; at most {MAX_DIGITS:,})"
        )
    return tree


def _not_python(source: str, error: SyntaxError) -> ParseError:
    """The error for a text that Python's parser refuses, with a remedy for common ways of writing mathematics."""
    reason, remedy = error.msg, _EXAMPLE
    name, sign, rest = source.partition("=")
    if sign and name.strip().isidentifier() and not rest.startswith("="):
        reason, remedy = "it is an equation", "write its right side alone, the next state, as 'f(z) + z'"
    elif reason == "invalid decimal literal":
        remedy = "write a product with *, as 2*z"
    elif reason == "invalid syntax" and error.offset:
        remedy = f"{_EXAMPLE}, a product with *"
    at = f" at character {error.offset}" if error.offset and remedy.startswith(_EXAMPLE) else ""
    lines = source.split("\n")
    line = lines[min(error.lineno or 1, len(lines)) - 1]
    start = min(error.offset - 1, len(line)) if error.offset else len(line)
    return _pointing(f"cannot read {_short(source)}: {reason}{at} ({remedy})", line, start, start + 1)


WIDTH = 72  # of the part of an expression that is shown above a caret


def _pointing(problem: str, line: str, start: int, end: int) -> ParseError:
    """An error with a note: the line, and carets below the characters from start to end."""
    begin = max(0, min(start - WIDTH // 2, len(line) - WIDTH))
    before, wrong, after = (
        printable(part) for part in (line[begin:start], line[start:end], line[max(start, end) : begin + WIDTH])
    )
    ahead = "..." if begin else ""
    shown = f"{ahead}{before}{wrong}{after}"
    error = ParseError(problem)
    error.add_note(f"    {shown[: WIDTH + 3]}\n    {' ' * len(ahead + before)}{'^' * max(1, min(len(wrong), WIDTH))}")
    return error


@dataclass(frozen=True)
class _Reader:
    """Python's syntax tree into ours, with a whitelist at every node."""

    source: str
    parts: int  # of the state; 0 if it is not a tuple

    def read(self, node: ast.expr, depth: int) -> Tree:
        if depth > MAX_DEPTH:
            raise ParseError(f"cannot read {_short(self.source)}: it is nested more than {MAX_DEPTH} levels deep")
        if isinstance(node, ast.Constant):
            return self.read_number(node)
        if isinstance(node, ast.Name):
            return self.read_name(node)
        if isinstance(node, ast.Call):
            return self.read_call(node, depth)
        if isinstance(node, ast.UnaryOp):
            operand = self.read(node.operand, depth + 1)
            return operand if isinstance(node.op, ast.UAdd) else self.checked(node, self.operator(node), (operand,))
        if isinstance(node, ast.BinOp):
            return self.read_terms(node, depth)
        if isinstance(node, ast.Compare):
            return self.read_comparison(node, depth)
        if isinstance(node, ast.BoolOp):
            return self.joined(
                "and" if isinstance(node.op, ast.And) else "or", [self.read(part, depth + 1) for part in node.values]
            )
        if isinstance(node, ast.Subscript):
            return self.read_part(node)
        if isinstance(node, ast.IfExp):
            raise self.refuse(node, "is a condition", "write where(condition, a, b)")
        raise self.refuse(node, f"is {_WORDS.get(type(node), f'of the kind {type(node).__name__}')}")

    def read_terms(self, node: ast.BinOp, depth: int) -> Tree:
        """A chain of operators from left to right, however long: it does not count as nesting."""
        chain = [node]
        while isinstance(chain[-1].left, ast.BinOp):
            chain.append(chain[-1].left)
        tree = self.read(chain[-1].left, depth + 1)
        for part in reversed(chain):
            tree = self.checked(part, self.operator(part), (tree, self.read(part.right, depth + 1)))
        return tree

    def read_comparison(self, node: ast.Compare, depth: int) -> Tree:
        """One comparison, or several in a row: `0 < z < 1` is `0 < z and z < 1`."""
        values = [self.read(part, depth + 1) for part in (node.left, *node.comparators)]
        for sign in node.ops:
            if type(sign) not in COMPARISONS:
                raise self.refuse(
                    node, f"compares by {type(sign).__name__}", f"the comparisons are {' '.join(COMPARISONS.values())}"
                )
        return self.joined(
            "and",
            [
                Operation(COMPARISONS[type(sign)], (a, b))
                for sign, a, b in zip(node.ops, values, values[1:], strict=False)
            ],
        )

    def joined(self, symbol: str, parts: list[Tree]) -> Tree:
        """Conditions joined from left to right."""
        return reduce(lambda tree, part: Operation(symbol, (tree, part)), parts)

    def operator(self, node: ast.BinOp | ast.UnaryOp) -> str:
        if type(node.op) not in OPERATORS:
            raise self.refuse(
                node,
                f"uses the operator {_SIGNS.get(type(node.op), type(node.op).__name__)}",
                "the operators are + - * / ** @ and, between conditions, and, or, not; a power is **",
            )
        return OPERATORS[type(node.op)]

    def checked(self, node: ast.expr, symbol: str, args: tuple[Tree, ...]) -> Tree:
        if symbol == "-" and len(args) == 1 and isinstance(args[0], Number):
            return Number(-args[0].value)
        divides = symbol == "/" or (symbol == "**" and isinstance(args[1], Number) and args[1].value < 0)
        if divides and args[1 if symbol == "/" else 0] in (Number(0), Number(0.0)):
            raise self.refuse(node, "divides by zero", "give another number")
        return Operation(symbol, args)

    def read_number(self, node: ast.Constant) -> Number:
        value = node.value
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            if isinstance(value, (str, bytes)):
                raise self.refuse(node, "is a string", "leave out the quotation marks inside the expression")
            raise self.refuse(node, "is not a real number")
        if not math.isfinite(value) if isinstance(value, float) else abs(value) >= 10**MAX_DIGITS:
            raise self.refuse(node, "is too large a number")
        return Number(value)

    def read_name(self, node: ast.Name) -> Name:
        if node.id in FUNCTIONS or is_layer(node.id):
            kind = "function" if node.id in FUNCTIONS else "layer"
            raise self.refuse(
                node, f"is a {kind} and needs an argument", f"write {node.id}(z); values are z, x and numbers"
            )
        if node.id not in NAMES:
            raise self.refuse(node, "is an unknown name")
        if node.id == "z" and self.parts:
            raise self.refuse(node, f"is a state of {self.parts} parts", f"write {self.part_names()}")
        return Name(node.id)

    def read_part(self, node: ast.Subscript) -> Part:
        if not isinstance(node.value, ast.Name) or node.value.id != "z":
            raise self.refuse(node, "is an index", "only the state z has parts")
        if not self.parts:
            raise self.refuse(
                node, "is an index, and z is one value", "a state of two parts is typed as 'z[1], f(z[0])'"
            )
        position = node.slice.value if isinstance(node.slice, ast.Constant) else None
        if type(position) is not int or position >= self.parts:
            raise self.refuse(node, f"is no part of a state of {self.parts}", f"its parts are {self.part_names()}")
        return Part(position)

    def part_names(self) -> str:
        return ", ".join(f"z[{k}]" for k in range(self.parts))

    def read_call(self, node: ast.Call, depth: int) -> Operation:
        called = node.func.id if isinstance(node.func, ast.Name) else None
        if called is None:
            raise self.refuse(node.func, f"is {_WORDS.get(type(node.func), 'no name')}")
        if called not in FUNCTIONS and not is_layer(called):
            raise self.refuse(node, f"calls {called!r}, which is not a function here", self.instead_of(called))
        if node.keywords or not node.args:
            raise self.refuse(node, "has keywords" if node.keywords else "has no argument", f"write {called}(z)")
        wanted = FUNCTIONS[called][1] if called in FUNCTIONS else None
        if wanted is not None and len(node.args) != wanted:
            raise self.refuse(node, f"has {len(node.args)} arguments", f"{called} takes {wanted}")
        return Operation(called, tuple(self.read(arg, depth + 1) for arg in node.args))

    def instead_of(self, called: str) -> str:
        """What to write instead of a call of this name."""
        if called in NAMES:
            return f"for a product write {called}*(...)"
        if close := get_close_matches(called, FUNCTIONS, cutoff=0.75):
            return f"did you mean {' or '.join(close)}? A layer is a single letter, as {called[0]}(z)"
        return (
            f"layers are single letters such as f, functions are {listing(sorted(FUNCTIONS), 12)}; "
            "see symfold list functions"
        )

    def refuse(self, node: ast.expr, what: str, remedy: str = _ALLOWED) -> ParseError:
        part = ast.get_source_segment(self.source, node) or self.source
        lines = self.source.split("\n")
        line = lines[min(node.lineno, len(lines)) - 1]
        start = len(line.encode()[: node.col_offset].decode(errors="replace"))
        end = start + len(part.partition("\n")[0])
        named = "it" if part == self.source else _short(part)
        return _pointing(f"cannot read {_short(self.source)}: {named} {what} ({remedy})", line, start, end)


def _digits(tree: Tree) -> float:
    """A bound on the digits of the value, with 10 for every name and function value.

    >>> _digits(parse("(z + 9)**100")) < 150, _digits(Operation("**", (Number(9), parse("9**9")))) > 1e9
    (True, True)
    """
    size: float = bottom_up(tree, _digits_of)
    return size


def _digits_of(tree: Tree, sizes: list[float]) -> float:
    if isinstance(tree, Number):
        return math.log10(1 + abs(tree.value))
    if isinstance(tree, (Name, Part)):
        return 1.0
    if tree.symbol in "+-":
        return max(sizes) + math.log10(len(sizes))
    if tree.symbol in "*/@":
        return sum(sizes)
    if tree.symbol == "**":
        return min(max(sizes[0], 1.0) * 10 ** min(sizes[1], 300.0), 1e300)
    return max(1.0, *sizes)


def _short(text: str) -> str:
    """A quotation of at most 60 characters.

    >>> _short("z" * 100)
    "'zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz...'"
    """
    return repr(text if len(text) <= 60 else text[:56] + "...")
