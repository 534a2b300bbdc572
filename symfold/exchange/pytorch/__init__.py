"""PyTorch: modules as nets, and nets as modules.

In: a module, or a net and its parameters. Out: a net and its parameters, or a module.

    decompositions   operations without a row, written as others
    regions       regions under no_grad or a disabled autocast
    operations    names and arguments of exported operations
    sizes         which sizes stay unknown
    rows          the rows of operations
    entries       values that depend on sizes only, such as masks
    entry_rules   operations on such values
    tracing       a module traced by torch.export
    export        its operations, grouped by module call, with constants folded
    dtypes        dtypes whose numbers a net can represent
    creation      tensors made from sizes, one row each
    choice, arrangement, elementwise, indexing   operations on entries, one row each
    losses, products, norms, images, sampling, pools   losses, and operations on axes
    recurrent     recurrent layers
    complex_numbers   complex tensors as pairs of nodes
    fourier       Fourier transforms as products with matrices
    opaque        operations without a row, as opaque layers
    opening       which modules are written out
    ops           the table of all operations
    agreement     whether a net for any sizes has the module's numbers, at the example's sizes and others
    reader        sf.from_torch
    spellings     primitives that PyTorch has as one operation
    adjoints      operations with the derivatives of their rows
    tensors       the numbers of a net as tensors
    net_module    a net as a module
    state         sf.to_state_dict
    writer        sf.to_torch
"""
