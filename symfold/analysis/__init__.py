"""Analysis: properties of nets, computed on the folded form.

In: one net or two. Out: counts, formulas, series, verdicts.

    counting/     paths, cost, degree: powers of a step
    jacobians/    derivatives as ordered products, and the gradients that layers receive
    normal_form   one form for nets that differ only by rolling and the order and brackets of sums
    record        net.record: what each layer gives and receives
    repetition    net.folds: what is folded, and what stays apart
    summary       net.summary: layers with their shapes, parameters and operations
    strength/     series in the strength of the layers
    coupling      virtual weights between layers
    equality/     verdicts, and what differs between two nets
"""
