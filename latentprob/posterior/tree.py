"""The result as an xarray.DataTree with ArviZ's groups; costly ones are computed when they are first looked at."""

from collections.abc import Callable, Iterator

import numpy as np
import xarray as xr

from latentprob.posterior import package
from latentprob.posterior.beliefs import PARTICLES
from latentprob.posterior.density import log_likelihood, of
from latentprob.posterior.latent import GROUP_VALUES, latent
from latentprob.posterior.lazy import blank, deferred
from latentprob.posterior.matching import Array
from latentprob.posterior.prior import IMPROPER, laws, prior_draws
from latentprob.posterior.result import Result, count, thinned
from latentprob.posterior.simulate import named, replicate
from latentprob.spec.component import Map
from latentprob.spec.sites import Site

PREDICTIVE_DRAWS = 500  # of the posterior, for replicated data; ArviZ's plots show fewer
PRIOR_DRAWS = 1000
SEED = 0  # of replicated data and of prior draws

Group = tuple[xr.Dataset, Callable[[], xr.Dataset]]


def tree(result: Result) -> xr.DataTree:
    """All groups; one of more than 10 million values is left to its method of the fit."""
    draws, values, sites = result.draws, result.values, result.sites
    groups = {
        "posterior": package.posterior(sites, draws.parameters, result.shape),
        "sample_stats": package.sample_stats(draws.stats, result.shape),
        "observed_data": package.data_group(sites, values, "observed"),
        "constant_data": package.data_group(sites, values, "input"),
    }
    makers = {
        "latent": _latents,
        "log_likelihood": _log_likelihood,
        "posterior_predictive": _posterior_predictive,
        "prior": _prior,
    }
    for name, make in makers.items():
        parts = [deferred(template, compute) for template, compute in make(result)]
        if parts and sum(_values(part) for part in parts) <= GROUP_VALUES:
            groups[name] = xr.merge(parts, combine_attrs="drop_conflicts", compat="no_conflicts", join="exact")
    return xr.DataTree.from_dict(groups, name="fit")


def _values(dataset: xr.Dataset) -> int:
    return sum(variable.size for variable in dataset.data_vars.values())


def _latents(result: Result) -> Iterator[Group]:
    values, row = result.values, package.rows_of(result.values)
    for name in (name for name in result.model.factors if not isinstance(result.model[name], Map)):
        site = result.sites[name]
        shape = blank(site.shown, package.coordinates(site))
        yield _belief(result, name, {f"{name}_belief_{moment}": shape for moment in ("loc", "scale")})
    for name, role in result.program.plan.items():
        if role == "sum":
            coords = {**row, f"{name}_level": package.coordinate(result.level_labels(name))}
            yield _belief(result, name, {f"{name}_belief_probs": blank((values.schema.row, f"{name}_level"), coords)})
        else:
            site = result.sites[name]
            coords = {**row, **package.coordinates(site)}
            shape = blank((values.schema.row, *site.shown), coords)
            yield _belief(result, name, {f"{name}_belief_{moment}": shape for moment in ("loc", "scale")})


def _belief(result: Result, name: str, template: dict[str, xr.DataArray]) -> Group:
    def compute() -> xr.Dataset:
        found = latent(result, name, result.values)
        return found.rename({moment: f"{name}_belief_{moment}" for moment in found.data_vars})

    return xr.Dataset(template), compute


def _log_likelihood(result: Result) -> Iterator[Group]:
    if result.model.is_objective:
        return
    particles = PARTICLES if result.drawn else 1
    index = thinned(result, count(result.values) * particles).reshape(result.shape[0], -1)
    coords = {"chain": np.arange(len(index)), "draw": index[0], **package.rows_of(result.values)}
    template = blank(("chain", "draw", result.values.schema.row), coords)
    yield xr.Dataset({of(result): template}), lambda: log_likelihood(result, result.values, particles).to_dataset()


def _posterior_predictive(result: Result) -> Iterator[Group]:
    if result.model.is_objective:
        return
    chains, length = result.shape
    within = np.linspace(0, length - 1, min(length, max(1, PREDICTIVE_DRAWS // chains))).round().astype(int)
    index = np.arange(chains)[:, None] * length + within
    coords = {"chain": np.arange(chains), "draw": within, **package.rows_of(result.values)}
    observed = [site for site in result.sites.values() if site.role == "observed"]
    lead = ("chain", "draw", result.values.schema.row)

    def compute() -> xr.Dataset:
        rows = np.arange(count(result.values))
        found = replicate(result, index.ravel(), rows, np.random.default_rng(SEED))
        shaped = {site.name: found[site.name].reshape(*index.shape, *found[site.name].shape[1:]) for site in observed}
        return xr.Dataset({name: named(result, name, array, lead[:2]) for name, array in shaped.items()})

    yield xr.Dataset({site.name: _like(result, site, lead, coords) for site in observed}), compute


def _like(result: Result, site: Site, lead: tuple[str, ...], coords: dict[str, Array]) -> xr.DataArray:
    labels = result.labels(site.name)
    dtype = np.asarray(package.coordinate(labels)).dtype if labels else float
    return blank((*lead, *site.shown), {**coords, **package.coordinates(site)}, dtype)


def _prior(result: Result) -> Iterator[Group]:
    if any(IMPROPER in text for _, text in laws(result.program)):
        return
    shape = (1, PRIOR_DRAWS)
    coords = package.chains(shape)
    sites = [site for site in result.sites.values() if site.role == "global"]
    template = {s.name: blank((*package.CHAIN_DRAW, *s.shown), {**coords, **package.coordinates(s)}) for s in sites}

    def compute() -> xr.Dataset:
        found = prior_draws(result.program, result.module, PRIOR_DRAWS, SEED, result.device)
        return package.posterior(result.sites, {name: array[None] for name, array in found.items()}, shape)

    if template:
        yield xr.Dataset(template), compute
