"""The fuzzer: it draws nets for as long as it is asked, and what breaks a law is shrunk, named and can be read again."""

from typing import Any

import pytest

import symfold as sf
from tests import fuzz


def test_it_counts_the_nets_that_hold(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fuzz, "LAWS", {"pickle and JSON keep the net": fuzz.kept_nets_are_equal})
    assert fuzz.main(["--seconds", "0.5", "--seed", "3"]) == 0
    first, last = capsys.readouterr().out.splitlines()
    assert first.startswith("seed: 3; backends: numpy") and last.endswith(" nets hold every law")


def test_a_broken_law_is_named_with_its_net_and_the_seed_that_draws_it(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def has_one_fold(net: Any) -> None:
        assert len(net.bindings) <= 1

    monkeypatch.setattr(fuzz, "LAWS", {"one fold is enough": has_one_fold})
    assert fuzz.main(["--seconds", "60", "--seed", "0"]) == 1
    _, law, seed, *_, written = capsys.readouterr().out.splitlines()
    assert law == "broken: one fold is enough"
    assert len(sf.from_json(written).bindings) == 2
    assert fuzz.main(["--seconds", "60", "--seed", seed.removeprefix("seed: ")]) == 1
    assert capsys.readouterr().out.splitlines()[-1] == written


@pytest.mark.parametrize("law", fuzz.LAWS)
def test_the_laws_hold_for_a_fold_of_two_parts_that_forgets_a_layer(law: str) -> None:
    step = fuzz.step_of([[(None, 1)], [(0, 2), (None, 0)]], fuzz.X)
    start = (sf.tensor("y", (None, 2)), sf.tensor("u", (None, 2)))
    fuzz.LAWS[law](sf.fold(step, sf.layers("f1:4", sf.dense(2, 2, sf.sigmoid)), start))
