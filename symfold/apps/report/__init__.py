"""The report: two nets compared, as a table on the terminal, a display in a notebook, and a page with pictures.

    comparison, depths         the two nets, at their own depth and at any other
    cells, rows                words and formulas; what is asked of both nets, a row of the table each
    common, story              the form that both nets have; the answer in sentences
    terminal                   the answer and the table as text
    measured, plots            nets with random layers; bars, curves and heat maps as inline SVG
    figures, sweeps, pictures  the plots, the ladder of sweeps, the diagrams
    markup, frames             HTML in small pieces; a part of the page at every depth
    answered, panels           the sentences and the table; what each further section shows
    sections, page             a section of the page each; the whole, with page.css and page.js
"""

from symfold.apps.report.comparison import Comparison as Comparison
from symfold.apps.report.comparison import compare as compare
