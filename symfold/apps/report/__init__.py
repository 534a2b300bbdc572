"""The report: two nets compared, as a table on the terminal, a display in a notebook, and a page with pictures.

In: two nets. Out: text, plain data, one HTML page.

    depths               the two nets at another depth
    cells                words and formulas in a table
    common               the form that both nets share
    measured, plots      nets with random layers; bars, curves and heat maps as inline SVG
    markup               HTML in small pieces
    trained              small trained nets
    comparison           sf.compare: the two nets side by side
    rows                 the questions to both nets, one row each
    story                the answer in sentences
    terminal             the answer and the table as text
    notebook             the answer and the table in a notebook
    figures, sweeps, pictures   the plots, the ladder of sweeps, the diagrams
    frames               a part of the page at every depth
    answered, panels     the sentences and the table; the content of each further section
    sections, page       one section each; the whole page, with page.css and page.js
"""

# the terminal, the notebook and the page attach what a comparison shows
import symfold.apps.report.notebook
import symfold.apps.report.page
import symfold.apps.report.terminal  # noqa: F401
from symfold.apps.report.comparison import Comparison as Comparison
from symfold.apps.report.comparison import compare as compare
