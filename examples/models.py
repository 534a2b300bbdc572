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
    sizes = {"embedding_size": 4, "hidden_sizes": [4, 6], "depths": [3, 3], "layer_type": "basic"}
    return _transformers("ResNetModel", "ResNetConfig", **sizes), (_image(32),)


def t5():
    """The encoder of T5, of four blocks; the first computes the position bias that all read."""
    sizes = {"d_model": 16, "d_kv": 8, "d_ff": 24, "num_layers": 4, "num_heads": 2}
    return _transformers("T5EncoderModel", "T5Config", **sizes, **WORDS), (_words(),)


def vit():
    """A vision transformer of four blocks."""
    model = _transformers("ViTModel", "ViTConfig", **SIZES, num_attention_heads=2, image_size=16, patch_size=4)
    return model, (_image(16),)


def convnext():
    """ConvNeXt of two stages of three blocks."""
    sizes = {"num_stages": 2, "hidden_sizes": [4, 8], "depths": [3, 3], "layer_scale_init_value": 0.0}
    return _transformers("ConvNextModel", "ConvNextConfig", **sizes), (_image(32),)


def whisper():
    """Whisper of four blocks in the encoder and four in the decoder."""
    import torch

    sizes = {"num_mel_bins": 8, "d_model": 16, "encoder_layers": 4, "decoder_layers": 4, "max_source_positions": 8}
    heads = {"encoder_attention_heads": 2, "decoder_attention_heads": 2, "encoder_ffn_dim": 24, "decoder_ffn_dim": 24}
    model = _transformers(
        "WhisperModel", "WhisperConfig", **sizes, **heads, max_target_positions=16, use_cache=False,
        decoder_start_token_id=1, **WORDS,
    )  # fmt: skip
    return model, (), {"input_features": torch.zeros(1, 8, 16).double(), "decoder_input_ids": _words()}


def mamba():
    """Mamba of four blocks, each with a scan over time."""
    sizes = {"hidden_size": 8, "state_size": 4, "num_hidden_layers": 4, "time_step_rank": 2}
    return _transformers("MambaModel", "MambaConfig", **sizes, use_cache=False, **WORDS), (_words(),)


def mobilenet():
    """Four inverted residual blocks of MobileNetV2."""
    import torch
    from torch import nn

    class Block(nn.Module):
        def __init__(self, channels, wide):
            super().__init__()
            self.expand, self.norm1 = nn.Conv2d(channels, wide, 1, bias=False), nn.BatchNorm2d(wide)
            self.depthwise = nn.Conv2d(wide, wide, 3, padding=1, groups=wide, bias=False)
            self.norm2 = nn.BatchNorm2d(wide)
            self.project, self.norm3 = nn.Conv2d(wide, channels, 1, bias=False), nn.BatchNorm2d(channels)
            self.act = nn.ReLU6()

        def forward(self, z):
            wide = self.act(self.norm2(self.depthwise(self.act(self.norm1(self.expand(z))))))
            return z + self.norm3(self.project(wide))

    torch.manual_seed(0)
    return nn.Sequential(*(Block(4, 24) for _ in range(4))).double().eval(), (_image(8, channels=4),)


def unet():
    """A U-Net of three levels: what each level down leaves is read by the level up that mirrors it."""
    import torch
    from torch import nn

    class UNet(nn.Module):
        def __init__(self, levels=3, channels=4):
            super().__init__()
            self.into, self.out = nn.Conv2d(3, channels, 3, padding=1), nn.Conv2d(channels, 2, 1)
            self.down = nn.ModuleList(nn.Conv2d(channels, channels, 3, padding=1) for _ in range(levels))
            self.bottom = nn.Conv2d(channels, channels, 3, padding=1)
            self.up = nn.ModuleList(nn.ConvTranspose2d(channels, channels, 2, stride=2) for _ in range(levels))
            self.join = nn.ModuleList(nn.Conv2d(2 * channels, channels, 3, padding=1) for _ in range(levels))
            self.pool = nn.MaxPool2d(2)

        def forward(self, image):
            z, kept = self.into(image), []
            for down in self.down:
                kept.append(torch.relu(down(z)))
                z = self.pool(kept[-1])
            z = torch.relu(self.bottom(z))
            for up, join in zip(self.up, self.join, strict=True):
                z = torch.relu(join(torch.cat([up(z), kept.pop()], 1)))
            return self.out(z)

    torch.manual_seed(0)
    return UNet().double().eval(), (_image(16),)


def seq2seq():
    """Two LSTMs: the decoder starts from the last state of the encoder."""
    import torch
    from torch import nn

    class Seq2Seq(nn.Module):
        def __init__(self, words=12, width=6):
            super().__init__()
            self.source, self.target = nn.Embedding(words, 5), nn.Embedding(words, 4)
            self.encoder = nn.LSTM(5, width, batch_first=True)
            self.decoder = nn.LSTM(4, width, batch_first=True)
            self.out = nn.Linear(width, words)

        def forward(self, source, target):
            _, state = self.encoder(self.source(source))
            return self.out(self.decoder(self.target(target), state)[0])

    torch.manual_seed(0)
    return Seq2Seq().double().eval(), (_words(), _words())


WORDS = {"vocab_size": 40, "bos_token_id": 1, "eos_token_id": 1, "pad_token_id": 0}
SIZES = {"hidden_size": 16, "num_hidden_layers": 4, "intermediate_size": 24}


def _words():
    import torch

    return torch.arange(1, 7)[None]


def _image(size, channels=3):
    import torch

    return torch.zeros(1, channels, size, size, dtype=torch.float64)


def _transformers(model, config, **settings):
    """A model of the package `transformers`, built from a configuration: nothing is downloaded."""
    import torch
    import transformers

    torch.manual_seed(0)
    return getattr(transformers, model)(getattr(transformers, config)(**settings)).double().eval()
