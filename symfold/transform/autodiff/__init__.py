"""Autodiff: the derivative of a net, as a net.

In: a net, or nodes and the cotangents of some of them. Out: the net of the derivative, or more cotangents.

    guarded         zero cotangents below the branch that a choice does not take
    derivatives     the cotangents of an operation's arguments
    reversible      the state before a step from the state after it
    adjoint_folds   the adjoint of a fold: a fold over the reversed list
    reverse_mode    cotangents pulled back through nodes and folds
    local_adjoints  adjoints of single operations, for other packages
    differentiate   adjoint, grad, value_and_grad
"""
