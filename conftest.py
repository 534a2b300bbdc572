"""Modules that need the package of an extra are not collected if it is missing; their tests report a skip."""

from collections.abc import Iterator
from importlib.util import find_spec

import pytest

import symfold.api  # noqa: F401 - it attaches the methods of nets and fills the tables
from symfold.compute.backends.table import BACKENDS

PAGE = ("docs/exchange.md",)
NEEDED = {
    "jax": ("symfold/exchange/jax_function.py", *PAGE),
    "onnx": ("symfold/exchange/onnx/*.py", *PAGE),
    "torch": ("symfold/exchange/pytorch/*.py", *PAGE),
    "transformers": PAGE,
}
collect_ignore_glob = [
    *(path for package, paths in NEEDED.items() if not find_spec(package) for path in paths),
    *(f"symfold/compute/backends/{row.name}/*.py" for row in BACKENDS.values() if not row.installed),
]


@pytest.fixture(autouse=True)
def additions_end_with_the_page(request: pytest.FixtureRequest) -> Iterator[None]:
    """What docs/extending.md adds is taken out again after it."""
    if request.path.name != "extending.md":
        yield
        return
    from symfold.extend import temporary

    with temporary():
        yield
