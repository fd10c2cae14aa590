"""Program and data in, draws out: SVI, NUTS and maximum likelihood. Raw draws: nothing here aligns labels or signs."""

from latentprob.inference.nuts import NUTS
from latentprob.inference.problem import Draws, Problem
from latentprob.inference.svi import SVI

__all__ = ["NUTS", "SVI", "Draws", "Problem"]
