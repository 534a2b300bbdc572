"""Jacobians: derivatives of nets as products of the derivatives of their layers, in order.

affine     layers whose derivative is the same everywhere
ordered    linear maps added and multiplied, the order of factors kept
factors    the derivative of one operation by one argument, named
words      a Jacobian multiplied out
probes     where the gradient that a layer receives can be read
chain      the chain rule on the folded form
jacobian   sf.jacobian
taught     sf.taught: the gradient that each layer receives, as a net and a formula
received   sf.received: the same in numbers
volume     sf.determinant and sf.divergence
"""
