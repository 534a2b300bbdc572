"""What may stand in a net, and what may not."""

import numpy as np
import pytest

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
