"""Rows left out one at a time, of many rows some: Pareto k of the estimate, and the rank of each cell.

Vehtari, Gelman and Gabry (2017), Statistics and Computing 27(5). ArviZ computes; the likelihood is marginal.
"""

from collections.abc import Mapping

import arviz_stats
import numpy as np
import xarray as xr
from arviz_stats.base import array_stats

from latentprob.inference.importance import PARETO_K_MAX
from latentprob.posterior.beliefs import PARTICLES
from latentprob.posterior.density import LOO_DRAWS_MIN, loo, posterior_lacks, row_density
from latentprob.posterior.importance import pareto_k
from latentprob.posterior.matching import Array
from latentprob.posterior.package import by_row
from latentprob.posterior.result import Result, count
from latentprob.posterior.rows import at_rows, sampled_rows, suspects
from latentprob.posterior.simulate import replicate
from latentprob.posterior.tree import tree

ROWS, SAMPLED = 1_000, 500  # rows of which all are left out, and how many of more: each takes milliseconds
JUDGED_MIN = 0.9  # share of the rows that must be there for the rest to stand for all
PIT_DRAWS, PIT_CELLS = 200, 4_000  # draws of the posterior and cells for which ranks are computed


def possible(result: Result) -> bool:
    """Whether there is a posterior with draws enough to leave a row out of."""
    return not posterior_lacks(result) and int(np.prod(result.shape)) >= LOO_DRAWS_MIN


def left_out_k(result: Result, seed: int) -> xr.DataArray:
    """Pareto k by row, of all rows that have a seen cell, or of the least probable ones and a random sample."""
    most = ROWS if count(result.values) <= ROWS else SAMPLED
    some = at_rows(result, suspects(result, most, seed))
    groups = tree(some)
    k: xr.DataArray = loo(some, groups).pareto_k
    return k.rename("pareto_k")


def left_out_pit(result: Result, names: tuple[str, ...], seed: int) -> Mapping[str, xr.DataArray]:
    """Rank (row, ...) of each cell of the variables `names` under the posterior without its row, in (0, 1).

    Rows whose weights cannot be smoothed are left out; where they are many, nothing is returned. Nor is it of series,
    whose rows are no draws of their own.
    """
    if result.model.axis is not None:
        return {}
    sites = {name: result.sites[name] for name in names}
    widest = max(int(np.prod(site.shape)) for site in sites.values())
    some = at_rows(result, sampled_rows(result, max(1, PIT_CELLS // widest), seed))
    draws = int(np.prod(some.shape))
    index = np.linspace(0, draws - 1, min(PIT_DRAWS, draws)).round().astype(int)
    weights, k = array_stats.psislw(-_log_ratios(some, index).T, r_eff=1, axis=-1)
    drawn = replicate(some, index, np.arange(count(some.values)), np.random.default_rng(seed))
    good = np.asarray(k) <= PARETO_K_MAX
    if good.mean() < JUDGED_MIN or guide_error(some) > PARETO_K_MAX:
        return {}
    found = {name: _pit(some, name, drawn[name], np.asarray(weights), np.asarray(k)) for name in names}
    return {name: pit.isel({pit.dims[0]: good}) for name, pit in found.items()}


def corrected(result: Result) -> bool:
    """Whether the draws are a guide's, which leave-one-out corrects by their densities."""
    attrs = result.draws.attrs
    return "log_q" in result.draws.stats and not attrs.get("refined") and attrs.get("method") != "nuts"


def guide_error(result: Result) -> float:
    """Pareto k of that correction, 0 where there is none: above 0.7 nothing that rests on it can be had."""
    if not corrected(result):
        return 0.0
    stats = result.draws.stats
    return float(pareto_k(stats["log_p"] - stats["log_q"]).max())


def _log_ratios(result: Result, index: np.ndarray) -> Array:
    """Log weights (S, N) that take each row out of the draws `index`, and the guide's error with it."""
    ratios = -row_density(result, result.values, index, PARTICLES)
    if not corrected(result):
        return ratios
    stats = result.draws.stats
    return ratios + (stats["log_p"] - stats["log_q"]).reshape(-1)[index, None]


def _pit(result: Result, name: str, drawn: Array, log_weights: Array, k: Array) -> xr.DataArray:
    """Ranks by ArviZ of the cells of one variable; drawn (S, N, D), log_weights (N, S), k (N,)."""
    rows, width = len(k), int(np.prod(result.sites[name].shape))
    dims = ("chain", "draw", "row", "cell")
    replicated = xr.DataArray(drawn.reshape(1, -1, rows, width), dims=dims)
    observed = xr.DataArray(np.asarray(result.values.arrays[name], float).reshape(rows, width), dims=dims[2:])
    smoothed = xr.DataArray(log_weights.T[None, ..., None], dims=dims).isel(cell=np.zeros(width, int))
    groups = {
        "posterior": xr.Dataset(coords={"chain": [0], "draw": np.arange(replicated.sizes["draw"])}),
        "posterior_predictive": xr.Dataset({name: replicated}),
        "observed_data": xr.Dataset({name: observed}),
        "log_likelihood": xr.Dataset({name: smoothed}, coords={"chain": [0], "draw": np.arange(len(drawn))}),
    }
    found = arviz_stats.loo_pit(
        xr.DataTree.from_dict(groups),
        var_names=[name],
        log_weights=xr.Dataset({name: smoothed}),
        pareto_k=xr.Dataset({name: ("row", k)}),
    )[name]
    seen = result.values.seen.get(name, np.ones((rows, width), bool)).reshape(rows, width)
    pit = np.where(seen, found.transpose("row", "cell").values, np.nan)
    return by_row(result.sites[name], pit.reshape(-1, *result.sites[name].shape), result.values)
