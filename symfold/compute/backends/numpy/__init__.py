"""NumPy: calls into preallocated arrays, one Python loop per fold.

In: a net of known shapes. Out: Python source that calls NumPy, and the program it defines.

    writer          the source of a program under construction
    views           values that share the memory of others
    sharing         work divided among threads
    pieces          products in pieces that BLAS does not divide
    convolutions    convolutions and their adjoints
    sums            sums by BLAS
    calls           the NumPy calls of one operation
    loops           folds as loops
    straight_line   the nodes of a block in order
    program         a net as a program
    row             the row of the backend
"""
