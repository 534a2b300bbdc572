"""Analysis: what a net is, computed on the folded form.

In: a net or two. Out: counts, formulas, series, verdicts.

    counting/     paths, cost, degree: powers of a step
    jacobians/    derivatives in order, and the gradient that each layer receives
    normal_form   one form for nets that differ only by the order of sums, brackets and rolling
    strength/     series in the strength of the layers
    coupling      virtual weights between layers
    equality/     verdicts, and what moved between two nets
"""
