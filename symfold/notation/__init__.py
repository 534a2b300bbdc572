"""Notation: nets as formulas that people read."""
from symfold.notation.expanded import stream
def formula(net, form="fold", style="text", max_ops=10_000): return "".join(stream(net, style))
def describe(net): return "net"
