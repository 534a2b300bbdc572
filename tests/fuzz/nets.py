"""Random nets against the laws that hold for every net.

If a net breaks a law, Hypothesis shrinks the net; then the law, the seed that draws it at once, the error and the net as JSON (for
`sf.from_json`) are printed.
"""

from __future__ import annotations

import pickle
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from typing import Any
from unittest import mock

import numpy as np
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

import symfold as sf
from symfold.analysis.counting import cost, sharing
from symfold.base.trees import flatten
from symfold.compute.backends.table import installed
from symfold.errors import NoRule
from symfold.show.notation import FORMS
from symfold.show.notation.styles import STYLES
from tests.cases import values_of
from tests.strategies import SMOOTH, WIDTH, X, formulas, layer_lists, nets, recipes, step_of

EXAMPLES = 20  # nets drawn from one seed
LARGE = 1e8  # numbers above it overflow soon, by rounding differently from backend to backend
PRESENT = installed()


# ---------------------------------------------------------------- laws


def assert_close(computed: Any, wanted: Any) -> None:
    """The same shapes and numbers, relative to the largest."""
    for left, right in zip(flatten(computed)[0], flatten(wanted)[0], strict=True):
        assert np.shape(left) == np.shape(right), f"shapes {np.shape(left)} and {np.shape(right)}"
        np.testing.assert_allclose(left, right, rtol=1e-9, atol=1e-9 * (1 + np.max(np.abs(right), initial=0)))


def moderate(net: sf.Net) -> bool:
    """Whether the net's numbers are finite and not huge."""
    with np.errstate(all="ignore"):
        return all(np.all(np.abs(value) < LARGE) for value in flatten(net(values_of(net)))[0])


def backends_agree(net: sf.Net) -> None:
    values = values_of(net)
    params, inputs = ({node.op.name: values[node.op.name] for node in nodes} for nodes in (net.params, net.inputs))
    for backend in PRESENT if moderate(net) else ():
        assert_close(net.compile(backend=backend)(params, **inputs), net(values))


def roll_undoes_unroll(net: sf.Net) -> None:
    unrolled, rolled = sf.unroll(net), sf.roll(net)
    assert sf.roll(unrolled) == rolled == sf.roll(rolled)
    if moderate(net):
        values = values_of(net)
        assert_close((unrolled(values), rolled(values)), (net(values), net(values)))


def gradients_are_differences(net: sf.Net) -> None:
    total: Any = 0
    for place, output in enumerate(net.outputs):
        total = total + ((place + 1) * np.tanh(output)).sum()
    if moderate(net) and (net.inputs or net.params):
        sf.check_grad(total)


def kept_nets_are_equal(net: sf.Net) -> None:
    assert pickle.loads(pickle.dumps(net)) == net
    again = sf.from_json(net.to_json())
    assert again == net and again.to_json() == net.to_json()


def formulas_are_written(net: sf.Net) -> None:
    for form in FORMS:
        for style in STYLES:
            assert sf.formula(net, form=form, style=style, max_ops=None)
    assert "cannot be shown" not in str(net)
    assert len(list(net.equations)) == len(net.equations)
    net.to_sympy(max_ops=None)


def known(analysis: Callable[[], Any]) -> Any:
    """What an analysis says, or that it has no rule for the net."""
    try:
        return analysis()
    except NoRule:
        return "no rule"


def a_fold_is_its_steps(net: sf.Net) -> None:
    steps = sf.unroll(net)
    assert known(lambda: sf.paths(net).matrix.expand()) == known(lambda: sf.paths(steps).matrix.expand())
    assert known(lambda: sf.degree(net, layer=3)) == known(lambda: sf.degree(steps, layer=3))
    assert sf.cost(net) == sf.cost(steps)
    by_blocks = mock.patch.object(sharing, "MOST_UNROLLED", 0)  # as nets of many steps
    with by_blocks, mock.patch.object(cost, "has_distinct_steps", lambda roots: False):
        assert sf.cost(net) == sf.cost(steps)


LAWS: dict[str, Callable[[sf.Net], None]] = {
    "every backend computes the net's values": backends_agree,
    "roll undoes unroll, and both keep the values": roll_undoes_unroll,
    "gradients are finite differences": gradients_are_differences,
    "pickle and JSON keep the net": kept_nets_are_equal,
    "formulas of every form and style are written": formulas_are_written,
    "a fold has the paths, degree and cost of its steps": a_fold_is_its_steps,
}


# ---------------------------------------------------------------- nets


@st.composite
def several_parts(draw: Any) -> sf.Net:
    """A fold of a state of two or three parts over layers of several kinds."""
    recipe, layers = draw(recipes()), draw(layer_lists(most=4, least=1))
    start = tuple(sf.tensor(name, (None, WIDTH)) for name in "yuv"[: len(recipe)])
    return sf.fold(step_of(recipe, X), layers, start)


DRAWN = st.one_of(nets(), several_parts(), formulas(SMOOTH))


# ---------------------------------------------------------------- the run


@dataclass(frozen=True)
class Failure:
    """A net that breaks a law, with the seed that draws it."""

    law: str
    net: sf.Net
    seed: int
    error: str

    def __str__(self) -> str:
        return f"broken: {self.law}\nseed: {self.seed}\n{self.error}\n{self.net.to_json()}"


def examine(number: int, deadline: float) -> tuple[int, Failure | None]:
    """The nets of one seed until the deadline: how many hold, and the smallest that does not."""
    held = 0
    failures: list[Failure] = []

    @seed(number)
    @settings(max_examples=EXAMPLES, database=None, deadline=None, report_multiple_bugs=False, suppress_health_check=list(HealthCheck))
    @given(DRAWN)
    def every_law_holds(net: sf.Net) -> None:
        nonlocal held
        if time.monotonic() > deadline and not failures:
            return
        for law, holds in LAWS.items():
            try:
                holds(net)
            except Exception:
                failures.append(Failure(law, net, number, traceback.format_exc()))
                raise
        held += 1

    try:
        every_law_holds()
    except Exception:
        if not failures:
            raise
    return held, failures[-1] if failures else None


def fuzz(seconds: float, start: int) -> tuple[int, Failure | None]:
    """Nets of one seed after another, until the time is over or a law is broken."""
    deadline, total = time.monotonic() + seconds, 0
    for number in count(start):
        held, failure = examine(number, deadline)
        total += held
        if failure or time.monotonic() > deadline:
            return total, failure
    raise AssertionError("seeds never end")


def run(seconds: float, start: int) -> tuple[dict[str, dict[str, float]], bool]:
    """Draw nets and print what was found: the figures, and whether a law is broken."""
    print(f"seed: {start}; backends: {', '.join(PRESENT)}", flush=True)
    begin = time.monotonic()
    total, failure = fuzz(seconds, start)
    print(failure or f"{total} nets hold every law")
    return {"nets": {"nets": total, "failures": failure is not None, "seconds": time.monotonic() - begin}}, failure is not None
