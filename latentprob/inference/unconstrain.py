"""Named sites as one unconstrained vector, and back."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

import torch
from pyro import poutine
from pyro.distributions import ImproperUniform
from pyro.infer.autoguide.initialization import InitMessenger, init_to_median, init_to_value
from pyro.poutine.util import prune_subsample_sites
from torch import Tensor
from torch.distributions import Normal, biject_to, constraints, transform_to
from torch.distributions.transforms import CumulativeDistributionTransform, Transform


@dataclass(frozen=True)
class Part:
    """One site: its bijection from the real numbers, the shapes on both sides, and its prior's spread, if real."""

    name: str
    transform: Transform
    shape: torch.Size
    spread: Tensor
    point: bool
    local: bool
    bounds: tuple[Tensor, Tensor]  # that keep a point off a spike; 0 and infinity where there are none

    @property
    def size(self) -> int:
        return prod(self.shape)


@dataclass(frozen=True)
class Space:
    """The hidden sites of a program in order; `start` is where they were when it was traced, (P,)."""

    parts: tuple[Part, ...]
    start: Tensor

    @property
    def size(self) -> int:
        return len(self.start)

    @property
    def spread(self) -> Tensor:
        """The priors' spreads, (P,): 1 where the support is not the real numbers."""
        return torch.cat([part.spread.reshape(-1) for part in self.parts]) if self.parts else self.start

    def places(self) -> Iterator[tuple[Part, Tensor]]:
        """Each part, with where its values lie in a vector, in the shape of the part."""
        at = 0
        for part in self.parts:
            yield part, torch.arange(at, at + part.size).reshape(part.shape)
            at += part.size

    @property
    def is_point(self) -> bool:
        """Whether no site has a prior."""
        return bool(self.parts) and all(part.point for part in self.parts)

    def split(self, vector: Tensor) -> tuple[dict[str, Tensor], Tensor]:
        """The sites' values, and the log of the Jacobian's determinant, at a vector (P,)."""
        values, log_jacobian, at = {}, vector.new_zeros(()), 0
        for part in self.parts:
            free = vector[at : at + part.size].reshape(part.shape)
            at += part.size
            values[part.name] = part.transform(free)
            if not part.point:
                log_jacobian = log_jacobian + part.transform.log_abs_det_jacobian(free, values[part.name]).sum()
        return values, log_jacobian

    def join(self, values: Mapping[str, Tensor]) -> Tensor:
        """The vector (P,) of the sites' values."""
        free = [part.transform.inv(values[part.name]).expand(part.shape).reshape(-1) for part in self.parts]
        return torch.cat(free) if free else self.start


def space_of(function: Callable[[], Any], start: Mapping[str, Tensor], probit: bool = False) -> Space:
    """The space of the hidden sites that a Pyro function draws, at a start (the prior's median where it has none).

    probit: numbers between 0 and 1 by the normal's quantiles, in which a beta's tails fall like a normal's; else by
    the logit, the coordinate of Pyro's guides.
    """
    with torch.no_grad():
        trace = poutine.trace(InitMessenger(starting_at(start))(function)).get_trace()
    found, free = [], []
    for name, site in prune_subsample_sites(trace).iter_stochastic_nodes():
        law: Any = site["fn"]
        point = isinstance(law, ImproperUniform)
        # a density needs a bijection; a point does not, and not every support has one
        transform = (transform_to if point else biject_to)(law.support)
        if probit and not point and _base(law.support) is constraints.unit_interval:
            transform = CumulativeDistributionTransform(Normal(torch.zeros_like(law.mean), 1.0))
        value = transform.inv(site["value"])
        local = bool(site["cond_indep_stack"])
        found.append(Part(name, transform, value.shape, _spread(site, value), point, local, _bounds(law.support)))
        free.append(value.reshape(-1))
    return Space(tuple(found), torch.cat(free) if free else torch.zeros(0))


def starting_at(values: Mapping[str, Tensor]) -> Callable[..., Any]:
    """Pyro's initialization of sites by values; else the prior's median, or the origin without a prior."""
    return init_to_value(values=dict(values), fallback=_central)


def _central(site: Mapping[str, Any]) -> Tensor:
    law = site["fn"]
    if not isinstance(law, ImproperUniform):
        return init_to_median(site)
    transform = transform_to(law.support)
    return transform(torch.zeros(transform.inverse_shape(law.shape())))


def _spread(site: Mapping[str, Any], value: Tensor) -> Tensor:
    law = site["fn"]
    if isinstance(law, ImproperUniform) or not _is_real(law.support):
        return torch.ones_like(value)
    spread = law.variance.sqrt().expand(value.shape)
    return torch.where(spread.isfinite() & (spread > 0), spread, 1.0)


def _bounds(support: Any) -> tuple[Tensor, Tensor]:
    """The bounds of a support within the positive numbers."""
    base = _base(support)
    own = base is constraints.unit_interval  # all of it, and no bound of ours
    lower, upper = (None if own else getattr(base, f"{end}_bound", None) for end in ("lower", "upper"))
    return torch.as_tensor(0.0 if lower is None else lower), torch.as_tensor(torch.inf if upper is None else upper)


def _base(support: Any) -> Any:
    while isinstance(support, constraints.independent):
        support = support.base_constraint
    return support


def _is_real(support: Any) -> bool:
    support = _base(support)
    return support is constraints.real or support is constraints.real_vector or support == constraints.real
