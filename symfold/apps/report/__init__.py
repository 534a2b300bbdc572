"""The report: two nets compared, as a table on the terminal, a display in a notebook, and a page with pictures.

depths               the two nets at another depth
cells                words and formulas in a table
common               the form that both nets have
measured, plots      nets with random layers; bars, curves and heat maps as inline SVG
markup               HTML in small pieces
trained              small nets, trained
comparison           sf.compare: the two nets side by side
rows                 what is asked of both nets, one row each
story                the answer in sentences
terminal             the answer and the table as text
figures, sweeps, pictures   the plots, the ladder of sweeps, the diagrams
frames               a part of the page at every depth
answered, panels     the sentences and the table; what each further section shows
sections, page       one section each; the whole page, with page.css and page.js
"""

# the terminal and the page attach what a comparison shows
import symfold.apps.report.page
import symfold.apps.report.terminal  # noqa: F401
from symfold.apps.report.comparison import Comparison as Comparison
from symfold.apps.report.comparison import compare as compare
