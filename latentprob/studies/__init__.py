"""Many fits set side by side: is the inference calibrated, and which size has a variable?"""

from latentprob.studies.calibration import Calibration, calibrate
from latentprob.studies.selection import Selection, select

__all__ = ["Calibration", "Selection", "calibrate", "select"]
