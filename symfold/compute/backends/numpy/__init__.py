"""NumPy: calls into preallocated arrays, one Python loop per fold.

elementwise   elementwise operations that write into a given array
sigmoids      sigmoids as exponentials
writer        a program being written
views         values that share the memory of others
calls         the NumPy calls of one operation
loops         folds as loops
straight      the nodes of a block in order
program       a net as a program
row          the row of the backend
"""
