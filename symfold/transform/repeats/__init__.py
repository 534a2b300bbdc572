"""Repeats: repeated equations, found and made folds.

In: nodes. Out: nodes with the same values, with steps that repeat as folds.

    equations   what is computed, in an order that steps share
    runs        equations that correspond to those a period later
    steps       the steps of a run: their state, what they read, and what is read of them
    cuts        where a run is cut into steps, and the repeats that are worth a fold
    order       equations that stand out of order around a repeat
    folding     repeats written as folds
    search      the search for repeats, in one order after another

The equations stand in order of computation. Two of them correspond if they apply the same operation at the same shapes,
and their arguments correspond: one value that both read, two numbers, two leaves of one role, two values from before
the repeat, or two values that correspond in turn. Parts of one value from before the repeat correspond, too. A repeat
is a run of equations in which each corresponds to the one a period later. Its steps are cut where the fewest values
cross; these are the state. What steps read from outside are the operands, and what is read of them outside is emitted.
"""
