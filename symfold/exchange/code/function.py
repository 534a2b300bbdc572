"""net.to_code: a net as the source of a function."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import symfold.exchange.code.jax
import symfold.exchange.code.numpy
import symfold.exchange.code.torch  # noqa: F401 - they fill the table
from symfold.base.arguments import one_of
from symfold.base.facts import public_name
from symfold.base.trees import LEAF, Form
from symfold.compute.lowering import Target, lowered, rolled
from symfold.core.attach import attach
from symfold.core.names import show_names
from symfold.core.net import Net
from symfold.core.nodes import walking_once
from symfold.core.shapes import show
from symfold.core.stacked_inputs import Numbered, compress
from symfold.errors import listing, plural
from symfold.exchange.code.expressions import Code
from symfold.exchange.code.identifiers import Identifiers
from symfold.exchange.code.line_breaks import INDENT, bracketed, filled, statement
from symfold.exchange.code.operations import ARITHMETIC
from symfold.exchange.code.targets import TARGETS, CodeTarget
from symfold.exchange.code.writer import WIDE, Writer
from symfold.show.notation import brief_formula
from symfold.show.notation.loops import Letters, stems_of

TALL, MOST = 8, 24  # lines of a formula, and lists of parameters, in a docstring


@walking_once
def to_code(net: Any, target: str = "numpy", name: str = "net") -> str:
    """A net as Python code to paste: a function of a dict of parameters and of the inputs, with a loop per fold.

    The code needs the target's package only, and computes the numbers of `net.compile()`. It takes the package's arrays
    and NumPy's; for PyTorch, also the `state_dict()` of the module that the net was read from. Names that Python does
    not take get an underscore. What a target cannot say is refused by name.

    >>> import symfold as sf
    >>> layers = sf.layers("f1:11", sf.dense(3, 3, sf.tanh))
    >>> print(to_code(sf.fold(sf.mappers.residual, layers, sf.tensor("x", (None, 3)))))
    import numpy as np
    <BLANKLINE>
    <BLANKLINE>
    def net(params, x):
        \"\"\"z_k = f_k(z_{k-1}) + z_{k-1}, k = 1..10, z_0 = x
    <BLANKLINE>
        x: (None, 3)
        W1, W2, ..., W10 in params: (3, 3)
        b1, b2, ..., b10 in params: (1, 3)
        returns: (None, 3)
        \"\"\"
        W = [params[f"W{k}"] for k in range(1, 11)]
        b = [params[f"b{k}"] for k in range(1, 11)]
        z = x
        for W_k, b_k in zip(W, b):
            z = np.tanh(z @ W_k + b_k) + z
        return z
    <BLANKLINE>
    """
    net, row, name = Net.of(net), TARGETS[one_of("target", target, TARGETS)], public_name("function", name)
    lowering = Target(
        keeps=lambda node: node.op.primitive.name in row.primitives,
        has=lambda head: head in ARITHMETIC or head.__name__ in row.functions,
    )
    flat = rolled(net)
    roots = lowered(flat, {}, lowering)
    parameters = [name for leaf in flat.leaves if leaf.op.role == "parameter" for name in leaf.op.names]
    identifiers = Identifiers([*row.modules, *row.helpers, name, "params"])
    inputs = {node.op.name: identifiers.fresh(node.op.name) for node in net.inputs}
    shapes = {node.op.name: node.shape for node in net.inputs}
    writer = Writer(row, identifiers, Letters(stems_of(net)), inputs, shapes)
    results = [writer.stacked(writer.numeric(code)) for code in writer.scope(roots, {})]
    writer.lines += [INDENT + line for line in _return(net.form, results)]
    docstring = [f"{INDENT}{line}".rstrip() for line in _docstring(net, flat, inputs)]
    arguments = ", ".join([*(["params"] if parameters else []), *inputs.values()])
    head = f"def {name}({arguments}):"
    heads = [head] if len(head) <= WIDE else bracketed("def ", f"{name}({arguments})", ":", WIDE)
    given = [INDENT + line for line in _given(row, parameters, list(inputs.values()))]
    function = "\n".join([*heads, *docstring, *given, *writer.lines])
    parts = [*(row.helpers[helper] for helper in writer.helpers), function]
    imports = [line for module, line in row.modules.items() if any(re.search(rf"\b{module}\.", part) for part in parts)]
    return "\n\n\n".join(["\n".join(imports), *parts] if imports else parts) + "\n"


def _given(row: CodeTarget, parameters: Sequence[str], inputs: Sequence[str]) -> Iterator[str]:
    """The lines that make arrays of the package of the arguments."""
    if not row.given:
        return
    if parameters:
        key = _key(parameters) if row.dotted else "key"
        entry, loop = f"{key}: {row.given.format('value')}", "for key, value in params.items()"
        line = f"params = {{{entry} {loop}}}"
        yield from [line] if len(line) + len(INDENT) <= WIDE else ["params = {", INDENT + entry, INDENT + loop, "}"]
    for name in inputs:
        yield f"{name} = {row.given.format(name)}"


def _key(parameters: Sequence[str]) -> str:
    """The name of a parameter, from its name or from its dotted key in a module's `state_dict()`.

    >>> _key(["W1"]), _key(["head_weight"]), _key(["p_0_weight"])
    ('key', 'key.replace(".", "_")', '("p_" * key[0].isdecimal() + key).replace(".", "_")')
    """
    if not any("_" in name for name in parameters):
        return "key"
    begins_with_number = any(re.match(r"p_\d", name) for name in parameters)
    key = '("p_" * key[0].isdecimal() + key)' if begins_with_number else "key"
    return f'{key}.replace(".", "_")'


def _docstring(net: Net, flat: Net, inputs: Mapping[str, str]) -> Iterator[str]:
    """The formula, if it is short, and the shapes."""
    wide, quotes = WIDE - len(INDENT), '"""'
    lines = (brief_formula(flat, TALL * wide) or "").split("\n")
    if not lines[0] or len(lines) > TALL or max(map(len, lines)) > wide - len(quotes):
        lines = ["The results of the net for these inputs."]
    lines = [line.replace("\\", "\\\\").replace(quotes, "'''") for line in lines]
    yield f"{quotes}{lines[0]}"
    yield from lines[1:]
    yield ""
    for line in _shapes(net, flat, inputs):
        yield from textwrap.wrap(line, wide, subsequent_indent=INDENT, break_long_words=False, break_on_hyphens=False)
    yield quotes


def _shapes(net: Net, flat: Net, inputs: Mapping[str, str]) -> Iterator[str]:
    """The shapes of inputs, parameters and results, a line each."""
    for node in net.inputs:
        yield f"{inputs[node.op.name]}: {show(node.shape)}"
    families = [leaf for leaf in flat.leaves if leaf.op.role == "parameter"]
    for leaf in families[:MOST]:
        yield f"{show_names([leaf.op.names], 4)} in params: {show(leaf.op.shape)}"
    if len(families) > MOST:
        yield f"... and {plural(len(families) - MOST, 'more parameter')}"
    yield f"returns: {listing(map(show, (node.shape for node in net.outputs)), TALL)}"


def _return(form: Form, results: Sequence[Code]) -> list[str]:
    """The lines that return the results in their form."""
    text = _returned(form, iter(results))
    if form != LEAF and form[0] == "tuple" and len(form[1]) > 1:
        text = text[1:-1]
    wide = WIDE - len(INDENT)
    if form == LEAF or form[0] != "named" or len(text) <= wide:
        return statement(f"return {text}", wide)
    lines = [line for entry in _entries(form[1], iter(results)) for line in filled(f"{entry},", wide - len(INDENT))]
    return ["return {", *(INDENT + line for line in lines), "}"]


def _returned(form: Form, results: Iterator[Code]) -> str:
    """The results in their form."""
    if form == LEAF:
        return next(results).text
    kind, parts = form
    if kind == "tuple":
        texts = [_returned(part, results) for part in parts]
        return f"({', '.join(texts)}{',' if len(texts) == 1 else ''})"
    if kind == "dict":
        return f"{{{', '.join(f'{key!r}: {_returned(part, results)}' for key, part in parts)}}}"
    return f"{{{', '.join(_entries(parts, results))}}}"


def _entries(parts: Sequence[str | Sequence[str]], results: Iterator[Code]) -> Iterator[str]:
    """The entries of a dict: a leaf of several names is a sequence."""
    for names in parts:
        code = next(results)
        yield f'"{names}": {code.text}' if isinstance(names, str) else f"**{_members(tuple(names), code)}"


def _members(names: Sequence[str], code: Code) -> str:
    """The entries of a sequence by name."""
    family = compress(names)
    if isinstance(family, Numbered) and family.step == 1:
        numbers = f"range({family.start}, {family.start + len(names)})"
        return f'{{f"{family.prefix}{{k}}": entry for k, entry in zip({numbers}, {code.text})}}'
    return f"dict(zip({list(names)!r}, {code.text}))"


attach(Net, to_code=to_code)
