"""ONNX: nets as models.

graph           the model being written
elementwise     one row per function
arrangement, reductions, windows, images   one row per primitive
rows            the table of primitives
writer          sf.to_onnx
"""
