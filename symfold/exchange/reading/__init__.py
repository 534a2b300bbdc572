"""What all readers of other packages' models share.

In: the nodes of what was read. Out: a net with its parameters.

    functions  functions that several packages have
    naming     names of layers and parameters, from their paths
    result     the net with what repeats as folds, and the parameters that it reads
"""
