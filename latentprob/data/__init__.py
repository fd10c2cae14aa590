"""Values, gaps and labels of the data, and whether they fit the model. No torch."""

from latentprob.data.statistics import statistics
from latentprob.data.values import Values, read

__all__ = ["Values", "read", "statistics"]
