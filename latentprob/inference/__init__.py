"""Program and data in, draws out: natural gradients, SVI, NUTS, maximum likelihood. Raw: nothing here aligns labels."""

from latentprob.inference.exact import Exact, solves
from latentprob.inference.natural import NaturalGradient, supports
from latentprob.inference.nuts import NUTS
from latentprob.inference.problem import Draws, Problem
from latentprob.inference.settings import Settings
from latentprob.inference.svi import SVI
from latentprob.program import Program


def chosen(program: Program) -> Settings:
    """The inference that a program gets where none is asked for, by its structure."""
    if solves(program):
        return Exact()
    return NaturalGradient() if supports(program) else SVI()


__all__ = ["NUTS", "SVI", "Draws", "Exact", "NaturalGradient", "Problem", "chosen"]
