"""Frontend: ordinary Python traced into nets.

In: mappers, items, NumPy and SymPy functions. Out: nodes and nets.

    numpy_choices     np.where, np.clip and logical functions
    numpy_instead     NumPy functions that do not trace, each with what to write instead
    numpy_joins       np.concatenate, np.stack and their kin
    numpy_functions   NumPy functions on nodes, one row each
    numpy_protocols   NumPy called on nodes, nets and expressions
    tracer            stand-ins for states and items, passed to mappers
    arithmetic        Python's operators on nodes
    elementwise       sf.tanh, sf.relu, ...
    layer_kinds       a body over inputs and parameters; dense layers
    kinds, images     attention, norms, perceptrons, embeddings; convolution and pooling
    dropout           sf.dropout
    named_layers      sf.layers("f1:4"), lazily
    items             what a fold runs over, as patterns and leaves
    runs              neighboring items of equal pattern
    fold_arguments    which arguments a fold takes, and what to write for others
    folding           sf.fold and sf.scan; whether a mapper is a pure function of state and item
    losses            sf.losses, one row each
"""

# attach the operators and NumPy's protocols to nodes and nets
import symfold.frontend.arithmetic
import symfold.frontend.numpy_protocols  # noqa: F401
