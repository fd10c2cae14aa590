"""Densities of rows, marginal over their latents: log likelihood, held-out score, leave-one-out."""

import warnings
from collections.abc import Iterator, Mapping
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
from latentprob.posterior.encoder import base, encoded, on_support, placed, unplaced, wider
from latentprob.posterior.matching import Array
from latentprob.posterior.package import rows_of
from latentprob.posterior.result import Result, count, thinned
from latentprob.program import evaluate
from latentprob.program.networks import maps_of
from latentprob.spec.maps import GP, MLP, Module
from latentprob.spec.model import Model
from latentprob.spec.structure import statement

SEED = 0  # importance draws are the same at every call
LOO_DRAWS_MIN = 25  # a fifth of the draws is the tail of the weights, and five are the least that a tail is fitted to
WIDTHS = {1.0: 0.6, 2.0: 0.2, 4.0: 0.2}  # of the beliefs that particles come from, over the encoder's, and shares
PROPOSAL_WIDENING = 1.2  # of the variance of a proposal made from the sampler's draws: lighter tails would be worse


def log_likelihood(result: Result, values: Values, particles: int) -> xr.DataArray:
    """Log density (chain, draw, row) of each row under each draw, marginal over the latents of the row, nats.

    Levels of factors are drawn with the parameters, so it is given these.
    Exact where a closed form exists; else the importance-weighted estimate with `particles` draws a row from the
    encoder (Burda, Grosse and Salakhutdinov, 2016), some of them widened; it is below the truth on average.
    """
    index = thinned(result, count(values) * (particles if result.drawn else 1))
    density = row_density(result, values, index, particles)
    chains = result.shape[0]
    attrs: dict[str, Any] = {"kind": "importance" if result.drawn else "exact", "unit": "nats", "draws": len(index)}
    if result.drawn:
        attrs["particles"] = particles
    if result.model.axis is not None:
        attrs["rows"] = "one-step factors: each row given those before it in its series"
    if result.model.factors:
        attrs["given"] = f"the levels of {' and '.join(dict.fromkeys(result.model.factors.values()))}"
    within = index.reshape(chains, -1)[0]
    coords = {"chain": np.arange(chains), "draw": within, **rows_of(values)}
    dims = ("chain", "draw", values.schema.row)
    return xr.DataArray(
        density.reshape(chains, len(within), -1), dims=dims, coords=coords, attrs=attrs, name=of(result)
    )


def check_density(model: Model, what: str) -> None:
    """Refuses a question about the density of rows where the model is an objective."""
    if model.is_objective:
        name = model.embedded[0]
        raise NotAvailable(
            f"{what}: {statement(name, model[name])} is computed from what it explains, so the model is an objective, "
            f"not a density. Ask embedding({name!r}) and reconstruct(), or fit a model with {name} ~ ... for a density"
        )


def of(result: Result) -> str:
    """What the density of a row is called: by the observed variable, or "rows" where there are several."""
    names = [name for name, site in result.sites.items() if site.role == "observed"]
    return names[0] if len(names) == 1 else "rows"


def row_density(result: Result, values: Values, index: np.ndarray, particles: int) -> Array:
    """Log densities (S, N) of rows under the draws `index`, nats."""
    check_density(result.model, "a density of rows")
    if result.drawn:
        return _importance(result, values, index, particles)
    found = np.empty((len(index), count(values)))
    with torch.no_grad():
        for draws, rows in result.blocks(len(index), count(values)):
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
        for draws, rows in result.blocks(len(repeated), count(values)):
            places = repeated[draws]
            batch, sites = result.batch(values, rows), result.take(index[places])
            drawn, log_q = propose(result, values, batch, rows, len(places), widened=True)
            weight = evaluate.row_log_density(result.module, batch, sites, drawn) - log_q
            which, starts = np.unique(places, return_index=True)
            total = np.logaddexp.reduceat(weight.double().cpu().numpy(), starts, axis=0)
            found[which, rows] = np.logaddexp(found[which, rows], total)
    return found - np.log(particles)


def propose(
    result: Result, values: Values, batch: dict[str, Tensor], rows: slice, size: int, widened: bool = False
) -> tuple[dict[str, Tensor], Tensor]:
    """Values (P, N, ...) of the drawn latents, and their log density (P, N) under the proposal.

    widened: a share of the draws comes from beliefs of larger scales, so that a belief that is too narrow for its row
    gives no weights without bound (Hesterberg, 1995, Technometrics 37: a defensive mixture).
    """
    laws = dict(_proposals(result, values, batch, rows))
    if result.draws.latents or not widened:
        inner = {name: base(law).sample((size,)) for name, law in laws.items()}
        log_q = _log_prob({name: base(law) for name, law in laws.items()}, inner)
    else:
        each = [{n: wider(law, w) if n in result.model else law for n, law in laws.items()} for w in WIDTHS]
        shares = torch.tensor(list(WIDTHS.values()), device=result.device)
        which = torch.multinomial(shares.expand(size, -1), rows.stop - rows.start, replacement=True)
        drawn = {name: torch.stack([one[name].sample((size,)) for one in each]) for name in laws}
        inner = {n: value.take_along_dim(which[None, ..., None], 0)[0] for n, value in drawn.items()}
        log_q = torch.stack([_log_prob(one, inner) for one in each], -1).add(shares.log()).logsumexp(-1)
    found: dict[str, Tensor] = {}
    for name, law in laws.items():
        raw, volume = placed(law, inner[name])
        found[name] = raw if result.draws.latents else framed(result, name, raw)
        log_q = log_q - volume
    return found, log_q


def _log_prob(laws: Mapping[str, Distribution], values: Mapping[str, Tensor]) -> Tensor:
    return torch.stack([_rowwise(law.log_prob(values[name])) for name, law in laws.items()]).sum(0)


def _rowwise(log_prob: Tensor) -> Tensor:
    return log_prob if log_prob.ndim == 2 else log_prob.flatten(2).sum(-1)


def _proposals(
    result: Result, values: Values, batch: dict[str, Tensor], rows: slice
) -> Iterator[tuple[str, Distribution]]:
    """The encoder's beliefs, or normals around the sampler's draws."""
    if not result.draws.latents:
        yield from ((name, law) for name, law in encoded(result, values, batch, rows).items() if name in result.drawn)
        return
    index = np.arange(np.prod(result.shape))
    for name, draws in sampled(result, values, rows, index).items():
        support = result.model[name].support if name in result.model else "real"
        loc, covariance = moments(unplaced(support, draws).double().cpu().numpy())
        law = MultivariateNormal(result.tensor(loc), result.tensor(PROPOSAL_WIDENING * covariance))
        yield name, on_support(support, law)


def score(result: Result, values: Values, particles: int) -> float:
    """Mean over rows of the log posterior predictive density, nats a row; fitted rows count with their weights."""
    index = thinned(result, count(values) * (particles if result.drawn else 1))
    density = row_density(result, values, index, particles)
    rows = np.logaddexp.reduce(density, axis=0) - np.log(len(index))
    weights = result.weights if values is result.values else None
    return float(np.average(rows, weights=weights))


def posterior_lacks(result: Result) -> str:
    """Why the draws are no posterior of all parameters, if they are not: a point estimate, or a network's weights."""
    if networks := maps_of(result.program.layout, (MLP, Module)):
        return f"the network of {networks[0][0]} is a point estimate"
    if processes := maps_of(result.program.layout, GP):
        return f"the process of {processes[0][0]} stands on inducing inputs that are point estimates,"
    varies = any(np.ptp(array, axis=0).any() for array in result.flat.values() if array.size)
    return "" if varies and not result.is_point else "this fit is a point estimate"


def loo(result: Result, tree: xr.DataTree) -> Any:
    """ArviZ's leave-one-out estimate on the marginal likelihood, with Pareto k of each row.

    Draws of a variational posterior that were not refined go through `loo_approximate_posterior`.
    """
    check_density(result.model, "leave-one-out")
    if lack := posterior_lacks(result):
        instead = "information() gives AIC and BIC, " if result.is_point and not result.drawn else ""
        raise NotAvailable(
            f"leave-one-out: {lack} and has no posterior to leave a row out of; "
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
        return _loo(result, _telling(result, tree))


def _telling(result: Result, tree: xr.DataTree) -> xr.DataTree:
    """Posterior and densities of the rows with a seen cell: of a step of gaps alone there is nothing to leave out."""
    groups = {name: tree[name].to_dataset() for name in ("posterior", "log_likelihood")}
    names = [name for name, site in result.sites.items() if site.role == "observed"]
    if all(name in result.values.seen for name in names):
        says = np.logical_or.reduce([result.values.seen[n].reshape(count(result.values), -1).any(-1) for n in names])
        groups["log_likelihood"] = groups["log_likelihood"].isel({result.values.schema.row: says})
    return xr.DataTree.from_dict(groups)


def _loo(result: Result, tree: xr.DataTree) -> Any:
    attrs, stats = result.draws.attrs, result.draws.stats
    chosen = np.asarray(tree["log_likelihood"].to_dataset()["draw"])
    if attrs.get("method") == "nuts" or attrs.get("refined") or "log_q" not in stats:
        # Draws that were thinned are taken as independent; of all draws ArviZ finds out.
        return arviz_stats.loo(tree, pointwise=True, reff=None if len(chosen) == result.shape[1] else 1.0)
    log_p, log_q = (xr.DataArray(stats[name][:, chosen], dims=("chain", "draw")) for name in ("log_p", "log_q"))
    return arviz_stats.loo_approximate_posterior(tree, log_p=log_p, log_q=log_q, pointwise=True)
