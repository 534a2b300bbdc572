"""MathML has as many children as each element takes, in every formula that nets and analyses print."""

from xml.etree import ElementTree

import pytest

import symfold as sf

CHILDREN = {"msup": 2, "msub": 2, "mfrac": 2, "msubsup": 3, "munder": 2, "mover": 2, "munderover": 3, "mroot": 2}
x = sf.tensor("x")
MAPPERS = {
    "feedforward": sf.mappers.feedforward,
    "residual": sf.mappers.residual,
    "boosting": sf.mappers.boosting(x),
    "heun": sf.mappers.heun(),
    "two at once": lambda z, f: f(z, f(z, x)),
    "a square": lambda z, f: (z + f(z)) ** 2 / f(x),
}
DEPTHS = (1, 3, "n")
ASKED = {
    "net": lambda net: sf.formula(net, style="mathml"),
    "expanded": lambda net: sf.formula(net, form="expanded", style="mathml"),
    "adjoint": lambda net: sf.adjoint(net).formula(style="mathml"),
    "taught": lambda net: sf.taught(net).formula("mathml"),
    "taught, brief": lambda net: sf.taught(net).formula("mathml", form="brief"),
    "jacobian": lambda net: sf.jacobian(net).formula("mathml"),
    "jacobian, brief": lambda net: sf.jacobian(net).formula("mathml", form="brief"),
    "series": lambda net: sf.series(net, order=2).formula("mathml"),
}


def malformed(mathml: str) -> list[str]:
    root = ElementTree.fromstring(mathml if mathml.startswith("<math") else f"<math>{mathml}</math>")
    found = [(part.tag.rpartition("}")[2], len(part)) for part in root.iter()]
    return [f"{tag} of {count}" for tag, count in found if CHILDREN.get(tag, count) != count]


@pytest.mark.parametrize("asked", ASKED)
@pytest.mark.parametrize("mapper", MAPPERS)
def test_mathml_is_well_formed(mapper: str, asked: str) -> None:
    for depth in DEPTHS:
        net = sf.fold(MAPPERS[mapper], sf.layers("f", count=depth), x)
        try:
            shown = ASKED[asked](net)
        except sf.SymfoldError:
            continue  # a formula that is refused
        assert not malformed(shown), f"depth {depth}: {shown}"


def test_a_raised_pair_is_malformed() -> None:
    assert malformed("<msup><mi>J</mi><mi>z</mi><mo>⊤</mo></msup>") == ["msup of 3"]
