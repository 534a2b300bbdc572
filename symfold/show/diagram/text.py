"""Labels with subscripts: f12, z_{k-1}."""

from __future__ import annotations

import re

_SUBSCRIPTS = str.maketrans("0123456789+-=()aehijklmnoprstuvx", "₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓ")
_ALLOWED = re.compile(r"[0-9+\-=()aehijklmnoprstuvx,]+")


def pretty(label: str) -> str:
    """A label with its indices as subscripts, if Unicode has them.

    >>> pretty("f12"), pretty("z_{k-1}"), pretty("f1, ..., f1000"), pretty("gate_q")
    ('f₁₂', 'zₖ₋₁', 'f₁, …, f₁₀₀₀', 'gate_q')
    """
    text = re.sub(r"_\{([^{}]+)\}", lambda m: lowered(m[1]), label.replace("...", "…"))
    return re.sub(r"(?<![\w.\[])([A-Za-z]+?)_?(\d+)(?![\w.])", lambda m: m[1] + lowered(m[2]), text)


def lowered(index: str) -> str:
    """An index as a subscript, or after an underscore if Unicode lacks a letter.

    >>> lowered("k,t-1"), lowered("q")
    ('ₖ,ₜ₋₁', '_q')
    """
    return index.translate(_SUBSCRIPTS) if _ALLOWED.fullmatch(index) else f"_{index}"
