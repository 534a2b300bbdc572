"""Experiments: trained and random nets measured over seeds; each function gives plain arrays, and states its budget."""
