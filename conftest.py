"""Modules that need a package of an extra are not collected where it is missing; their tests say that they are skipped."""

from importlib.util import find_spec

collect_ignore = [] if find_spec("jax") else ["symfold/backends/jax"]
