"""Which figures a fit has, by its structure; each with words that state what is seen."""

from collections.abc import Iterator

import numpy as np
import xarray as xr

from latentprob import plots
from latentprob.diagnostics.reliability import k_limit
from latentprob.inference.importance import PARETO_K_MAX
from latentprob.plots.bound import last
from latentprob.plots.latent_kl import ALIVE
from latentprob.posterior.latent import embedding
from latentprob.posterior.result import count, thinned
from latentprob.posterior.simulate import named, replicate
from latentprob.report.pictures import Figure, figure
from latentprob.report.record import Record
from latentprob.spec.component import Map
from latentprob.spec.sites import MATRIX_BIS

FEATURES_MAX = 60  # features up to which loadings are drawn
LEVELS_MAX = 10  # levels up to which a latent space is coloured by them
REPLICATES, ROWS_MAX = 100, 2000  # data sets of the model that data are held to, and rows of each
SETS_MAX = 4  # sets of loadings, one a level, up to which each has a figure


def figures(record: Record) -> tuple[Figure, ...]:
    """All figures of a fit, from how it ended to how it predicts."""
    makers = (bounds, components, spaces, embeddings, loadings, responsibilities, information, importance, predictive)
    return tuple(made for maker in makers for made in maker(record))


def model_graph(record: Record) -> Figure:
    """The model's graph."""
    result = record.result
    model, observed = result.model, result.values.schema.observed
    edges = [f"{parent} to {name}" for name in model for parent in model.parents(name)]
    hidden = [name for name in model if name not in observed]
    alt = (
        f"Graph of the model. Observed: {_names([n for n in model if n in observed])}. "
        f"Not observed: {_names(hidden)}. Arrows: {_names(edges)}."
    )
    ax = plots.graph(model, observed, rows=len(result.values.rows), title="")
    caption = "Shaded is what the data hold; outside of the plate are the parameters."
    if any(isinstance(model[name], Map) for name in model):
        caption += " Doubly outlined is what is computed from its parents; a dashed arrow is an encoder."
    return figure(ax, "Graph", alt, caption)


def _names(parts: list[str]) -> str:
    return ", ".join(parts) or "none"


def bounds(record: Record) -> Iterator[Figure]:
    """The bound by step."""
    stats = record.tree["sample_stats"].to_dataset()
    if "bound" not in stats or stats["bound"].ndim < 2 or np.isfinite(stats["bound"].values).sum(axis=-1).max() < 2:
        return
    ends = [last(line) for line in stats["bound"].values]
    kept = stats["kept"].values if "kept" in stats else np.ones(len(ends), bool)
    alt = f"The bound of {_count(len(ends), 'restart')} by step. The best ends at {max(ends):,.1f} nats."
    if len(ends) > 1:
        alt += f" {int(kept.sum())} of the restarts were kept; their ends lie {np.ptp(np.array(ends)[kept]):.2g} apart."
    caption = "A run that has settled ends flat. Restarts that meet agree on the optimum; grey ones were set aside."
    yield figure(plots.bound(stats, title=""), "Bound by step", alt, caption)


def components(record: Record) -> Iterator[Figure]:
    """The components of a mixture over two features."""
    posterior, result = record.tree["posterior"].to_dataset(), record.result
    for name, belief in record.evidence.latents.items():
        for child in result.model.children(name) if "probs" in belief else ():
            loc, spread = posterior.get(f"{child}_loc"), _spread(posterior, child)
            if loc is None or spread is None or loc.dims[2:3] != (f"{name}_level",) or loc.ndim != 4:
                continue
            x = record.tree["observed_data"].to_dataset().get(child)
            if x is None or x.shape[1] < 2 or bool(x.isnull().any()):
                continue
            yield _components(record, name, x, loc, spread)


def _spread(posterior: xr.Dataset, child: str) -> xr.DataArray | None:
    """Covariances or scales of a variable, with an axis for the levels."""
    loc = posterior.get(f"{child}_loc")
    for which in ("covariance", "scale"):
        found = posterior.get(f"{child}_{which}")
        if found is not None and loc is not None:
            matrix = found.dims[-1:] == (f"{loc.dims[-1]}{MATRIX_BIS}",)
            dims = (*loc.dims, *found.dims[-1:]) if matrix else loc.dims
            return found.broadcast_like(loc).transpose(*dims)
    return None


def _components(record: Record, name: str, x: xr.DataArray, loc: xr.DataArray, spread: xr.DataArray) -> Figure:
    probs, means = record.evidence.latents[name]["probs"], loc.mean(("chain", "draw"))
    apart = (means.std(str(means.dims[0])) / x.std(str(x.dims[0])).values).values
    pair = np.sort(np.argsort(-apart)[:2])
    features = list(x[x.dims[1]].values[pair])
    ax = plots.components(x, probs, loc, spread, features=features, title="")
    shares = probs.mean(str(probs.dims[0])).values
    places = "; ".join(
        f"{level} with {share:.0%} of the rows around "
        + ", ".join(f"{feature} {value:.3g}" for feature, value in zip(features, means.values[k][pair], strict=True))
        for k, (level, share) in enumerate(zip(probs[probs.dims[1]].values, shares, strict=True))
    )
    alt = f"Scatter of {features[0]} and {features[1]} with {len(shares)} components of {name}: {places}."
    caption = "Rows are coloured by responsibility; ellipses hold 50 and 90 % of each component, thin ones are draws."
    if x.shape[1] > 2:
        caption += f" Of {x.shape[1]} features, the two in which the components lie furthest apart."
    return figure(ax, f"Components of {name}", alt, caption)


def spaces(record: Record) -> Iterator[Figure]:
    """Beliefs of each continuous latent of two dims or more."""
    level = next(
        (n for n, b in record.evidence.latents.items() if "probs" in b and b["probs"].shape[1] <= LEVELS_MAX), None
    )
    for name, belief in record.evidence.latents.items():
        if "loc" not in belief or belief["loc"].ndim != 2 or belief["loc"].shape[1] < 2:
            continue
        loc, scale = belief["loc"], belief["scale"]
        variances = loc.values.var(axis=0)
        first, second = (int(k) for k in np.sort(np.argsort(-variances, kind="stable")[:2]))
        labels = None if level is None else _most_probable(record.evidence.latents[level]["probs"])
        ax = plots.latent_space(loc, scale, labels=labels, dims=(first, second), title="")
        median = float(np.median(scale.values[:, [first, second]]))
        alt = (
            f"Belief means of {len(loc):,} rows in dims {first} and {second} of {name}. They spread by "
            f"{variances[first] ** 0.5:.2f} and {variances[second] ** 0.5:.2f} (sd); one belief has an sd of "
            f"{median:.2f} in the median."
        )
        caption = "A dot a row, at the mean of its belief; rings are one sd of the belief."
        caption += f" Colours and names: the most probable level of {level}." if level else ""
        caption += f" Of {len(variances)} dims, the two that vary most." if len(variances) > 2 else ""
        yield figure(ax, f"Latent space of {name}", alt, caption)


def _most_probable(probs: xr.DataArray) -> np.ndarray:
    return np.asarray(probs[probs.dims[1]].values)[probs.values.argmax(axis=1)]


def embeddings(record: Record) -> Iterator[Figure]:
    """Where the rows lie in the dims of each computed variable."""
    result = record.result
    for name in result.model.embedded:
        points = embedding(result, name, result.values)
        if points.ndim != 2 or points.shape[1] < 2:
            continue
        spreads = points.std(str(points.dims[0])).values
        first, second = (int(k) for k in np.sort(np.argsort(-spreads, kind="stable")[:2]))
        ax = plots.latent_space(points, xr.zeros_like(points), dims=(first, second), rings=0, title="")
        alt = f"{len(points):,} rows in dims {first} and {second} of {name}, which spread by "
        alt += f"{spreads[first]:.2f} and {spreads[second]:.2f} (sd)."
        caption = "A dot a row, where it is computed to lie: a point, which is not known to be sure or unsure."
        yield figure(ax, f"Embedding space of {name}", alt, caption)


def loadings(record: Record) -> Iterator[Figure]:
    """Loadings of each hidden factor, for each level a figure where they differ by level."""
    for name, weights in record.tree["posterior"].to_dataset().data_vars.items():
        dims = [str(dim) for dim in weights.dims[2:]]
        factors = [dim for dim in dims if dim.removesuffix("_dim") in record.result.model]
        if not str(name).endswith("_weights") or len(factors) != 1 or weights.sizes[dims[-1]] > FEATURES_MAX:
            continue
        if dims[:-1] == factors:
            yield _loadings(str(name), weights, "")
        elif dims[1:-1] == factors and weights.sizes[dims[0]] <= SETS_MAX:
            level = dims[0].removesuffix("_level")
            for label in weights[dims[0]].values:
                yield _loadings(str(name), weights.sel({dims[0]: label}, drop=True), f" where {level} is {label}")


def _loadings(name: str, weights: xr.DataArray, where: str) -> Figure:
    factor, feature = weights.dims[2:]
    means = weights.mean(("chain", "draw")).values
    strongest = "; ".join(
        f"{factor} {label} loads most on "
        + " and ".join(str(weights[feature].values[d]) for d in np.argsort(-np.abs(line))[:2])
        for label, line in zip(weights[factor].values, means, strict=True)
    )
    alt = f"Loadings {name}{where} with intervals: {strongest}."
    caption = "Dots are posterior means, thick lines hold 50 % and thin ones 90 % of the posterior."
    return figure(plots.loadings(weights, title=""), f"Loadings {name}{where}", alt, caption)


def responsibilities(record: Record) -> Iterator[Figure]:
    """Responsibilities of each discrete latent."""
    for name, belief in record.evidence.latents.items():
        if "probs" not in belief or belief["probs"].shape[1] < 2:
            continue
        probs = belief["probs"]
        sure = float((probs.values.max(axis=1) > 0.95).mean())
        labels, best = probs[probs.dims[1]].values, probs.values.argmax(axis=1)
        shares = ", ".join(f"{label}: {(best == k).mean():.0%}" for k, label in enumerate(labels))
        alt = f"Rows by their most probable level of {name}: {shares}. {sure:.0%} of the rows are more than 95 % sure."
        caption = "A thin stack a row; a block of one colour is a group of rows without doubt."
        yield figure(plots.responsibilities(probs, title=""), f"Responsibilities of {name}", alt, caption)


def information(record: Record) -> Iterator[Figure]:
    """What each dim of a continuous latent says of the rows."""
    for name, kl in record.evidence.kl.items():
        if kl.ndim != 1 or len(kl) < 2:
            continue
        dead = [str(label) for label, value in zip(kl[kl.dims[0]].values, kl.values, strict=True) if value < ALIVE]
        alt = f"{len(kl)} dims of {name} with {kl.values.max():.2f} to {kl.values.min():.2f} nats a row. "
        alt += f"Dims that hold nothing: {_names(dead)}."
        caption = "How far the belief moves from the prior in a row, on average. A dim at zero is not used."
        yield figure(plots.latent_kl(kl, title=""), f"Information by dim of {name}", alt, caption)


def importance(record: Record) -> Iterator[Figure]:
    """Pareto k by row: of leaving the row out, and of an encoder's belief of it."""
    draws = record.evidence.posterior.sizes.get("chain", 1) * record.evidence.posterior.sizes.get("draw", 1)
    if (left := record.evidence.pareto_k) is not None:
        caption = "A row above the limit decides on its own fit: leaving it out cannot be had from these draws."
        yield _importance(left, k_limit(draws), "Pareto k of leaving a row out", caption)
    if (amortized := record.evidence.row_k) is not None:
        caption = "In a row above the limit the encoder's belief is not that of the model; fit.refine mends it."
        yield _importance(amortized, PARETO_K_MAX, "Pareto k of the encoder's beliefs", caption)


def _importance(k: xr.DataArray, limit: float, heading: str, caption: str) -> Figure:
    bad, worst = int((k.values > limit).sum()), int(np.nanargmax(k.values))
    row = k[k.dims[0]].values[worst]
    alt = f"{heading} for {_count(len(k), 'row')}: {bad} above the limit of {limit:.2g}; the largest is "
    alt += f"{k.values[worst]:.2f}, in row {row}."
    return figure(plots.row_pareto_k(k, limit, title=""), heading, alt, caption)


def predictive(record: Record) -> Iterator[Figure]:
    """Each observed variable of numbers beside data sets of the model."""
    result = record.result
    if result.model.is_objective:
        return
    rows = np.linspace(0, count(result.values) - 1, min(ROWS_MAX, count(result.values))).round().astype(int)
    index = thinned(result, len(rows), at_most=REPLICATES)
    drawn = replicate(result, index, rows, np.random.default_rng(record.seed))
    for name, x in record.tree["observed_data"].to_dataset().data_vars.items():
        if x.dtype.kind in "fiub" and x.ndim <= 2:
            replicated = named(result, str(name), drawn[str(name)][None], ("chain", "draw"))
            yield _predictive(str(name), x.isel({x.dims[0]: rows}).astype(float), replicated.astype(float))


def _predictive(name: str, x: xr.DataArray, replicated: xr.DataArray) -> Figure:
    row = str(x.dims[0])
    mean, sds = replicated.mean((row, "chain", "draw")), replicated.std(row)
    away = float(np.max(np.abs(x.mean(row) - mean) / np.maximum(x.std(row), np.finfo(float).tiny)))
    ratio = np.ravel((sds.mean(("chain", "draw")) / np.maximum(x.std(row), np.finfo(float).tiny)).values)
    alt = (
        f"Data of {name} over replicated data. The means of the model lie at most {away:.2g} sd from those of the "
        f"data; its sds are {ratio.min():.2f} to {ratio.max():.2f} times those of the data."
    )
    caption = "Where the line of the data leaves the band of the model's data sets, the model would not have made it."
    return figure(plots.posterior_predictive(x, replicated, title=""), f"Data sets of the model: {name}", alt, caption)


def _count(number: int, thing: str) -> str:
    return f"{number:,} {thing}{'' if number == 1 else 's'}"
