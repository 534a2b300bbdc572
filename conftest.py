"""Modules that need a package of an extra are not collected where it is missing; their tests say that they are skipped."""

from importlib.util import find_spec

NEEDED = {
    "jax": ("symfold/backends/jax", "symfold/exchange/jax_function.py"),
    "onnx": ("symfold/exchange/onnx_*.py",),
    "torch": ("symfold/exchange/torch_*.py",),
}
collect_ignore_glob = [path for package, paths in NEEDED.items() if not find_spec(package) for path in paths]
