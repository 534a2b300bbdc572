"""One step as a line of text: the block of a fold with names for its formals."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from symfold.core.blocks import Block
from symfold.core.leaves import Formal, Input
from symfold.core.nodes import Node, substitute
from symfold.core.shapes import NAME
from symfold.show.graph.arithmetic import unpaired
from symfold.show.notation.previews import preview

LONGEST = 130  # visible characters: indices without their braces


def step_formula(block: Block, part: int, names: Sequence[str], longest: int = LONGEST) -> str:
    """A result of a block with these names for its formals; empty if it would be too long.

    >>> import symfold as sf
    >>> net = sf.fold(sf.mappers.residual, sf.layers("f1:3"), sf.tensor("x"))
    >>> step_formula(net.blocks[0], 0, ["z1", "f2"])
    'f2(z1) + z1'
    >>> step_formula(net.blocks[0], 0, ["(tok + pos)", "f2"])
    'f2(tok + pos) + (tok + pos)'
    """
    text = template(block, part)
    for position, name in enumerate(names):
        if name.startswith("("):
            text = text.replace(f"({_placeholder(position)})", name)
        text = text.replace(_placeholder(position), name)
    return text if len(re.sub(r"_\{|\}", "", text)) <= longest else ""


TOO_LONG = " " * (LONGEST + 1)


@lru_cache(maxsize=256)
def template(block: Block, part: int) -> str:
    stand_ins: dict[Node, Node] = {
        Node(Formal(0, k, shape)): Node(Input(_placeholder(k), shape, "layer" if shape == (NAME,) else "input"))
        for k, shape in enumerate(block.shapes)
    }
    text = preview(substitute(unpaired((block.results[part],)), stand_ins)[0])
    return text if "..." not in text and "fold(" not in text else TOO_LONG


def _placeholder(position: int) -> str:
    return f"q{'abcdefghij'[position % 10]}{'abcdefghij'[position // 10 % 10]}qq"
