"""Array namespaces: numbers are written once, over the functions that NumPy, JAX and PyTorch share.

A rule takes the namespace first: `lambda xp, z: xp.exp(z)`. The array API standard says what a namespace holds;
`array-api-compat` adds what NumPy and PyTorch lack of it.
"""

from __future__ import annotations

import importlib
from functools import cache
from typing import Any

from symfold.errors import MissingPackage, unknown

# by the name of the package; another one is a row here
NAMESPACES = {"numpy": "array_api_compat.numpy", "jax": "jax.numpy", "torch": "array_api_compat.torch"}


@cache
def namespace(package: str) -> Any:
    """The array namespace of a package.

    >>> float(namespace("numpy").exp(0.0))
    1.0
    """
    if package not in NAMESPACES:
        raise unknown("array package", package, NAMESPACES)
    try:
        return importlib.import_module(NAMESPACES[package])
    except ImportError as error:
        raise MissingPackage(f"{package!r} is not installed (pip install 'symfold[{package}]')") from error
