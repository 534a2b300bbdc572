"""docs/exchange.md: its cells run, and with them the facts that they assert. The site shows them with the same packages only."""

from typing import Any

import pytest
from pages import DOCS, run


def test_the_cells_of_the_page_run(monkeypatch: pytest.MonkeyPatch) -> None:
    for package in ("torch", "transformers", "onnx", "jax"):
        pytest.importorskip(package)
    monkeypatch.chdir(DOCS)
    monkeypatch.syspath_prepend(DOCS.parent)
    names: dict[str, Any] = {}
    read, masked, level, shape, operations, written, jax = (value for value in run("exchange.md", names) if value is not None)
    assert read[1:] == (30, True) and masked and level == "different" and tuple(shape) == (2, 5, 8)
    assert operations == ["Scan", "Identity"] and written and jax == ("layers_0_linear1_bias", (16, 8))
