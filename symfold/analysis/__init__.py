"""Analysis: what a net is, computed on the folded form. One file an idea."""
