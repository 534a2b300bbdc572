"""Imported once before models are read in processes of their own: what a first reading imports, these need not."""

from __future__ import annotations

import torch
from torch import nn

from tests.coverage.models import Found, examine

torch.set_num_threads(1)
FOUND: Found = examine(lambda: (nn.TransformerEncoderLayer(4, 2, 8, batch_first=True), (torch.randn(1, 3, 4, dtype=torch.float64),)))
