"""Pauses of garbage collection end, whatever happens in them."""

from __future__ import annotations

import gc

import pytest

import symfold as sf
from symfold.base.garbage import collection_paused


@pytest.mark.parametrize("before", [True, False])
def test_a_pause_ends_as_it_began(before: bool) -> None:
    try:
        if not before:
            gc.disable()
        with pytest.raises(ZeroDivisionError), collection_paused(), collection_paused():
            assert not gc.isenabled()
            raise ZeroDivisionError
        assert gc.isenabled() == before
    finally:
        gc.enable()


def test_after_a_gradient_that_is_refused_garbage_is_collected() -> None:
    with pytest.raises(sf.SymfoldError):
        sf.grad(sf.Net.of(sf.tensor("rows", (2,))))
    assert gc.isenabled()


def test_what_stays_counts_as_old() -> None:
    with collection_paused(stays=True):
        made: list[object] = [[]]
    assert any(old is made for old in gc.get_objects(generation=2)) and not gc.get_freeze_count()
