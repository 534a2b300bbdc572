"""Jacobians: derivatives of nets as products of the derivatives of their layers, in order.

In: a net. Out: products of derivatives, their values, the gradients that layers receive.

    affine         layers whose derivative is the same everywhere
    ordered        sums and products of linear maps, in order
    factors        names of the derivatives of operations by their arguments
    words          a Jacobian multiplied out
    probes         inputs whose gradients are those that layers receive
    chain          the chain rule on the folded form
    jacobian       sf.jacobian
    taught         sf.taught: the gradient that each layer receives, as a net and a formula
    received       sf.received: the same in numbers
    closed_volume  determinants in a symbolic depth
    volume         sf.determinant and sf.divergence
"""
