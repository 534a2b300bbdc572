"""Messages of errors: one line that gives no orders to a terminal, of bounded length, lists cut short."""

from __future__ import annotations

import re
from importlib.util import find_spec

import numpy as np
import pytest

import symfold as sf
import symfold.extend
from symfold.compute.backends.table import BACKENDS
from symfold.core.functions import ROWS
from symfold.errors import LONGEST, InvalidValue, SymfoldError, SystemFailure, printable, shortened
from symfold.mappers.tables import MAPPERS

X = sf.tensor("x", (None, 3))
MANY = sf.fold(lambda z, w: z * w, [sf.tensor(f"v{k}", (3,)) for k in range(2000)], X)


def test_control_characters_are_escaped_in_every_message() -> None:
    error = InvalidValue("a\x1b[31m\nb\x9b\u202e\ud800é")
    assert str(error) == error.problem == r"a\x1b[31m\nb\x9b\u202e\ud800é"
    assert printable("tab\tline\n", also="\n") == "tab\\tline\n"


def test_long_messages_keep_their_begin_and_their_end() -> None:
    for kind in (InvalidValue, SystemFailure):
        message = str(kind("begin " + "x" * 10**6 + " (remedy)"))
        assert len(message) == LONGEST and message.startswith("begin xxx") and message.endswith("xxx (remedy)")
    assert shortened("short", 10) == "short"


@pytest.mark.parametrize(
    "mistake",
    [
        lambda: MANY(np.ones((1, 3)), q=1),
        lambda: MANY(*[1] * 3000),
        lambda: MANY.compile()(None, *[1] * 3000),
        lambda: MANY.compile()(x=np.ones((1, 3))),
        lambda: sf.Net.of({f"a{k}": X for k in range(3)})(**{f"b{k}": 1 for k in range(5000)}),
        lambda: sf.Net.of(X).compile()({}, **{"a\x1b\n" * 10_000: 1}),
    ],
)
def test_long_lists_are_cut(mistake) -> None:
    with pytest.raises(SymfoldError) as error:
        mistake()
    assert str(error.value).isprintable() and len(str(error.value)) < 1000 + LONGEST * ("\\x1b" in str(error.value))


NET = sf.fold(sf.mappers.residual, sf.layers("f1:3", sf.dense(3, 3)), X)


def foreign(value):
    """A function as PyTorch's."""
    raise TypeError(f"argument must be Tensor, not {type(value).__name__}")


@pytest.mark.parametrize(
    ("mistake", "message"),
    [
        (lambda: sf.fit(NET, {}, {}, epoch=3), "fit has no argument 'epoch' (did you mean 'epochs'? its arguments: loss, params, data, optimizer, "),
        (lambda: sf.fit(NET, {}, {}, batch=3), "fit has no argument 'batch' (did you mean 'batch_size'? "),
        (lambda: sf.fit(NET), "fit needs 'params', 'optimizer' (write fit(loss, params, optimizer=sf.adam(1e-3)))"),
        (lambda: sf.EarlyStopping(patienc=3), "EarlyStopping has no argument 'patienc' (did you mean 'patience'? its arguments: patience, min_delta)"),
        (lambda: sf.Normal(std=2), "Normal has no argument 'std' (its arguments: mean, deviation)"),
        (lambda: sf.to_onnx(NET, {"W1": 1}, "e.onnx"), "{'W1': 1} is not a path (give a text or a pathlib.Path; the order is sf.to_onnx(net, path, params))"),
        (lambda: sf.save(NET, {}, "e.safetensors"), "is not a path (give a text or a pathlib.Path; the order is sf.save(path, net, params))"),
        (lambda: sf.load(NET, "e.safetensors"), "is not a path (give a text or a pathlib.Path; the order is sf.load(path, net))"),
        (lambda: sf.mapper(sf.mappers.residual), "mapper"),
        (lambda: sf.save("e.safetensors", NET), "save needs 'params' (write save(path, net, params))"),
        (lambda: sf.compare(NET), "compare needs 'b' (write compare(a, b))"),
        (lambda: sf.adam(lr=1e-3), "adam has no argument 'lr' (write rate=)"),
        (lambda: sf.layers("f1-4"), "'f1-4' names no layers (write 'f1:5'; the end is excluded)"),
        (lambda: sf.layers("f[1:4]"), "'f[1:4]' names no layers (write 'f1:4'; the end is excluded)"),
        (lambda: sf.layers("f1:4", sf.dense), "sf.dense makes a layer's body, and is not one (call it: sf.dense(inputs, outputs))"),
        (lambda: sf.flops, "write net.summary().multiply_adds"),
        (lambda: NET.summary().macs, "a summary has no 'macs' (write summary.multiply_adds)"),
        (lambda: sf.paths(NET).formula, "sf.paths(net) has no 'formula' (write sp.latex(paths.polynomial))"),
        (lambda: sf.jacobian(sf.fold(sf.mappers.residual, sf.layers("f", count="n"), X)).formula(form="steps"), "the depth n is a symbol and has no number yet"),
        (lambda: sf.mapper("attn(z) + z"), "A layer is a single letter, as a(z)"),
        (lambda: sf.fold(lambda z, f: foreign(z), [1], X), "step 1, state of shape (None, 3): a function of another package does not take symbolic values: argument must be Tensor, not Tracer (write NumPy's"),
        (lambda: sf.dense(3, 3, foreign), "a function of another package does not take symbolic values"),
    ],
)
def test_wrong_names_and_wrong_order_are_refused_with_the_right_ones(mistake, message) -> None:
    with pytest.raises((TypeError, ValueError)) as error:
        mistake()
    assert isinstance(error.value, SymfoldError) and message in str(error.value) and " at 0x" not in str(error.value)


def shown_objects():
    """Public objects, and results of public functions."""
    opaque = sf.fold(sf.mappers.residual, sf.layers("f1:3"), sf.tensor("x"))
    yield from (NET.compile("numpy"), NET.compile("numpy").params, NET.init(), NET.graph(), NET.summary(), sf.cost(NET), sf.paths(opaque))
    yield from (sf.jacobian(opaque), sf.verdict(opaque, opaque), sf.series(opaque, order=1), sf.taught(opaque))
    if find_spec("jax"):
        yield sf.to_jax(NET)
    yield from (sf.layer("g", lambda z: z**2), sf.layers("f1:3"), sf.adam(), sf.optimizers.cosine(0.1, 10), sf.EarlyStopping(), sf.mapper("z + f(z)"))
    yield from (*sf.mappers.ARCHITECTURES.values(), *MAPPERS.values(), *BACKENDS.values(), *ROWS.values())


def test_objects_show_no_addresses_and_are_short() -> None:
    for shown in shown_objects():
        for text in (repr(shown), str(shown)):
            assert not re.search(r"\bat 0x", text) and len(text) < 2500, text[:200]
