"""The backend that `auto` takes: native code if it is installed and worth its compile time, else NumPy.

NumPy takes about a microsecond per operation and step. LLVM takes about 0.1 s to compile, plus 4 ms per operation in
the code, at any depth. Native code wins if the expected runs would cost NumPy more than that. Sizes do not count: in
wide nets both wait for the same products.
"""

from __future__ import annotations

from collections.abc import Sequence

from symfold.compute.backends.table import BACKENDS, Backend
from symfold.compute.lowering import rolled
from symfold.core.folds import Fold, is_fold, walk_inside
from symfold.core.leaves import Constant
from symfold.core.net import Net
from symfold.core.nodes import Node, walk
from symfold.transform.inlining import inlined

RUNS = 10_000  # the default estimate for a compiled net
CALL = 1e-6  # seconds per operation in NumPy
COMPILE = 0.1, 0.004  # LLVM's seconds per program, and per operation in its code
LONGEST = 2000  # operations: LLVM takes too long to compile more


def automatic(net: Net, runs: int = RUNS, dtype: str = "float64") -> str:
    """The backend for a number of runs of a net.

    >>> import symfold as sf
    >>> automatic(sf.Net.of(sf.tensor("x") + 1), runs=10)
    'numpy'
    """
    costs = _costs(net, dtype)
    if costs is not None:
        static, executed = costs
        if runs * executed * CALL > COMPILE[0] + static * COMPILE[1]:
            return "native"
    return "numpy"


def _costs(net: Net, dtype: str) -> tuple[int, int] | None:
    """The operations in native code and those that one run executes; None if the net has no native code."""
    native = BACKENDS["native"]
    if not native.installed or dtype not in native.dtypes:
        return None
    roots = inlined(rolled(net).outputs, keep=native.supports)
    static, executed = operations(roots)
    return None if static > LONGEST or executed is None or not all_supported(native, roots) else (static, executed)


def operations(roots: Sequence[Node]) -> tuple[int, int | None]:
    """The number of operations in the code and of those that one run executes; None at a symbolic depth."""
    static, executed = 0, 0
    for node in walk(roots):
        if isinstance(node.op, Fold):
            block_static, block_executed = operations(node.op.block.results)
            if block_executed is None or not isinstance(node.op.count, int):
                return static, None
            static, executed = static + block_static, executed + node.op.count * block_executed
        elif node.args and not isinstance(node.op, Constant):
            static, executed = static + 1, executed + 1
    return static, executed


def all_supported(row: Backend, roots: Sequence[Node]) -> bool:
    """Whether a backend has code for every operation, including those in blocks of folds."""
    return all(row.supports(node) for node in walk_inside(roots) if not is_fold(node))
