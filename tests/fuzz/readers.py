"""Mutated inputs of every reader: expressions, tables, parameter files, saved nets, models and checkpoints, and nets as JSON.

The law of all readers: an input is read, or refused by a symfold error of one line, within a bound of time and memory. What is read can be used:
nothing raises any other error later. An input is a valid one with a few random edits; when one breaks the law, edits are left out while it
still does.
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import pickle
import random
import signal
import tempfile
import time
import traceback
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load

import symfold as sf
from symfold.apps.data import Scale, read_table
from symfold.apps.regression import Model
from symfold.apps.saved import load_model, save_model
from symfold.apps.table_nets import Shape
from symfold.errors import LONGEST, SymfoldError, printable
from symfold.mappers import ARCHITECTURES
from symfold.mappers.expressions import FUNCTIONS, folded, named_mapper
from symfold.show.notation import FORMS
from symfold.show.notation.styles import STYLES
from symfold.training.loop import checkpoints
from tests.cases import CASES

SECONDS = 5  # of processor time for an input
ROOM = 2 << 30  # bytes of memory besides those of the start
EDITS = 4  # at most
TURN = 0.5  # seconds of one reader before it is the turn of the next

Edit = Callable[[Any, random.Random], Any]


@dataclass(frozen=True)
class Reader:
    """A valid input, edits that damage it, how it is written, and what is done with it: read it and use what was read."""

    name: str
    valid: Callable[[random.Random], Any]
    edits: Sequence[Edit]
    written: Callable[[Any], Any]
    used: Callable[[Any, random.Random], None]


# ---------------------------------------------------------------- expressions

HOSTILE_TEXT = (
    *("", " ", "\0", "\n", "\x1b[31m", "\u202e", "\ud800", "é", "٣", "x" * 2000, "(" * 150, "9" * 1500, "1e999", "0x1f", "1_0", "nan", "inf", "1j"),
    *("__import__('os')", "lambda: z", "z.real", "z[0]", "z[1]", "x[0]", "z[-1]", "[z for z in x]", "f", "f()", "f(z, x)", "**9**9**9", "**-1", "/0", "(z := 1)", "'text'"),
    *("True", "None", "#", ";", "@", "not", "in", "is", "if", "else", "*z", "**z", ":", ",", "~", "\\", "f'{z}'", "...", "\u212a", "ﬁ", "ª"),
)
OPERATORS = (*"+-*/@", "**", ">", ">=", "<", "<=", "==", "!=", "and", "or")


def expression(rng: random.Random, depth: int = 4) -> list[str]:
    """The tokens of a random expression of the grammar."""
    kind = rng.random() if depth else 0.0
    if kind < 0.3:
        return [rng.choice(("z", "x", "1", "2", "0.5", "3", "10"))]
    inner = lambda: expression(rng, depth - 1)  # noqa: E731
    if kind < 0.5:
        return [rng.choice("fgs"), "(", *inner(), ")"]
    if kind < 0.6:
        name = rng.choice(sorted(FUNCTIONS))
        arguments = [inner() for _ in range(FUNCTIONS[name][1] or 2)]
        return [name, "(", *arguments[0], *(token for other in arguments[1:] for token in (",", *other)), ")"]
    if kind < 0.65:
        return [rng.choice(("-", "not ")), *inner()]
    return ["(", *inner(), f" {rng.choice(OPERATORS)} ", *inner(), ")"]


def _token(rng: random.Random) -> str:
    return rng.choice((*HOSTILE_TEXT, *OPERATORS, "z", "x", "(", ")", *FUNCTIONS))


def replace_token(tokens: list[str], rng: random.Random) -> list[str]:
    at = rng.randrange(len(tokens) + 1)
    return [*tokens[:at], _token(rng), *tokens[at + rng.randrange(2) :]]


def repeat_tokens(tokens: list[str], rng: random.Random) -> list[str]:
    at = sorted(rng.randrange(len(tokens) + 1) for _ in range(2))
    return [*tokens[: at[0]], *tokens[at[0] : at[1]] * rng.choice((0, 2, 3, 50)), *tokens[at[1] :]]


def use_expression(text: str, rng: random.Random) -> None:
    x = sf.tensor("x")
    mapper = named_mapper(text)
    init = (x, *map(sf.tensor, "ywv"[: mapper.parts - 1])) if mapper.parts > 1 else x
    net = sf.Net.of(folded(mapper, x, init, lambda name: sf.layers(name, count=2)))
    assert str(net)
    assert pickle.loads(pickle.dumps(mapper)) == mapper


# ---------------------------------------------------------------- tables

CELLS = (*HOSTILE_TEXT, "1", "-2.5e3", ".5", "5.", "+1", " 1 ", "1 000", "1,5", "١", "−1", "1e400", '"', '""', '"a', 'a"b', "a", "a", "\t", "\ufeff", "-", ".", "e5", "1e")


def table(rng: random.Random) -> bytes:
    names = rng.sample(["a", "b", "größe", "age", "x y", '"p,q"', '"line\nbreak"'], rng.randrange(1, 5))
    rows = [[rng.choice(("1", "-2.5", "0.1", "1e3")) for _ in names] for _ in range(rng.randrange(1, 5))]
    return "\n".join(map(",".join, [names, *rows])).encode()


def edit_cell(data: bytes, rng: random.Random) -> bytes:
    lines = data.split(b"\n")
    line = rng.randrange(len(lines))
    cells = lines[line].split(b",")
    at = rng.randrange(len(cells) + 1)
    cells[at : at + rng.randrange(2)] = [rng.choice(CELLS).encode("utf-8", "surrogatepass")] * rng.choice((0, 1, 1, 1, 2, 300))
    lines[line] = b",".join(cells)
    return b"\n".join(lines)


def edit_lines(data: bytes, rng: random.Random) -> bytes:
    lines = data.split(b"\n")
    at = rng.randrange(len(lines))
    lines[at : at + rng.randrange(2)] = [rng.choice((b"", b"\r", b" ", b'"', lines[at], b"," * rng.randrange(9)))] * rng.randrange(4)
    return rng.choice((b"\n", b"\n", b"\r\n", b"\r", b"\0")).join(lines)


def edit_bytes(data: bytes, rng: random.Random) -> bytes:
    if not data or rng.random() < 0.1:
        return data[: rng.randrange(len(data) + 1)]
    at = rng.randrange(len(data))
    return data[:at] + rng.choice((b"", bytes([rng.randrange(256)]), b"\xef\xbb\xbf", bytes([data[at] ^ 1 << rng.randrange(8)]))) + data[at + rng.randrange(2) :]


def recode(data: bytes, rng: random.Random) -> bytes:
    return data.decode("utf-8", "replace").encode(rng.choice(("utf-16", "utf-32", "latin-1", "utf-8-sig")), "replace")


@cache
def folder() -> Path:
    """A folder in memory, where there is one, for the inputs that are files."""
    kept = tempfile.TemporaryDirectory(dir="/dev/shm" if os.path.isdir("/dev/shm") else None)
    folder.kept = kept  # type: ignore[attr-defined]
    return Path(kept.name)


def use_table(data: bytes, rng: random.Random) -> None:
    path = folder() / "table.csv"
    path.write_bytes(data)
    table = read_table(path)
    rows = [row for row in csv.reader(io.StringIO(data.decode("utf-8-sig"), newline="")) if row and (len(row) > 1 or row[0].strip())]
    assert [name.strip() for name in rows[0]] == list(table.columns) and len(set(table.columns)) == len(table.columns)
    assert np.array_equal(table.values, np.array([[float(cell) for cell in row] for row in rows[1:]])) and np.isfinite(table.values).all()


# ---------------------------------------------------------------- parameter files


@dataclass
class Archive:
    """The members of an `.npz`, and what is done to its bytes."""

    members: list[tuple[str, bytes]]
    packed: bool = False
    edits: tuple[tuple[Edit, int], ...] = ()


def npy(array: Any) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


@cache
def parameter_net() -> sf.Net:
    return sf.fold(sf.mappers.residual, sf.layers("f1:3", sf.dense(2, 2, sf.tanh)), sf.tensor("x", (None, 2)))


def parameter_file(rng: random.Random) -> Archive:
    return Archive([(f"{name}.npy", npy(value)) for name, value in parameter_net().init(rng.randrange(10)).items()])


ARRAYS: tuple[Any, ...] = (
    *(np.zeros(0), np.zeros((2, 2)), np.array(np.nan), np.array([1.0, np.inf]), np.array(-1), np.array(10**18), np.array(2**63, np.uint64), np.zeros((1,) * 8)),
    *(np.array("text"), np.array(["a", "a"]), np.array(["a", "b\0c"]), np.array(["\x1b[31m", "y"]), np.array([], np.str_), np.array(b"bytes"), np.array("f(z)**9**9")),
    *(np.array([1j]), np.zeros(2, "M8[s]"), np.zeros(2, [("a", "f8")]), np.array(True), np.zeros(2, np.float16), np.zeros(2, ">f8"), np.asfortranarray(np.ones((2, 2)))),
    *(np.array("residual"), np.array("softmax(z)"), np.array("tanh"), np.array(0), np.array(3), np.array([0, 1, 2]), np.arange(3)[::-1], np.array([1.0, 2.0], np.longdouble)),
)  # fmt: skip
SHAPES = ((), (2,), (0,), (10**18,), (10**18, 10**18), (-1,), (2, -3), (2**31, 2**33), (True,), (1,) * 100, (900 << 20,))


def edit_member(archive: Archive, rng: random.Random) -> Archive:
    members = list(archive.members)
    at = rng.randrange(len(members)) if members else 0
    name, content = members[at] if members else ("new.npy", b"")
    kind = rng.randrange(7)
    if kind == 0:
        members[at : at + 1] = []
    elif kind == 1:
        members.append((name if rng.random() < 0.3 else rng.choice(("junk.npy", "readme.txt", "../up.npy", "a\x1b.npy", "parameter Q.npy", ".npy")), content))
    elif kind == 2:
        header = io.BytesIO()
        descr = rng.choice(("<f8", "<U1", "<U1000000", "|O", "|u1", ">i4", "<c16", "|V8"))
        np.lib.format.write_array_header_1_0(header, {"shape": rng.choice(SHAPES), "fortran_order": rng.random() < 0.5, "descr": descr})
        members[at : at + 1] = [(name, header.getvalue() + rng.choice((b"", bytes(64), b"\xff" * 64, content[128:])))]
    elif kind == 3:
        members[at : at + 1] = [(name, edit_bytes(content, rng))]
    elif kind == 4:
        members = members * rng.choice((2, 50))
    else:
        members[at : at + 1] = [(name, npy(rng.choice(ARRAYS)))]
    return Archive(members, archive.packed, archive.edits)


def edit_archive(archive: Archive, rng: random.Random) -> Archive:
    edit = rng.choice((edit_bytes, edit_end, edit_end))
    return Archive(archive.members, archive.packed or rng.random() < 0.2, (*archive.edits, (edit, rng.randrange(2**32))))


def edit_end(data: bytes, rng: random.Random) -> bytes:
    """A wrong number in the directory of an archive, or in its last record."""
    at = max(0, len(data) - rng.randrange(1, 200))
    return data[:at] + rng.choice((b"\xff\xff\xff\xff", bytes(4), bytes([rng.randrange(256)]))) + data[at + 4 :]


def archive_bytes(archive: Archive) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED if archive.packed else zipfile.ZIP_STORED) as file:
        for name, content in archive.members:
            info = zipfile.ZipInfo(name or "x")
            info.compress_type = file.compression
            file.filelist and info.filename in file.NameToInfo and file.NameToInfo.pop(info.filename)
            file.writestr(info, content)
    data = buffer.getvalue()
    for edit, number in archive.edits:
        data = edit(data, random.Random(number))
    return data


def use_parameters(data: bytes, rng: random.Random) -> None:
    path, net = folder() / "parameters.npz", parameter_net()
    path.write_bytes(data)
    params = sf.load(path, net=net)[1]
    with np.errstate(all="ignore"):
        assert net(params, x=np.ones((2, 2))).shape == (2, 2)
    sf.save(path, net, params)
    assert same(sf.load(path, net=net)[1], params)


def same(one: Any, other: Any) -> bool:
    return list(one) == list(other) and all(one[name].dtype == other[name].dtype and one[name].tobytes() == other[name].tobytes() for name in one)


# ---------------------------------------------------------------- nets as JSON

HOSTILE: tuple[Any, ...] = (
    *(None, True, False, 0, 1, 2, -1, 3, 0.5, -0.0, 1e308, 10**18, 2**63, -(10**18), 10**400, float("nan"), float("inf")),
    *("", "x", "f1", "*", "input", "parameter", "layer", "__import__", "a\x1b[31m", "\ud800", "x" * 3000, "0x1", "0x" + "f" * 20_000, "zz"),
    *([], {}, [[]], [0], ["tuple"], ["..."], ["rest"], ["rest", "x"], ["rest", "the name of a layer"], ["size", "n"], ["symbol", "n", {}]),
    *(["symbol", "n", {"integer": True}], ["symbol", "n", {"positive": True, "negative": True}], ["range", 0, 10**18, 1], ["range", 0, 3, 0], ["range", 5, 0, -1]),
    *(["integer", "0x3"], ["integer", "-0x1"], ["integer", "0x" + "f" * 20_000], ["rational", "0x1", "0x0"], ["rational", "0x1", "0x3"], ["constant", "pi"]),
    *(["constant", "oo"], ["constant", "nan"], ["constant", "zoo"], ["float", "0x1", 99_999, 53], ["float", "0x1", -99_999, 9_999], ["float", "0x0", 0, 53]),
    *(["tuple", 2, 3], ["tuple", ["size", "n"], 3], ["tuple", 10**18, 10**18], ["tuple", -1], ["tuple", ["rest", "x"], ["rest", "y"]], ["tuple", True]),
    *(["numbered", "f", 1, 3], ["numbered", "f", 1, ["size", "n"]], ["numbered", "f", -5, 10**18], ["numbered", "f", 1, 3, 0], ["numbered", "", 1, 3], ["names"]),
    *(["names", "f1", "f1"], ["named", [["names", "a", "b"]]], ["dict", [["a", "*"], ["a", "*"]]], ["tuple", ["*", "*"]], ["dict", []]),
    *(["Pow", ["constant", "pi"], ["integer", "0x40"]], ["Pow", ["integer", "-0x1"], ["rational", "0x1", "0x2"]], ["Mul", ["size", "n"], ["size", "n"]]),
    *(["floor", ["constant", "pi"]], ["Max", ["size", "n"], ["integer", "0x2"]], ["Add"], ["Add", ["constant", "oo"], ["constant", "-oo"]]),
)


@cache
def net_texts() -> list[str]:
    """Nets of every kind as JSON, small ones."""
    nets = [case.build(2) for case in CASES.values()]
    nets += [row.example(2) for row in ARCHITECTURES.values() if hasattr(row, "example")]
    x, n = sf.tensor("x", (None, 3)), sf.layers("f", sf.dense(3, 3, sf.tanh), count="n")
    nets += [sf.fold(sf.mappers.residual, n, x), sf.fold(sf.mappers.residual, sf.layers("g1:4"), sf.tensor("x"))]
    nets += [sf.Net.of({"a": sf.softmax(x), "b": (np.sum(x, axis=0), x[..., 1:])}), sf.Net.of(np.where(x > 0.5, x, 2 * x).sum())]
    nets += [sf.Net.of(sf.layer("a", sf.attention(4, 2))(sf.tensor("u", (None, 3, 4)))), sf.Net.of(np.linalg.norm(x) + np.array([1.0, 2.0, 3.0]))]
    for net in list(nets):
        with contextlib.suppress(SymfoldError):
            nets.append(sf.adjoint(net))
        with contextlib.suppress(SymfoldError):
            nets.append(sf.unroll(net))
    texts = [net.to_json() for net in nets]
    return sorted({text for text in texts if len(text) < 20_000})


def net_data(rng: random.Random) -> Any:
    return json.loads(rng.choice(net_texts()))


def places(data: Any) -> list[tuple[Any, Any]]:
    """Every place in nested lists and dicts: what holds it, and its key."""
    found, waiting = [], [data]
    while waiting:
        part = waiting.pop()
        keys = range(len(part)) if isinstance(part, list) else list(part) if isinstance(part, dict) else ()
        for key in keys:
            found.append((part, key))
            waiting.append(part[key])
    return found


def _place(data: Any, rng: random.Random) -> tuple[Any, Any] | None:
    if not (found := places(data)):
        return None
    if rng.random() < 0.5:
        return rng.choice(found)
    holder, key = data, None  # by depth, since most places are deep
    while isinstance(holder[key] if key is not None else holder, (list, dict)):
        inner = holder[key] if key is not None else holder
        if not inner or (key is not None and rng.random() < 0.25):
            break
        holder, key = inner, rng.choice(range(len(inner)) if isinstance(inner, list) else list(inner))
    return (holder, key) if key is not None else rng.choice(found)


def replace_value(data: Any, rng: random.Random) -> Any:
    if place := _place(data, rng):
        place[0][place[1]] = json.loads(json.dumps(rng.choice(HOSTILE)))
    return data


def nudge_number(data: Any, rng: random.Random) -> Any:
    numbers = [(holder, key) for holder, key in places(data) if type(holder[key]) is int]
    if numbers:
        holder, key = rng.choice(numbers)
        holder[key] += rng.choice((-2, -1, 1, 2, 10, 10**6, 10**18))
    return data


def move_value(data: Any, rng: random.Random) -> Any:
    one, other = _place(data, rng), _place(data, rng)
    if one and other:
        one[0][one[1]] = json.loads(json.dumps(other[0][other[1]]))
    return data


def edit_list(data: Any, rng: random.Random) -> Any:
    """A list of the data with an entry less, more, or again."""
    lists = [holder[key] for holder, key in places(data) if isinstance(holder[key], list) and holder[key]]
    if lists:
        part = rng.choice(lists)
        at = rng.randrange(len(part))
        part[at : at + rng.randrange(2)] = [json.loads(json.dumps(part[rng.randrange(len(part))]))] * rng.randrange(3)
    return data


def wrap_value(data: Any, rng: random.Random) -> Any:
    """A value inside of sums, powers or tuples, up to many."""
    if place := _place(data, rng):
        holder, key = place
        for _ in range(rng.choice((1, 2, 5, 30, 300))):
            head = rng.choice(("Pow", "Mul", "Add", "floor", "tuple"))
            more = [] if head == "floor" else [["integer", rng.choice(("0x2", "0x40", "-0x1"))]]
            holder[key] = [head, holder[key], *more]
    return data


def double_nodes(data: Any, rng: random.Random) -> Any:
    """The last output doubled again and again, by a node that reads it twice."""
    if isinstance(data, dict) and isinstance(data.get("nodes"), list) and isinstance(data.get("outputs"), list) and data["outputs"]:
        op = rng.choice((["head", "Add"], ["head", "Mul"], ["apply", "concatenate", [["axis", -1]]], ["apply", "stack", []], ["apply", "dot", []]))
        for _ in range(rng.choice((1, 10, 100, 300))):
            data["nodes"].append([op, [data["outputs"][-1]] * 2])
            data["outputs"][-1] = len(data["nodes"]) - 1
    return data


def net_text(data: Any) -> str:
    text = json.dumps(data)
    return text if len(text) < 10**6 else text[: 10**6]


SMALL = 10_000  # numbers in an array that is computed


def values_of(net: sf.Net) -> Any:
    """The net at ones, if its arrays are small."""
    sizes = {node.op.name: tuple(size if type(size) is int else 2 for size in node.shape) for node in (*net.inputs, *net.params)}
    shapes = [node.shape for node in sf_nodes(net)]
    if all(np.prod([size if type(size) is int else 2 for size in shape], dtype=object) < SMALL for shape in shapes):
        return net({name: np.ones(shape) for name, shape in sizes.items()})
    return None


def sf_nodes(net: sf.Net) -> Iterator[Any]:
    from symfold.core.nodes import walk

    for results in (net.outputs, *(block.results for block in net.blocks)):
        yield from walk(results)


def few(net: sf.Net) -> bool:
    """Whether the net is short once it is written out."""
    return all(isinstance(fold.op.count, int) and fold.op.count < 100 for fold in net.bindings)


USES: dict[str, Callable[[sf.Net, random.Random], Any]] = {
    "print": lambda net, rng: (str(net), repr(net)),
    "formula": lambda net, rng: sf.formula(net, form=rng.choice(FORMS), style=rng.choice(tuple(STYLES)), max_ops=1000),
    "pickle": lambda net, rng: pickle.loads(pickle.dumps(net)) == net or 1 / 0,
    "roll": lambda net, rng: few(net) and sf.roll(net),
    "unroll": lambda net, rng: few(net) and sf.unroll(net),
    "cost": lambda net, rng: str(sf.cost(net)),
    "paths": lambda net, rng: str(sf.paths(net)),
    "degree": lambda net, rng: str(sf.degree(net)),
    "graph": lambda net, rng: net.graph(level=rng.choice(("layer", "fold"))),
    "adjoint": lambda net, rng: sf.adjoint(net),
    "values": lambda net, rng: few(net) and values_of(net),
}


def use_net(text: str, rng: random.Random) -> None:
    net = sf.from_json(text)
    again = sf.from_json(net.to_json())
    assert again == net and hash(again) == hash(net) and again.to_json() == net.to_json()
    for name in rng.sample(tuple(USES), 3):
        with contextlib.suppress(SymfoldError), np.errstate(all="ignore"):
            USES[name](net, rng)


# ---------------------------------------------------------------- safetensors files


@dataclass
class Tensors:
    """A safetensors file: its header, whose metadata are parsed, its numbers, and what is done to its bytes."""

    header: Any
    body: bytes
    signed: bool = True  # with a checksum that fits
    edits: tuple[tuple[Edit, int], ...] = ()


def tensors_of(path: Path) -> Tensors:
    content = path.read_bytes()
    end = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:end])
    header["__metadata__"] = {key: text if key == "checksum" else json.loads(text) for key, text in header["__metadata__"].items()}
    return Tensors(header, content[end:])


def copied(made: Sequence[Tensors], rng: random.Random) -> Tensors:
    chosen = rng.choice(made)
    return Tensors(json.loads(json.dumps(chosen.header)), chosen.body)


@cache
def saved_nets() -> list[Tensors]:
    made, path = [], folder() / "net.safetensors"
    for text in net_texts():
        net = sf.from_json(text)
        with contextlib.suppress(SymfoldError):
            sf.save(path, net, net.init(0))
            made.append(tensors_of(path))
    return made


@cache
def saved_models() -> list[Tensors]:
    made, path = [], folder() / "model.safetensors"
    for mapper, depth in (("residual", 2), ("f(x) + z", 1), ("lstm", 1), ("feedforward", 0)):
        shape = Shape(mapper, depth, 2, "tanh", ("a", "größe"), "y")
        with contextlib.suppress(SymfoldError):
            params = {p.op.name: np.ones(p.shape) for p in shape.net().params}
            scale = Scale(np.array([1.0, 2.0]), np.array([3.0, 4.0]))
            save_model(path, Model(shape, params, scale, Scale(np.ones(1), np.ones(1)), np.array([0, 2]), np.array([1])))
            made.append(tensors_of(path))
    return made


SETTINGS: dict[str, Any] = {"optimizer": "sgd(rate=0.1)", "seed": 0}


@cache
def saved_checkpoint() -> Tensors:
    net, generator = parameter_net(), np.random.default_rng(0)
    arrays = {"state": net.init(0).flat, "step": np.array(3), "half": np.zeros((2, 0), np.float16)}
    kept = checkpoints.Snapshot(checkpoints.identity(net), SETTINGS, arrays, 2, generator.bit_generator.state, {"loss": [1.0, 0.5], "metrics": {}})
    return tensors_of(checkpoints.write(folder(), kept))


def edit_header(tensors: Tensors, rng: random.Random) -> Tensors:
    edit = rng.choice((replace_value, replace_value, nudge_number, nudge_number, move_value, edit_list, wrap_value))
    return Tensors(edit(tensors.header, rng), tensors.body, tensors.signed, tensors.edits)


def edit_numbers(tensors: Tensors, rng: random.Random) -> Tensors:
    return Tensors(tensors.header, edit_bytes(tensors.body, rng), tensors.signed and rng.random() < 0.5, tensors.edits)


def edit_tensors(tensors: Tensors, rng: random.Random) -> Tensors:
    return Tensors(tensors.header, tensors.body, tensors.signed, (*tensors.edits, (edit_bytes, rng.randrange(2**32))))


def tensor_bytes(tensors: Tensors) -> bytes:
    header = tensors.header
    metadata = header.get("__metadata__") if isinstance(header, dict) else None
    if isinstance(metadata, dict):
        texts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in metadata.items()}
        if tensors.signed and "checkpoint" in texts:
            with contextlib.suppress(Exception):
                arrays = load(packed_tensors({**header, "__metadata__": {}}, tensors.body))
                texts["checksum"] = checkpoints.digest(arrays, texts["checkpoint"])
        header = {**header, "__metadata__": texts}
    data = packed_tensors(header, tensors.body)
    for edit, number in tensors.edits:
        data = edit(data, random.Random(number))
    return data


def packed_tensors(header: Any, body: bytes) -> bytes:
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + body


def use_saved_net(data: bytes, rng: random.Random) -> None:
    path = folder() / "net.safetensors"
    path.write_bytes(data)
    net, params = sf.load(path)
    sf.save(path, net, params)
    again, values = sf.load(path)
    assert again == net and same(values, params)


def use_model(data: bytes, rng: random.Random) -> None:
    path = folder() / "model.safetensors"
    path.write_bytes(data)
    model = load_model(path)
    with np.errstate(all="ignore"):
        assert model.predict(np.ones((2, len(model.shape.columns)))).shape == (2,)
    save_model(path, model)
    assert load_model(path).shape == model.shape


def use_checkpoint(data: bytes, rng: random.Random) -> None:
    (folder() / "epoch-000002.safetensors").write_bytes(data)
    snapshot = checkpoints.read(folder(), parameter_net(), SETTINGS)
    assert snapshot is not None
    checkpoints.write(folder(), snapshot, keep=1)
    again = checkpoints.read(folder(), parameter_net(), SETTINGS)
    assert again is not None and same(again.arrays, snapshot.arrays) and repr((again.random, again.history)) == repr((snapshot.random, snapshot.history))


READERS = (
    Reader("expressions", expression, (replace_token, replace_token, repeat_tokens), "".join, use_expression),
    Reader("csv", table, (edit_cell, edit_cell, edit_lines, edit_bytes, recode), bytes, use_table),
    Reader("npz", parameter_file, (edit_member, edit_member, edit_archive), archive_bytes, use_parameters),
    Reader("safetensors", lambda rng: copied(saved_nets(), rng), (edit_header, edit_header, edit_numbers, edit_tensors), tensor_bytes, use_saved_net),
    Reader("models", lambda rng: copied(saved_models(), rng), (edit_header, edit_header, edit_numbers, edit_tensors), tensor_bytes, use_model),
    Reader("checkpoints", lambda rng: copied([saved_checkpoint()], rng), (edit_header, edit_header, edit_numbers, edit_tensors), tensor_bytes, use_checkpoint),
    Reader("json", net_data, (replace_value, replace_value, nudge_number, nudge_number, move_value, edit_list, wrap_value, double_nodes), net_text, use_net),
)


# ---------------------------------------------------------------- the run


@dataclass(frozen=True)
class Failure:
    """An input that breaks the law, with the seed that draws it."""

    reader: str
    seed: int
    input: Any
    error: str

    def __str__(self) -> str:
        return f"broken: {self.reader}\nseed: {self.seed}\n{self.error}\ninput: {self.input!r:.20000}"


def drawn(reader: Reader, seed: int, kept: Sequence[int] | None = None) -> Any:
    """The input of a seed; with `kept`, with these of its edits only."""
    rng = random.Random(f"{reader.name} {seed}")
    value, count = reader.valid(rng), rng.randrange(EDITS + 1)
    for number in range(count) if kept is None else kept:
        one = random.Random(f"{reader.name} {seed} {number}")
        value = one.choice(list(reader.edits))(value, one)
    return reader.written(value)


def outcome(reader: Reader, given: Any, seed: int) -> tuple[bool, BaseException | None]:
    """Whether an input was read, and the error that breaks the law."""
    try:
        with limited():
            reader.used(given, random.Random(seed))
        return True, None
    except SymfoldError as error:
        message = str(error)
        if printable(message) != message or len(message) > 2 * LONGEST:
            return False, AssertionError(f"a message that is not a line of bounded length: {message[:100]!r}")
        return False, None
    except (Exception, Slow) as error:
        return False, error


class Slow(BaseException):
    """An input that takes too long."""


@contextlib.contextmanager
def limited() -> Iterator[None]:
    """A limit of processor time."""
    if not hasattr(signal, "setitimer"):
        yield
        return

    def late(number: int, frame: Any) -> None:
        raise Slow(f"more than {SECONDS} seconds")

    before = signal.signal(signal.SIGVTALRM, late)
    signal.setitimer(signal.ITIMER_VIRTUAL, SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


@contextlib.contextmanager
def bounded_memory() -> Iterator[None]:
    """A limit of memory, where the system has one."""
    try:
        import resource

        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        before = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (used + ROOM, before[1]))
    except (ImportError, OSError, ValueError):
        yield
        return
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def kind_of(error: BaseException) -> str:
    """What tells errors apart: the type and the line that raised it."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{frames[-1].filename}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__} {place}" if not isinstance(error, (Slow, RecursionError, MemoryError)) else type(error).__name__


def smaller(reader: Reader, seed: int, error: BaseException) -> tuple[Any, BaseException]:
    """The input of a seed with as few of its edits as still raise the same error, and that error."""
    rng = random.Random(f"{reader.name} {seed}")
    reader.valid(rng)
    kept = list(range(rng.randrange(EDITS + 1)))
    for number in list(kept):
        fewer = [k for k in kept if k != number]
        with contextlib.suppress(Exception):
            _, other = outcome(reader, drawn(reader, seed, fewer), seed)
            if other is not None and type(other) is type(error):
                kept, error = fewer, other
    return drawn(reader, seed, kept), error


def run(seconds: float, start: int) -> tuple[dict[str, dict[str, float]], bool]:
    """Read mutated inputs and print what was found: the figures, and whether the law is broken."""
    print(f"seed: {start}; readers: {', '.join(reader.name for reader in READERS)}", flush=True)
    figures: dict[str, dict[str, float]] = {}
    kinds: set[str] = set()
    for reader in READERS:
        drawn(reader, start)  # valid inputs are made before the clock runs
        figures[reader.name] = {"inputs": 0, "read": 0, "failures": 0, "seconds": 0}
    deadline = time.monotonic() + seconds
    with bounded_memory():
        while time.monotonic() < deadline:
            for reader in READERS:
                begin, numbers = time.monotonic(), figures[reader.name]
                while time.monotonic() < min(begin + TURN, deadline):
                    seed = start + int(numbers["inputs"])
                    was_read, error = outcome(reader, drawn(reader, seed), seed)
                    numbers["inputs"] += 1
                    numbers["read"] += was_read
                    numbers["failures"] += error is not None
                    if error is not None and (kind := kind_of(error)) not in kinds:
                        kinds.add(kind)
                        given, error = smaller(reader, seed, error)
                        print(Failure(reader.name, seed, given, "".join(traceback.format_exception(error))), flush=True)
                numbers["seconds"] += time.monotonic() - begin
    for name, numbers in figures.items():
        print(f"{name}: {numbers['inputs']:,} inputs, {numbers['read']:,} of them read, {numbers['failures']:,} break the law")
    return figures, bool(kinds)
