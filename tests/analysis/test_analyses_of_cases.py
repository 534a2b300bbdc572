"""Every analysis of every acceptance case: an answer that agrees with a second route, or an error that says why there is none."""

from collections.abc import Callable
from typing import Any

import pytest
import sympy as sp
from cases import CASES
from oracles import enumerated

import symfold as sf
from symfold.errors import NoRule, ShapeError

SHOWN: dict[str, Callable[[sf.Net], Any]] = {
    "jacobian": sf.jacobian,
    "taught": sf.taught,
    "series": sf.series,
    "cost": sf.cost,
    "paths": sf.paths,
    "mixing matrix": lambda net: sf.mixing_matrix(net).A,
    "groups": lambda net: sf.grouped(net, 2),
    "sweeps": lambda net: sf.picard(net, 2),
    "the report": lambda net: sf.compare(net, net),
}


@pytest.mark.parametrize("analysis", [pytest.param(name, marks=pytest.mark.slow) if name == "the report" else name for name in SHOWN])
@pytest.mark.parametrize("case", CASES)
def test_an_answer_or_the_reason(case: str, analysis: str) -> None:
    try:
        shown = str(SHOWN[analysis](CASES[case].build(3)))
    except (NoRule, ShapeError, sf.errors.InvalidType, sf.errors.InvalidValue) as error:
        assert len(str(error)) > 20  # a sentence, not a name
        return
    assert shown


@pytest.mark.parametrize("case", CASES)
def test_paths_are_those_of_the_graph(case: str) -> None:
    net = CASES[case].build(3)
    if len(net.outputs) == 1:
        graph, row = net.graph(), sf.paths(net).matrix
        (target,) = (name for name, data in graph.nodes(data=True) if data["kind"] == "output")
        for place, node in enumerate(net.inputs):
            if node.op.name in graph:
                assert sp.expand(row[0, place] - enumerated(graph, node.op.name, target)) == 0, node.op.name


@pytest.mark.parametrize("case", CASES)
def test_a_net_is_itself(case: str) -> None:
    net = CASES[case].build(3)
    assert sf.verdict(net, net).equal
    assert not sf.difference(net, net)
    assert sf.verdict(net, sf.unroll(net)).equal is not False


@pytest.mark.parametrize(
    "call",
    [
        lambda net, text: sf.degree(net, layer=text),
        lambda net, text: sf.paths(net).tilted_mean(text),
        lambda net, text: sf.paths(net).shares(text),
        lambda net, text: sf.paths(net).fraction(text, 2),
        lambda net, text: sf.grouped(net, text),
        lambda net, text: sf.picard(net, text),
        lambda net, text: sf.series(net, text),
        lambda net, text: sf.mixing([[0, 0], [text, 0]]),
    ],
)
def test_a_text_is_never_evaluated(call: Callable[[sf.Net, str], Any], tmp_path: Any) -> None:
    """SymPy would evaluate it."""
    trace = tmp_path / "evaluated"
    with pytest.raises(sf.SymfoldError):
        call(sf.fold(sf.mappers.residual, sf.layers("f1:4"), sf.tensor("x")), f"open({str(trace)!r}, 'w').close() or 2")
    assert not trace.exists()
