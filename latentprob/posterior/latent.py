"""What is believed of a latent variable: moments, draws, a point."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import xarray as xr
from torch import Tensor
from torch.distributions import Distribution, LogNormal
from torch.nn.functional import one_hot

from latentprob.data import Values
from latentprob.errors import NotAvailable
from latentprob.posterior import levels
from latentprob.posterior.beliefs import PARTICLES, mixed, moments, noise, sample, sampled, stream
from latentprob.posterior.chains import best_path
from latentprob.posterior.encoder import encoded, normal
from latentprob.posterior.matching import Array
from latentprob.posterior.package import by_row, coordinate, coordinates, rows_of
from latentprob.posterior.result import Result, count, thinned
from latentprob.program import evaluate
from latentprob.spec.component import Map
from latentprob.spec.sites import MATRIX_BIS
from latentprob.spec.structure import statement

MEAN_DRAWS = 1000  # draws of the posterior that a mean is taken over: its error is 3 % of a posterior sd
GROUP_VALUES = 10_000_000  # numbers of a group that are computed without being asked for by name


def latent(result: Result, name: str, values: Values) -> xr.Dataset:
    """The belief of each row, averaged over the posterior of the parameters.

    `probs` (row, level) of a discrete latent; `loc` and `scale` (row, dim) of a continuous one, with `covariance`
    where it has several dims. scale^2 = E[scale^2] + Var[loc] over the draws (the law of total variance). Of a factor's
    variable, each level in place of each row.
    """
    if name in result.model.factors:
        return levels.belief(result, name)
    return MOMENTS[role(result, name)](result, name, values)


def role(result: Result, name: str) -> str:
    """How a latent was dealt with: "sum", "integrate" or "draw"."""
    plan, model = result.program.plan, result.model
    if name in model.embedded:
        raise NotAvailable(
            f"{statement(name, model[name])} is deterministic: of each row it is a point, of which there is no belief; "
            f"embedding({name!r}) gives it"
        )
    if name not in plan:
        names = [*(name for name in model.factors if not isinstance(model[name], Map)), *plan]
        known = f"its latent variables are {', '.join(names)}" if names else "it has no latent variables"
        raise NotAvailable(f"'{name}' is no latent variable of this fit; {known}")
    return plan[name]


def averaged(result: Result, values: Values) -> np.ndarray:
    """Places of the draws that a mean over the posterior is taken over."""
    return thinned(result, count(values), PARTICLES if result.drawn else 1, MEAN_DRAWS)


def _probs(result: Result, name: str, values: Values) -> xr.Dataset:
    labels = coordinate(result.level_labels(name))
    index = averaged(result, values)
    total = np.zeros((count(values), len(labels)))
    for block in stream(result, values, index):
        total[block.rows] += block.beliefs[f"{name}_probs"].sum(0).double().cpu().numpy()
    coords = {**rows_of(values), f"{name}_level": labels}
    probs = xr.DataArray(total / len(index), dims=(values.schema.row, f"{name}_level"), coords=coords)
    return xr.Dataset({"probs": probs}, attrs={"belief": "exact", "draws": len(index)})


def _integrated(result: Result, name: str, values: Values) -> xr.Dataset:
    index, size = averaged(result, values), result.sites[name].shape[0]
    first, second = np.zeros((count(values), size)), np.zeros((count(values), size, size))
    for block in stream(result, values, index):
        mean, square = mixed(result, name, block.beliefs)
        first[block.rows] += mean.sum(0).double().cpu().numpy()
        second[block.rows] += square.sum(0).double().cpu().numpy()
    loc = first / len(index)
    covariance = second / len(index) - loc[:, :, None] * loc[:, None, :]
    return _continuous(result, name, values, loc, covariance, {"belief": "exact", "draws": len(index)})


def _drawn(result: Result, name: str, values: Values) -> xr.Dataset:
    if result.draws.latents:
        index = np.arange(np.prod(result.shape))
        found = sampled(result, values, slice(None), index)[name].double().cpu().numpy()
        return _continuous(result, name, values, *moments(found), {"belief": "sampled", "draws": len(index)})
    size = result.sites[name].shape[0]
    loc, variance = np.empty((count(values), size)), np.empty((count(values), size))
    with noise(0, result.device):
        for _, rows in result.blocks(1, count(values)):
            law = encoded(result, values, result.batch(values, rows), rows)[name]
            loc[rows], variance[rows] = (moment.double().cpu().numpy() for moment in _of_law(result, name, law))
    frame = result.frames.get(name, np.eye(size))
    covariance = (variance @ np.abs(frame))[:, :, None] * np.eye(size)
    return _continuous(result, name, values, loc @ frame, covariance, {"belief": "encoder"}, correlated=False)


def _of_law(result: Result, name: str, law: Distribution) -> tuple[Tensor, Tensor]:
    """Mean and variance (N, Z) of an encoder's law; of a logistic normal, which has no formula, from draws."""
    own, support = normal(law), result.model[name].support
    if support == "real":
        return own.mean, own.variance
    if support == "positive":
        known = LogNormal(own.loc, own.scale)
        return known.mean, known.variance
    draws = law.sample((MEAN_DRAWS,))
    return draws.mean(0), draws.var(0, correction=0)


def _continuous(
    result: Result,
    name: str,
    values: Values,
    loc: Array,
    covariance: Array,
    attrs: dict[str, Any],
    correlated: bool = True,
) -> xr.Dataset:
    site = result.sites[name]
    scale = np.sqrt(np.diagonal(covariance, axis1=1, axis2=2).clip(min=0))
    found = {"loc": by_row(site, loc, values), "scale": by_row(site, scale, values)}
    if correlated and loc.shape[1] > 1:
        dim = site.dims[0]
        coords = {**rows_of(values), **coordinates(site), dim + MATRIX_BIS: coordinate(site.labels[0])}
        found["covariance"] = xr.DataArray(covariance, dims=(values.schema.row, dim, dim + MATRIX_BIS), coords=coords)
    return xr.Dataset(found, attrs=attrs)


def _embedded(result: Result, name: str, values: Values) -> xr.DataArray:
    """The value of a deterministic variable in each row."""
    index, site = averaged(result, values), result.sites[name]
    level = result.model.is_level(name)
    labels = result.level_labels(name) if level else ()
    total = np.zeros((count(values), *((len(labels),) if level else site.shape)))
    for draws, rows in result.blocks(len(index), count(values)):
        found = evaluate.embeddings(result.module, result.batch(values, rows), result.take(index[draws]))[name]
        total[rows] += (one_hot(found, len(labels)) if level else found).sum(0).double().cpu().numpy()
    if level:
        chosen = coordinate(labels)[total.argmax(axis=1)]
        return xr.DataArray(chosen, dims=(values.schema.row,), coords=rows_of(values), name=name)
    return by_row(site, total / len(index), values).rename(name)


MOMENTS: dict[str, Callable[[Result, str, Values], xr.Dataset]] = {
    "sum": _probs,
    "integrate": _integrated,
    "draw": _drawn,
}


def sample_latent(result: Result, name: str, draws: int, values: Values, seed: int) -> xr.DataArray:
    """Draws (draw, row, ...) of the belief, each under its own draw of the parameters.

    The same seed draws all latents of a row together: calls for c and for z give pairs.
    """
    total = int(np.prod(result.shape))
    index = np.random.default_rng(seed).choice(total, draws, replace=draws > total)
    if name in result.model.factors:
        return levels.drawn(result, name, index)
    role(result, name)
    site, names = result.sites[name], tuple(result.program.plan)
    found = np.empty((draws, count(values), *site.shape))
    for block in stream(result, values, index, seed):
        found[block.draws, block.rows] = sample(result, block, names)[name].double().cpu().numpy()
    if result.model.is_level(name):
        labels = coordinate(result.level_labels(name))[found.astype(int)]
        return xr.DataArray(labels, dims=("draw", values.schema.row), coords=rows_of(values), name=name)
    return by_row(site, found, values, ("draw",))


def embedding(result: Result, name: str, values: Values) -> xr.DataArray:
    """One point a row: the mean of the belief; of a discrete latent, the most probable level.

    Of a chain the most probable path (Viterbi's), by the mean over the draws of what neighbours are together.
    Of a deterministic variable its value, averaged over the draws of the parameters; of a level, the most frequent.
    """
    if name in result.model.factors:
        return levels.point(result, name)
    if name in result.model.embedded:
        return _embedded(result, name, values)
    if name == result.program.layout.chain and result.model.is_level(name):
        return _path(result, name, values)
    belief = latent(result, name, values)
    if "loc" in belief:
        return belief["loc"].rename(name)
    level = f"{name}_level"
    found = belief[level].values[belief["probs"].values.argmax(axis=1)]
    return xr.DataArray(found, dims=(values.schema.row,), coords=rows_of(values), name=name)


def _path(result: Result, name: str, values: Values) -> xr.DataArray:
    """The most probable path of a chain, (row,)."""
    index, labels = averaged(result, values), result.level_labels(name)
    probs = torch.zeros(count(values), len(labels), dtype=torch.float64)
    pairs = torch.zeros(count(values), len(labels), len(labels), dtype=torch.float64)
    for block in stream(result, values, index):
        own, later = (block.beliefs[f"{name}_{what}"].double().cpu() for what in ("probs", "later"))
        probs += own.sum(0) / len(index)
        # (later level, level) of each step becomes (level before, level) of the next
        pairs += (own.roll(-1, 1)[..., None] * later).mT.sum(0).roll(1, 0) / len(index)
    first = result.batch(values)[f"{result.model.axis}_first"].cpu()
    chosen = coordinate(labels)[best_path(probs, pairs, first).numpy()]
    return xr.DataArray(chosen, dims=(values.schema.row,), coords=rows_of(values), name=name)
