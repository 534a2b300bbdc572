"""What `sf.from_torch` reads, found by trying: every class of `torch.nn` against PyTorch's own numbers and gradients.

    python -m tests.coverage nn                 a line per class: read, or why not
    python -m tests.coverage nn --json FILE     the same for the documentation

Needs the extra `torch`.
"""
