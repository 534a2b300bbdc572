"""Plain data: nets as lists and text, and back.

writer   nodes and blocks in the order in which they can be read again
reader   nodes and blocks, each checked as it is built
json     nets as JSON; pickling
"""
