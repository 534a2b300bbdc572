"""Autodiff: the derivative of a net, as a net.

guarded         zero cotangents below an unread branch of a choice
derivatives     what each argument of one operation receives of the cotangent of its result
reversible      the state before a step from the state after it
adjoint_folds   the adjoint of a fold: a fold over the reversed list
reverse_mode    cotangents pulled back through nodes and folds
local_adjoints  adjoints of single operations, for other packages
differentiate   adjoint, grad, value_and_grad
"""
