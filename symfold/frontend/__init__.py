"""Frontend: ordinary Python traced into nets.

In: mappers, items, NumPy's and SymPy's functions. Out: nodes and nets.

    numpy_choices     np.where, np.clip and logical functions
    numpy_instead     NumPy's functions that do not trace, each with what to write instead
    numpy_functions   NumPy's functions on nodes, one row each
    numpy_protocols   what nodes and nets answer to NumPy
    tracer            what a mapper is called with, in place of states and items
    arithmetic        Python's operators on nodes
    elementwise       sf.tanh, sf.relu, ...
    layer_kinds       a body over inputs and the parameters it needs; dense layers
    kinds, images     attention, norms and perceptrons; convolution and pooling
    named_layers      sf.layers("f1:4"), lazily
    items             what a fold runs over, as a pattern and its leaves
    runs              neighbouring items that are alike
    trace_check       whether a mapper is a pure function of state and item
    folding           sf.fold and sf.scan
    losses            errors to minimise
"""

# operators, and NumPy's functions, on nodes and nets
import symfold.frontend.arithmetic
import symfold.frontend.numpy_protocols  # noqa: F401
