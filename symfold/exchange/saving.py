"""Nets and parameters on disk: one safetensors file, with the net as JSON in its metadata; parameters from `.npz` too.

Nothing that is read is evaluated or unpickled. Headers are compared with the net before a number is read.
"""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from symfold.base.archives import Archive
from symfold.base.arguments import NumpyArray, arrays_of
from symfold.base.files import path_of, reading, replacing
from symfold.base.public import public
from symfold.base.tensor_files import MAX_BYTES, reading_tensors, write_tensors
from symfold.compute.parameters import Layout, Parameters, layout_of
from symfold.core.net import Net
from symfold.core.nodes import Node
from symfold.core.stacked_inputs import StackedInputs
from symfold.errors import DataError, InvalidType, InvalidValue, ShapeError, SymfoldError, listing
from symfold.exchange.plain_data.json import from_json

SUFFIXES = (".safetensors", ".npz")


@public
def save(path: str | Path, net: object, params: Mapping[str, object]) -> None:
    """Write a net and its parameters to a safetensors file; to an `.npz`, the parameters alone.

    Each parameter is an array of its own name, type and shape, for any reader of the format
    (`safetensors.numpy.load_file`); the net is JSON in the metadata, under "net". `params` must have exactly the names
    and shapes of the net's parameters. The file is written atomically, and equal content gives equal bytes.

    >>> import symfold as sf, tempfile
    >>> net = sf.fold(sf.mappers.residual, sf.layers("f1:4", sf.dense(2, 2)), sf.tensor("x", (None, 2)))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     sf.save(f"{folder}/model.safetensors", net, net.init(seed=0))
    ...     sf.load(f"{folder}/model.safetensors") == (net, net.init(seed=0))
    True
    """
    suffix = path_of(path, "sf.save(path, net, params)").suffix.lower()
    if suffix not in SUFFIXES:
        raise InvalidValue(f"cannot save a net as {str(path)!r} (give a name that ends in {' or '.join(SUFFIXES)})")
    if isinstance(net, Mapping) and isinstance(params, (Net, Node)):
        raise InvalidType("the net comes before its parameters: sf.save(path, net, params)")
    net = Net.of(net)
    shapes = shapes_by_name(layout_of(net))
    arrays = arrays_of(params, shapes, what="parameter")
    for name, shape in shapes.items():
        if arrays[name].shape != shape:
            raise ShapeError(f"parameter {name!r} has shape {shape}, got {arrays[name].shape}")
    if suffix == ".npz":
        write_archive(path, arrays)
    else:
        write_tensors(path, arrays, {"net": net.to_json()})


@public
def load(path: str | Path, net: object = None) -> tuple[Net, Parameters]:
    """The net and the parameters that `sf.save` wrote; with `net`, parameters of any file that fit this net.

    A safetensors file without a net, and an `.npz` of plain arrays, need `net`. Parameters must be those of the net,
    none missing and none more, each of its shape. Arrays that are all of one float type are returned in that type,
    others in float64 (of several float types, in the widest). Raises `DataError` for a file that is damaged, foreign
    or does not fit, before numbers are read; pickles (PyTorch's `.pt`) are never read.

    >>> import symfold as sf, tempfile
    >>> net = sf.fold(sf.mappers.residual, sf.layers("f1:4", sf.dense(2, 2)), sf.tensor("x", (None, 2)))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     sf.save(f"{folder}/model.safetensors", net, net.init(seed=0))
    ...     same_net, params = sf.load(f"{folder}/model.safetensors")
    >>> same_net == net, list(params)
    (True, ['W1', 'W2', 'W3', 'b1', 'b2', 'b3'])
    """
    source = str(path_of(path, "sf.load(path, net)"))
    given = None if net is None else Net.of(net)
    if kind_of(path) == "npz":
        if given is None:
            raise DataError(
                f"{source!r} holds parameters and no net (give the net: sf.load({os.path.basename(source)!r}, net=net))"
            )
        with reading(path, MAX_BYTES) as file:
            archive = Archive(source, file)
            return given, parameters_from(source, given, archive.headers, archive.read)
    with reading_tensors(path) as tensors:
        stored = net_in(source, tensors.metadata) if given is None else given
        return stored, parameters_from(source, stored, tensors.headers, tensors.read)


def kind_of(path: str | Path) -> str:
    """Whether a file is "safetensors" or "npz", by its first bytes; pickles are refused."""
    with reading(path, MAX_BYTES) as file:
        start = file.read(9)
        if start[8:] == b"{":
            return "safetensors"
        if start.startswith(b"PK") and not holds_pickle(file):
            return "npz"
        if start.startswith((b"PK", b"\x80")):
            raise DataError(
                f"cannot read {str(path)!r}: it is a pickle, as torch.save writes, and reading one can run any code "
                "(in PyTorch: safetensors.torch.save_file(model.state_dict(), 'model.safetensors'), "
                "or sf.from_torch(model, ...))"
            )
    return "safetensors"


def holds_pickle(file: Any) -> bool:
    """Whether an archive is one that torch.save wrote."""
    try:
        with zipfile.ZipFile(file) as archive:
            return any(name.endswith("data.pkl") for name in archive.namelist())
    except Exception:  # a damaged file may raise anything inside zipfile
        return False


def net_in(source: str, metadata: Mapping[str, str]) -> Net:
    """The net in the metadata of a file."""
    if "net" not in metadata:
        raise DataError(
            f"{source!r} holds arrays and no net (give the net: sf.load({os.path.basename(source)!r}, net=net))"
        )
    try:
        return from_json(metadata["net"])
    except DataError as error:
        raise DataError(f"the net in {source!r} cannot be read: {error}") from None


def parameters_from(source: str, net: Net, headers: Mapping[str, Any], read: Callable[[str], NumpyArray]) -> Parameters:
    """The parameters of a net from stored arrays, read once names, types and shapes are those of the net."""

    def misfit(what: str) -> DataError:
        return DataError(f"{source!r} does not fit the net: {what}")

    try:
        layout = layout_of(net)
    except SymfoldError as error:
        raise misfit(str(error)) from None
    for leaf in layout.leaves:  # before a hostile net has its names listed
        if isinstance(leaf.op, StackedInputs) and int(leaf.shape[0]) > len(headers):
            raise misfit(f"it holds {len(headers):,} arrays, and a family of parameters has {int(leaf.shape[0]):,}")
    shapes = shapes_by_name(layout)
    for name, shape in shapes.items():
        if name not in headers:
            raise misfit(f"parameter {name!r} is missing (it holds {listing(map(repr, headers), 10)})")
        if headers[name].shape != shape:
            raise misfit(f"parameter {name!r} has shape {shape} in the net and {headers[name].shape} in the file")
        if headers[name].dtype.kind not in "biuf":
            raise misfit(f"{name!r} holds no numbers, but {headers[name].dtype}")
    if extra := [name for name in headers if name not in shapes]:
        raise misfit(f"{extra[0]!r} is no parameter of it (the net has {listing(map(repr, shapes), 10)})")
    dtypes = [headers[name].dtype for name in shapes]
    floats = bool(dtypes) and all(dtype.kind == "f" for dtype in dtypes)
    dtype = np.result_type(*dtypes).newbyteorder("=") if floats else np.dtype(float)
    params = Parameters(layout, np.zeros(layout.offsets[-1], dtype))
    for name in shapes:
        params[name] = read(name)
    return params


def shapes_by_name(layout: Layout) -> dict[str, tuple[int, ...]]:
    """The shape of every parameter."""
    shapes = {}
    for name, ((number, position), *_) in layout.names.items():
        shape = tuple(map(int, layout.leaves[number].shape))
        shapes[name] = shape if position is None else shape[1:]
    return shapes


def write_archive(path: str | Path, arrays: Mapping[str, NumpyArray]) -> None:
    """Write arrays as an `.npz`; unlike `np.savez`, under any name."""
    with replacing(path) as file, zipfile.ZipFile(file, "w") as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, np.asarray(array), allow_pickle=False)
