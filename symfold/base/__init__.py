"""Base: helpers that know nothing of nets.

In: arguments from callers, numbers, file contents. Out: checked arguments, printable numbers, files written atomically.

    version        the version
    arguments      arguments checked and converted to numbers, arrays, lists and names
    public         the boundary of public functions: wrong arguments refused, tracebacks of users' mistakes kept short
    facts          facts of rows that users add, checked
    deferred       modules that are imported when they are first used
    garbage        no look for garbage while many objects are made that live on
    caching        remembered results of functions, with their types
    trees          nested tuples and dicts as a list of leaves and a form, and back
    decimals       numbers that people type, in one syntax
    big_numbers    integers and fractions of any length, printed as powers or by their size
    tables         tables of text, bounded
    results        frozen dataclasses with arrays in them, compared by value
    files          files written atomically, and files read safely
    archives       arrays in an .npz, read strictly
    cores          the processors that this process may use
    tensor_files   safetensors files: named arrays with metadata

The errors are in `symfold/errors.py`: symfold classes that are also the fitting built-in.
"""
