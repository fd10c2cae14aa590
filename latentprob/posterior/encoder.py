"""The beliefs of latents that no closed form reaches: the encoder's, or those that replaced them row by row."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.distributions import (
    Distribution,
    ExpTransform,
    Independent,
    Normal,
    SigmoidTransform,
    StickBreakingTransform,
    TransformedDistribution,
)

from latentprob.data import Values
from latentprob.posterior.result import Result
from latentprob.program import evaluate

# From the normal law of a belief to the support of its latent.
TRANSFORMS = {"positive": ExpTransform(), "unit": SigmoidTransform(), "simplex": StickBreakingTransform()}


def encoded(result: Result, values: Values, batch: Mapping[str, Tensor], rows: slice) -> dict[str, Any]:
    """The law of each drawn latent in the rows `rows` of `values`, batch shape (N,)."""
    laws = evaluate.encode(result.module, batch)
    if values is not result.values:
        return laws
    return {name: replaced(result, name, law, rows) if name in result.refined else law for name, law in laws.items()}


def replaced(result: Result, name: str, law: Any, rows: slice) -> Any:
    """The encoder's law with the refined locations and scales in the rows that have them."""
    own, loc_scale = normal(law), result.tensor(result.refined[name][rows])
    loc, scale = (
        torch.where(new.isnan(), old, new) for old, new in zip((own.loc, own.scale), loc_scale.unbind(1), strict=True)
    )
    return law_of(result.model[name].support, loc, scale)


def normal(law: Any) -> Normal:
    """The normal law (N, Z) under a belief, before its transform."""
    while not isinstance(law, Normal):
        law = law.base_dist
    return law


def law_of(support: str, loc: Tensor, scale: Tensor) -> Distribution:
    """The belief whose normal law before its transform has this location and scale, (N, Z)."""
    return on_support(support, Independent(Normal(loc, scale), 1))


def on_support(support: str, law: Distribution) -> Distribution:
    """A normal law on the support of a latent."""
    return TransformedDistribution(law, [TRANSFORMS[support]]) if support in TRANSFORMS else law


def unplaced(support: str, values: Tensor) -> Tensor:
    """Values on a support as the normal law under a belief has them, moved off its edges."""
    if support not in TRANSFORMS:
        return values
    tiny = torch.finfo(values.dtype).tiny
    return TRANSFORMS[support].inv(values.clamp_min(tiny))


def placed(law: Any, values: Tensor) -> tuple[Tensor, Tensor]:
    """Values (..., Z) of the normal law under a belief on its support, and the log volume there of a unit, (...).

    The inverse is never taken: near the edges of a support it has few digits.
    """
    volume = values.new_zeros(())
    for transform in transforms(law):
        before, values = values, transform(values)
        own = transform.log_abs_det_jacobian(before, values)
        volume = volume + (own if own.ndim < values.ndim else own.sum(-1))
    return values, volume


def base(law: Any) -> Any:
    """The normal law under a belief, with its event dims."""
    if not transforms(law):
        return law
    return law.base_dist if isinstance(law, TransformedDistribution) else Independent(normal(law), 1)


def wider(law: Any, width: float) -> Independent:
    """The normal law under a belief with scales `width` times as large."""
    own = normal(law)
    return Independent(Normal(own.loc, width * own.scale), 1)


def transforms(law: Any) -> list[Any]:
    """What leads from the normal law under a belief to its support."""
    found: list[Any] = []
    while True:
        found = [*getattr(law, "transforms", ()), *found]
        if not hasattr(law, "base_dist"):
            return found
        law = law.base_dist
