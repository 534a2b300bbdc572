"""Show: what a person reads.

In: a net. Out: formulas, graphs, pictures and files of other formats.

    hypertext   formulas and pictures in HTML that notebooks keep
    notation/   formulas as text, Unicode, LaTeX and MathML
    graph/      NetworkX graphs at five levels
    render      DOT as an image
    diagram/    pictures
    export/     graphs as DOT, GraphML, Mermaid, TikZ, node-link JSON
    drawing     pictures as files
    display     what notebooks show
    multigraph  the class of the graphs
"""
