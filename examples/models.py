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


def gpt2():
    """GPT-2 of four blocks, random weights (needs the extra `torch` and the package `transformers`, as those below)."""
    sizes = {"n_positions": 16, "n_embd": 12, "n_layer": 4, "n_head": 2}
    return _transformers("GPT2LMHeadModel", "GPT2Config", **sizes, **WORDS), (_words(),), {"use_cache": False}


def bert():
    """BERT of four blocks."""
    model = _transformers(
        "BertModel", "BertConfig", **SIZES, num_attention_heads=2, max_position_embeddings=16, **WORDS
    )
    return model, (_words(),)


def llama():
    """A Llama of four blocks, two heads of keys for four of queries."""
    model = _transformers(
        "LlamaForCausalLM", "LlamaConfig", **SIZES, num_attention_heads=4, num_key_value_heads=2, **WORDS
    )
    return model, (_words(),), {"use_cache": False}


def resnet():
    """A ResNet of two stages of three blocks."""
    import torch

    sizes = {"embedding_size": 4, "hidden_sizes": [4, 6], "depths": [3, 3], "layer_type": "basic"}
    return _transformers("ResNetModel", "ResNetConfig", **sizes), (torch.zeros(1, 3, 32, 32, dtype=torch.float64),)


WORDS = {"vocab_size": 40, "bos_token_id": 1, "eos_token_id": 1, "pad_token_id": 0}
SIZES = {"hidden_size": 16, "num_hidden_layers": 4, "intermediate_size": 24}


def _words():
    import torch

    return torch.arange(1, 7)[None]


def _transformers(model, config, **settings):
    """A model of the package `transformers`, built from a configuration: nothing is downloaded."""
    import torch
    import transformers

    torch.manual_seed(0)
    return getattr(transformers, model)(getattr(transformers, config)(**settings)).double().eval()
