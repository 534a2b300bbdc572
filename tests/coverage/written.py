"""Nets as people write them by hand: a class each, with the loops, branches and tricks of the literature."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812

from tests.coverage.models import Build

D = 6  # the width of most nets


def real(*shape: int) -> torch.Tensor:
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(3))


def words(*shape: int, most: int = 9) -> torch.Tensor:
    return torch.randint(most, shape, generator=torch.Generator().manual_seed(3))


def mlp(*sizes: int) -> nn.Sequential:
    parts = [part for a, b in pairwise(sizes) for part in (nn.Linear(a, b), nn.Tanh())]
    return nn.Sequential(*parts[:-1])


# -- images


def double(before: int, after: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(before, after, 3, padding=1), nn.BatchNorm2d(after), nn.ReLU(inplace=True), nn.Conv2d(after, after, 3, padding=1), nn.ReLU(inplace=True))


class UNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = double(1, 4), nn.Conv2d(4, 2, 1)
        self.down = nn.ModuleList([double(4, 8), double(8, 16)])
        self.up = nn.ModuleList([nn.ConvTranspose2d(16, 8, 2, stride=2), nn.ConvTranspose2d(8, 4, 2, stride=2)])
        self.join = nn.ModuleList([double(16, 8), double(8, 4)])

    def forward(self, x: Any) -> Any:
        kept = [self.first(x)]
        for down in self.down:
            kept.append(down(F.max_pool2d(kept[-1], 2)))
        x = kept.pop()
        for up, join in zip(self.up, self.join, strict=True):
            x = up(x)
            skip = kept.pop()
            x = F.pad(x, (0, skip.shape[-1] - x.shape[-1], 0, skip.shape[-2] - x.shape[-2]))
            x = join(torch.cat([skip, x], 1))
        return self.last(x)


class UNetBilinear(nn.Module):
    """Upsampling instead of transposed convolutions."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.inner, self.join = double(1, 4), double(4, 4), double(8, 2)

    def forward(self, x: Any) -> Any:
        first = self.first(x)
        inner = F.interpolate(self.inner(F.avg_pool2d(first, 2)), scale_factor=2, mode="bilinear", align_corners=True)
        return self.join(torch.cat([first, inner], 1))


class PreActivation(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(nn.Sequential(nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 4, 3, padding=1)) for _ in range(4))

    def forward(self, x: Any) -> Any:
        for block in self.blocks:
            x = x + block(x)
        return F.adaptive_avg_pool2d(x, 1).flatten(1)


class Excitation(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.convs = nn.ModuleList(nn.Conv2d(4, 4, 3, padding=1) for _ in range(3))
        self.gates = nn.ModuleList(nn.Sequential(nn.Linear(4, 2), nn.ReLU(), nn.Linear(2, 4), nn.Sigmoid()) for _ in range(3))

    def forward(self, x: Any) -> Any:
        for conv, gate in zip(self.convs, self.gates, strict=True):
            y = conv(x)
            x = F.relu(x + y * gate(y.mean((2, 3)))[:, :, None, None])
        return x


class Dense(nn.Module):
    """Each layer reads all before it."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(D + 4 * k, 4) for k in range(4))

    def forward(self, x: Any) -> Any:
        values = [x]
        for layer in self.layers:
            values.append(torch.relu(layer(torch.cat(values, -1))))
        return torch.cat(values, -1)


class PatchViT(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed, self.cls, self.place = nn.Linear(16, 8), nn.Parameter(torch.zeros(1, 1, 8)), nn.Parameter(torch.zeros(1, 17, 8))
        self.blocks = nn.ModuleList(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, norm_first=True) for _ in range(3))

    def forward(self, x: Any) -> Any:
        patches = x.unfold(2, 4, 4).unfold(3, 4, 4).permute(0, 2, 3, 1, 4, 5).reshape(len(x), -1, 16)
        z = torch.cat([self.cls.expand(len(x), -1, -1), self.embed(patches)], 1) + self.place
        for block in self.blocks:
            z = block(z)
        return z[:, 0]


class SpatialTransformer(nn.Module):
    """A net that rotates and moves its input before it reads it."""

    def __init__(self) -> None:
        super().__init__()
        self.where, self.read = nn.Linear(64, 6), nn.Conv2d(1, 3, 3)

    def forward(self, x: Any) -> Any:
        theta = self.where(x.flatten(1)).view(-1, 2, 3) * 0.2 + torch.eye(2, 3)
        return self.read(F.grid_sample(x, F.affine_grid(theta, list(x.shape), align_corners=False), align_corners=False))


class Autoencoder(nn.Module):
    """A variational autoencoder that decodes the mean."""

    def __init__(self) -> None:
        super().__init__()
        self.encode = nn.Sequential(nn.Conv2d(1, 4, 3, stride=2, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(64, 2 * D))
        self.decode = nn.Sequential(nn.Linear(D, 64), nn.Unflatten(1, (4, 4, 4)), nn.ReLU(), nn.ConvTranspose2d(4, 1, 4, stride=2, padding=1))

    def forward(self, x: Any) -> Any:
        mean, log_variance = self.encode(x).chunk(2, -1)
        divergence = -0.5 * (1 + log_variance - mean**2 - log_variance.exp()).sum(-1)
        return torch.sigmoid(self.decode(mean)), divergence


class VectorQuantized(nn.Module):
    """The nearest code, with the gradient of the input passed through."""

    def __init__(self) -> None:
        super().__init__()
        self.codes, self.encode, self.decode = nn.Parameter(torch.randn(8, D)), mlp(D, D), mlp(D, D)

    def forward(self, x: Any) -> Any:
        z = self.encode(x)
        nearest = torch.cdist(z, self.codes).argmin(-1)
        code = self.codes[nearest]
        return self.decode(z + (code - z).detach()), ((code - z.detach()) ** 2).mean()


# -- sequences


class WaveNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.filters = nn.ModuleList(nn.Conv1d(4, 4, 2, dilation=2**k) for k in range(4))
        self.gates = nn.ModuleList(nn.Conv1d(4, 4, 2, dilation=2**k) for k in range(4))
        self.residuals, self.skips = (nn.ModuleList(nn.Conv1d(4, 4, 1) for _ in range(4)) for _ in range(2))

    def forward(self, x: Any) -> Any:
        total: Any = 0
        for k, (f, g, r, s) in enumerate(zip(self.filters, self.gates, self.residuals, self.skips, strict=True)):
            past = F.pad(x, (2**k, 0))
            y = torch.tanh(f(past)) * torch.sigmoid(g(past))
            total, x = total + s(y), x + r(y)
        return F.relu(total)


class TCN(nn.Module):
    """Causal convolutions, cut at the end, with weight norm."""

    def __init__(self) -> None:
        super().__init__()
        self.convs = nn.ModuleList(nn.utils.parametrizations.weight_norm(nn.Conv1d(4, 4, 3, padding=2)) for _ in range(3))

    def forward(self, x: Any) -> Any:
        for conv in self.convs:
            x = F.relu(x + conv(x)[:, :, :-2])
        return x


class GRULoop(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.cell = nn.GRUCell(D, D)

    def forward(self, x: Any) -> Any:
        h = x.new_zeros(x.shape[0], D)
        states = []
        for t in range(x.shape[1]):
            h = self.cell(x[:, t], h)
            states.append(h)
        return torch.stack(states, 1)


class LSTMLoop(nn.Module):
    """A cell written out gate by gate."""

    def __init__(self) -> None:
        super().__init__()
        self.gates = nn.Linear(2 * D, 4 * D)

    def forward(self, x: Any) -> Any:
        h = c = torch.zeros(x.shape[0], D, dtype=x.dtype)
        for step in x.unbind(1):
            i, f, g, o = self.gates(torch.cat([step, h], -1)).chunk(4, -1)
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
            h = torch.sigmoid(o) * torch.tanh(c)
        return h


class AttentionDecoder(nn.Module):
    """Bahdanau's decoder over an encoder's states."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.cell = nn.GRU(D, D, batch_first=True), nn.GRUCell(2 * D, D)
        self.query, self.key, self.score, self.out = nn.Linear(D, D), nn.Linear(D, D), nn.Linear(D, 1), nn.Linear(D, 9)
        self.words = nn.Embedding(9, D)

    def forward(self, source: Any, target: Any) -> Any:
        states, last = self.encoder(source)
        h, keys, outputs = last[0], self.key(states), []
        for t in range(target.shape[1]):
            weights = torch.softmax(self.score(torch.tanh(self.query(h)[:, None] + keys)), 1)
            h = self.cell(torch.cat([self.words(target[:, t]), (weights * states).sum(1)], -1), h)
            outputs.append(self.out(h))
        return torch.stack(outputs, 1)


class GreedyDecoder(nn.Module):
    """Each word that it finds is its next input."""

    def __init__(self) -> None:
        super().__init__()
        self.words, self.cell, self.out = nn.Embedding(9, D), nn.RNNCell(D, D), nn.Linear(D, 9)

    def forward(self, h: Any) -> Any:
        word = torch.zeros(h.shape[0], dtype=torch.long)
        logits = []
        for _ in range(4):
            h = self.cell(self.words(word), h)
            logits.append(self.out(h))
            word = logits[-1].argmax(-1)
        return torch.stack(logits, 1)


class S4Loop(nn.Module):
    """A diagonal state space, step by step."""

    def __init__(self) -> None:
        super().__init__()
        self.log_a, self.b, self.c, self.d = nn.Parameter(torch.zeros(D, 4)), nn.Parameter(torch.ones(D, 4)), nn.Parameter(torch.ones(D, 4)), nn.Parameter(torch.ones(D))

    def forward(self, x: Any) -> Any:
        a = torch.exp(-torch.exp(self.log_a) * 0.1)
        state, outputs = torch.zeros(x.shape[0], D, 4, dtype=x.dtype), []
        for t in range(x.shape[1]):
            state = a * state + self.b * x[:, t, :, None]
            outputs.append((state * self.c).sum(-1) + self.d * x[:, t])
        return torch.stack(outputs, 1)


class S4Sum(S4Loop):
    """The same by a cumulative sum."""

    def forward(self, x: Any) -> Any:
        time = torch.arange(x.shape[1])[None, :, None, None]
        rate = torch.exp(self.log_a) * 0.1
        inner = torch.cumsum(torch.exp(rate * time) * self.b * x[..., None], 1)
        return (torch.exp(-rate * time) * inner * self.c).sum(-1) + self.d * x


class SelectiveScan(nn.Module):
    """Mamba's scan as a loop, with a causal convolution before it."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.step, self.b, self.c = nn.Conv1d(D, D, 3, groups=D, padding=2), nn.Linear(D, D), nn.Linear(D, 4), nn.Linear(D, 4)
        self.log_a = nn.Parameter(torch.log(torch.arange(1.0, 5.0)).repeat(D, 1))

    def forward(self, x: Any) -> Any:
        x = F.silu(self.conv(x.transpose(1, 2))[..., : x.shape[1]].transpose(1, 2))
        step, b, c = F.softplus(self.step(x)), self.b(x), self.c(x)
        state, outputs = torch.zeros(x.shape[0], D, 4), []
        for t in range(x.shape[1]):
            state = torch.exp(-step[:, t, :, None] * torch.exp(self.log_a)) * state + step[:, t, :, None] * b[:, t, None] * x[:, t, :, None]
            outputs.append(torch.einsum("bdn,bn->bd", state, c[:, t]))
        return torch.stack(outputs, dim=1)


class LinearAttention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.q, self.k, self.v = (nn.Linear(D, D) for _ in range(3))

    def forward(self, x: Any) -> Any:
        q, k, v = F.elu(self.q(x)) + 1, F.elu(self.k(x)) + 1, self.v(x)
        memory = torch.cumsum(torch.einsum("bti,btj->btij", k, v), 1)
        return torch.einsum("bti,btij->btj", q, memory) / torch.einsum("bti,bti->bt", q, k.cumsum(1))[..., None]


class Retention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.q, self.k, self.v, self.norm = nn.Linear(D, D), nn.Linear(D, D), nn.Linear(D, D), nn.GroupNorm(2, D)

    def forward(self, x: Any) -> Any:
        n = x.shape[1]
        gap = torch.arange(n)[:, None] - torch.arange(n)[None]
        decay = torch.where(gap >= 0, 0.9**gap, 0.0)
        y = (self.q(x) @ self.k(x).transpose(-1, -2) * decay) @ self.v(x)
        return self.norm(y.reshape(-1, D)).view_as(x)


# -- transformers


class Block(nn.Module):
    """minGPT's block, whose mask is a float buffer."""

    def __init__(self) -> None:
        super().__init__()
        self.ln_1, self.ln_2, self.c_attn, self.c_proj = nn.LayerNorm(8), nn.LayerNorm(8), nn.Linear(8, 24), nn.Linear(8, 8)
        self.mlp = nn.ModuleDict({"c_fc": nn.Linear(8, 16), "c_proj": nn.Linear(16, 8)})
        self.register_buffer("bias", torch.tril(torch.ones(8, 8)).view(1, 1, 8, 8))

    def attend(self, x: Any) -> Any:
        b, t, c = x.size()
        q, k, v = (part.view(b, t, 2, c // 2).transpose(1, 2) for part in self.c_attn(x).split(8, dim=2))
        scores = (q @ k.transpose(-2, -1)) * (1.0 / math.sqrt(k.size(-1)))
        scores = scores.masked_fill(self.bias[:, :, :t, :t] == 0, float("-inf"))
        y = F.softmax(scores, dim=-1) @ v
        return self.c_proj(y.transpose(1, 2).contiguous().view(b, t, c))

    def forward(self, x: Any) -> Any:
        x = x + self.attend(self.ln_1(x))
        y = self.mlp["c_fc"](self.ln_2(x))
        return x + self.mlp["c_proj"](0.5 * y * (1 + torch.tanh(math.sqrt(2 / math.pi) * (y + 0.044715 * y**3))))


class MinGPT(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.wte, self.wpe, self.blocks = nn.Embedding(9, 8), nn.Embedding(8, 8), nn.ModuleList(Block() for _ in range(4))
        self.ln_f, self.head = nn.LayerNorm(8), nn.Linear(8, 9, bias=False)
        self.head.weight = self.wte.weight

    def forward(self, words: Any) -> Any:
        x = self.wte(words) + self.wpe(torch.arange(words.shape[1]).unsqueeze(0))
        for block in self.blocks:
            x = block(x)
        return self.head(self.ln_f(x))


class Universal(nn.Module):
    """One block at each depth, told where it is."""

    def __init__(self) -> None:
        super().__init__()
        self.block, self.depths = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), nn.Embedding(4, 8)

    def forward(self, x: Any) -> Any:
        for step in range(4):
            x = self.block(x + self.depths(torch.tensor(step)))
        return x


class Rotary(nn.Module):
    """Attention with rotations by complex-free halves."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv = nn.ModuleList(nn.Linear(8, 24) for _ in range(3))

    def rotate(self, x: Any) -> Any:
        angle = torch.arange(x.shape[-2])[:, None] / 10 ** (torch.arange(2) / 2)
        even, odd = x[..., ::2], x[..., 1::2]
        return torch.stack([even * angle.cos() - odd * angle.sin(), even * angle.sin() + odd * angle.cos()], -1).flatten(-2)

    def forward(self, x: Any) -> Any:
        for layer in self.qkv:
            q, k, v = layer(x).unflatten(-1, (3, 2, 4)).permute(2, 0, 3, 1, 4)
            x = x + F.scaled_dot_product_attention(self.rotate(q), self.rotate(k), v, is_causal=True).transpose(1, 2).flatten(2)
        return x


class Masked(nn.Module):
    """An encoder with the padding's mask as an input."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), 3, enable_nested_tensor=False)

    def forward(self, x: Any, padding: Any) -> Any:
        y = self.encoder(x, src_key_padding_mask=padding)
        kept = (~padding).unsqueeze(-1).to(y.dtype)
        return (y * kept).sum(1) / kept.sum(1)


class Mixer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(nn.ModuleDict({"tokens": mlp(5, 8, 5), "channels": mlp(D, 8, D), "norm": nn.LayerNorm(D)}) for _ in range(3))

    def forward(self, x: Any) -> Any:
        for block in self.blocks:
            x = x + block["tokens"](block["norm"](x).mT).mT
            x = x + block["channels"](block["norm"](x))
        return x


class GatedMLP(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner, self.space, self.outer = nn.Linear(D, 2 * D), nn.Conv1d(5, 5, 1), nn.Linear(D, D)

    def forward(self, x: Any) -> Any:
        u, v = F.gelu(self.inner(x)).chunk(2, dim=-1)
        return x + self.outer(u * self.space(F.layer_norm(v, (D,))))


class MixtureOfExperts(nn.Module):
    """Every expert works on every word, and the two best count."""

    def __init__(self) -> None:
        super().__init__()
        self.gate, self.experts = nn.Linear(D, 4), nn.ModuleList(mlp(D, 8, D) for _ in range(4))

    def forward(self, x: Any) -> Any:
        best, which = self.gate(x).topk(2, -1)
        weights = torch.zeros(*x.shape[:-1], 4, dtype=x.dtype).scatter(-1, which, best.softmax(-1))
        return sum(weights[..., k : k + 1] * expert(x) for k, expert in enumerate(self.experts))


class RoutedExperts(MixtureOfExperts):
    """The same, with masks and products of those that are chosen."""

    def forward(self, x: Any) -> Any:
        best, which = self.gate(x).softmax(-1).topk(2, -1)
        outputs = torch.stack([expert(x) for expert in self.experts], -2)
        chosen = outputs.gather(-2, which[..., None].expand(*which.shape, D))
        return (chosen * (best / best.sum(-1, keepdim=True))[..., None]).sum(-2)


class Perceiver(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.latents, self.cross, self.self_ = nn.Parameter(torch.randn(3, 8)), nn.MultiheadAttention(8, 2, batch_first=True), nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)

    def forward(self, x: Any) -> Any:
        z = self.latents.expand(x.shape[0], -1, -1)
        for _ in range(3):
            z = self.self_(z + self.cross(z, x, x)[0])
        return z.mean(1)


# -- equations


class Euler(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.f = mlp(D + 1, 8, D)

    def slope(self, t: float, y: Any) -> Any:
        return self.f(torch.cat([y, torch.full_like(y[:, :1], t)], -1))

    def forward(self, y: Any) -> Any:
        for k in range(5):
            y = y + 0.1 * self.slope(0.1 * k, y)
        return y


class RungeKutta(Euler):
    def forward(self, y: Any) -> Any:
        h = 0.2
        for k in range(4):
            t = h * k
            k1 = self.slope(t, y)
            k2 = self.slope(t + h / 2, y + h / 2 * k1)
            k3 = self.slope(t + h / 2, y + h / 2 * k2)
            k4 = self.slope(t + h, y + h * k3)
            y = y + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        return y


class Equilibrium(nn.Module):
    """A fixed point, sought without gradients; one more step has them."""

    def __init__(self) -> None:
        super().__init__()
        self.inner, self.outer = nn.Linear(D, D), nn.Linear(D, D)

    def forward(self, x: Any) -> Any:
        z = torch.zeros_like(x)
        with torch.no_grad():
            for _ in range(8):
                z = torch.tanh(0.3 * self.inner(z) + self.outer(x))
        return torch.tanh(0.3 * self.inner(z) + self.outer(x))


class RealNVP(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.scales, self.shifts = (nn.ModuleList(mlp(3, 8, 3) for _ in range(4)) for _ in range(2))

    def forward(self, x: Any) -> Any:
        determinant: Any = 0
        a, b = x.chunk(2, 1)
        for scale, shift in zip(self.scales, self.shifts, strict=True):
            s = torch.tanh(scale(a))
            a, b = b * torch.exp(s) + shift(a), a
            determinant = determinant + s.sum(1)
        z = torch.cat([a, b], 1)
        return -0.5 * (z**2).sum(1) - 3 * math.log(2 * math.pi) + determinant


class Reversible(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.f, self.g = (nn.ModuleList(mlp(3, 8, 3) for _ in range(3)) for _ in range(2))

    def forward(self, x: Any) -> Any:
        a, b = torch.split(x, 3, -1)
        for f, g in zip(self.f, self.g, strict=True):
            a = a + f(b)
            b = b + g(a)
        return torch.cat((a, b), -1)


class Hopfield(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.memory = nn.Parameter(torch.randn(5, D))

    def forward(self, x: Any) -> Any:
        for _ in range(4):
            x = torch.softmax(2.0 * x @ self.memory.T, -1) @ self.memory
        return x


class Diffusion(nn.Module):
    """A denoiser with the sine embedding of time, and a few of its steps."""

    def __init__(self) -> None:
        super().__init__()
        self.time, self.net = mlp(4, D), mlp(2 * D, 8, D)

    def forward(self, x: Any) -> Any:
        betas = torch.linspace(0.01, 0.2, 4, dtype=x.dtype)
        alphas = torch.cumprod(1 - betas, 0)
        for t in reversed(range(4)):
            phase = torch.tensor(float(t), dtype=x.dtype) * torch.exp(-torch.arange(2, dtype=x.dtype) * 2)
            e = self.time(torch.cat([phase.sin(), phase.cos()])).expand(x.shape[0], -1)
            x = (x - betas[t] / (1 - alphas[t]).sqrt() * self.net(torch.cat([x, e], -1))) / (1 - betas[t]).sqrt()
        return x


# -- others


class NeRF(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(21 if k == 0 else 29 if k == 3 else 8, 8) for k in range(6))
        self.density, self.color = nn.Linear(8, 1), nn.Linear(8, 3)
        nn.init.ones_(self.density.bias)  # so that there is something to see

    def forward(self, x: Any) -> Any:
        encoded = torch.cat([x, *(f(2.0**k * math.pi * x) for k in range(3) for f in (torch.sin, torch.cos))], -1)
        h = encoded
        for k, layer in enumerate(self.layers):
            if k == 3:
                h = torch.cat([encoded, h], -1)
            h = F.relu(layer(h))
        density = F.relu(self.density(h)).squeeze(-1)
        opaque = 1 - torch.exp(-density * 0.1)
        clear = torch.cumprod(torch.cat([torch.ones_like(opaque[:, :1]), 1 - opaque + 1e-10], -1), -1)[:, :-1]
        return ((opaque * clear).unsqueeze(-1) * torch.sigmoid(self.color(h))).sum(1)


class Hypernetwork(nn.Module):
    """The weights are another net's result."""

    def __init__(self) -> None:
        super().__init__()
        self.hyper = mlp(3, 8, D * D + D)

    def forward(self, x: Any, task: Any) -> Any:
        weights = self.hyper(task)
        for _ in range(3):
            x = torch.tanh(F.linear(x, weights[: D * D].view(D, D), weights[D * D :]))
        return x


class KAN(nn.Module):
    """Sums of B-splines on the edges."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("grid", torch.linspace(-2.2, 2.2, 12))
        self.splines = nn.ParameterList(nn.Parameter(torch.randn(D, D, 8) * 0.1) for _ in range(3))
        self.bases = nn.ModuleList(nn.Linear(D, D) for _ in range(3))

    def forward(self, x: Any) -> Any:
        for spline, base in zip(self.splines, self.bases, strict=True):
            z, g = x.unsqueeze(-1), self.grid
            b = ((z >= g[:-1]) & (z < g[1:])).to(x.dtype)
            for k in range(1, 4):
                left = (z - g[: -(k + 1)]) / (g[k:-1] - g[: -(k + 1)]) * b[..., :-1]
                right = (g[k + 1 :] - z) / (g[k + 1 :] - g[1:-k]) * b[..., 1:]
                b = left + right
            x = base(F.silu(x)) + torch.einsum("nik,oik->no", b, spline)
        return x


class GraphConvolution(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(D, D) for _ in range(3))

    def forward(self, x: Any, adjacency: Any) -> Any:
        full = adjacency + torch.eye(adjacency.shape[0], dtype=adjacency.dtype)
        scale = full.sum(1).clamp(min=1e-3).pow(-0.5)
        normal = scale[:, None] * full * scale[None]
        for layer in self.layers:
            x = F.relu(normal @ layer(x))
        return x


class MessagePassing(nn.Module):
    """Edges as pairs of positions: messages are gathered, then added up."""

    def __init__(self) -> None:
        super().__init__()
        self.message, self.update = nn.ModuleList(mlp(2 * D, D) for _ in range(3)), nn.ModuleList(nn.GRUCell(D, D) for _ in range(3))

    def forward(self, x: Any, edges: Any) -> Any:
        source, target = edges
        for message, update in zip(self.message, self.update, strict=True):
            sent = message(torch.cat([x[source], x[target]], -1))
            x = update(torch.zeros_like(x).index_add(0, target, sent), x)
        return x


class GraphAttention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner, self.left, self.right = nn.Linear(D, D, bias=False), nn.Linear(D, 1), nn.Linear(D, 1)

    def forward(self, x: Any, adjacency: Any) -> Any:
        h = self.inner(x)
        scores = F.leaky_relu(self.left(h) + self.right(h).T, 0.2)
        return F.elu(torch.softmax(torch.where(adjacency > 0, scores, -9e15), 1) @ h)


class PointNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.local, self.all = nn.Sequential(nn.Conv1d(3, 8, 1), nn.BatchNorm1d(8), nn.ReLU(), nn.Conv1d(8, 8, 1)), mlp(8, 5)

    def forward(self, points: Any) -> Any:
        return self.all(self.local(points.transpose(1, 2)).max(dim=2)[0])


class Highway(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.plain, self.gate = (nn.ModuleList(nn.Linear(D, D) for _ in range(5)) for _ in range(2))

    def forward(self, x: Any) -> Any:
        for plain, gate in zip(self.plain, self.gate, strict=True):
            t = torch.sigmoid(gate(x))
            x = t * torch.relu(plain(x)) + (1 - t) * x
        return x


class FiLM(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conditions, self.layers = nn.ModuleList(nn.Linear(3, 2 * D) for _ in range(3)), nn.ModuleList(nn.Linear(D, D) for _ in range(3))

    def forward(self, x: Any, z: Any) -> Any:
        for condition, layer in zip(self.conditions, self.layers, strict=True):
            gamma, beta = condition(z).split(D, -1)
            x = x + F.relu((1 + gamma) * layer(x) + beta)
        return x


class Boosted(nn.Module):
    """Learners added up, each of which reads the input."""

    def __init__(self) -> None:
        super().__init__()
        self.learners = nn.ModuleList(mlp(D, 8, 2) for _ in range(5))

    def forward(self, x: Any) -> Any:
        total = torch.zeros(x.shape[0], 2, dtype=x.dtype)
        for learner in self.learners:
            total = total + 0.3 * learner(x)
        return total


class SoftTree(nn.Module):
    """A decision tree with soft splits."""

    def __init__(self) -> None:
        super().__init__()
        self.splits, self.leaves = nn.Linear(D, 7), nn.Parameter(torch.randn(8, 2))

    def forward(self, x: Any) -> Any:
        right = torch.sigmoid(self.splits(x))
        reach, begin = torch.ones(x.shape[0], 1, dtype=x.dtype), 0
        for depth in range(3):
            share = right[:, begin : begin + 2**depth]
            reach, begin = torch.stack([reach * (1 - share), reach * share], -1).flatten(1), begin + 2**depth
        return reach @ self.leaves


class Ensemble(nn.Module):
    """Nets side by side in one product."""

    def __init__(self) -> None:
        super().__init__()
        self.w, self.b = nn.ParameterList(nn.Parameter(torch.randn(4, D, D) * 0.3) for _ in range(3)), nn.ParameterList(nn.Parameter(torch.zeros(4, 1, D)) for _ in range(3))

    def forward(self, x: Any) -> Any:
        y = x.unsqueeze(0).repeat(4, 1, 1)
        for w, b in zip(self.w, self.b, strict=True):
            y = torch.relu(torch.baddbmm(b, y, w))
        return y.mean(0), y.var(0)


class Recommender(nn.Module):
    """A factorization machine on fields of labels."""

    def __init__(self) -> None:
        super().__init__()
        self.table, self.linear, self.deep = nn.Embedding(20, 4), nn.EmbeddingBag(20, 1, mode="sum"), mlp(12, 8, 1)
        self.register_buffer("offsets", torch.tensor([0, 5, 10]))

    def forward(self, fields: Any) -> Any:
        fields = fields + self.offsets
        e = self.table(fields)
        pairs = 0.5 * (e.sum(1) ** 2 - (e**2).sum(1)).sum(1, keepdim=True)
        return torch.sigmoid(self.linear(fields) + pairs + self.deep(e.flatten(1)))


class Branched(nn.Module):
    """A choice between two layers, by the values."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(D, D), nn.Linear(D, D)

    def forward(self, x: Any) -> Any:
        return torch.cond(x.sum() > 0, lambda x: self.a(x), lambda x: torch.tanh(self.b(x)), (x,))


class Halting(nn.Module):
    """Adaptive computation: steps count until the halting probabilities sum to one."""

    def __init__(self) -> None:
        super().__init__()
        self.step, self.halt = nn.Linear(D, D), nn.Linear(D, 1)

    def forward(self, x: Any) -> Any:
        spent, result = torch.zeros(x.shape[0], 1), torch.zeros_like(x)
        for _ in range(5):
            x = torch.tanh(self.step(x))
            p = torch.sigmoid(self.halt(x))
            p = torch.where(spent + p > 0.99, 1 - spent, p)
            result, spent = result + p * x, spent + p
        return result


class Selected(nn.Module):
    """A loss over the entries of a mask, as a sum of chosen ones."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(D, D)

    def forward(self, x: Any, mask: Any) -> Any:
        y = self.layer(x)
        y[:, 0] = 0
        y = y.clone()
        y[mask] = -1.0
        return y.masked_fill(y < -0.5, 0.0).sum() / mask.sum()


MODELS: dict[str, Build] = {
    name: (lambda make=make, inputs=inputs: (make(), inputs)) for name, make, *inputs in [
        ("U-Net", UNet, real(1, 1, 12, 12)), ("U-Net, bilinear", UNetBilinear, real(1, 1, 8, 8)), ("pre-activation ResNet", PreActivation, real(2, 4, 6, 6)),
        ("squeeze and excitation", Excitation, real(2, 4, 6, 6)), ("DenseNet of linear layers", Dense, real(2, D)), ("ViT of patches", PatchViT, real(1, 1, 16, 16)),
        ("spatial transformer", SpatialTransformer, real(1, 1, 8, 8)), ("variational autoencoder", Autoencoder, real(2, 1, 8, 8)), ("vector quantization", VectorQuantized, real(3, D)),
        ("WaveNet", WaveNet, real(1, 4, 20)), ("temporal convolutions", TCN, real(1, 4, 9)), ("GRU cell in a loop", GRULoop, real(2, 5, D)), ("LSTM gate by gate", LSTMLoop, real(2, 5, D)),
        ("attention decoder", AttentionDecoder, real(2, 4, D), words(2, 3)), ("greedy decoder", GreedyDecoder, real(2, D)), ("S4 by a loop", S4Loop, real(2, 6, D)), ("S4 by a sum", S4Sum, real(2, 6, D)),
        ("selective scan", SelectiveScan, real(2, 6, D)), ("linear attention", LinearAttention, real(2, 5, D)), ("retention", Retention, real(2, 5, D)),
        ("minGPT", MinGPT, words(2, 6)), ("universal transformer", Universal, real(2, 5, 8)), ("rotary attention", Rotary, real(2, 5, 8)), ("masked encoder", Masked, real(2, 4, 8), torch.tensor([[False, False, False, True], [False, False, True, True]])),
        ("MLP-Mixer", Mixer, real(2, 5, D)), ("gated MLP", GatedMLP, real(2, 5, D)), ("mixture of experts", MixtureOfExperts, real(3, D)), ("routed experts", RoutedExperts, real(3, D)), ("Perceiver", Perceiver, real(2, 5, 8)),
        ("neural ODE, Euler", Euler, real(2, D)), ("neural ODE, Runge-Kutta", RungeKutta, real(2, D)), ("deep equilibrium", Equilibrium, real(2, D)), ("RealNVP", RealNVP, real(2, D)), ("reversible net", Reversible, real(2, D)),
        ("Hopfield net", Hopfield, real(2, D)), ("diffusion steps", Diffusion, real(2, D)), ("NeRF", NeRF, real(2, 5, 3)), ("hypernetwork", Hypernetwork, real(2, D), real(3)), ("KAN", KAN, real(3, D)),
        ("graph convolution", GraphConvolution, real(4, D), (real(4, 4) > 0).double()), ("message passing", MessagePassing, real(4, D), torch.tensor([[0, 1, 2, 3, 0], [1, 2, 3, 0, 2]])), ("graph attention", GraphAttention, real(4, D), (real(4, 4) > 0).double()),
        ("PointNet", PointNet, real(2, 7, 3)), ("highway net", Highway, real(2, D)), ("FiLM", FiLM, real(2, D), real(2, 3)), ("boosted nets", Boosted, real(2, D)), ("soft decision tree", SoftTree, real(2, D)), ("ensemble in one product", Ensemble, real(2, D)),
        ("factorization machine", Recommender, words(2, 3, most=5)), ("branch by values", Branched, real(2, D)), ("adaptive computation", Halting, real(2, D)), ("masked entries", Selected, real(3, D), torch.tensor([True, False, True])),
    ]
}  # fmt: skip
REFUSED: dict[str, str] = {}
