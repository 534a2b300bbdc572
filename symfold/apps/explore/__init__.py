"""Explore: one mapper at any depth, and beside another one, as a widget in a notebook and as a page without a server.

In: mappers by name, typed or in Python, and depths. Out: a widget of anywidget, or one HTML page.

    answers   what is shown of a net, and of two
    widget    sf.explore: the widget, which asks Python
    page      the page, which holds the answers

`explore.js` and `explore.css` are those of both.
"""
