"""Frontend: ordinary Python traced into nets."""

# operators, and NumPy's functions, on nodes and nets
import symfold.frontend.arithmetic
import symfold.frontend.numpy_protocols  # noqa: F401
