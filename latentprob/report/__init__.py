"""The report of a fit: one self-contained HTML page.

notation   formulas as trees, written as MathML and LaTeX
symbols    letters and indices of a model
terms      what each map is as a formula; equations: what each statement is
figures    which figures a fit has, with words that state what is seen
page       the HTML, by the template in templates/
"""

from latentprob.report.page import page
from latentprob.report.record import Record

__all__ = ["Record", "page"]
