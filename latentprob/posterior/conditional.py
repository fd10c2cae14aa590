"""Hidden cells of a multivariate normal given its seen ones."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from latentprob.posterior.beliefs import Block
from latentprob.posterior.result import Result
from latentprob.spec.distributions import MultivariateNormal
from latentprob.spec.model import argument
from latentprob.spec.sites import free_parameters

COVARIANCES = {
    "covariance": lambda matrix: matrix,
    "precision": torch.linalg.inv,
    "scale_tril": lambda matrix: matrix @ matrix.mT,
    "correlation": lambda matrix: matrix,
}


def given_seen(result: Result, name: str, block: Block, known: Mapping[str, Tensor], mean: Tensor) -> Tensor:
    """E[x given its parents and its seen cells], (S, N, D); features that are independent given the parents stay."""
    if not isinstance(result.model[name], MultivariateNormal) or name not in result.program.missing:
        return mean
    covariance = _covariance(result, name, block, known)
    seen = block.batch[f"{name}_seen"].to(mean.dtype)
    both = seen[:, :, None] * seen[:, None, :]
    residual = seen * (block.batch[name] - mean)
    system = covariance * both + torch.diag_embed(1 - seen)
    return mean + (covariance @ (seen * torch.linalg.solve(system, residual))[..., None])[..., 0]


def _covariance(result: Result, name: str, block: Block, known: Mapping[str, Tensor]) -> Tensor:
    """Covariances (S, N or 1, D, D) of `name` given the levels that they depend on."""
    law: Any = result.model[name]
    for parameter, to_covariance in COVARIANCES.items():
        if getattr(law, parameter) is not None:
            matrix = to_covariance(_parameter(result, name, parameter, block, known))
            if parameter == "correlation":
                scale = _parameter(result, name, "scale", block, known)
                matrix = scale[..., :, None] * matrix * scale[..., None, :]
            return matrix
    raise RuntimeError(f"{name} has no matrix")


def _parameter(result: Result, name: str, parameter: str, block: Block, known: Mapping[str, Tensor]) -> Tensor:
    """A parameter (S, N or 1, ...) that is a number, a free value, or a table of a level."""
    for free in free_parameters(result.model):
        if (free.variable, free.parameter) != (name, parameter):
            continue
        values = block.sites[free.name]
        if not free.axes or free.axes[0] == name:
            return values[:, None]
        level = known[free.axes[0]] if free.axes[0] in known else block.batch[free.axes[0]].expand(len(values), -1)
        return values[torch.arange(len(values), device=values.device)[:, None], level]
    number = torch.as_tensor(argument(result.model, name, parameter)).to(block.batch[name])
    return number.reshape(1, 1, *number.shape)
