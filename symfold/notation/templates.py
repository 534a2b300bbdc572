from symfold.nodes import *
def preview(node, style="text"):
    op=node.op
    if isinstance(op,Input): return op.name
    if isinstance(op,Constant): return str(op.value)
    return f"<{op}>({', '.join(preview(a) for a in node.args)})"
