"""Densities of rows, marginal over their latents: log likelihood, held-out score, leave-one-out."""

import warnings
from collections.abc import Iterator
from typing import Any

import arviz_stats
import numpy as np
import torch
import xarray as xr
from torch import Tensor
from torch.distributions import Distribution, MultivariateNormal

from latentprob.data import Values
from latentprob.errors import NotAvailable
from latentprob.posterior.beliefs import framed, moments, noise, sampled
from latentprob.posterior.matching import Array
from latentprob.posterior.package import rows_of
from latentprob.posterior.result import Result, blocks, count, thinned
from latentprob.program import evaluate

SEED = 0  # importance draws are the same at every call
LOO_DRAWS_MIN = 25  # a fifth of the draws is the tail of the weights, and five are the least that a tail is fitted to
PROPOSAL_WIDENING = 1.2  # of the variance of a proposal made from the sampler's draws: lighter tails would be worse


def log_likelihood(result: Result, values: Values, particles: int) -> xr.DataArray:
    """Log density (chain, draw, row) of each row under each draw, marginal over the latents, nats.

    Exact where a closed form exists; else the importance-weighted estimate with `particles` draws a row from the
    encoder (Burda, Grosse and Salakhutdinov, 2016), which is below the truth on average.
    """
    index = thinned(result, count(values) * (particles if result.drawn else 1))
    density = row_density(result, values, index, particles)
    chains = result.shape[0]
    attrs: dict[str, Any] = {"kind": "importance" if result.drawn else "exact", "unit": "nats", "draws": len(index)}
    if result.drawn:
        attrs["particles"] = particles
    within = index.reshape(chains, -1)[0]
    coords = {"chain": np.arange(chains), "draw": within, **rows_of(values)}
    dims = ("chain", "draw", values.schema.row)
    return xr.DataArray(
        density.reshape(chains, len(within), -1), dims=dims, coords=coords, attrs=attrs, name=of(result)
    )


def of(result: Result) -> str:
    """What the density of a row is called: by the observed variable, or "rows" where there are several."""
    names = [name for name, site in result.sites.items() if site.role == "observed"]
    return names[0] if len(names) == 1 else "rows"


def row_density(result: Result, values: Values, index: np.ndarray, particles: int) -> Array:
    """Log densities (S, N) of rows under the draws `index`, nats."""
    if result.drawn:
        return _importance(result, values, index, particles)
    found = np.empty((len(index), count(values)))
    with torch.no_grad():
        for draws, rows in blocks(len(index), count(values), result.width):
            batch, sites = result.batch(values, rows), result.take(index[draws])
            density = evaluate.row_log_density(result.module, batch, sites)
            found[draws, rows] = density.double().cpu().numpy()
    return found


def _importance(result: Result, values: Values, index: np.ndarray, particles: int) -> Array:
    """log 1/P sum_p p(x, z_p) / q(z_p) with z_p ~ q: particles lie next to each other along the draws of a block."""
    if particles < 1:
        raise NotAvailable(f"particles={particles}: the estimate needs one draw of the latents at least, such as 100")
    found = np.full((len(index), count(values)), -np.inf)
    repeated = np.repeat(np.arange(len(index)), particles)
    with noise(SEED, result.device):
        for draws, rows in blocks(len(repeated), count(values), result.width):
            places = repeated[draws]
            batch, sites = result.batch(values, rows), result.take(index[places])
            drawn, log_q = _propose(result, values, batch, rows, len(places))
            weight = evaluate.row_log_density(result.module, batch, sites, drawn) - log_q
            which, starts = np.unique(places, return_index=True)
            total = np.logaddexp.reduceat(weight.double().cpu().numpy(), starts, axis=0)
            found[which, rows] = np.logaddexp(found[which, rows], total)
    return found - np.log(particles)


def _propose(
    result: Result, values: Values, batch: dict[str, Tensor], rows: slice, size: int
) -> tuple[dict[str, Tensor], Tensor]:
    """Values (P, N, ...) of the drawn latents, and their log density (P, N) under the proposal."""
    laws = dict(_proposals(result, values, batch, rows))
    raw = {name: law.sample((size,)) for name, law in laws.items()}
    log_q = torch.stack([_rowwise(laws[name].log_prob(raw[name])) for name in laws]).sum(0)
    encoder = not result.draws.latents
    return {name: framed(result, name, value) if encoder else value for name, value in raw.items()}, log_q


def _rowwise(log_prob: Tensor) -> Tensor:
    return log_prob if log_prob.ndim == 2 else log_prob.flatten(2).sum(-1)


def _proposals(
    result: Result, values: Values, batch: dict[str, Tensor], rows: slice
) -> Iterator[tuple[str, Distribution]]:
    """The encoder's beliefs, or normals around the sampler's draws."""
    if not result.draws.latents:
        yield from ((name, law) for name, law in evaluate.encode(result.module, batch).items() if name in result.drawn)
        return
    index = np.arange(np.prod(result.shape))
    for name, draws in sampled(result, values, rows, index).items():
        if result.model[name].support != "real":
            raise NotAvailable(
                f"the marginal likelihood: {name} ~ {type(result.model[name]).__name__} was sampled, and there is no "
                "proposal on its support to take it out by; fit with lp.SVI(), whose encoder is one"
            )
        loc, covariance = moments(draws.double().cpu().numpy())
        yield name, MultivariateNormal(result.tensor(loc), result.tensor(PROPOSAL_WIDENING * covariance))


def score(result: Result, values: Values, particles: int) -> float:
    """Mean over rows of the log posterior predictive density, nats a row; fitted rows count with their weights."""
    index = thinned(result, count(values) * (particles if result.drawn else 1))
    density = row_density(result, values, index, particles)
    rows = np.logaddexp.reduce(density, axis=0) - np.log(len(index))
    weights = result.weights if values is result.values else None
    return float(np.average(rows, weights=weights))


def loo(result: Result, tree: xr.DataTree) -> Any:
    """ArviZ's leave-one-out estimate on the marginal likelihood, with Pareto k of each row.

    Draws of a variational posterior that were not refined go through `loo_approximate_posterior`.
    """
    if result.is_point:
        instead = "" if result.drawn else "information() gives AIC and BIC, "
        raise NotAvailable(
            "leave-one-out: this fit is a point estimate and has no posterior to leave a row out of; "
            f"{instead}score(data) gives the density of held-out rows"
        )
    if "log_likelihood" not in tree.children:
        raise NotAvailable(
            "leave-one-out: the log likelihood of all rows and draws is too large to be held; "
            "score(data) gives the density of held-out rows"
        )
    if (draws := tree["log_likelihood"].sizes["chain"] * tree["log_likelihood"].sizes["draw"]) < LOO_DRAWS_MIN:
        raise NotAvailable(
            f"leave-one-out: {draws} draws are too few to smooth the weights of a row; take {LOO_DRAWS_MIN} at least"
        )
    with warnings.catch_warnings():  # the Pareto k that it warns of are in what is returned, and in the diagnosis
        warnings.filterwarnings("ignore", message="Estimated shape parameter of Pareto")
        return _loo(result, tree)


def _loo(result: Result, tree: xr.DataTree) -> Any:
    attrs, stats = result.draws.attrs, result.draws.stats
    chosen = np.asarray(tree["log_likelihood"].to_dataset()["draw"])
    if attrs.get("method") == "nuts" or attrs.get("refined") or "log_q" not in stats:
        # Draws that were thinned are taken as independent; of all draws ArviZ finds out.
        return arviz_stats.loo(tree, pointwise=True, reff=None if len(chosen) == result.shape[1] else 1.0)
    log_p, log_q = (xr.DataArray(stats[name][:, chosen], dims=("chain", "draw")) for name in ("log_p", "log_q"))
    return arviz_stats.loo_approximate_posterior(tree, log_p=log_p, log_q=log_q, pointwise=True)
