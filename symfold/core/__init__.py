"""Core: what a net is, and what running one means.

In: operations and their arguments. Out: nodes, blocks, folds and nets, immutable and equal by structure.

    shapes            tuples of sizes, which may be unknown
    values            sizes, numbers and positions as plain data, and back
    arrays            array namespaces: NumPy, JAX and PyTorch
    functions/        elementwise functions, one row each
    operators         Python's operators, forwarded by name
    attach            how later packages add methods to nodes and nets
    nodes             operations over nodes, with a shape, interned; walks over them
    leaves            inputs, parameters, formals and constants
    conversion        Python, NumPy and SymPy values as nodes, and nodes as SymPy symbols
    primitives/       operations that are not elementwise, one row each
    stacked_inputs    inputs of one shape under many names, as one sequence
    sequences         nodes with a leading axis: stack, take, reverse, element
    blocks            closed functions from nodes to nodes, and layers applied
    folds             a block and a count, as an operation over nodes
    names             one name means one thing in a net
    counted_names     how many names no earlier sequence has
    layer_visits      layers where they are applied, and folds, with the leaves of their names
    closed_layers     layers that hold several layers, or an unknown operation
    interpreter       the one walk, over any meaning of leaves and operations
    net               output nodes and their form
"""
