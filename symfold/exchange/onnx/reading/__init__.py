"""ONNX models as nets.

In: an ONNX file. Out: a net and its parameters.

    file           a model and its arrays from untrusted files, within bounds
    values         values of a graph: nodes, or arrays that are known
    elementwise, arrangement, indexing, layers, windows   ONNX's operations, one row each
    known          operations on known arrays
    recurrent      recurrent layers as folds over time
    control        Scan, Loop and If
    learners       linear models and scalers of scikit-learn
    reader         sf.from_onnx
"""
