"""Big numbers: powers and products are exact, and those that would take too long are refused before they are computed."""

import itertools

import pytest

import symfold as sf
from symfold.base import big_numbers
from symfold.base.big_numbers import power_of, product_of
from symfold.errors import TooLarge

x = sf.tensor("x")


def residual(depth: int) -> sf.Net:
    return sf.Net.of(sf.fold(sf.mappers.residual, sf.layers("f", count=depth), x))


def test_powers_and_products_are_those_of_integers() -> None:
    assert all(power_of(base, exponent) == base**exponent for base in range(-9, 10) for exponent in range(9))
    long = [0, 1, -1, 2**13_000, -(2**14_001), 3**9000, 6**5000, -(10**4100)]
    assert all(product_of(a, b) == a * b for a, b in itertools.product(long, repeat=2))
    assert power_of(2, 10**9).bit_length() == 10**9 + 1


@pytest.mark.parametrize("base", [2, -3, 3**1000, 2**9000])
def test_a_power_that_takes_too_long_is_refused_at_once(base: int) -> None:
    with pytest.raises(TooLarge, match=r"is too long to be computed \(take a smaller depth, or a symbol"):
        power_of(base, 10**18)


@pytest.mark.parametrize("depth", [10**12, 10**18])
@pytest.mark.parametrize(
    "mapper", [sf.mappers.residual, lambda z, f: z + 2 * f(z) + f(f(z)), lambda z, f: f(z) * z], ids=["residual", "three", "product"]
)
def test_hostile_depths_are_refused_by_what_counts_and_answered_by_the_rest(mapper: sf.mappers.Mapper, depth: int) -> None:
    net = sf.fold(mapper, sf.layers("f", count=depth), x)
    for count in (lambda: sf.cost(net), lambda: sf.paths(net).count):
        with pytest.raises(TooLarge, match=rf"the number \d\*\*{depth} is too long"):
            count()
    with pytest.raises(TooLarge, match=r"more operations than can be counted, .* over the bound of 10,000 \(use form=.steps."):
        sf.formula(net, form="expanded")
    assert str(sf.paths(net).mean) and str(net)


def test_a_degree_too_long_to_be_computed_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(big_numbers, "MOST_BITS", 10**6)
    with pytest.raises(TooLarge, match="is too long to be computed"):
        sf.degree(residual(10**15))


def test_a_sequence_of_too_many_steps_is_not_followed() -> None:
    states = sf.scan(sf.mappers.residual, sf.layers("f", count=10**9), x)
    for analysis in (sf.cost, sf.degree):
        with pytest.raises(TooLarge, match=r"a fold of 1,000,000,000 steps .* \(take a smaller depth\)"):
            analysis(states)
