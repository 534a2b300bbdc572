"""Exchange: import and export of nets.

In: a net, a PyTorch module, a JAX function, or JSON text. Out: the same in another format.

    plain_data/     JSON and pickle; input is checked, and nothing is evaluated
    saving          nets with parameters as safetensors files; parameters from .npz
    signature       inputs of an exported net, by position or name
    reading/        what readers share
    pytorch/        PyTorch modules as nets, and back
    onnx/           nets as ONNX models, and back
    jax_function    nets as pure JAX functions
    jaxpr/          JAX functions as nets
    code/           nets as Python code to paste, for NumPy, PyTorch and JAX
"""
