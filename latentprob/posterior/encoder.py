"""The beliefs of latents that no closed form reaches: the encoder's, or those that replaced them row by row."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Distribution, Independent, LogNormal, Normal, SigmoidTransform, TransformedDistribution

from latentprob.data import Values
from latentprob.posterior.result import Result
from latentprob.program import evaluate


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


def law_of(support: str, loc: Tensor, scale: Tensor) -> Independent:
    """The belief whose normal law before its transform has this location and scale, (N, Z)."""
    law: Distribution = Normal(loc, scale)
    if support == "positive":
        law = LogNormal(loc, scale)
    elif support == "unit":
        law = TransformedDistribution(law, SigmoidTransform())
    return Independent(law, 1)


def wider(law: Any, width: float) -> Independent:
    """The belief with scales `width` times as large."""
    own = normal(law)
    wide = Normal(own.loc, width * own.scale)
    inner = law.base_dist
    return Independent(wide if inner is own else TransformedDistribution(wide, inner.transforms), 1)
