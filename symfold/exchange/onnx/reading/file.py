"""A model and its arrays from files, which may come from anywhere.

Sizes are bounded. Data outside of the model are read only from regular files in the model's folder, not through links.
Nothing is evaluated.
"""

from __future__ import annotations

from math import prod
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from symfold.base.arguments import NumpyArray, quoted
from symfold.base.files import reading
from symfold.errors import DataError, NoRule
from symfold.exchange.onnx.graph import onnx_package

MOST_BYTES = 2**31 - 1  # of one message of protobuf
OLDEST = 13  # the first opset whose Squeeze, ReduceSum and Softmax have today's meaning


def load_model(path: Path) -> Any:
    """The model in a file."""
    onnx = onnx_package()
    with reading(path, MOST_BYTES) as file:
        content = file.read()
    model = onnx.ModelProto()
    try:
        model.ParseFromString(content)
    except Exception as error:  # of protobuf, whose class of errors differs between versions
        raise DataError(f"{str(path)!r} is not an ONNX model: {error}") from None
    if not model.HasField("graph") or not model.graph.output:
        raise DataError(f"{str(path)!r} is not an ONNX model: it has no graph with outputs")
    newest = onnx.defs.onnx_opset_version()
    opset = opset_of(model)
    if not OLDEST <= opset <= newest:
        raise NoRule(
            f"the model is of opset {opset}, and opsets {OLDEST} to {newest} can be read "
            "(convert it with onnx.version_converter.convert_version)"
        )
    return model


def opset_of(model: Any) -> int:
    """The version of ONNX's own operations."""
    return next((int(entry.version) for entry in model.opset_import if entry.domain in ("", "ai.onnx")), 0)


def array_of_tensor(tensor: Any, folder: Path) -> NumpyArray:
    """The array of a tensor, from the model or from a file beside it."""
    onnx = onnx_package()
    if tensor.data_location == onnx.TensorProto.EXTERNAL:
        dtype = onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type)
        if any(size < 0 for size in tensor.dims):
            raise DataError(f"the tensor {tensor.name!r} has a negative size")
        data = external_bytes(tensor, folder, prod(tensor.dims) * dtype.itemsize)
        return np.frombuffer(data, dtype=dtype.newbyteorder("<")).reshape(tuple(tensor.dims))
    if tensor.data_type == onnx.TensorProto.STRING:
        raise NoRule(f"the tensor {tensor.name!r} holds text")
    try:
        array: NumpyArray = onnx.numpy_helper.to_array(tensor)
    except Exception as error:  # a damaged tensor: onnx raises what NumPy raises
        raise DataError(f"the tensor {tensor.name!r} cannot be read: {error}") from None
    return array


def external_bytes(tensor: Any, folder: Path, size: int) -> bytes:
    """The bytes of a tensor in a file of the model's folder."""
    entries = {entry.key: entry.value for entry in tensor.external_data}
    location = PurePosixPath(entries.get("location", ""))
    what = f"the data of the tensor {tensor.name!r} in {quoted(str(location))}"
    if not location.parts or location.is_absolute() or ".." in location.parts or "\\" in str(location):
        raise DataError(f"{what} are not in the model's folder")
    try:
        offset, length = int(entries.get("offset", 0)), int(entries.get("length", size))
    except ValueError:
        raise DataError(f"{what} have no valid offset and length") from None
    if length != size or offset < 0 or size > MOST_BYTES:
        raise DataError(f"{what} have {length:,} bytes at {offset:,}, and its shape needs {size:,}")
    place = folder
    for part in location.parts:
        place = place / part
        if place.is_symlink():
            raise DataError(f"{what} are behind a link, which is not followed")
    with reading(place, 2**40) as file:
        file.seek(offset)
        data = file.read(length)
    if len(data) < length:
        raise DataError(f"{what} end after {offset + len(data):,} bytes, and {offset + length:,} are needed")
    return data
