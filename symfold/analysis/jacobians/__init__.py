"""Jacobians: derivatives of nets as products of their layers' derivatives, in order.

    affine, factors, ordered    which bodies are linear; one layer's derivative; sums and products whose order is kept
    chain                       the chain rule on the folded form
    words, jacobian             multiplied out, and as a product
    probes, taught, received    what each layer receives: as a net, as a formula, in numbers
    volume                      determinant and divergence
"""
