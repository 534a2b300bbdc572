"""Transformer blocks: attention and a perceptron on a residual stream, in sequence or in parallel, pre- or post-norm.

Items are tuples of layers: (norm, attention, norm, perceptron), or the part of it that a block has.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from symfold.base.public import public
from symfold.base.trees import Layered, State
from symfold.core.net import Net
from symfold.frontend import folding
from symfold.frontend.kinds import attention, layer_norm, perceptron
from symfold.frontend.layer_kinds import Kind
from symfold.frontend.named_layers import layers
from symfold.frontend.runs import zipped
from symfold.mappers.additive import residual
from symfold.mappers.registry import Architecture, Parts, item_of, mean_position


@public
def pre_norm(z: State, item: tuple[Layered, Layered, Layered, Layered]) -> State:
    """The norm before each branch, none on the stream (Xiong et al. 2020). Items: (norm, attention, norm, perceptron).

    >>> import symfold as sf
    >>> print(sf.formula(sf.fold(pre_norm, [sf.layers("p a q m")], sf.tensor("x")), form="expanded"))
    x + a(p(x)) + m(q(x + a(p(x))))
    """
    p, a, q, m = item_of("pre_norm", item, "norm", "attention", "norm", "perceptron")
    z = z + a(p(z))
    return z + m(q(z))


@public
def post_norm(z: State, item: tuple[Layered, Layered, Layered, Layered]) -> State:
    """The norm after each sum, on every path (Vaswani et al. 2017). Items: (norm, attention, norm, perceptron).

    >>> import symfold as sf
    >>> print(sf.formula(sf.fold(post_norm, [sf.layers("p a q m")], sf.tensor("x")), form="expanded"))
    q(p(x + a(x)) + m(p(x + a(x))))
    """
    p, a, q, m = item_of("post_norm", item, "norm", "attention", "norm", "perceptron")
    z = p(z + a(z))
    return q(z + m(z))


@public
def parallel_block(z: State, item: tuple[Layered, Layered, Layered]) -> State:
    """Attention and perceptron in parallel after one norm (Wang & Komatsuzaki 2021, GPT-J).

    Items: (norm, attention, perceptron).

    >>> import symfold as sf
    >>> print(sf.formula(sf.fold(parallel_block, [sf.layers("p a m")], sf.tensor("x")), form="expanded"))
    x + a(p(x)) + m(p(x))
    """
    p, a, m = item_of("parallel_block", item, "norm", "attention", "perceptron")
    normed = p(z)
    return z + a(normed) + m(normed)


def _folded(parts: Parts, mapper: Callable[[Any, Any], Any], names: str) -> Net:
    """The net of blocks with layers of these names: p and q norms, a attention, m a perceptron."""
    if parts.width is None:
        lists: Sequence[Any] = [parts.layers(name) for name in names]
    else:
        lists = [layers(name, _kind(name, parts.width, parts.causal), count=parts.depth) for name in names]
    return folding.fold(mapper, zipped(*lists) if len(lists) > 1 else lists[0], parts.tokens)


def _kind(name: str, width: int, causal: bool) -> Kind:
    kinds: dict[str, Callable[[], Kind]] = {
        "a": lambda: attention(width, 2 if width % 2 == 0 else 1, causal=causal),
        "m": lambda: perceptron(width, 4 * width),
    }
    return kinds.get(name, lambda: layer_norm(width))()


TOKENS = "tokens", mean_position, True
ARCHITECTURES = (
    Architecture("attention_only", lambda parts: _folded(parts, residual, "a"),
                 "z = z + a(z), a attention", "z, a sequence", "(1 + t)**n", "n", "n", "", "Elhage et al. 2021", *TOKENS),
    Architecture("pre_norm", lambda parts: _folded(parts, pre_norm, "paqm"),
                 "z = z + a(p(z)), z = z + m(q(z)), p and q norms, a attention, m perceptron", "z, a sequence", "(1 + t**2)**(2*n)", "4*n", "4*n", "", "Xiong et al. 2020", *TOKENS),
    Architecture("post_norm", lambda parts: _folded(parts, post_norm, "paqm"),
                 "z = p(z + a(z)), z = q(z + m(z)), p and q norms, a attention, m perceptron", "z, a sequence", "(t + t**2)**(2*n)", "4*n", "4*n", "", "Vaswani et al. 2017", *TOKENS),
    Architecture("parallel_block", lambda parts: _folded(parts, parallel_block, "pam"),
                 "z = z + a(p(z)) + m(p(z)), p norm, a attention, m perceptron", "z, a sequence", "(1 + 2*t**2)**n", "2*n", "3*n", "", "Wang & Komatsuzaki 2021", *TOKENS),
)  # fmt: skip
