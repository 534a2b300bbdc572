"""Plain data: nets as lists and text, and back.

In: a net, or data. Out: data, or a checked net.

    writer   nodes and blocks as data, in topological order
    checks   the rules that hold for every net
    reader   nodes and blocks from data, each checked as it is built
    json     nets as JSON; pickling
"""
