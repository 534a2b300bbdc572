"""Ensembles: every layer reads the input; the outputs are added, averaged or weighted by a gate."""

from __future__ import annotations

from symfold.base.public import public
from symfold.base.trees import Layered, State
from symfold.core.net import Net
from symfold.frontend import folding
from symfold.frontend.elementwise import exp
from symfold.frontend.runs import zipped
from symfold.mappers.additive import boosting
from symfold.mappers.multiplicative import multiplicative, multiplicative_boosting
from symfold.mappers.registry import Architecture, Mapper, Parts, Scalar, bound, item_of, pair_of


@public
def gradient_boosting(x: State, shrinkage: Scalar = 0.1) -> Mapper:
    """Boosting with shrinkage, z + nu f(x), from 0 (Friedman 2001); fitted in stages, each layer fits the residual.

    >>> import symfold as sf
    >>> x = sf.tensor("x")
    >>> print(sf.formula(sf.fold(gradient_boosting(x), sf.layers("f1:4"), 0), form="expanded"))
    0.1*f1(x) + 0.1*f2(x) + 0.1*f3(x)
    """
    return bound(_gradient_boosting, x, shrinkage)


def _gradient_boosting(x: State, shrinkage: Scalar, z: State, f: Layered) -> State:
    return z + shrinkage * f(x)


@public
def stacking(x: State) -> Mapper:
    """A weighted sum of learners, with trained weights, from 0 (Wolpert 1992; Breiman 1996). Items: (learner, weight).

    >>> import symfold as sf
    >>> x, weights = sf.tensor("x"), [sf.parameter("w1"), sf.parameter("w2")]
    >>> print(sf.formula(sf.fold(stacking(x), list(zip(sf.layers("f1:3"), weights)), 0), form="expanded"))
    w1*f1(x) + w2*f2(x)
    """
    return bound(_stacking, x)


def _stacking(x: State, z: State, item: tuple[Layered, State]) -> State:
    f, weight = item_of("stacking", item, "learner", "weight", values=1)
    return z + weight * f(x)


@public
def mixture(x: State) -> Mapper:
    """A mixture of experts: the gates' softmax weights the experts (Jacobs et al. 1991). Items: (expert, gate).

    State: (numerator, denominator), from (0, 0); the mixture is their quotient.

    >>> import symfold as sf
    >>> x = sf.tensor("x")
    >>> top, bottom = sf.fold(mixture(x), list(zip(sf.layers("f1:3"), sf.layers("g1:3"))), (0, 0)).parts
    >>> print(sf.formula(sf.Net.of(top / bottom), form="expanded"))
    (exp(g1(x))*f1(x) + exp(g2(x))*f2(x))/(exp(g1(x)) + exp(g2(x)))
    """
    return bound(_mixture, x)


def _mixture(x: State, state: tuple[State, State], item: tuple[Layered, Layered]) -> tuple[State, State]:
    f, g = item_of("mixture", item, "expert", "gate")
    top, bottom = pair_of("mixture", state, "numerator", "denominator")
    weight = exp(g(x))
    return top + weight * f(x), bottom + weight


def _stacking_net(parts: Parts) -> Net:
    return Net.of(parts.layer("g")(folding.fold(stacking(parts.x), zipped(parts.layers(), parts.numbers("w")), 0)))


def _mixture_net(parts: Parts) -> Net:
    sums = folding.fold(mixture(parts.x), zipped(parts.layers("f"), parts.layers("g", gate=True)), (0, 0))
    return Net.of(sums[0] / sums[1])


ARCHITECTURES = (
    Architecture("boosting", lambda parts: folding.fold(boosting(parts.x), parts.layers(), parts.x),
                 "z = f(x) + z", "z", "1 + n*t", "1", "n", "z = y - f(x)", "Friedman 2001"),
    Architecture("gradient_boosting", lambda parts: folding.fold(gradient_boosting(parts.x), parts.layers(), 0),
                 "z = z + nu*f(x)", "z, from 0", "n*t", "1", "n", "z = y - nu*f(x)", "Friedman 2001"),
    Architecture("stacking", _stacking_net,
                 "z = z + w*f(x), then g(z)", "z, from 0", "n*t**2", "2", "n + 1", "z = y - w*f(x)", "Wolpert 1992"),
    Architecture("mixture", _mixture_net,
                 "a = a + e*f(x), b = b + e, e = exp(g(x)), then a/b", "(a, b), from 0", "3*n*t", "1", "2*n", "a - e*f(x), b - e", "Jacobs et al. 1991"),
    Architecture("multiplicative", lambda parts: folding.fold(multiplicative, parts.layers(), parts.x),
                 "z = z*f(z)", "z", "(1 + t)**n", "n", "n", "", "the notebook"),
    Architecture("multiplicative_boosting", lambda parts: folding.fold(multiplicative_boosting(parts.x), parts.layers(), parts.x),
                 "z = z*f(x)", "z", "1 + n*t", "1", "n", "z = y/f(x), where f(x) is not 0", "the notebook"),
)  # fmt: skip
