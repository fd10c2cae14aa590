"""Beliefs and draws of the latents of each row, block by block over draws of the parameters and rows."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from latentprob.data import Values
from latentprob.errors import NotAvailable
from latentprob.posterior.chains import paths, state_paths
from latentprob.posterior.encoder import encoded
from latentprob.posterior.matching import Array
from latentprob.posterior.result import Result, count
from latentprob.program import evaluate

PARTICLES = 100  # draws of a latent that has an encoder, over which what depends on it is averaged


@dataclass(frozen=True)
class Block:
    """Beliefs under draws `draws` of the parameters (places in `index`) for the rows `rows`.

    beliefs: name_probs (S, N, C), name_loc (S, N, [C,] Z), name_covariance (S, [N,] [C,] Z, Z).
    drawn: (S, N, ...) values of the latents that no closed form reaches.
    """

    draws: slice
    rows: slice
    batch: dict[str, Tensor]
    sites: dict[str, Tensor]
    drawn: dict[str, Tensor]
    beliefs: dict[str, Tensor]


def stream(result: Result, values: Values, index: np.ndarray, seed: int = 0) -> Iterator[Block]:
    """Every block of draws `index` x rows, with the beliefs."""
    with noise(seed, result.device):
        for draws, rows in result.blocks(len(index), count(values)):
            batch, sites = result.batch(values, rows), result.take(index[draws])
            drawn = draw(result, values, batch, rows, index[draws])
            found = evaluate.beliefs(result.module, batch, sites, drawn)
            size = draws.stop - draws.start  # a program without free parameters answers once for all draws
            beliefs = {name: value.expand(size, *value.shape[1:]) for name, value in found.items()}
            yield Block(draws, rows, batch, sites, drawn, beliefs)


@contextmanager
def noise(seed: int, device: str) -> Iterator[None]:
    """Draws of torch from `seed`; its own state is as before afterwards."""
    devices = [] if torch.device(device).type == "cpu" else [torch.device(device)]
    with torch.random.fork_rng(devices=devices), torch.no_grad():
        torch.manual_seed(seed)
        yield


def draw(
    result: Result, values: Values, batch: Mapping[str, Tensor], rows: slice, index: np.ndarray
) -> dict[str, Tensor]:
    """Values (S, N, ...) of the drawn latents: those of the sampler's draws `index`, or new ones from the encoder."""
    if not result.drawn:
        return {}
    if result.draws.latents:
        return sampled(result, values, rows, index)
    laws = encoded(result, values, batch, rows)
    return {name: framed(result, name, laws[name].sample((len(index),))) for name in result.drawn}


def sampled(result: Result, values: Values, rows: slice, index: np.ndarray) -> dict[str, Tensor]:
    """The sampler's draws (S, N, ...) of the drawn latents; it has them for the fitted rows alone."""
    if values is not result.values:
        raise NotAvailable(
            f"{', '.join(result.drawn)} of new rows: NUTS drew them for the fitted rows only, and no closed form "
            "reaches them; fit with lp.SVI(), whose encoder answers for any row, or add the rows to the data"
        )
    found = {name: result.draws.latents[name] for name in result.drawn}
    return {name: result.tensor(a.reshape(-1, *a.shape[2:])[index][:, rows]) for name, a in found.items()}


def framed(result: Result, name: str, values: Tensor) -> Tensor:
    """Values (..., Z) in the encoder's dims, in those of the aligned draws."""
    return values @ result.tensor(result.frames[name]) if name in result.frames else values


def level_weights(beliefs: Mapping[str, Tensor], names: tuple[str, ...]) -> Tensor:
    """Probabilities (S, N, C1, C2, ...) of the levels of discrete latents together."""
    together = f"{'_'.join(names)}_probs"
    if together in beliefs:
        return beliefs[together]
    weights = beliefs[f"{names[0]}_probs"]
    for name in names[1:]:
        probs = beliefs[f"{name}_probs"]
        weights = weights[..., None] * probs.reshape(*probs.shape[:2], *[1] * (weights.ndim - 2), -1)
    return weights


def normal_belief(result: Result, name: str, beliefs: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
    """Mean (S, N, [C,] Z) and covariance (S, N, [C,] Z, Z) of an integrated latent given the levels it depends on."""
    dims, own = result.program.belief_axes[name]
    loc, covariance = beliefs[f"{name}_loc"], beliefs[f"{name}_covariance"]
    place = (slice(None), *(slice(None) if dim in own else None for dim in dims))
    return loc, covariance[place].expand(*loc.shape, loc.shape[-1])


def mixed(result: Result, name: str, beliefs: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
    """Mean (S, N, Z) and second moment (S, N, Z, Z) of an integrated latent, mixed over the levels it depends on."""
    loc, covariance = normal_belief(result, name, beliefs)
    second = covariance + loc[..., :, None] * loc[..., None, :]
    given = result.program.given[name]
    if not given:
        return loc, second
    weights, axes = level_weights(beliefs, given), tuple(range(2, 2 + len(given)))
    return (weights[..., None] * loc).sum(axes), (weights[..., None, None] * second).sum(axes)


def chosen(
    result: Result, name: str, beliefs: Mapping[str, Tensor], levels: Mapping[str, Tensor]
) -> tuple[Tensor, Tensor]:
    """Mean (S, N, Z) and covariance (S, N, Z, Z) of an integrated latent given the `levels` (S, N) it depends on."""
    loc, covariance = normal_belief(result, name, beliefs)
    draws, rows = (torch.arange(size, device=loc.device) for size in loc.shape[:2])
    place = (draws[:, None], rows, *(levels[c] for c in result.program.given[name]))
    return loc[place], covariance[place]


def sample(result: Result, block: Block, names: tuple[str, ...]) -> dict[str, Tensor]:
    """Draws (S, N, ...) of latents from their beliefs, together: levels, then what depends on them."""
    found, roles = dict(block.drawn), result.program.plan
    summed = tuple(name for name in roles if roles[name] == "sum")
    if summed:
        weights, chain = level_weights(block.beliefs, summed), result.program.layout.chain
        if chain in summed:
            found[chain] = paths(block.beliefs[f"{chain}_later"])
            at, summed = summed.index(chain), tuple(name for name in summed if name != chain)
            weights = weights.movedim(2 + at, -1).take_along_dim(_behind(found[chain], weights.ndim), -1)[..., 0]
        if summed:
            found |= _sample_levels(weights, summed)
    for name in (n for n in names if roles[n] == "integrate"):
        if name == result.program.layout.chain:
            found[name] = state_paths(*(block.beliefs[f"{name}_later_{part}"] for part in ("map", "loc", "covariance")))
            continue
        loc, covariance = chosen(result, name, block.beliefs, found)
        found[name] = torch.distributions.MultivariateNormal(loc, covariance).sample()
    return {name: found[name] for name in names}


def _behind(levels: Tensor, dims: int) -> Tensor:
    """Levels (S, N) with axes of one behind."""
    return levels.reshape(*levels.shape, *[1] * (dims - 2))


def _sample_levels(weights: Tensor, names: tuple[str, ...]) -> dict[str, Tensor]:
    """Levels (S, N) of each latent, drawn together from weights (S, N, C1, C2, ...)."""
    flat = torch.distributions.Categorical(probs=weights.flatten(2)).sample()
    places = torch.unravel_index(flat, weights.shape[2:])
    return dict(zip(names, places, strict=True))


def moments(values: Array) -> tuple[Array, Array]:
    """Mean (N, Z) and covariance (N, Z, Z) over draws (S, N, Z)."""
    loc = values.mean(axis=0)
    residual = values - loc
    return loc, np.einsum("snz,sny->nzy", residual, residual) / len(values)
