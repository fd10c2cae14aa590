"""Importance resampling around a mode of `marginal`: draws of the exact posterior, and a number that says if they are.

Student-t draws around the mode, Pareto-smoothed weights (Vehtari et al., 2024, JMLR 25(72)), resampling.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from arviz_stats.base import array_stats
from pyro.distributions import MultivariateStudentT
from torch import Tensor

from latentprob.inference.gauge import Gauge
from latentprob.inference.laplace import Laplace

PARETO_K_GOOD = 0.5  # finite variance of the weights; standard deviations are within 10 % below it (measured)
DEGREES = 7.0  # of freedom at least: tails heavier than a posterior's
DEGREES_EACH = 0.5  # of freedom a dimension: the spread of the weights grows with dimensions over degrees
PROPOSALS = (4, 20, 20, 20)  # a draw, round by round until k is good: many where few did not do
EFFECTIVE = 2.0  # effective proposals a draw: with fewer, resampling repeats a few of them too often
MOMENTS = 10  # effective draws a dimension from which the next proposal takes the moments of the weighted ones


@dataclass(frozen=True)
class Refined:
    """Resampled vectors (S, P), their log densities (S,), Pareto k of the weights, how many proposals count."""

    vectors: Tensor
    log_p: Tensor
    pareto_k: float
    effective: float

    @property
    def densities(self) -> dict[str, np.ndarray]:
        """log p of each draw, nats; resampled draws have no log q of their own, so log p stands for both."""
        log_p = self.log_p.double().cpu().numpy()
        return {"log_p": log_p, "log_q": log_p}

    @property
    def good(self) -> bool:
        return self.pareto_k < PARETO_K_GOOD

    @property
    def rank(self) -> tuple[bool, float]:
        """What makes one better than another."""
        return self.good, self.effective if self.good else -self.pareto_k


def refine(
    density: Callable[[Tensor], Tensor],
    around: Laplace,
    draws: int,
    generator: torch.Generator,
    most: int = PROPOSALS[-1],
) -> Refined:
    """Draws of the density, log p at vectors (S, P) -> (S,), by proposals around its mode, `most` a draw at most."""
    gauge = around.gauge or Gauge.none(len(around.mode))
    loc, scale_tril = around.mode[gauge.free], around.scale_tril
    degrees = max(DEGREES, float(round(DEGREES_EACH * len(loc))))
    best: Refined | None = None
    for proposals in PROPOSALS:
        free = student(loc, scale_tril, degrees, min(proposals, most) * draws, generator)
        vectors = gauge.whole(free, len(around.mode))
        log_p = density(vectors)
        log_q = MultivariateStudentT(loc.new_tensor(degrees), loc, scale_tril).log_prob(free)
        ratios = log_p + gauge.log_volume(vectors) - log_q
        weights, k = smoothed(ratios)
        effective = float(1 / weights.square().sum())
        index = torch.multinomial(weights, draws, replacement=True, generator=generator)
        found = Refined(vectors[index], log_p[index], k, effective)
        best = found if best is None else max(best, found, key=lambda each: each.rank)
        if best.good and best.effective >= EFFECTIVE * draws:
            break
        if effective > MOMENTS * len(loc):
            loc = weights @ free
            scale_tril = torch.linalg.cholesky((weights[:, None] * (free - loc)).mT @ (free - loc))
    return best  # type: ignore[return-value]


def student(loc: Tensor, scale_tril: Tensor, degrees: float, draws: int, generator: torch.Generator) -> Tensor:
    """Student-t vectors (S, P)."""
    normal = torch.randn(draws, len(loc), generator=generator, dtype=loc.dtype, device=loc.device)
    chi2 = torch.randn(draws, int(degrees), generator=generator, dtype=loc.dtype, device=loc.device).square().sum(1)
    return loc + (normal @ scale_tril.mT) * (degrees / chi2).sqrt()[:, None]


def smoothed(log_ratios: Tensor) -> tuple[Tensor, float]:
    """Pareto-smoothed weights (S,), summing to one, and the shape k of their tail."""
    # a draw where the density underflows has no weight, and no place in the tail's fit
    finite = torch.where(log_ratios.isfinite(), log_ratios, log_ratios[log_ratios.isfinite()].min() - 700)
    log_weights, k = array_stats.psislw(-finite.double().cpu().numpy(), r_eff=1, axis=-1)
    weights = torch.as_tensor(np.asarray(log_weights)).to(log_ratios).softmax(0)
    return weights, float(k)
