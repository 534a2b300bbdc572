"""Rewiring: nets whose layers read something else, stand in another order, or are taken out; net to net.

reads                       what layers read, told apart from what a step carries
picard, groups              the sweeps and the groups between residual and boosting
mixing, mixing_matrix       nets of weighted sums: from a matrix, and back
lesion, order               layers taken out, swapped, reordered
"""
