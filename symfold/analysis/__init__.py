"""Analysis: what a net is, computed on the folded form; one file an idea.

    rewiring     other things to read, layers taken out or in another order: nets again
    counting     paths, cost, degree: powers of a step
    jacobians    derivatives in order, and what each layer is taught
    normal_form  what two nets that are written differently have in common
    strength     series in the strength of the layers
    coupling     virtual weights between layers
    equality     verdicts, and what moved between two nets
"""
