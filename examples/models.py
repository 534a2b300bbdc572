"""Models for `symfold inspect examples.models:NAME`: functions that give a net, or a module with its example inputs."""

import numpy as np

import symfold as sf


def blocks():
    """Six residual blocks of two layers, one by one, then a readout."""
    pairs = list(zip(sf.layers("norm1:7"), sf.layers("mlp1:7"), strict=True))
    z = sf.fold(lambda z, pair: z + pair[1](np.tanh(pair[0](z))), pairs, sf.tensor("x", (None, 8)))
    return sf.layer("head")(sf.unroll(z))


def encoder():
    """PyTorch's transformer encoder of six layers (needs the extra `torch`)."""
    import torch

    torch.manual_seed(0)
    layer = torch.nn.TransformerEncoderLayer(d_model=8, nhead=2, dim_feedforward=16, batch_first=True, norm_first=True)
    return torch.nn.TransformerEncoder(layer, 6, enable_nested_tensor=False).eval(), (torch.randn(2, 5, 8),)
