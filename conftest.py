"""Modules that need the package of an extra are not collected if it is missing; their tests report a skip."""

from importlib.util import find_spec

import symfold.api  # noqa: F401 - it attaches the methods of nets and fills the tables
from symfold.compute.backends.table import BACKENDS

NEEDED = {
    "jax": ("symfold/exchange/jax_function.py", "symfold/exchange/jaxpr/*.py"),
    "onnx": ("symfold/exchange/onnx/*.py", "symfold/exchange/onnx/reading/*.py"),
    "sklearn": ("symfold/sklearn/*.py",),
    "scipy": ("symfold/training/minimize.py",),
    "torch": ("symfold/exchange/pytorch/*.py", "tests/coverage/*.py"),
    "torchvision": ("tests/coverage/vision.py",),
    "transformers": ("tests/coverage/architectures.py",),
}
collect_ignore_glob = [
    *(path for package, paths in NEEDED.items() if not find_spec(package) for path in paths),
    *(f"symfold/compute/backends/{row.name}/*.py" for row in BACKENDS.values() if not row.installed),
]
collect_ignore = ["docs"]  # the pages are executed by the build of the site
