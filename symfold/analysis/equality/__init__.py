"""Equality: whether two nets are the same, how that is known, and what moved between them.

same_form          one normal form, with the initial values of sums and products moved out of the folds
comparable         whether the nets can be compared
spans              layers as runs of numbered names
overlay            two nets as one graph
random_functions   layers as random functions modulo a prime
agreement          whether two nets of random functions agree, and how likely that is by chance
conditions         sufficient conditions for equality, in words
rational           the numbers of a net as fractions
counterexample     small numbers at which two nets differ
wiring             what each layer reads and what joins its state
difference         sf.difference: what moved, in words and as a graph
smooth_layers      layers as random smooth functions
modular            polynomial nets modulo a large prime
multiprecision     the numbers of a net to many digits
numerical          random points of many magnitudes
verdict            sf.verdict: the graded answer
"""
