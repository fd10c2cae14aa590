"""x ~ Normal(loc, scale), feature by feature: diagonal, spherical and tied normals, with gaps; log x for LogNormal."""

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Gamma, Normal

from latentprob.inference.natural.laws import gamma_divergence, inside, normal_divergence
from latentprob.inference.natural.part import Batch, Moments, Natural, Values, filled, reduced, total
from latentprob.inference.natural.priors import Priors
from latentprob.spec.distributions import LogNormal
from latentprob.spec.sites import Free

POWERS = {"scale": -0.5, "variance": -1.0, "precision": 1.0}  # of a precision


@dataclass(frozen=True)
class Normals:
    """x_nd ~ Normal(loc_kd, 1 / sqrt(precision_kd)): statistics x, x^2, and the seen cells where there are gaps.

    joint: the prior of loc is Normal(m, 1 / sqrt(kappa * precision)), and so is its posterior given the precision.
    Naturals: (kappa, kappa m) of loc, (a, b + sum of kappa m^2 / 2) of the precision; without joint, both on their own.
    """

    name: str
    features: int
    levels: int
    gaps: bool
    logarithm: bool
    origin: Tensor
    unit: Tensor
    loc: Free | None
    scale: Free | None
    joint: bool
    known_loc: Tensor
    known_precision: Tensor
    prior: Natural
    priors: Priors
    parameter: str

    @property
    def width(self) -> int:
        return (3 if self.gaps else 2) * self.features

    def fill(self, out: Tensor, batch: Batch) -> None:
        size, x = self.features, batch[self.name]
        torch.sub(x.T.log() if self.logarithm else x.T, self.origin[:, None], out=out[:size])
        out[:size].div_(self.unit[:, None])
        torch.mul(out[:size], out[:size], out=out[size : 2 * size])
        if self.gaps:
            out[2 * size :] = batch[f"{self.name}_seen"].T
            out[:size].mul_(out[2 * size :])
            out[size : 2 * size].mul_(out[2 * size :])

    def totals(self, batch: Batch, shares: Tensor) -> Tensor:
        return filled(self, batch, shares)

    def base(self, batch: Batch, weights: Tensor) -> Tensor:
        each = (-0.5 * math.log(math.tau) - self.unit.log()).expand_as(batch[self.name])
        if self.logarithm:
            each = each - batch[self.name].log()
        if self.gaps:
            each = each * batch[f"{self.name}_seen"]
        return weights @ each.sum(1)

    def _split(self, natural: Natural) -> tuple[Natural, Natural]:
        cut = 2 if self.loc is not None else 0
        return natural[:cut], natural[cut:]

    def _location(self, natural: Natural) -> tuple[Tensor, Tensor]:
        """Mean, and variance (in units of 1 / precision where it is joint)."""
        own, _ = self._split(natural)
        return (own[1] / own[0], own[0].reciprocal()) if own else (self.known_loc, torch.zeros_like(self.known_loc))

    def _precision(self, natural: Natural) -> Natural:
        """Shape and rate."""
        own, gamma = self._split(natural)
        if not gamma or not self.joint:
            return gamma
        return gamma[0], gamma[1] - 0.5 * reduced(own[1].square() / own[0], tuple(gamma[0].shape[-2:]))

    def moments(self, natural: Natural) -> Moments:
        loc, variance = self._location(natural)
        gamma = self._precision(natural)
        precision = gamma[0] / gamma[1] if gamma else self.known_precision
        log = inside(gamma[0]).digamma() - gamma[1].log() if gamma else self.known_precision.log()
        square = precision * loc.square() + (variance if self.joint else precision * variance)
        return {"precision": precision, "log": log, "first": precision * loc, "square": square}

    def at(self, values: Values) -> Moments:
        loc, precision = values.get("loc", self.known_loc), values.get("precision", self.known_precision)
        return {"precision": precision, "log": precision.log(), "first": precision * loc, "square": precision * loc**2}

    def coefficients(self, moments: Moments) -> tuple[Tensor, Tensor]:
        shape = (max(map(len, moments.values())), self.levels, self.features)
        rest = (0.5 * (moments["log"] - moments["square"])).expand(shape)
        slopes = [moments["first"].expand(shape), (-0.5 * moments["precision"]).expand(shape)]
        if self.gaps:
            return rest.new_zeros(shape[:2]), torch.cat([*slopes, rest], -1)
        return rest.sum(-1), torch.cat(slopes, -1)

    def divergence(self, natural: Natural, moments: Moments) -> Tensor:
        prior = tuple(value[None] for value in self.prior)
        gamma, gamma0 = self._precision(natural), self._precision(prior)
        found = total(gamma_divergence(*gamma, *gamma0)) if gamma else natural[0].new_zeros(len(natural[0]))
        if self.loc is not None:
            (loc, _), (loc0, _) = self._location(natural), self._location(prior)
            unit = moments["precision"] if self.joint else torch.ones_like(loc)
            found = found + total(normal_divergence(natural[0], loc, prior[0], loc0, unit))
        return found

    def target(self, natural: Natural, counts: Tensor, sums: Tensor) -> Natural:
        first, second, *seen = sums.split(self.features, -1)
        number = seen[0] if self.gaps else counts[..., None].expand_as(first)
        own0, gamma0 = self._split(self.prior)
        own: Natural = ()
        if own0:
            weight = 1.0 if self.joint else self.moments(natural)["precision"]
            shape = tuple(own0[0].shape)
            own = (own0[0] + reduced(weight * number, shape), own0[1] + reduced(weight * first, shape))
        if not gamma0:
            return own
        shape = tuple(gamma0[0].shape)
        if not self.joint:
            loc, variance = self._location((*own, *gamma0))
            second = second - 2 * loc * first + (loc.square() + variance) * number
        return (*own, gamma0[0] + 0.5 * reduced(number, shape), gamma0[1] + 0.5 * reduced(second, shape))

    def _laws(self, natural: Natural, precision: Tensor | None) -> tuple[Any, Any]:
        """Gamma of the precision, Normal of the location given it."""
        gamma = self._precision(natural)
        location = None
        if self.loc is not None:
            loc, variance = self._location(natural)
            location = Normal(loc, (variance / precision if precision is not None and self.joint else variance).sqrt())
        return (Gamma(gamma[0], gamma[1]) if gamma else None), location

    def draw(self, natural: Natural, draws: int) -> Values:
        law, _ = self._laws(natural, natural[0].new_ones(()))
        found = {} if law is None else {"precision": law.sample((draws,))}
        _, location = self._laws(natural, found.get("precision"))
        if location is not None:
            found["loc"] = location.sample(() if self.joint else (draws,))
        return found

    def log_density(self, natural: Natural, values: Values) -> Tensor:
        found = total(torch.zeros_like(next(iter(values.values()))))
        law, location = self._laws(natural, values.get("precision"))
        if law is not None:
            found = found + total(law.log_prob(values["precision"]))
        return found if location is None else found + total(location.log_prob(values["loc"]))

    def parameters(self, values: Values) -> dict[str, Tensor]:
        found = {}
        if self.loc is not None:
            loc = values["loc"]
            found[self.loc.name] = self.priors.shown(self.loc, _cut(self.origin, loc) + _cut(self.unit, loc) * loc)
        if self.scale is not None:
            precision = values["precision"] / _cut(self.unit, values["precision"]) ** 2
            found[self.scale.name] = self.priors.shown(self.scale, precision ** POWERS[self.parameter])
        return found


def _cut(value: Tensor, cells: Tensor) -> Tensor:
    """A value by feature (D,), or the one that all features share."""
    return value[: cells.shape[-1]]


def normals(law: Any, name: str, priors: Priors, levels: int, gaps: bool) -> Normals:
    """The component of a statement."""
    parameter = next(p for p in POWERS if getattr(law, p) is not None)
    loc, scale = priors.free(name, "loc"), priors.free(name, parameter)
    center, spread = priors.units(name)
    by_feature = all(free is None or name in free.axes for free in (loc, scale))
    unit = spread if by_feature else spread.mean().expand_as(spread)
    origin = center if loc is None or name in loc.axes else center.mean().expand_as(center)
    joint = loc is not None and priors.is_joint(loc)
    prior: Natural = ()
    if loc is not None:
        normal = priors.law(loc.name, Normal)
        at, width = (_cells(priors, loc, value) for value in (normal.loc, normal.scale))
        loc0 = (at - _cut(origin, at)) / _cut(unit, at)
        if joint:
            width = width / _cells(priors, scale, priors.value(scale.name) ** (1 / POWERS[parameter])).rsqrt()
        else:
            width = width / _cut(unit, width)
        prior = (width**-2, loc0 * width**-2)
    if scale is not None:
        gamma = priors.law(scale.name, Gamma)
        a, b = (_cells(priors, scale, value) for value in (gamma.concentration, gamma.rate))
        b = b / _cut(unit, b) ** 2
        prior = (*prior, a, b + 0.5 * reduced(loc0**2 * width**-2, tuple(a.shape)) if joint else b)
    known = [getattr(law, p) if f is None else 1.0 for p, f in (("loc", loc), (parameter, scale))]
    known_loc, known_scale = (torch.as_tensor(v).to(center).expand_as(center)[None, None] for v in known)
    return Normals(
        name=name,
        features=len(center),
        levels=levels,
        gaps=gaps,
        logarithm=isinstance(law, LogNormal),
        origin=origin,
        unit=unit,
        loc=loc,
        scale=scale,
        joint=joint,
        known_loc=(known_loc - origin) / unit,
        known_precision=known_scale ** (1 / POWERS[parameter]) * unit**2,
        prior=prior,
        priors=priors,
        parameter=parameter,
    )


def _cells(priors: Priors, free: Free, values: Tensor) -> Tensor:
    return priors.cells(free, values)
