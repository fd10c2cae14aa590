"""Figures, one a file: each takes xarray objects and arrays, draws on `ax` or on a new figure, returns the Axes.

Nothing is shown and no setting of matplotlib is changed: `ax.figure.savefig("bound.png")` writes what was drawn.
"""

from latentprob.plots.bound import bound
from latentprob.plots.calibration import calibration
from latentprob.plots.components import components
from latentprob.plots.latent_space import latent_space
from latentprob.plots.loadings import loadings
from latentprob.plots.reconstructions import reconstructions
from latentprob.plots.selection import selection

__all__ = ["bound", "calibration", "components", "latent_space", "loadings", "reconstructions", "selection"]
