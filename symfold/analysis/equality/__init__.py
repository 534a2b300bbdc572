"""Equality: whether two nets are equal, how that is known, and what moved between them.

In: two nets. Out: a verdict, a difference.

    same_form          one normal form, with the initial values of sums and products outside the folds
    linear_form        linear maps passed through sums, folds and scans
    comparable         whether two nets can be compared
    spans              layers as runs of numbered names
    overlay            two nets as one graph
    random_functions   layers as random functions modulo a prime
    agreement          whether two nets of random functions agree, and the probability of an accident
    conditions         sufficient conditions for equality, as text
    rational           exact evaluation in fractions, with simple rules as layers
    counterexample     simple layers and small numbers at which two nets differ
    wiring             what each layer reads and what is added to the state
    difference         sf.difference: what moved, as text and as a graph
    smooth_layers      layers as random smooth functions
    modular            polynomial nets modulo a large prime
    multiprecision     evaluation to many digits
    numerical          random points of many magnitudes
    verdict            sf.verdict: the graded answer
"""
