"""Base: what knows nothing of nets.

In: what callers give. Out: numbers, arrays and names that are checked, whole files, printable numbers.

    version        the version
    arguments      what a caller gave, as the number, array or name that was wanted, or an error that quotes it
    trees          values held in tuples and dicts, taken apart into leaves and put together again
    big_numbers    whole numbers and fractions of any length, printed as powers or by their size
    files          files written whole or not at all

Beside it, `symfold/errors.py` holds the errors: symfold classes that are also the fitting built-in.
"""
