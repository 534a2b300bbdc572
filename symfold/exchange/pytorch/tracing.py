"""A module traced by `torch.export`, and why one cannot be."""

from __future__ import annotations

import inspect
import io
import logging
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr
from copy import deepcopy
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from symfold.errors import InvalidValue, MissingPackage
from symfold.exchange.pytorch.decompositions import decomposed
from symfold.exchange.pytorch.operations import LIKE, drop_empty_copies, line_of, name_of
from symfold.exchange.pytorch.regions import write_out_regions
from symfold.exchange.pytorch.sizes import Example

if TYPE_CHECKING:
    from torch.export import ExportedProgram
    from torch.fx import Node as FxNode

HERE = Path(__file__).parent


def torch_package() -> ModuleType:
    """PyTorch, or an error if it is not installed."""
    try:
        import torch
    except ImportError:
        raise MissingPackage("PyTorch is not installed (pip install 'symfold[torch]')") from None
    return torch


@contextmanager
def _quietly() -> Iterator[None]:
    """Without the warnings and logs of the exporter: what matters is in its error."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings(), redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")  # export warns of its own actions, such as flattening recurrent weights
            yield
    finally:
        logging.disable(before)


def traced(
    torch: ModuleType,
    module: object,
    example: Example,
    known: Callable[[str], bool] | None,
) -> ExportedProgram:
    """The program of a module at an example, with operations that are not known decomposed."""
    try:
        with _quietly():
            program = torch.export.export(module, example.args, example.kwargs, dynamic_shapes=example.shapes)
            write_out_regions(torch, program)
            drop_empty_copies(program.graph)
            if not all(map(_reads_only, program.graph.nodes)):
                program = program.run_decompositions({})
            return (
                decomposed(torch, program, lambda target: name_of(target) in LIKE or known(name_of(target)))
                if known
                else program
            )
    except Exception as error:  # export raises errors of many types: quote the first line
        raise InvalidValue(_why(torch, module, example, error)) from error


def _why(torch: ModuleType, module: Any, example: Example, error: Exception) -> str:
    """Why a module was not exported: it does not take the example, it branches on values, or what PyTorch says."""
    name = type(module).__name__
    try:
        with _quietly(), torch.no_grad(), torch.random.fork_rng(devices=()):
            deepcopy(module)(
                *example.args, **example.kwargs
            )  # a copy: statistics and states of the module stay as they are
    except Exception as failure:
        takes = ", ".join(inspect.signature(module.forward).parameters)
        return f"{name} does not take these example inputs: {_first_line(failure)} (its forward takes: {takes})"
    first = _first_line(error)
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if Path(frame.filename).parent != HERE]
    line = line_of(str(error)) or line_of("".join(traceback.format_list(frames)))
    branches = "control flow that depends on values cannot be exported: write it with torch.where"
    hints = "; ".join(filter(None, (line, branches if "data-dependent" in first else "")))
    return f"torch.export cannot read {name}: {first}" + (f" ({hints})" if hints else "")


def _first_line(error: Exception) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)


def _reads_only(node: FxNode) -> bool:
    """Whether an operation is free of visible side effects: not in place, or in place on a value read by it alone.

    Such a value is new, or in turn the result of an operation in place, as that of `relu_` after `add_`.
    """
    while (schema := getattr(node.target, "_schema", None)) is not None and schema.is_mutable:
        operand = node.args[0]
        operand_schema = getattr(operand.target, "_schema", None)
        if operand_schema is None or not schema.name.endswith("_") or list(operand.users) != [node]:
            return False
        if all(result.alias_info is None for result in operand_schema.returns):
            return True
        if not operand_schema.is_mutable:  # a view
            return False
        node = operand
    return True
