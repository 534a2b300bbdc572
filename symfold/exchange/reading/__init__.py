"""What all readers of other packages' models share.

In: the values of a model as nodes. Out: the nodes of its operations, and a net with its parameters.

    checks         cases that no row covers
    functions      functions of entries that several packages have
    creation       tensors made from sizes
    arrangement    shapes, axes and parts
    indexing       entries at positions, and their order
    reductions     products along axes, and positions of the largest entries
    einsum         sums of products
    windows        maxima of windows that reach beyond the image
    naming         names of layers and parameters, from their paths
    result         the net with what repeats as folds, and the parameters that it reads
"""
