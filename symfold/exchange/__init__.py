"""Exchange: nets from other packages and for them.

plain_data/     JSON and pickle; what is read is checked, and nothing is evaluated
signature       the values of an exported net's inputs, by position or name
pytorch/        PyTorch's modules as nets, and back
onnx/           nets as ONNX models
jax_function    nets as pure functions for JAX
"""
