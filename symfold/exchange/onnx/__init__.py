"""ONNX: nets as models.

In: a net and its parameters. Out: an ONNX file.

    graph           the model under construction
    elementwise     functions, one row each
    arrangement, reductions, windows, images   primitives, one row each
    rows            the table of primitives
    writer          sf.to_onnx
"""
