"""Draws of a density around its mode by adaptive importance sampling, and a number that says if they can be trusted.

Student-t proposals around the mode, adapted round by round to the weighted draws of all rounds, which are weighted
against the mixture of all proposals (Cornuet et al., 2012, Scandinavian Journal of Statistics 39); the weights are
Pareto-smoothed (Vehtari et al., 2024, JMLR 25(72)), and the draws resampled by them.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from arviz_stats.base import array_stats
from torch import Tensor

from latentprob.inference.gauge import Gauge
from latentprob.inference.laplace import Laplace
from latentprob.inference.proposals import Proposal

PARETO_K_MAX = 0.7  # Vehtari et al. (2024): above it the error of smoothed weights is not under control
PARETO_K_GOOD = 0.5  # finite variance of the weights: half as many draws need to count
DEGREES = 7.0  # of freedom at least: tails heavier than a posterior's
DEGREES_EACH = 0.5  # of freedom a dimension: the spread of the weights grows with dimensions over degrees
ROUND = 2  # proposals a draw in each round, at least
ROUND_EACH = 100  # proposals a dimension in each round, at least
ROUND_MIN = 4_000  # proposals in each round, at least
ROUNDS = 12  # at most
EFFECTIVE = 2.0  # effective proposals a draw that end the rounds: with fewer, resampling repeats some too often
EFFECTIVE_MIN = 0.25  # effective proposals a draw with which the draws can be relied on


@dataclass(frozen=True)
class Resampled:
    """Resampled vectors (S, P), their log densities (S,), Pareto k of the weights, how many proposals count.

    log_evidence: of the part of the density around the mode, nats.
    """

    vectors: Tensor
    log_p: Tensor
    pareto_k: float
    effective: float
    log_evidence: float

    @property
    def densities(self) -> dict[str, np.ndarray]:
        """log p of each draw, nats; resampled draws have no log q of their own, so log p stands for both."""
        log_p = self.log_p.double().cpu().numpy()
        return {"log_p": log_p, "log_q": log_p}

    def split(self, draws: int) -> list["Resampled"]:
        """Chains of so many draws."""
        share = draws / len(self.vectors)
        pieces = zip(self.vectors.split(draws), self.log_p.split(draws), strict=True)
        return [
            Resampled(vectors, log_p, self.pareto_k, share * self.effective, self.log_evidence)
            for vectors, log_p in pieces
        ]

    @property
    def good(self) -> bool:
        """Whether the draws are those of the density: tails under control, and enough proposals that count."""
        return self.pareto_k < PARETO_K_MAX and self.effective >= EFFECTIVE_MIN * len(self.vectors)


def around(near: Laplace) -> Proposal:
    """The first proposal: a Student-t around a mode, on its free coordinates."""
    loc = near.mode if near.gauge is None else near.mode[near.gauge.free]
    return Proposal.one(loc, near.scale_tril, max(DEGREES, float(round(DEGREES_EACH * len(loc)))))


def resample(
    density: Callable[[Tensor], Tensor],
    near: Laplace,
    draws: int,
    generator: torch.Generator,
    most: int | None = None,
    inside: Callable[[Tensor], Tensor] | None = None,
) -> Resampled:
    """Draws of a density, log p at vectors (S, P) -> (S,), from proposals around its mode, `most` of them.

    inside: (S, P) -> (S,), whether a vector lies in the part of the space that counts; None where all of it does.
    """
    gauge, size = near.gauge or Gauge.none(len(near.mode)), len(near.mode)
    count = max(ROUND * draws, ROUND_EACH * size, ROUND_MIN)
    rounds = ROUNDS if most is None else min(ROUNDS, most // count)
    proposals = [around(near)]
    free, log_p, target = near.mode.new_zeros(0, len(gauge.free)), near.mode.new_zeros(0), near.mode.new_zeros(0)
    log_q: list[Tensor] = []
    while True:
        fresh = proposals[-1].draw(count, generator)
        vectors = gauge.whole(fresh, size)
        density_there = density(vectors)
        counts = density_there + gauge.log_volume(vectors)
        counts = counts if inside is None else counts.where(inside(vectors), -torch.inf)
        free, log_p, target = torch.cat([free, fresh]), torch.cat([log_p, density_there]), torch.cat([target, counts])
        log_q = [torch.cat([old, law.log_prob(fresh)]) for old, law in zip(log_q, proposals, strict=False)]
        log_q.append(proposals[-1].log_prob(free))
        ratios = target - torch.stack(log_q).logsumexp(0) + math.log(len(log_q))
        weights, k = smoothed(ratios)
        effective = float(1 / weights.square().sum())
        needed = EFFECTIVE * draws * (0.5 if k < PARETO_K_GOOD else 1.0)
        if (k < PARETO_K_MAX and effective >= needed) or len(proposals) >= rounds:
            index = torch.multinomial(weights, draws, replacement=True, generator=generator)
            evidence = float(ratios.logsumexp(0)) - math.log(len(ratios))
            return Resampled(gauge.whole(free[index], size), log_p[index], k, effective, evidence)
        proposals.append(proposals[-1].adapted(free, weights, generator))


def smoothed(log_ratios: Tensor) -> tuple[Tensor, float]:
    """Pareto-smoothed weights (S,), summing to one, and the shape k of their tail."""
    # a draw where the density underflows has no weight, and no place in the tail's fit
    finite = torch.where(log_ratios.isfinite(), log_ratios, log_ratios[log_ratios.isfinite()].min() - 700)
    log_weights, k = array_stats.psislw(-finite.double().cpu().numpy(), r_eff=1, axis=-1)
    weights = torch.as_tensor(np.asarray(log_weights)).to(log_ratios).softmax(0)
    return weights, float(k)
