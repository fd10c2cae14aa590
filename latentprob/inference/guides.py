"""Automatic guides of the global parameters, their starting scales, and the units in which they are tuned."""

import math
from collections.abc import Callable, Mapping
from typing import Literal

import torch
from pyro import poutine
from pyro.infer.autoguide import (
    AutoDelta,
    AutoGuideList,
    AutoLowRankMultivariateNormal,
    AutoMultivariateNormal,
    AutoNormal,
)
from pyro.infer.autoguide.guides import AutoGuide
from pyro.infer.autoguide.initialization import InitMessenger
from torch import Tensor, nn

from latentprob.inference.laplace import Laplace
from latentprob.inference.modes import Place
from latentprob.inference.problem import GuideFactory, ModelFunction
from latentprob.inference.unconstrain import Space, starting_at

Kind = Literal["normal", "low_rank", "full"]


def factory(kind: Kind, space: Space, values: Mapping[str, Tensor]) -> GuideFactory:
    """What makes the guide of `kind`, centred on some values of the sites; sites without prior get a point."""
    at = starting_at(values)
    points = [part.name for part in space.parts if part.point]
    drawn = [part.name for part in space.parts if not part.point]

    def normal(model: ModelFunction) -> AutoGuide:
        return AutoNormal(model, init_loc_fn=at)

    def low_rank(model: ModelFunction) -> AutoGuide:
        return AutoLowRankMultivariateNormal(model, init_loc_fn=at, rank=max(1, math.isqrt(space.size)))

    def full(model: ModelFunction) -> AutoGuide:
        return AutoMultivariateNormal(model, init_loc_fn=at)

    makers: dict[str, Callable[[ModelFunction], AutoGuide]] = {"normal": normal, "low_rank": low_rank, "full": full}

    def make(model: ModelFunction) -> nn.Module:
        if not drawn:
            return AutoDelta(model, init_loc_fn=at)
        if not points:
            return makers[kind](model)
        # A point has no prior to be drawn from: the list sees it at its start, and the other guide as a known value.
        both = AutoGuideList(InitMessenger(at)(model))
        both.append(AutoDelta(poutine.block(model, expose=points), init_loc_fn=at))
        held = poutine.condition(model, data={name: values[name] for name in points})
        both.append(makers[kind](poutine.block(held, hide=points)))
        return both

    return make


def locate(space: Space, guide: AutoGuide, place: Place) -> None:
    """Give a guide that is centred on a place the scales around it."""
    near = place.laplace
    with torch.no_grad():
        if isinstance(guide, AutoMultivariateNormal) and near is not None:
            _set(guide, scale=near.everywhere.diagonal())
            _set(guide, scale_tril=near.everywhere / near.everywhere.diagonal()[:, None])
        else:
            spread(space, guide, place.scales)
        if isinstance(guide, AutoLowRankMultivariateNormal) and near is not None:
            guide.cov_factor.copy_(_factor(near, guide.cov_factor.shape[-1]))


def spread(space: Space, guide: nn.Module, scales: Tensor) -> None:
    """Give a guide these standard deviations, (P,) in the order of the space."""
    with torch.no_grad():
        for part in (p for p in guide.modules() if isinstance(p, AutoGuide)):
            own = _own(space, part, scales)
            if isinstance(part, AutoNormal):
                _set(part.scales, **own)
            elif isinstance(part, (AutoMultivariateNormal, AutoLowRankMultivariateNormal)):
                _set(part, scale=torch.cat([value.reshape(-1) for value in own.values()]))


def _set(module: nn.Module, **values: Tensor) -> None:
    """Give Pyro parameters their constrained values."""
    for name, value in values.items():
        setattr(module, name, value)


def units(guide: nn.Module, space: Space, scales: Tensor) -> dict[str, Tensor]:
    """How far one unit of the optimizer moves each parameter of the guide, by its name in the guide.

    Locations move in `scales`, (P,); softplus scales by their own size, so that a step is the same in any unit of data.
    """
    found: dict[str, Tensor] = {}
    for prefix, part in guide.named_modules():
        if not isinstance(part, AutoGuide):
            continue
        own = _own(space, part, scales)
        for name, parameter in part.named_parameters():
            full = f"{prefix}.{name}" if prefix else name
            site = name.removeprefix("locs.").removesuffix("_unconstrained")
            if site in own and not name.startswith("scales."):
                found[full] = own[site]
            elif name == "loc":
                found[full] = torch.cat([value.reshape(-1) for value in own.values()])
            elif name == "scale_unconstrained" or name.startswith("scales."):
                found[full] = nn.functional.softplus(parameter.detach()) / parameter.detach().sigmoid()
    return found


def _own(space: Space, guide: AutoGuide, scales: Tensor) -> dict[str, Tensor]:
    if guide.prototype_trace is None:
        return {}
    pieces = dict(zip([p.name for p in space.parts], scales.split([p.size for p in space.parts]), strict=True))
    shapes = {p.name: p.shape for p in space.parts}
    return {name: pieces[name].reshape(shapes[name]) for name, _ in guide.prototype_trace.iter_stochastic_nodes()}


def _factor(laplace: Laplace, rank: int) -> Tensor:
    scaled = laplace.everywhere / laplace.conditional[:, None]
    values, vectors = torch.linalg.eigh(scaled @ scaled.mT)
    return vectors[:, -rank:] * (values[-rank:] - 1).clamp(min=0).sqrt()
