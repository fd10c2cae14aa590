"""Figures, one a file: each takes xarray objects and arrays, draws on `ax` or on a new figure, returns the Axes.

Nothing is shown and no setting of matplotlib is changed: `ax.figure.savefig("bound.png")` writes what was drawn.
"""

from latentprob.plots.bound import bound
from latentprob.plots.calibration import calibration
from latentprob.plots.comparison import comparison
from latentprob.plots.components import components
from latentprob.plots.forecast import forecast
from latentprob.plots.graph import graph
from latentprob.plots.instability import instability
from latentprob.plots.latent_kl import latent_kl
from latentprob.plots.latent_space import latent_space
from latentprob.plots.loadings import loadings
from latentprob.plots.posterior_predictive import posterior_predictive
from latentprob.plots.reconstructions import reconstructions
from latentprob.plots.responsibilities import responsibilities
from latentprob.plots.row_pareto_k import row_pareto_k
from latentprob.plots.selection import selection

__all__ = [
    "bound",
    "calibration",
    "comparison",
    "components",
    "forecast",
    "graph",
    "instability",
    "latent_kl",
    "latent_space",
    "loadings",
    "posterior_predictive",
    "reconstructions",
    "responsibilities",
    "row_pareto_k",
    "selection",
]
