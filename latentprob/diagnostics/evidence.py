"""What a diagnosis is made from: datasets and arrays, gathered from a result as far as its method and size allow."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import xarray as xr

from latentprob.inference.spikes import spikes
from latentprob.posterior import aggregate, gap, importance, left_out, package
from latentprob.posterior.latent import latent
from latentprob.posterior.replicates import Replicated, replicates
from latentprob.posterior.result import Result, count
from latentprob.posterior.rows import at_rows, sampled_rows, with_draws
from latentprob.spec.sites import free_parameters

SEED = 0  # of every sample of rows and draws: the same fit has the same diagnosis
LATENT_DRAWS = 100  # of the posterior, over which beliefs of all rows are averaged
GAP_ROWS = 1_000  # rows whose beliefs are refined, at most
GAP_WORK = 4_000_000  # numbers that one step of refinement may take: fewer rows where a row is wide

Pairs = Mapping[str, tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class Evidence:
    """All that findings read; what is left out is not judged.

    posterior: over (chain, draw, ...) the global parameters, aligned; a chain is a kept restart.
    sample_stats: what the method recorded: "bound" (restart, step), NaN behind the end, nats; "score", "score_error"
        and "kept" (restart,); "log_p", "log_q" (chain, draw), densities under the model and the guide, nats;
        "diverging" and "energy" (chain, draw).
    attrs: what is known of the run: "method" ("natural_gradient", "svi", "nuts", "point", "condition"), "settled",
        "steps", "guide", "refined" and "pareto_k" of the guide, "spikes"; "gradient_signal"; of a point estimate
        "agree" (how many restarts met the best optimum), "at_floor" and "floor_binds".
    latents: name -> the belief: "probs" (row, level), or "loc" and "scale" (row[, dim]).
    prior_scales, kl: of a continuous latent with a known prior: its scale, and KL of the belief by dim, nats.
    moved: name -> share of the draws in which levels or dims stand at other places.
    aggregates: name -> draws (N, Z) from the beliefs and from the prior. level_shares: average responsibilities (K,)
        and shares (R, K) in data sets drawn from the model.
    spikes: parameters in which a component sits on one point.
    row_k, gap: by row, Pareto k of an encoder's beliefs and what refining them gains, nats. closed: latents whose
        beliefs are exact. rows: how many rows were fitted.
    pareto_k: by row, of the marginal leave-one-out estimate. pit: name -> ranks of the cells in it.
    replicated: name -> the data beside replicated data. levels: factors whose levels are among the parameters.
    series: whether rows are steps of series, so that neither cells nor states are draws independent of each other.
    """

    posterior: xr.Dataset = field(default_factory=xr.Dataset)
    sample_stats: xr.Dataset = field(default_factory=xr.Dataset)
    attrs: Mapping[str, Any] = field(default_factory=dict)
    latents: Mapping[str, xr.Dataset] = field(default_factory=dict)
    prior_scales: Mapping[str, float] = field(default_factory=dict)
    kl: Mapping[str, xr.DataArray] = field(default_factory=dict)
    moved: Mapping[str, float] = field(default_factory=dict)
    aggregates: Pairs = field(default_factory=dict)
    level_shares: Pairs = field(default_factory=dict)
    spikes: tuple[str, ...] = ()
    row_k: xr.DataArray | None = None
    gap: xr.DataArray | None = None
    closed: tuple[str, ...] = ()
    rows: int | None = None
    pareto_k: xr.DataArray | None = None
    pit: Mapping[str, xr.DataArray] = field(default_factory=dict)
    replicated: Mapping[str, Replicated] = field(default_factory=dict)
    levels: tuple[str, ...] = ()
    series: bool = False


def gathered(result: Result, posterior: xr.Dataset, sample_stats: xr.Dataset) -> Evidence:
    """The evidence on a result. Of many rows, samples are asked what costs much a row."""
    run = Evidence(posterior, sample_stats, result.draws.attrs, rows=count(result.values))
    return run if result.model.is_objective else _of_density(result, run)


def _of_density(result: Result, run: Evidence) -> Evidence:
    """What only a model with a density of rows can show, beside the run."""
    plan, amortized = result.program.plan, gap.amortized(result)
    priors = {name: p for name in plan if (p := aggregate.prior_moments(result, name)) is not None}
    few = with_draws(result, LATENT_DRAWS)
    latents = {name: latent(few, name, few.values) for name in plan}
    replicated = replicates(result, SEED)
    series = result.model.axis is not None
    left = left_out.possible(result)
    return replace(
        run,
        latents=latents,
        prior_scales={name: scale for name, (_, scale) in priors.items()},
        kl={name: aggregate.kl_by_dim(latents[name], p) for name, p in priors.items() if "loc" in latents[name]},
        moved=aggregate.moved(result),
        aggregates={
            n: aggregate.sampled_aggregate(result, n, SEED) for n in plan if "loc" in latents[n] and not series
        },
        level_shares={n: (latents[n]["probs"].values.mean(axis=0), s) for n, s in replicated.shares.items()},
        spikes=tuple(spikes(result.model, result.statistics, result.flat)),
        row_k=_by_row(result, importance.row_pareto_k(result), "pareto_k") if amortized else None,
        gap=_gap(result) if amortized else None,
        closed=tuple(name for name, role in plan.items() if role != "draw"),
        pareto_k=left_out.left_out_k(result, SEED) if left else None,
        pit=left_out.left_out_pit(result, tuple(replicated.variables), SEED) if left and replicated.variables else {},
        replicated=replicated.variables,
        levels=tuple(dict.fromkeys(f.axes[0] for f in free_parameters(result.model) if f.part == "levels" or f.pooled)),
        series=series,
    )


def _gap(result: Result) -> xr.DataArray:
    """The amortization gap of all rows or a random sample, by row."""
    most = max(1, min(GAP_ROWS, GAP_WORK // (gap.PARTICLES * result.width)))
    some = at_rows(result, sampled_rows(result, most, SEED))
    return _by_row(some, gap.gap(some).gain, "gap")


def _by_row(result: Result, found: np.ndarray, name: str) -> xr.DataArray:
    return xr.DataArray(found, dims=(result.values.schema.row,), coords=package.rows_of(result.values), name=name)
