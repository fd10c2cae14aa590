"""Many fits set side by side: whether an inference is calibrated, which size a latent has, a model and its twin."""

from latentprob.studies.calibration import Calibration, calibrate
from latentprob.studies.comparison import Comparison, compare
from latentprob.studies.selection import Selection, select

__all__ = ["Calibration", "Comparison", "Selection", "calibrate", "compare", "select"]
