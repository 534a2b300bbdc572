"""ONNX: nets as models, and models as nets.

In: a net and its parameters, or an ONNX file. Out: the other.

    graph           the model under construction
    elementwise     functions, one row each
    arrangement, reductions, windows, images   primitives, one row each
    rows            the table of primitives
    record          the net in the metadata of its model
    writer          sf.to_onnx
    reading/        sf.from_onnx
"""
