"""Some of the fitted rows, or some draws, as if they had been all: what costs much is asked of them alone."""

from dataclasses import replace

import numpy as np

from latentprob.data import Values
from latentprob.posterior.density import row_density
from latentprob.posterior.matching import Array
from latentprob.posterior.result import Result, count, thinned

LOOK_DRAWS = 50  # of the posterior, by which the least probable rows are found


def at_rows(result: Result, places: np.ndarray) -> Result:
    """The result with the fitted rows at `places` (N',) alone; what was fitted stays as it is."""
    own = result.values
    arrays, seen = ({n: a[places] for n, a in each.items()} for each in (own.arrays, own.seen))
    values = Values(arrays, seen, own.rows[places], own.schema, own.notes, own.series)
    latents = {name: array[:, :, places] for name, array in result.draws.latents.items()}
    refined = {name: array[places] for name, array in result.refined.items()}
    weights = None if result.weights is None else result.weights[places]
    draws = replace(result.draws, latents=latents)
    return replace(result, values=values, draws=draws, refined=refined, weights=weights)


def with_draws(result: Result, most: int) -> Result:
    """The result with at most so many draws of all chains together, evenly spaced; what was fitted stays as it is."""
    chains, length = result.shape
    within = np.linspace(0, length - 1, min(length, max(1, most // chains))).round().astype(int)
    draws = result.draws
    stats = {
        n: a[:, within] if np.ndim(a) > 1 and np.shape(a)[:2] == result.shape and n != "bound" else a
        for n, a in draws.stats.items()
    }
    parameters, latents = ({n: a[:, within] for n, a in each.items()} for each in (draws.parameters, draws.latents))
    return replace(result, draws=replace(draws, parameters=parameters, latents=latents, stats=stats))


def sampled_rows(result: Result, most: int, seed: int) -> np.ndarray:
    """Places of at most so many rows that count, in their order: all, or a random sample; of series all."""
    if result.model.axis is not None:
        return np.arange(count(result.values))
    places = np.arange(count(result.values)) if result.weights is None else np.flatnonzero(result.weights)
    return places if len(places) <= most else np.sort(np.random.default_rng(seed).choice(places, most, replace=False))


def suspects(result: Result, most: int, seed: int) -> np.ndarray:
    """Places of at most so many rows: all, or the least probable ones and as many others, at random."""
    places = sampled_rows(result, most, seed)
    if len(places) < most or result.model.axis is not None:
        return places
    least = row_log_density(result).argsort(kind="stable")[: most // 2]
    return np.unique(np.concatenate([least, places[: most - len(least)]]))


def row_log_density(result: Result) -> Array:
    """Mean log density (N,) of the rows over some draws of the posterior, nats."""
    index = thinned(result, count(result.values), at_most=LOOK_DRAWS)
    return row_density(result, result.values, index, 1).mean(axis=0)
