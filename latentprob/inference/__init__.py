"""Program and data in, draws out: natural gradients, SVI, NUTS, maximum likelihood. Raw: nothing here aligns labels."""

from latentprob.inference.natural import NaturalGradient
from latentprob.inference.nuts import NUTS
from latentprob.inference.problem import Draws, Problem
from latentprob.inference.svi import SVI

__all__ = ["NUTS", "SVI", "Draws", "NaturalGradient", "Problem"]
