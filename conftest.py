"""Modules that need a package of an extra are not collected where it is missing; their tests say that they are skipped."""

from importlib.util import find_spec

NEEDED = {"jax": "symfold/backends/jax", "torch": "symfold/exchange"}
collect_ignore = [path for package, path in NEEDED.items() if not find_spec(package)]
