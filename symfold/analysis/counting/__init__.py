"""Counting: paths, degree and cost of a net, by powers of the matrix of a step.

In: a net. Out: path polynomials, degrees, costs.

    powers            powers of a matrix, closed or as a recurrence
    weights           weights of layers on a path
    numbers           exact values of the net's constants
    tails             sums of coefficients of a large power of a small polynomial
    polynomials       path polynomials, kept as powers, and their moments
    coefficients      coefficients of path polynomials in a symbolic depth
    spectrum          the share of paths between two lengths, if there are too many to count exactly
    path_rows         rows: the weights of the paths to a value
    mirrored          folds that read a scan backwards, at any depth
    row_folds         folds over rows, as powers of a matrix
    transfer          the interpretation of a net as rows
    known_weights     SymPy symbols that are weights
    schedule          ASAP levels of layers
    connections       which layers reach which
    truncated         truncated Taylor expansions at a point
    paths             sf.paths
    unread            folds without parts that nothing reads
    fused             loop fusion: folds of as many steps as one
    distinct_steps    folds whose steps share no value
    progressions      sequences whose entries are numbered, and what two of them share
    repeating_steps   steps of a fold, written out until they repeat
    sharing           equal values of different steps, counted once
    inductions        formulas for maxima of sums, proved by induction
    degree            the degree of a net whose layers are polynomials
    memory            what folds keep of their steps for later folds
    cost              sf.cost: work, span, width, connections, expanded size, memory
"""
