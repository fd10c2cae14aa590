"""x ~ Normal(loc=Linear(z), scale), z ~ Normal(0, 1): factor analysis, PPCA, mixtures of factor analysers.

z is integrated out given the expectations of the parameters, so that a row's bound is a quadratic form in x: its
statistics are x and x x', as those of a full normal. Ghahramani and Beal (2000), with the noise's precision free.
"""

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Gamma, MultivariateNormal, Normal

from latentprob.inference.natural.laws import gamma_divergence, inside, log_determinant, outer, packed, unpacked, width
from latentprob.inference.natural.normals import POWERS
from latentprob.inference.natural.part import Batch, Moments, Natural, Values, quadratic, reduced, total
from latentprob.inference.natural.priors import Priors
from latentprob.spec.sites import Free

SWEEPS = 1  # of loadings and noise for the same expected statistics


@dataclass(frozen=True)
class Factors:
    """x_nd ~ Normal(w_kd . (1, z_n), 1 / sqrt(precision_kd)); w has Z + 1 numbers, the intercept first.

    Naturals: (precision, precision times mean) of w, (1 or K, D, Z+1[, Z+1]); (a, b) of the noise's precision.
    """

    name: str
    features: int
    levels: int
    factors: int
    origin: Tensor
    unit: Tensor
    intercept: Free
    weights: Free
    scale: Free | None
    known_precision: Tensor
    prior: Natural
    priors: Priors
    parameter: str

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

    def moments(self, natural: Natural) -> Moments:
        weights, square, _ = _normal(natural[0], natural[1])
        gamma = natural[2:]
        precision = gamma[0] / gamma[1] if gamma else self.known_precision
        log = inside(gamma[0]).digamma() - gamma[1].log() if gamma else self.known_precision.log()
        return {"weights": weights, "square": square, "precision": precision, "log": log}

    def at(self, values: Values) -> Moments:
        w, precision = values["weights"], values.get("precision", self.known_precision)
        square = w[..., :, None] * w[..., None, :]
        return {"weights": w, "square": square, "precision": precision, "log": precision.log()}

    def _belief(self, moments: Moments) -> tuple[Tensor, Tensor, Tensor]:
        """Of z given x, mean = P^-1 (loaded x - shift): P (R, k, Z, Z), loaded (R, k, Z, D), shift (R, k, Z)."""
        precision = moments["precision"].expand(*moments["precision"].shape[:-1], self.features)
        second = (precision[..., None, None] * moments["square"]).sum(-3)
        eye = torch.eye(self.factors, dtype=second.dtype, device=second.device)
        loaded = (precision[..., None] * moments["weights"][..., 1:]).mT
        return eye + second[..., 1:, 1:], loaded, second[..., 1:, 0]

    def coefficients(self, moments: Moments) -> tuple[Tensor, Tensor]:
        inverse, loaded, shift = self._belief(moments)
        tril, info = torch.linalg.cholesky_ex(inverse)
        half = torch.linalg.solve_triangular(tril, loaded, upper=False)
        half_shift = torch.linalg.solve_triangular(tril, shift[..., None], upper=False)
        precision, log = (moments[n].expand(*moments[n].shape[:-1], self.features) for n in ("precision", "log"))
        matrix = -0.5 * (torch.diag_embed(precision) - half.mT @ half)
        first = precision * moments["weights"][..., 0] - (half.mT @ half_shift)[..., 0]
        log = 0.5 * log.sum(-1) - tril.diagonal(dim1=-2, dim2=-1).log().sum(-1)
        square = 0.5 * ((precision * moments["square"][..., 0, 0]).sum(-1) - half_shift.square().sum((-1, -2)))
        lead = (len(moments["weights"]), self.levels)
        constant = torch.where(info == 0, log - square, torch.nan).expand(lead)
        return constant, torch.cat([first.expand(*lead, -1), packed(matrix).expand(*lead, -1)], -1)

    def divergence(self, natural: Natural, moments: Moments) -> Tensor:
        prior = tuple(value[None] for value in self.prior)
        loc0, _, _ = _normal(prior[0], prior[1])
        _, _, covariance = _normal(natural[0], natural[1])
        away = moments["weights"] - loc0
        trace = (prior[0] * covariance).sum((-1, -2)) + ((prior[0] @ away[..., None])[..., 0] * away).sum(-1)
        each = log_determinant(natural[0]) - log_determinant(prior[0]) + trace - (self.factors + 1)
        found = 0.5 * total(each)
        return found + total(gamma_divergence(*natural[2:], *prior[2:])) if len(prior) > 2 else found

    def target(self, natural: Natural, counts: Tensor, sums: Tensor) -> Natural:
        moments = self.moments(natural)
        first, second = sums[..., : self.features], unpacked(sums[..., self.features :], self.features)
        inside, cross = self._expected(moments, counts, first, second)
        levels = len(self.prior[0])
        own = second.diagonal(dim1=-2, dim2=-1)
        found = natural
        for _ in range(SWEEPS):
            precision = moments["precision"].expand(*moments["precision"].shape[:-2], self.levels, self.features)
            square = precision[..., None, None] * inside[:, :, None]
            shift = precision[..., None] * cross
            if levels == 1 < self.levels:
                square, shift = square.sum(1, keepdim=True), shift.sum(1, keepdim=True)
            found = (self.prior[0] + square, self.prior[1] + shift, *found[2:])
            if not found[2:]:
                break
            shape = tuple(self.prior[2].shape)
            weights, outer_weights, _ = _normal(found[0], found[1])
            residual = own - 2 * (weights * cross).sum(-1) + (outer_weights * inside[:, :, None]).sum((-1, -2))
            number = counts[..., None].expand_as(residual)
            gamma = (self.prior[2] + 0.5 * reduced(number, shape), self.prior[3] + 0.5 * reduced(residual, shape))
            found = (*found[:2], *gamma)
            moments = self.moments(found)
        return found

    def _expected(self, moments: Moments, counts: Tensor, first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
        """Expected sums of u u' (R, K, Z+1, Z+1) and of x u' (R, K, D, Z+1), u = (1, z)."""
        inverse, loaded, shift = self._belief(moments)
        covariance = torch.cholesky_inverse(torch.linalg.cholesky_ex(inverse)[0])
        number, shift = counts[..., None, None], shift[..., None]
        first = first[..., None]
        gain, back = covariance @ loaded, covariance @ shift
        z = gain @ first - number * back
        cross = gain @ second - back @ first.mT  # sums of z x'
        square = number * covariance + cross @ gain.mT - z @ back.mT
        inside = torch.cat([torch.cat([number, z.mT], -1), torch.cat([z, square], -1)], -2)
        return inside, torch.cat([first, cross.mT], -1)

    def draw(self, natural: Natural, draws: int) -> Values:
        found = {"weights": self._law(natural).sample((draws,))}
        return found | ({"precision": Gamma(natural[2], natural[3]).sample((draws,))} if natural[2:] else {})

    def _law(self, natural: Natural) -> Any:
        loc, _, covariance = _normal(natural[0], natural[1])
        return MultivariateNormal(loc, covariance)

    def log_density(self, natural: Natural, values: Values) -> Tensor:
        found = total(self._law(natural).log_prob(values["weights"]))
        return found + total(Gamma(natural[2], natural[3]).log_prob(values["precision"])) if natural[2:] else found

    def parameters(self, values: Values) -> dict[str, Tensor]:
        w, found = values["weights"], {}
        by_level = self.weights.source.by is not None
        w = w if by_level else w[:, 0]
        found[self.intercept.name] = self.origin + self.unit * w[..., 0]
        found[self.weights.name] = (self.unit[:, None] * w[..., 1:]).mT
        if self.scale is not None:
            precision = values["precision"] / self.unit[: values["precision"].shape[-1]] ** 2
            found[self.scale.name] = self.priors.shown(self.scale, precision ** POWERS[self.parameter])
        return found

    def start(self, values: dict[str, Tensor]) -> Natural:
        """Naturals at values of the parameters (R, ...), as certain as the prior makes them."""
        intercept, weights = values[self.intercept.name], values[self.weights.name].mT
        if self.weights.source.by is None:
            intercept, weights = intercept[:, None], weights[:, None]
        u = torch.cat([((intercept - self.origin) / self.unit)[..., None], weights / self.unit[:, None]], -1)
        certain = (self.prior[0] * CERTAIN).expand(len(u), *self.prior[0].shape)
        found: Natural = (certain, (certain @ u[..., None])[..., 0])
        if self.scale is None:
            return found
        value = torch.stack([self.priors.cells(self.scale, each) for each in values[self.scale.name]])
        precision = value ** (1 / POWERS[self.parameter]) * self.unit[: value.shape[-1]] ** 2
        a = (self.prior[2] * CERTAIN).expand_as(precision)
        return (*found, a, a / precision)


CERTAIN = 1e4  # times the prior's precision: how sharply a start is believed


def _normal(precision: Tensor, shift: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Mean, second moment and covariance of normals by precision and precision times mean."""
    tril, info = torch.linalg.cholesky_ex(precision)
    covariance = torch.cholesky_inverse(tril)
    loc = (covariance @ shift[..., None])[..., 0]
    loc = torch.where(info[..., None] == 0, loc, torch.nan)
    return loc, covariance + loc[..., :, None] * loc[..., None, :], covariance


def factors(law: Any, name: str, priors: Priors, levels: int, gaps: bool) -> Factors:
    """The component of a statement."""
    parameter = next(p for p in POWERS if getattr(law, p) is not None)
    intercept, weights = (priors.free(name, "loc", part) for part in ("intercept", "weights"))
    scale = priors.free(name, parameter)
    center, spread = priors.units(name)
    unit = spread if scale is None or name in scale.axes else spread.mean().expand_as(spread)
    first, rest = priors.law(intercept.name, Normal), priors.law(weights.name, Normal)
    loc = torch.cat([((first.loc - center) / unit)[..., None], (rest.loc / unit).mT], -1)
    spreads = torch.cat([(first.scale / unit)[..., None], (rest.scale / unit).mT], -1)
    if weights.source.by is None:
        loc, spreads = loc[None], spreads[None]
    prior: Natural = (torch.diag_embed(spreads**-2), loc * spreads**-2)
    if scale is not None:
        gamma = priors.law(scale.name, Gamma)
        a, b = (priors.cells(scale, value) for value in (gamma.concentration, gamma.rate))
        prior = (*prior, a, b / unit[: b.shape[-1]] ** 2)
    known = torch.as_tensor(getattr(law, parameter) if scale is None else 1.0).to(center).expand_as(center)
    precision = (known ** (1 / POWERS[parameter]) * unit**2)[None, None]
    size = loc.shape[-1] - 1
    return Factors(
        name, len(center), levels, size, center, unit, intercept, weights, scale, precision, prior, priors, parameter
    )
