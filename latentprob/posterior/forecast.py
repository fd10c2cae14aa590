"""Steps that follow the fitted ones: draws of the posterior predictive along an ordered axis."""

from functools import singledispatch
from typing import Any

import numpy as np
import torch
import xarray as xr
from torch import Tensor
from torch.distributions import Categorical

from latentprob.errors import NotAvailable
from latentprob.posterior.beliefs import Block, stream
from latentprob.posterior.package import coordinate, variable
from latentprob.posterior.result import Result, whole
from latentprob.program import evaluate
from latentprob.spec.distributions import Distribution
from latentprob.spec.dynamics import LinearDynamics, Markov


def forecast(result: Result, steps: int, draws: int, seed: int) -> xr.Dataset:
    """Draws (draw, [series,] step, ...) of what follows each series, chain included, each under its own parameters."""
    chain = result.program.layout.chain
    if chain is None:
        raise NotAvailable("forecast: no hidden variable moves along an axis; write s[time] ~ Markov(size=2), say")
    if result.model.inputs:
        raise NotAvailable(
            f"forecast: the steps to come need {result.model.inputs[0]}, which no law draws; "
            "append them to the data as rows of NaN with their inputs, fit, and ask impute()"
        )
    if steps < 1 or draws < 1:
        raise NotAvailable(f"forecast(steps={steps}, draws={draws}): one step and one draw at least")
    rng, total = np.random.default_rng(seed), int(np.prod(result.shape))
    index = rng.choice(total, draws, replace=draws > total)
    first = np.flatnonzero(result.batch(result.values)[f"{result.model.axis}_first"].cpu())
    last = torch.as_tensor(np.append(first[1:], len(result.values.rows)) - 1, device=result.device)
    found: dict[str, np.ndarray] = {}
    for block in stream(result, result.values, index, seed):
        path = ahead(result.model[chain], result, chain, block, last, steps)
        given = {**block.sites, chain: path.flatten(1, 2)}
        drawn = evaluate.draw_rows(result.module, _blank(result, len(last) * steps), given, int(rng.integers(2**31)))
        for name in (name for name in drawn if name in result.sites):
            value = drawn[name].double().cpu().numpy()
            found.setdefault(name, np.empty((draws, *value.shape[1:])))[block.draws] = value
    return xr.Dataset({name: _named(result, name, array, steps, first) for name, array in found.items()})


def _blank(result: Result, rows: int) -> dict[str, Tensor]:
    """A batch of the size of what is drawn; its values are not looked at."""
    zeros = torch.zeros(rows, dtype=torch.long, device=result.device)
    return {name: tensor[zeros] for name, tensor in whole(result.batch(result.values)).items()}


@singledispatch
def ahead(law: Distribution, result: Result, name: str, block: Block, last: Tensor, steps: int) -> Tensor:
    """Draws (S, series, steps, ...) of a chain behind the rows `last`, each from the belief of the row before it."""
    raise TypeError(f"{type(law).__name__} does not move along an axis")


@ahead.register
def _(law: Markov, result: Result, name: str, block: Block, last: Tensor, steps: int) -> Tensor:
    transition = parameter(result, f"{name}_transition", block)
    level, found = Categorical(block.beliefs[f"{name}_probs"][:, last]).sample(), []
    draws = torch.arange(len(level), device=level.device)[:, None]
    for _ in range(steps):
        level = Categorical(transition[draws, level]).sample()
        found.append(level)
    return torch.stack(found, -1)


@ahead.register
def _(law: LinearDynamics, result: Result, name: str, block: Block, last: Tensor, steps: int) -> Tensor:
    known = parameter(result, f"{name}_transition", block, law.transition)
    size = result.sites[name].shape[0]
    diagonal = known.ndim < 3
    moves = torch.diag_embed(known.reshape(len(known), -1).expand(-1, size)) if diagonal else known
    scale = parameter(result, f"{name}_scale", block, law.scale or 1).reshape(len(known), 1, -1)
    loc, covariance = (block.beliefs[f"{name}_{part}"][:, last] for part in ("loc", "covariance"))
    values, vectors = torch.linalg.eigh(covariance)
    noise = torch.randn_like(loc) * values.clamp_min(0).sqrt()
    state, found = loc + (vectors @ noise[..., None])[..., 0], []
    for _ in range(steps):
        state = state @ moves.mT + scale * torch.randn_like(state)
        found.append(state)
    return torch.stack(found, 2)


def parameter(result: Result, name: str, block: Block, value: Any = None) -> Tensor:
    """The draws (S, ...) of a parameter: free, a known list, or a known number, `value`."""
    if name in block.sites:
        return block.sites[name]
    known = getattr(result.module, name, None)
    known = result.tensor(np.asarray(value, float)) if known is None else known
    return known.expand(block.draws.stop - block.draws.start, *known.shape)


def _named(result: Result, name: str, array: np.ndarray, steps: int, first: np.ndarray) -> xr.DataArray:
    """Draws (S, series * steps, ...) of one variable with names and labels."""
    site, labels, series = result.sites[name], result.labels(name), result.values.series
    array = np.asarray(coordinate(labels))[array.astype(int)] if labels else array
    array = array.reshape(len(array), len(first), steps, *array.shape[2:])
    several = series is not None and series.labels is not None
    lead = ("draw", series.name, "step") if several and series is not None else ("draw", "step")
    found = variable(site, array if several else array[:, 0], lead).assign_coords(step=np.arange(1, steps + 1))
    if several and series is not None and series.labels is not None:
        found = found.assign_coords({series.name: coordinate(series.labels[first])})
    return found
