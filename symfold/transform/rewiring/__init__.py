"""Rewiring: layers that read something else, change places, or are removed; net to net.

In: a net. Out: a net whose layers read other values, or are fewer or in another order.

    reads                       what layers read, separate from what a step carries
    picard, groups              the sweeps and the groups between residual and boosting
    mixing, mixing_matrix       nets of weighted sums: from a matrix, and back
    lesion, order               layers removed, swapped, reordered
"""
