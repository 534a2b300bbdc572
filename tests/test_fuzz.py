"""The fuzzers: they draw for as long as they are asked, and what breaks a law is made smaller, named and can be drawn again."""

import json
import os
import random
import time
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

import symfold as sf
from symfold.base.files import write_whole
from tests.fuzz import compiles, kills, readers, threads
from tests.fuzz import nets as fuzz
from tests.fuzz.__main__ import main
from tests.fuzz.figures import added


def test_it_counts_the_nets_that_hold(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fuzz, "LAWS", {"pickle and JSON keep the net": fuzz.kept_nets_are_equal})
    assert main(["--seconds", "0.5", "--seed", "3"]) == 0
    first, last = capsys.readouterr().out.splitlines()
    assert first.startswith("seed: 3; backends: numpy") and last.endswith(" nets hold every law")


@pytest.mark.slow
def test_a_broken_law_is_named_with_its_net_and_the_seed_that_draws_it(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def has_one_fold(net: Any) -> None:
        assert len(net.bindings) <= 1

    monkeypatch.setattr(fuzz, "LAWS", {"one fold is enough": has_one_fold})
    assert main(["--seconds", "60", "--seed", "0"]) == 1
    _, law, seed, *_, written = capsys.readouterr().out.splitlines()
    assert law == "broken: one fold is enough"
    assert len(sf.from_json(written).bindings) == 2
    assert main(["--seconds", "60", "--seed", seed.removeprefix("seed: ")]) == 1
    assert capsys.readouterr().out.splitlines()[-1] == written


@pytest.mark.parametrize("law", fuzz.LAWS)
def test_the_laws_hold_for_a_fold_of_two_parts_that_forgets_a_layer(law: str) -> None:
    step = fuzz.step_of([[(None, 1)], [(0, 2), (None, 0)]], fuzz.X)
    start = (sf.tensor("y", (None, 2)), sf.tensor("u", (None, 2)))
    fuzz.LAWS[law](sf.fold(step, sf.layers("f1:4", sf.dense(2, 2, sf.sigmoid)), start))


@pytest.mark.parametrize("reader", readers.READERS, ids=lambda reader: reader.name)
def test_valid_inputs_are_read_and_mutated_ones_are_read_or_refused(reader: readers.Reader) -> None:
    for seed in range(5):
        valid = reader.written(reader.valid(random.Random(seed)))
        assert reader.name == "expressions" or readers.outcome(reader, valid, seed) == (True, None)
    outcomes = [readers.outcome(reader, readers.drawn(reader, seed), seed) for seed in range(60)]
    assert [error for _, error in outcomes if error is not None] == []
    assert 0 < sum(was_read for was_read, _ in outcomes) < 60


def test_the_same_seed_draws_the_same_input() -> None:
    for reader in readers.READERS:
        assert readers.drawn(reader, 7) == readers.drawn(reader, 7)


@pytest.mark.slow
def test_what_breaks_the_law_is_made_smaller_and_counted(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse_nul(text: str, rng: random.Random) -> None:
        assert "\0" not in text

    strict = replace(readers.READERS[0], used=refuse_nul)
    monkeypatch.setattr(readers, "READERS", (strict,))
    figures = tmp_path / "figures.json"
    assert main(["readers", "--seconds", "3", "--seed", "0", "--figures", str(figures)]) == 1
    out = capsys.readouterr().out
    number = int(out.split("seed: ")[2].split()[0])
    assert out.startswith("seed: 0; readers: expressions\n") and out.count("broken: expressions") == 1 and "AssertionError" in out
    assert "\0" in readers.drawn(strict, number)
    kept, _ = readers.smaller(strict, number, AssertionError())
    assert "\0" in kept
    (numbers,) = json.loads(figures.read_text()).values()
    assert numbers["runs"] == 1 and numbers["inputs"] > numbers["failures"] > 0


def test_figures_add_up_over_runs(tmp_path: Path) -> None:
    added(tmp_path / "f.json", {"csv": {"inputs": 10, "failures": 0}})
    added(tmp_path / "f.json", {"csv": {"inputs": 5, "failures": 1}, "npz": {"inputs": 2}})
    assert json.loads((tmp_path / "f.json").read_text()) == {
        "csv": {"runs": 2, "inputs": 15, "failures": 1}, "npz": {"runs": 1, "inputs": 2},
    }  # fmt: skip


def test_the_command_line_takes_minutes_or_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.fuzz.__main__ import FUZZERS

    asked: list[Any] = []
    for name in FUZZERS:
        monkeypatch.setitem(FUZZERS, name, lambda seconds, seed, name=name: asked.append((name, seconds, seed)) or ({}, False))
    for line in (["--seconds", "60", "--seed", "5"], ["nets", "--minutes", "2", "--seed", "5"], ["readers", "--minutes", "0.5", "--seed", "6"]):
        assert main(line) == 0
    assert asked == [("nets", 60, 5), ("nets", 120, 5), ("readers", 30, 6)]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*fork")  # of threads that other tests started
def test_killed_processes_are_counted_and_a_damaged_file_is_named(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def torn(path: Path) -> None:
        with path.open("wb") as file:
            for _ in range(3):
                file.write(b"half")
                file.flush()
                time.sleep(0.01)

    whole = {"a.json": [lambda path, text=text: write_whole(path, text) for text in (b"old", b"new")]}
    for jobs, failed in ((whole, 0), ({"a.json": [torn, torn]}, 1)):
        monkeypatch.setattr(kills, "writers", lambda jobs=jobs: jobs)
        monkeypatch.setattr(kills, "LONGEST", 0.05)
        assert main(["kills", "--count", "5", "--seed", "1"]) == failed
        out = capsys.readouterr().out
        assert "5 processes killed" in out and ("broken: a.json is damaged" in out) == bool(failed)


def test_answers_of_threads_are_those_of_one() -> None:
    tasks = threads.TASKS[:1]
    with threads.empty_cache(), mock.patch.object(threads, "TASKS", tasks), mock.patch.object(threads, "THREADS", 2):
        assert threads.answers(0) == [{task: threads.answer(task) for task in tasks}] * 2


def test_compiles_tell_memory_that_grows(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    kept: list[int] = []
    monkeypatch.setattr(compiles, "compiled", kept.append)
    monkeypatch.setattr(compiles, "installed", lambda: ["native"])
    monkeypatch.setattr(compiles, "resident", lambda: 100.0 + len(kept))
    assert main(["compiles", "--count", "8", "--seed", "5"]) == 0 and kept == list(range(5, 13))
    assert main(["compiles", "--count", "80", "--seed", "5", "--figures", str(tmp_path / "f.json")]) == 1
    assert "no longer flat" in capsys.readouterr().out
    assert json.loads((tmp_path / "f.json").read_text())["compiles"]["most MB at the end"] == 188


def test_of_numbers_that_are_most_the_largest_is_kept(tmp_path: Path) -> None:
    for number in (3, 5, 4):
        added(tmp_path / "f.json", {"a": {"most MB": number}})
    assert json.loads((tmp_path / "f.json").read_text()) == {"a": {"runs": 3, "most MB": 5}}
