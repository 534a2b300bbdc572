"""The rows of the table: symfold's backends and the peers. A new peer is one small file and one name in the list below."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass

from tests.benchmarks.work import Runner, Work

FILES = ("symfold_rows", "autograd_rows", "torch_rows", "jax_rows", "casadi_rows", "pytensor_rows")


def always(work: Work) -> str:
    return ""


@dataclass(frozen=True)
class Peer:
    """A row: how it trains and, where it is of interest, how it evaluates; `unfit` gives the reason why it is not run."""

    name: str
    needs: tuple[str, ...]
    train: Callable[[Work], Runner] | None
    evaluate: Callable[[Work], Runner] | None = None
    unfit: Callable[[Work], str] = always

    @property
    def ours(self) -> bool:
        return self.name.startswith("symfold")

    def missing(self) -> str:
        """Why the row cannot be run here, if it cannot."""
        absent = [package for package in self.needs if importlib.util.find_spec(package) is None]
        return f"{', '.join(absent)} not installed" if absent else ""


def peers() -> dict[str, Peer]:
    """Every row by name, symfold's first."""
    modules = (importlib.import_module(f"tests.benchmarks.peers.{name}") for name in FILES)
    return {peer.name: peer for module in modules for peer in module.ROWS}


def residual_only(work: Work) -> str:
    return "" if work.net.name == "residual" else "written for the residual net alone"
