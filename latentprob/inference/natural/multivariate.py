"""x ~ MultivariateNormal(loc, covariance): full covariances by level, or one that levels share."""

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Chi2, MultivariateNormal, Wishart

from latentprob.inference.natural.laws import (
    multivariate_digamma,
    outer,
    packed,
    unpacked,
    width,
    wishart_divergence,
    wishart_draws,
)
from latentprob.inference.natural.part import Batch, Moments, Natural, Values, quadratic, total
from latentprob.inference.natural.priors import Priors
from latentprob.program.defaults import CONJUGATE
from latentprob.spec.sites import Free


@dataclass(frozen=True)
class Multivariate:
    """x_n ~ Normal(loc_k, inverse of P_k): statistics x and x x'.

    P ~ Wishart(df, W), and loc given P ~ Normal(m, inverse of kappa P).

    Naturals: (kappa, kappa m) of loc, (df, inverse of W + sum of kappa m m') of P; loc (1 or K, D), P (1 or K, D, D).
    """

    name: str
    features: int
    levels: int
    origin: Tensor
    unit: Tensor
    loc: Free
    matrix: Free
    prior: Natural
    priors: Priors

    @property
    def width(self) -> int:
        return self.features + width(self.features)

    def fill(self, out: Tensor, batch: Batch) -> None:
        x = out[: self.features]
        x.copy_(((batch[self.name] - self.origin) / self.unit).T)
        outer(x, out[self.features :])

    def totals(self, batch: Batch, shares: Tensor) -> Tensor:
        return quadratic((batch[self.name].T - self.origin[:, None]) / self.unit[:, None], shares)

    def base(self, batch: Batch, weights: Tensor) -> Tensor:
        return weights.sum() * (-0.5 * self.features * math.log(math.tau) - self.unit.log().sum())

    def _standard(self, natural: Natural) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """kappa (R, k), m (R, k, D), df (R, l) and the inverse of W (R, l, D, D)."""
        kappa, shift, df, inverse = natural
        loc = shift / kappa[..., None]
        square = loc[..., :, None] * shift[..., None, :]
        if df.shape[-1] == 1 and kappa.shape[-1] > 1:
            square = square.sum(-3, keepdim=True)
        return kappa, loc, df, inverse - square

    def moments(self, natural: Natural) -> Moments:
        kappa, loc, df, inverse = self._standard(natural)
        tril, info = torch.linalg.cholesky_ex(inverse)
        precision = df[..., None, None] * torch.cholesky_inverse(tril)
        log = multivariate_digamma(0.5 * df, self.features) + self.features * math.log(2)
        log = log - 2 * tril.diagonal(dim1=-2, dim2=-1).log().sum(-1)
        first = (precision @ loc[..., None])[..., 0]
        square = (first * loc).sum(-1) + self.features / kappa
        log = torch.where(info == 0, log, torch.nan)
        return {"precision": precision, "log": log, "first": first, "square": square}

    def at(self, values: Values) -> Moments:
        loc, precision = values["loc"], torch.cholesky_inverse(values["scale_tril"])
        first = (precision @ loc[..., None])[..., 0]
        log = -2 * values["scale_tril"].diagonal(dim1=-2, dim2=-1).log().sum(-1)
        return {"precision": precision, "log": log, "first": first, "square": (first * loc).sum(-1)}

    def coefficients(self, moments: Moments) -> tuple[Tensor, Tensor]:
        lead = (len(moments["log"]), self.levels)
        slopes = [moments["first"].expand(*lead, -1), packed(-0.5 * moments["precision"]).expand(*lead, -1)]
        return (0.5 * (moments["log"] - moments["square"])).expand(lead), torch.cat(slopes, -1)

    def divergence(self, natural: Natural, moments: Moments) -> Tensor:
        kappa, loc, df, inverse = self._standard(natural)
        kappa0, loc0, df0, inverse0 = self._standard(tuple(value[None] for value in self.prior))
        away = loc - loc0
        distance = ((moments["precision"] @ away[..., None])[..., 0] * away).sum(-1)
        ratio = kappa0 / kappa
        normal = 0.5 * (self.features * (ratio - 1 - ratio.log()) + kappa0 * distance)
        return normal.sum(-1) + wishart_divergence(df, inverse, df0, inverse0).sum(-1)

    def target(self, natural: Natural, counts: Tensor, sums: Tensor) -> Natural:
        first, second = sums[..., : self.features], unpacked(sums[..., self.features :], self.features)
        kappa, shift, df, inverse = self.prior
        shared = [len(kappa) == 1 < self.levels, len(df) == 1 < self.levels]
        (number, number2), (first, _), (_, second) = (
            [value.sum(1, keepdim=True) if one else value for one in shared] for value in (counts, first, second)
        )
        return kappa + number, shift + first, df + number2, inverse + second

    def draw(self, natural: Natural, draws: int) -> Values:
        kappa, loc, df, inverse = self._standard(natural)
        tril = wishart_draws(df, inverse, draws)
        noise = torch.randn(draws, *loc.shape, dtype=loc.dtype, device=loc.device) / kappa[:, None].sqrt()
        return {"scale_tril": tril, "loc": loc + (tril @ noise[..., None])[..., 0]}

    def log_density(self, natural: Natural, values: Values) -> Tensor:
        kappa, loc, df, inverse = self._standard(natural)
        tril = values["scale_tril"]
        root = torch.linalg.cholesky(inverse)
        precision = torch.cholesky_inverse(tril)
        matrix = Wishart(df, precision_matrix=root @ root.mT, validate_args=False).log_prob(precision)
        normal = MultivariateNormal(loc, scale_tril=tril / kappa[:, None, None].sqrt()).log_prob(values["loc"])
        return total(matrix) + total(normal)

    def parameters(self, values: Values) -> dict[str, Tensor]:
        tril, loc = self.unit[:, None] * values["scale_tril"], self.origin + self.unit * values["loc"]
        matrix = {
            "covariance": lambda: tril @ tril.mT,
            "precision": lambda: torch.cholesky_inverse(tril),
            "scale_tril": lambda: tril,
        }[self.matrix.parameter]()
        by_level = [self.priors.level in free.axes for free in (self.loc, self.matrix)]
        return {
            self.loc.name: loc if by_level[0] else loc[:, 0],
            self.matrix.name: matrix if by_level[1] else matrix[:, 0],
        }


def multivariate(law: Any, name: str, priors: Priors, levels: int, gaps: bool) -> Multivariate:
    """The component of a statement."""
    parameter = next(p for p in CONJUGATE if getattr(law, p) is not None)
    loc, matrix = priors.free(name, "loc"), priors.free(name, parameter)
    origin, unit = priors.units(name)
    normal = priors.law(loc.name, MultivariateNormal)
    by_level = [priors.level in free.axes for free in (loc, matrix)]
    value = priors.value(f"{name}_{parameter}")
    covariance = {
        "covariance": lambda: value,
        "precision": lambda: value.inverse(),
        "scale_tril": lambda: value @ value.mT,
    }
    ratio = normal.covariance_matrix[..., 0, 0] / covariance[parameter]()[..., 0, 0]
    kappa = 1 / (ratio if by_level[0] else ratio[None])
    loc0 = ((normal.loc - origin) / unit).expand(len(kappa), -1)
    chi2 = priors.law(f"{matrix.name}_diagonal", Chi2).df
    df = chi2[..., -1] if by_level[1] else chi2[None, -1]
    root = priors.buffer(f"{matrix.name}_root") / unit[:, None]
    square = kappa[:, None, None] * loc0[:, :, None] * loc0[:, None, :]
    square = square if by_level[1] else square.sum(0, keepdim=True)
    prior = (kappa, kappa[:, None] * loc0, df, (root @ root.mT).expand(len(df), -1, -1) + square)
    return Multivariate(name, len(origin), levels, origin, unit, loc, matrix, prior, priors)
