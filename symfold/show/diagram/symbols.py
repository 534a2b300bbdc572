"""A reader's own symbols in pictures, the same as in formulas."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from symfold.base.deferred import nx
from symfold.core.net import Net
from symfold.show.notation.renamed import Renaming, letters_of, renaming

NAMED = ("input", "parameter", "layer", "state", "fold", "step", "output")  # kinds of nodes that show names
_WORD = re.compile(r"(?<![\w.^'])[^\W\d_]\w*?(?=_\{|(?!\w))")


def renamed(text: str, names: Renaming) -> str:
    r"""A label, or the formula of a step, in a reader's symbols.

    >>> renamed("z_{k} = f_{k}(z_{k-1}) + W_f1", renaming({"z": "h", "k": "t", "W_f": "V"}, "text"))
    'h_{t} = f_{t}(h_{t-1}) + V1'
    >>> renamed("z_{k-1} + z2", renaming({"z": r"h_\mathrm{in}"}, "picture"))
    'h_{in,k-1} + h_{in,2}'
    """

    def symbol(word: re.Match[str]) -> str:
        numbered = re.fullmatch(r"(.*?)(_?\d+)", word[0]) if word[0] not in names.names else None
        if numbered and numbered[1] in names.names:
            stem, digits = names.symbol(numbered[1]), numbered[2]
            return stem + digits if stem.isidentifier() else f"{stem}_{{{digits.lstrip('_')}}}"
        return names.symbol(word[0])

    return re.sub(r"(_\{[^{}]*)\}_\{", r"\1,", _WORD.sub(symbol, text))


def relabeled(graph: nx.MultiDiGraph, names: Renaming) -> nx.MultiDiGraph:
    """A copy of a graph, its labels and titles in a reader's symbols."""
    result = graph.copy()
    for key in [key for key in result.graph if key.startswith("title ")]:
        result.graph[key] = renamed(str(result.graph[key]), names)
    for _, data in result.nodes(data=True):
        if is_named(data):
            data["label"] = renamed(str(data["label"]), names)
        if "state" in data:
            data["state"] = renamed(str(data["state"]), names)
    for _, _, data in result.edges(data=True):
        data.update({key: renamed(str(data[key]), names) for key in ("label", "mark") if key in data})
    return result


def is_named(data: Mapping[str, object]) -> bool:
    """Whether the label of a node is made of names."""
    return data["kind"] in NAMED or data["op"] in ("entry", "item")


def symbols(nets: Sequence[Net], names: Mapping[str, str] | None) -> list[Renaming]:
    """For each net its renaming: of the names that it has, or of all if no net has them."""
    asked = renaming({} if names is None else names, "picture")
    chosen = asked.names
    if len(nets) < 2 or not chosen:
        return [Renaming(dict(chosen), asked.given) for _ in nets]
    letters = [letters_of(net) for net in nets]
    unknown = {name for name in chosen if not any(name in known for known in letters)}
    return [
        Renaming({name: chosen[name] for name in chosen if name in known or name in unknown}, asked.given)
        for known in letters
    ]
