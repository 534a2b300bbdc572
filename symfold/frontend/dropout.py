"""Dropout: entries that training replaces by zero at random."""

from __future__ import annotations

from numbers import Real

from symfold.base.arguments import quoted, real
from symfold.base.public import public
from symfold.base.trees import State
from symfold.core.conversion import as_node, wraps_node
from symfold.core.primitives import dropout as dropped
from symfold.errors import InvalidType, InvalidValue


@public
def dropout(value: State, rate: float = 0.5) -> State:
    """The value itself, of which training drops entries with a probability of `rate` (Srivastava et al. 2014).

    A net as written is its evaluation form: dropout is the identity there. `sf.training_form` gives the other form, in
    which each entry is 0 with that probability, and else multiplied by 1/(1 - rate), so that its mean stays the same.
    `sf.fit` trains that form. Use it in mappers and bodies of layers; an entry is dropped anew in every step of a
    training, in every step of a fold and for every sample.

    >>> import symfold as sf
    >>> net = sf.fold(lambda z, f: dropout(f(z), 0.1) + z, sf.layers("f1:3"), sf.tensor("x"))
    >>> print(net)
    z1 = dropout(f1(x), rate=0.1) + x
    z2 = dropout(f2(z1), rate=0.1) + z1
    """
    if isinstance(value, Real):
        raise InvalidType(
            f"dropout takes a value of a net, then the rate, got the number {value} "
            "(call it in a mapper or a body: sf.dropout(f(z), 0.5))"
        )
    if not 0 <= real("rate", rate) < 1:
        raise InvalidValue(f"rate={quoted(rate)} must be from 0 to below 1 (the part of the entries to drop)")
    node = dropped(as_node(value), rate=float(rate)) if rate else as_node(value)
    return value._wrap_(node) if wraps_node(value) else node
