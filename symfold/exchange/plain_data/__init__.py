"""Plain data: nets as lists and text, and back.

In: a net, or data. Out: data, or a checked net.

    writer   nodes and blocks as data, in topological order
    reader   nodes and blocks from data, each checked as it is built
    json     nets as JSON; pickling
"""
