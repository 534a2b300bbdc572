"""What may stand in a net, and what may not."""

import numpy as np
import pytest
import sympy as sp

import symfold as sf
from symfold.errors import InvalidValue, NoRule


def test_an_unknown_size_is_no_number() -> None:
    x = sf.tensor("x", (None, 3))
    with pytest.raises(NoRule, match=r"unknown size x.shape\[0\] cannot be used as a value"):
        np.sum(x) / x.shape[0]


def test_a_fold_over_an_unknown_length_is_written_out_only_when_it_is_known() -> None:
    net = sf.fold(lambda h, u: h + u, sf.tensor("u", (None, 3)), sf.tensor("h", (3,)))
    np.testing.assert_array_equal(net(h=np.zeros(3), u=np.ones((5, 3))), np.full(3, 5.0))
    with pytest.raises(InvalidValue, match="unknown until numbers are given"):
        sf.unroll(net)


@pytest.mark.parametrize("name", ["", "a\x1b[31m", "a\nb", "\u202e", "x" * 2000])
def test_names_of_sympy_that_cannot_be_shown_are_refused(name: str) -> None:
    with pytest.raises(InvalidValue, match="cannot be shown") as error:
        sf.Net.of(sp.Symbol(name) + sp.Symbol("x"))
    assert str(error.value).isprintable() and len(str(error.value)) < 300
    if name:
        with pytest.raises(InvalidValue, match="cannot be shown"):
            sf.Net.of(sp.Function(name)(sp.Symbol("x")))
    assert sf.Net.of(sp.Symbol("x_{1}") + 1).inputs[0].op.name == "x_{1}"
