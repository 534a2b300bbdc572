"""Nets from elsewhere and back: PyTorch's modules read as nets, nets as PyTorch's modules."""
