"""The arguments of a fold: refused if one is missing, misplaced or not a mapper, with the call to write."""

from __future__ import annotations

import inspect
from typing import Any

from symfold.base.arguments import ordered, quoted, takes
from symfold.base.trees import State
from symfold.errors import InvalidType
from symfold.frontend.named_layers import Layer, Layers
from symfold.frontend.runs import FOLDED, Repeated, Zipped


def are_layers(value: object) -> bool:
    """Whether a value is layers, or a list that begins with a layer."""
    return isinstance(value, (Layers, Layer)) or (
        isinstance(value, (list, tuple)) and bool(value) and isinstance(value[0], Layer)
    )


def check_fold(call: str, mapper: Any, items: object, init: State) -> None:
    """Refuse arguments that a fold cannot have; `call` is "fold" or "scan".

    >>> import symfold as sf
    >>> check_fold("fold", sf.layers("f1:4"), sf.mappers.residual, sf.tensor("x"))
    Traceback (most recent call last):
    ...
    symfold.errors.InvalidType: the mapper comes first, then the layers: sf.fold(mapper, layers, x), got [f1, ...
    """
    usage = f"sf.{call}(mapper, layers, x)"
    if isinstance(mapper, Layers) or (callable(items) and not are_layers(items) and not callable(mapper)):
        raise InvalidType(f"the mapper comes first, then the layers: {usage}, got {quoted(mapper)} as the mapper")
    if isinstance(mapper, str):
        raise InvalidType(f"a mapper must be a function, got {quoted(mapper)} (typed as text: sf.mapper({mapper!r}))")
    if not callable(mapper):
        raise InvalidType(
            f"a mapper must be a function (state, item) -> state, got {quoted(mapper)} "
            "(as sf.mappers.residual, or lambda z, f: f(z) + z)"
        )
    if are_layers(init):
        raise InvalidType(f"the start comes last, after the layers: {usage}, got {quoted(init)} as the start")
    if init is None and (are_layers(items) or isinstance(items, (Repeated, Zipped))):
        raise InvalidType(f"a {call} over layers needs a start: {usage}, as with x = sf.tensor('x')")
    signature = signature_of(mapper)
    if signature and signature.return_annotation == "Mapper":
        raise InvalidType(
            f"{mapper.__name__}({', '.join(signature.parameters)}) makes a mapper, and is not one "
            f"(call it first: sf.{call}({made_by(mapper.__name__, signature)}))"
        )
    if signature and not takes(mapper, None, None):
        several = " (several layers are one item: f, g = item)" if len(signature.parameters) > 2 else ""
        raise InvalidType(f"a mapper takes (state, item), and {quoted(mapper)} takes {signature}{several}")


def signature_of(function: Any) -> inspect.Signature | None:
    """The signature of a function; None if it is unknown, as for some that are written in C."""
    try:
        return inspect.signature(function)
    except (TypeError, ValueError):
        return None


def made_by(name: str, signature: inspect.Signature) -> str:
    """The arguments of a fold whose mapper a function makes, from layers or from values.

    >>> import symfold as sf
    >>> made_by("lstm", inspect.signature(sf.mappers.lstm))
    "sf.mappers.lstm(*sf.layers('take forget show new')), inputs, start"
    """
    needed = {key: each for key, each in signature.parameters.items() if each.kind is not each.VAR_POSITIONAL}
    if all(each.annotation == "Layered" for each in needed.values()):
        return f"sf.mappers.{name}(*sf.layers('{' '.join(needed)}')), inputs, start"
    return f"sf.mappers.{name}({', '.join(k for k, each in needed.items() if each.default is each.empty)}), layers, x"


def first_of(items: object) -> tuple[Any, Any]:
    """The first item as the initial state, and the remaining items."""
    listed = ordered(FOLDED, items)
    if not listed:
        raise InvalidType("fold of no items with no initial state (give init, as for functools.reduce)")
    return listed[0], listed[1:]
