"""Core: what a net is, and what running one means.

In: operations and their arguments. Out: nodes, blocks, folds and nets, immutable and equal by structure.

    shapes            tuples of sizes, some known only when numbers come
    values            sizes, numbers and positions as plain data and back
    arrays            one namespace over NumPy, JAX and PyTorch
    functions/        elementwise functions: one row per function
    operations        what may stand at the head of a node: inputs, formals, constants
    operators         Python's operators, handed on by name
    attach            how later packages give nodes and nets their methods
    nodes             an operation over nodes, with a shape; interned
    walks             every node once, iteratively; rebuilding and substitution
    tensors           inputs, parameters and numbers as nodes
    conversion        Python, NumPy and SymPy values as nodes, and nodes as SymPy symbols
    primitives/       operations that are not elementwise: one row per primitive
    stacked_inputs    inputs of one shape under many names, as one sequence
    sequences         nodes with a leading axis: stack, take, reverse, entry
    blocks            closed functions from nodes to nodes
    applied_layers    a layer on its inputs, opaque or with a body
    folds             a block and a count, as an operation over nodes
    names             one name means one thing in a net
    interpreter       a net run step by step, over any meaning of its leaves and operations
    net               outputs and the form that they are held in
"""
