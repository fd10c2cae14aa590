"""Values, gaps and labels of the data, and whether they fit the model. No torch."""

from latentprob.data.series import Series
from latentprob.data.statistics import patterns, statistics
from latentprob.data.values import Values, read

__all__ = ["Series", "Values", "patterns", "read", "statistics"]
