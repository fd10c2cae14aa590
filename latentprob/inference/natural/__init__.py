"""Natural gradients for conjugate structure: one engine over the components of a model."""

from latentprob.inference.natural.components import supports
from latentprob.inference.natural.method import NaturalGradient

__all__ = ["NaturalGradient", "supports"]
