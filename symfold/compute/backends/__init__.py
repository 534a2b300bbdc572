"""Backends: from a net of known shapes to a program. One file or small folder each, chosen by name."""
