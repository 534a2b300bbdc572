"""Modules that need a package of an extra are not collected where it is missing; their tests say that they are skipped."""

from importlib.util import find_spec

PAGE = ("docs/exchange.md",)
NEEDED = {
    "jax": ("symfold/compute/backends/jax", "symfold/exchange/jax_function.py", *PAGE),
    "onnx": ("symfold/exchange/onnx/*.py", *PAGE),
    "torch": ("symfold/exchange/pytorch/*.py", *PAGE),
    "transformers": PAGE,
}
collect_ignore_glob = [path for package, paths in NEEDED.items() if not find_spec(package) for path in paths]
