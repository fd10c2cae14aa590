"""x ~ Poisson(rate) and x ~ Exponential(rate), feature by feature, with gaps."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Gamma

from latentprob.inference.natural.laws import gamma_divergence, inside
from latentprob.inference.natural.part import Batch, Moments, Natural, Values, filled, reduced, total
from latentprob.inference.natural.priors import Priors
from latentprob.spec.distributions import Poisson
from latentprob.spec.sites import Free


@dataclass(frozen=True)
class Rates:
    """rate ~ Gamma(a, b): statistics x, and the seen cells where there are gaps. Naturals: a, b."""

    name: str
    features: int
    levels: int
    gaps: bool
    counts: bool  # Poisson; else Exponential
    free: Free
    prior: Natural
    priors: Priors

    @property
    def width(self) -> int:
        return (2 if self.gaps else 1) * self.features

    def fill(self, out: Tensor, batch: Batch) -> None:
        size = self.features
        out[:size] = batch[self.name].T
        if self.gaps:
            out[size:] = batch[f"{self.name}_seen"].T
            out[:size].mul_(out[size:])

    def totals(self, batch: Batch, shares: Tensor) -> Tensor:
        return filled(self, batch, shares)

    def base(self, batch: Batch, weights: Tensor) -> Tensor:
        if not self.counts:
            return weights.new_zeros(())
        each = -(batch[self.name] + 1).lgamma()
        return weights @ (each * batch[f"{self.name}_seen"] if self.gaps else each).sum(1)

    def moments(self, natural: Natural) -> Moments:
        return {"rate": natural[0] / natural[1], "log": inside(natural[0]).digamma() - natural[1].log()}

    def at(self, values: Values) -> Moments:
        return {"rate": values["rate"], "log": values["rate"].log()}

    def coefficients(self, moments: Moments) -> tuple[Tensor, Tensor]:
        shape = (len(moments["rate"]), self.levels, self.features)
        rate, log = -moments["rate"].expand(shape), moments["log"].expand(shape)
        slope, rest = (log, rate) if self.counts else (rate, log)
        if self.gaps:
            return slope.new_zeros(shape[:2]), torch.cat([slope, rest], -1)
        return rest.sum(-1), slope

    def divergence(self, natural: Natural, moments: Moments) -> Tensor:
        return total(gamma_divergence(*natural, *self.prior))

    def target(self, natural: Natural, counts: Tensor, sums: Tensor) -> Natural:
        first, *seen = sums.split(self.features, -1)
        number = seen[0] if self.gaps else counts[..., None].expand_as(first)
        a, b = (first, number) if self.counts else (number, first)
        shape = tuple(self.prior[0].shape)
        return self.prior[0] + reduced(a, shape), self.prior[1] + reduced(b, shape)

    def draw(self, natural: Natural, draws: int) -> Values:
        return {"rate": Gamma(natural[0], natural[1]).sample((draws,))}

    def log_density(self, natural: Natural, values: Values) -> Tensor:
        return total(Gamma(natural[0], natural[1]).log_prob(values["rate"]))

    def parameters(self, values: Values) -> dict[str, Tensor]:
        return {self.free.name: self.priors.shown(self.free, values["rate"])}


def rates(law: Any, name: str, priors: Priors, levels: int, gaps: bool) -> Rates:
    """The component of a statement."""
    free = priors.free(name, "rate")
    gamma = priors.law(free.name, Gamma)
    prior = tuple(priors.cells(free, value) for value in (gamma.concentration, gamma.rate))
    features = priors.features(name)
    return Rates(name, features, levels, gaps, isinstance(law, Poisson), free, prior, priors)
