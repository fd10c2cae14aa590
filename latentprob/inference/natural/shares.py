"""x ~ Bernoulli(probs) and x ~ Categorical(probs), feature by feature, with gaps; and the levels of the latent."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Beta, Dirichlet

from latentprob.inference.natural.laws import dirichlet_divergence, mean_log
from latentprob.inference.natural.part import Batch, Moments, Natural, Values, filled, total
from latentprob.inference.natural.priors import Priors
from latentprob.spec.distributions import Bernoulli
from latentprob.spec.sites import Free


@dataclass(frozen=True)
class Shares:
    """probs ~ Dirichlet(a), (..., L): statistics are indicators of the categories, all but the first without gaps.

    A Bernoulli has L = 2 and Dirichlet(concentration0, concentration1).
    """

    name: str
    features: int
    levels: int
    categories: int
    gaps: bool
    binary: bool
    free: Free
    prior: Natural
    priors: Priors

    @property
    def width(self) -> int:
        return (self.categories - (0 if self.gaps else 1)) * self.features

    def fill(self, out: Tensor, batch: Batch) -> None:
        x = batch[self.name].T
        seen = batch[f"{self.name}_seen"].T if self.gaps else None
        for at, block in enumerate(out.unflatten(0, (-1, self.features))):
            category = at + (0 if self.gaps else 1)
            block.copy_(x if self.binary and category else x == category)
            if seen is not None:
                block.mul_(seen)

    def totals(self, batch: Batch, shares: Tensor) -> Tensor:
        return filled(self, batch, shares)

    def base(self, batch: Batch, weights: Tensor) -> Tensor:
        return weights.new_zeros(())

    def moments(self, natural: Natural) -> Moments:
        return {"log": mean_log(natural[0])}

    def at(self, values: Values) -> Moments:
        return {"log": values["probs"].log()}

    def coefficients(self, moments: Moments) -> tuple[Tensor, Tensor]:
        log = moments["log"]
        log = log.expand(len(log), self.levels, self.features, self.categories).transpose(-1, -2)
        if self.gaps:
            return log.new_zeros(log.shape[:2]), log.flatten(2)
        return log[:, :, 0].sum(-1), (log[:, :, 1:] - log[:, :, :1]).flatten(2)

    def divergence(self, natural: Natural, moments: Moments) -> Tensor:
        return total(dirichlet_divergence(natural[0], self.prior[0]))

    def target(self, natural: Natural, counts: Tensor, sums: Tensor) -> Natural:
        number = sums.unflatten(-1, (-1, self.features)).transpose(-1, -2)
        if not self.gaps:
            first = counts[..., None, None] - number.sum(-1, keepdim=True)
            number = torch.cat([first, number], -1)
        for axis, size in ((1, self.prior[0].shape[0]), (2, self.prior[0].shape[1])):
            if size == 1 and number.shape[axis] > 1:
                number = number.sum(axis, keepdim=True)
        return (self.prior[0] + number,)

    def draw(self, natural: Natural, draws: int) -> Values:
        tiny = torch.finfo(natural[0].dtype).tiny
        return {"probs": Dirichlet(natural[0]).sample((draws,)).clamp_min(tiny)}

    def log_density(self, natural: Natural, values: Values) -> Tensor:
        return total(Dirichlet(natural[0]).log_prob(values["probs"]))

    def parameters(self, values: Values) -> dict[str, Tensor]:
        probs = values["probs"][..., 1] if self.binary else values["probs"]
        return {self.free.name: self.priors.shown(self.free, probs)}


def concentrations(priors: Priors, free: Free, binary: bool) -> Tensor:
    """Of the prior over (first, ..., last) category, in the parameter's axes and the categories."""
    if not binary:
        return priors.law(free.name, Dirichlet).concentration
    law = priors.law(free.name, Beta)
    return torch.stack([law.concentration0, law.concentration1], -1)


def shares(law: Any, name: str, priors: Priors, levels: int, gaps: bool) -> Shares:
    """The component of a statement."""
    binary, free = isinstance(law, Bernoulli), priors.free(name, "probs")
    own = concentrations(priors, free, binary)
    cells = own.movedim(-1, 0)
    prior = torch.stack([priors.cells(_without_categories(free, binary), each) for each in cells], -1)
    features = priors.features(name)
    return Shares(name, features, levels, prior.shape[-1], gaps, binary, free, (prior,), priors)


def _without_categories(free: Free, binary: bool) -> Free:
    return free if binary else Free(**{**vars(free), "axes": free.axes[:-1]})


@dataclass(frozen=True)
class Levels:
    """c ~ Categorical(probs): no statistics of its own, the counts are all. Known probabilities have no prior."""

    name: str
    levels: int
    free: Free | None
    known: Tensor
    prior: Natural
    width: int = 0

    def fill(self, out: Tensor, batch: Batch) -> None:
        return

    def totals(self, batch: Batch, shares: Tensor) -> Tensor:
        return filled(self, batch, shares)

    def base(self, batch: Batch, weights: Tensor) -> Tensor:
        return weights.new_zeros(())

    def moments(self, natural: Natural) -> Moments:
        return {"log": mean_log(natural[0]) if natural else self.known[None]}

    def at(self, values: Values) -> Moments:
        return {"log": values["probs"].log() if values else self.known[None]}

    def coefficients(self, moments: Moments) -> tuple[Tensor, Tensor]:
        return moments["log"], moments["log"].new_zeros(*moments["log"].shape, 0)

    def divergence(self, natural: Natural, moments: Moments) -> Tensor:
        return dirichlet_divergence(natural[0], self.prior[0]) if natural else self.known.new_zeros(1)

    def target(self, natural: Natural, counts: Tensor, sums: Tensor) -> Natural:
        return tuple(prior + counts for prior in self.prior)

    def draw(self, natural: Natural, draws: int) -> Values:
        tiny = torch.finfo(self.known.dtype).tiny
        return {"probs": Dirichlet(natural[0]).sample((draws,)).clamp_min(tiny)} if natural else {}

    def log_density(self, natural: Natural, values: Values) -> Tensor:
        return Dirichlet(natural[0]).log_prob(values["probs"]) if natural else self.known.new_zeros(())

    def parameters(self, values: Values) -> dict[str, Tensor]:
        if self.free is None:
            return {}
        return {self.free.name: values["probs"][:, 1] if self.free.domain == "unit" else values["probs"]}


def levels(law: Any, name: str, priors: Priors, size: int, like: Tensor) -> Levels:
    """The component of the discrete variable that tells rows apart."""
    free = None if law is None else priors.free(name, "probs")
    if free is not None:
        return Levels(name, size, free, like, (concentrations(priors, free, isinstance(law, Bernoulli)),))
    probs: Any = 1.0 if law is None else law.probs
    if isinstance(law, Bernoulli):
        probs = (1 - probs, probs)
    return Levels(name, size, None, torch.as_tensor(probs).to(like).expand(size).log(), ())
