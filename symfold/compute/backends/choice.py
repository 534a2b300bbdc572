"""What `auto` takes: native code where it is installed and worth its compile time, else NumPy. One rule, of the net alone.

NumPy takes about a microsecond for every operation of every step; LLVM about a tenth of a second, and 4 ms for every operation
that is written, whatever the depth. Native code is taken where, over the runs to come, the first is more. The sizes are left out: in
wide nets both wait for the same products.
"""

from __future__ import annotations

from collections.abc import Sequence

from symfold.compute.backends.table import BACKENDS, Backend
from symfold.compute.lowering import rolled
from symfold.core.folds import Fold
from symfold.core.net import Net
from symfold.core.nodes import Node
from symfold.core.operations import Constant
from symfold.core.walks import walk
from symfold.transform.inlining import inlined

RUNS = 10_000  # of a compiled net, where nobody knows
CALL = 1e-6  # seconds for an operation in NumPy
COMPILE = 0.1, 0.004  # seconds for a program in LLVM, and for an operation that is written
LONGEST = 2000  # operations: what takes LLVM so long that nobody waits for it


def automatic(net: Net, runs: int = RUNS, dtype: str = "float64") -> str:
    """The backend for so many runs of a net.

    >>> import symfold as sf
    >>> automatic(sf.Net.of(sf.tensor("x") + 1), runs=10)
    'numpy'
    """
    native = BACKENDS["native"]
    if not native.installed:
        return "numpy"
    roots = inlined(rolled(net).outputs, keep=native.supports)
    written, done = operations(roots)
    if written > LONGEST or done is None or not all_supported(native, roots):
        return "numpy"
    return "native" if dtype != "float64" or runs * done * CALL > COMPILE[0] + written * COMPILE[1] else "numpy"


def operations(roots: Sequence[Node]) -> tuple[int, int | None]:
    """How many operations are written, and how many are done in a run; None at a depth without a number."""
    written, done = 0, 0
    for node in walk(roots):
        if isinstance(node.op, Fold):
            inside, each = operations(node.op.block.results)
            if each is None or not isinstance(node.op.count, int):
                return written, None
            written, done = written + inside, done + node.op.count * each
        elif node.args and not isinstance(node.op, Constant):
            written, done = written + 1, done + 1
    return written, done


def all_supported(row: Backend, roots: Sequence[Node]) -> bool:
    """Whether a backend has code for every operation, those in the blocks of folds included."""
    return all(
        all_supported(row, node.op.block.results) if isinstance(node.op, Fold) else row.supports(node)
        for node in walk(roots)
    )
