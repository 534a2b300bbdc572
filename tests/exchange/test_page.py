"""The pages on PyTorch, ONNX and JAX: their cells run, and with them the facts that they assert. The site needs the same packages."""

from pathlib import Path
from typing import Any

import pytest
from pages import DOCS, run


@pytest.fixture
def at_examples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with the examples in it, as the build of the site gives one to cells."""
    (tmp_path / "examples").symlink_to(DOCS.parent / "examples")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(DOCS.parent)


@pytest.mark.usefixtures("at_examples")
def test_nets_from_pytorch() -> None:
    for package in ("torch", "transformers"):
        pytest.importorskip(package)
    read, sized, marked, repetition, masked, level = (value for value in run("reference/pytorch.md", {}) if value is not None)
    assert read[1:] == (30, True) and masked and level == "different"
    assert sized[2] == (3, 7, 8) and str(marked[0]) == "n" and [fold.count for fold in repetition.folds][:2] == [3, 2]


@pytest.mark.usefixtures("at_examples")
def test_exports() -> None:
    for package in ("torch", "onnx", "jax"):
        pytest.importorskip(package)
    module, operations, written, jax, (equal, names) = (value for value in run("howto/export.md", {}) if value is not None)
    assert module == (True, (8, 8)) and operations == ["Scan", "Identity"] and written and jax == (8, 8)
    assert equal and len(names) == 3


@pytest.mark.usefixtures("at_examples")
def test_the_tutorial_of_a_model() -> None:
    pytest.importorskip("torch")
    names: dict[str, Any] = {}
    answers = [value for value in run("tutorials/pytorch_model.md", names) if value is not None]
    assert answers[1] is True and answers[-1][1] == sum(array.size for array in names["params"].values())
