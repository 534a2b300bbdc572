"""The backends of symfold, in the order of listings."""

from symfold.compute.backends.jax.row import ROW as JAX
from symfold.compute.backends.native.row import ROW as NATIVE
from symfold.compute.backends.numpy.row import ROW as NUMPY
from symfold.compute.backends.table import backend

for row in (NUMPY, NATIVE, JAX):
    backend(row)
