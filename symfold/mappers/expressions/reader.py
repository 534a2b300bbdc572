"""The reader: Python's parser builds the syntax tree, and every node of it is checked against a whitelist.

expression ::= number | z | x | -expression | expression (+ - * / **) expression
             | f(expression, ...) | FUNCTION(expression, ...)
             | expression (> >= < <= == !=) expression | expression (and or) expression | not expression
"""

from __future__ import annotations

import ast
import math
import warnings
from dataclasses import dataclass
from functools import reduce

from symfold.errors import ParseError, listing
from symfold.mappers.expressions.trees import FUNCTIONS, LAYER, NAMES, Name, Number, Operation, Tree, bottom_up

MAX_LENGTH = 1_000
MAX_DEPTH = 100
MAX_DIGITS = 1_000

OPERATORS: dict[type[ast.AST], str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.Pow: "**",
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

_ALLOWED = (
    "allowed are z, x, f(...), numbers, + - * / **, comparisons, and, or, not, functions such as where and tanh; "
    "see symfold list functions"
)


def parse(text: str) -> Tree:
    """The tree of an expression; a `ParseError` quotes the part outside the grammar."""
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
    except (SyntaxError, ValueError) as error:
        reason = error.msg if isinstance(error, SyntaxError) else str(error)
        at = f" at character {error.offset}" if isinstance(error, SyntaxError) and error.offset else ""
        raise ParseError(
            f"cannot read {_short(source)}: {reason}{at} (write an expression such as 'f(z) + z')"
        ) from None
    tree = _Reader(source).read(body, 1)
    if (digits := _digits(tree)) > MAX_DIGITS:
        raise ParseError(
            f"cannot read {_short(source)}: its powers grow too large "
            f"(about {digits:.3g} digits if z, x and f(...) are 10; at most {MAX_DIGITS:,})"
        )
    return tree


@dataclass(frozen=True)
class _Reader:
    """Python's syntax tree into ours, with a whitelist at every node."""

    source: str

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
                f"uses the operator {type(node.op).__name__}",
                "the operators are + - * / ** and, between conditions, and, or, not; a power is **",
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
            raise self.refuse(node, "is a string" if isinstance(value, (str, bytes)) else "is not a real number")
        if not math.isfinite(value) if isinstance(value, float) else abs(value) >= 10**MAX_DIGITS:
            raise self.refuse(node, "is too large a number")
        return Number(value)

    def read_name(self, node: ast.Name) -> Name:
        if node.id == LAYER or node.id in FUNCTIONS:
            raise self.refuse(node, "is a function and needs an argument", f"write {node.id}(z)")
        if node.id not in NAMES:
            raise self.refuse(node, "is an unknown name")
        return Name(node.id)

    def read_call(self, node: ast.Call, depth: int) -> Operation:
        called = node.func.id if isinstance(node.func, ast.Name) else None
        if called is None:
            raise self.refuse(node.func, f"is {_WORDS.get(type(node.func), 'no name')}")
        if called != LAYER and called not in FUNCTIONS:
            hint = (
                f"for a product write {called}*(...)"
                if called in NAMES
                else f"functions are f, {listing(sorted(FUNCTIONS), 12)}; see symfold list functions"
            )
            raise self.refuse(node, f"calls {called!r}, which is not a function here", hint)
        if node.keywords or not node.args:
            raise self.refuse(node, "has keywords" if node.keywords else "has no argument", f"write {called}(z)")
        wanted = FUNCTIONS[called][1] if called != LAYER else None
        if wanted is not None and len(node.args) != wanted:
            raise self.refuse(node, f"has {len(node.args)} arguments", f"{called} takes {wanted}")
        return Operation(called, tuple(self.read(arg, depth + 1) for arg in node.args))

    def refuse(self, node: ast.expr, what: str, remedy: str = _ALLOWED) -> ParseError:
        part = ast.get_source_segment(self.source, node) or self.source
        return ParseError(
            f"cannot read {_short(self.source)}: {'it' if part == self.source else _short(part)} {what} ({remedy})"
        )


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
    if isinstance(tree, Name):
        return 1.0
    if tree.symbol in "+-":
        return max(sizes) + math.log10(len(sizes))
    if tree.symbol in "*/":
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
