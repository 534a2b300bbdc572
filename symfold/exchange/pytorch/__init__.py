"""PyTorch: modules as nets, and nets as modules.

In: a module, or a net and its parameters. Out: a net and its parameters, or a module.

    decompositions   operations without a row, written as others
    regions       regions under no_grad or a disabled autocast
    export        the result of torch.export
    dtypes        dtypes whose numbers a net can represent
    rows          the rows of operations
    choice, arrangement, elementwise, indexing   operations on entries, one row each
    losses, products, norms, images, sampling, pools   losses, and operations on axes
    recurrent     recurrent layers
    opening       which modules are written out
    ops           the table of all operations
    reader        sf.from_torch
    spellings     primitives that PyTorch has as one operation
    adjoints      operations with the derivatives of their rows
    tensors       the numbers of a net as tensors
    net_module    a net as a module
    writer        sf.to_torch
    state         sf.to_state_dict
"""
