"""Many fits set side by side: whether an inference is calibrated, which size a latent has."""

from latentprob.studies.calibration import Calibration, calibrate
from latentprob.studies.selection import Selection, select

__all__ = ["Calibration", "Selection", "calibrate", "select"]
