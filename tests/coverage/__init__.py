"""What `sf.from_torch` reads, found by trying: classes of `torch.nn` and whole models, against PyTorch's own numbers and gradients.

    python -m tests.coverage nn                 a line per class: read, or why not
    python -m tests.coverage torchvision        a line per model: numbers, gradients, blocks in folds
    python -m tests.coverage transformers       likewise, from small configurations
    python -m tests.coverage written            likewise, nets written by hand
    python -m tests.coverage nn --json FILE     the same for the documentation

Needs the extra `torch`, and the package that is named. Each model has a process of its own.
"""
