"""What is ranked: functions of parameters, latents and data that no relabelling or rotation changes.

Each is evaluated at the true values and at draws of the posterior alike, the truth being draw 0 of S. Functions of
the data, such as their log density, show errors that the parameters alone do not (Modrák et al., 2023).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from latentprob.errors import InferenceError
from latentprob.posterior import labels
from latentprob.posterior.beliefs import sample, stream
from latentprob.posterior.imagined import World
from latentprob.posterior.matching import Array
from latentprob.posterior.result import Result
from latentprob.program import evaluate
from latentprob.spec.sites import Free, Site, free_parameters
from latentprob.spec.symmetry import exchangeable, loadings_of, symmetry

CELLS = 8  # numbers of one parameter that are ranked, the first ones
ROWS = 2  # rows whose latents are ranked: rows of a simulation are exchangeable, so the first ones
FEATURES = 2  # features of a row whose expectation is ranked

Named = Iterator[tuple[str, Array]]


@dataclass(frozen=True)
class Joined:
    """The true values and draws of the posterior, one after the other.

    sites: (S, ...) every global site. latents: (S, N, ...) every latent, levels as numbers.
    """

    result: Result
    sites: dict[str, Tensor]
    latents: dict[str, Tensor]

    @cached_property
    def factors(self) -> tuple[str, ...]:
        """Latents whose dims the model may rotate, reorder or flip."""
        model, schema = self.result.model, self.result.values.schema
        return tuple(n for n in model if loadings_of(model, n) and symmetry(model, schema.observed, n))

    @cached_property
    def mixtures(self) -> tuple[str, ...]:
        """Latents whose levels may change places."""
        return exchangeable(self.result.model, self.result.values.schema)


def joined(result: Result, world: World, places: Array, seed: int) -> Joined:
    """The values that the rows were made with, and the draws `places` of the fit to these rows."""
    sites = {n: np.concatenate([world.parameters[n][None], draws[places]]) for n, draws in result.flat.items()}
    names = tuple(result.program.plan)
    latents = {name: _with_truth(result, world.rows[name], len(places)) for name in names}
    for block in stream(result, result.values, places, seed):
        draws = slice(block.draws.start + 1, block.draws.stop + 1)
        for name, values in sample(result, block, names).items():
            latents[name][draws, block.rows] = values
    return Joined(result, {name: result.tensor(array) for name, array in sites.items()}, latents)


def _with_truth(result: Result, truth: Array, draws: int) -> Tensor:
    """A tensor (1 + draws, N, ...) that begins with the truth, (N, ...)."""
    level = truth.ndim == 1
    found = np.empty((1 + draws, *truth.shape), np.int64 if level else float)
    found[0] = truth
    return result.tensor(found)


def quantities(at: Joined) -> dict[str, Array]:
    """Every quantity by name, (S,)."""
    with torch.no_grad():
        found = dict((*_densities(at), *_parameters(at), *_latents(at), *_expectations(at)))
    for name, values in found.items():
        if not np.isfinite(values).all():
            where = "at the true values" if not np.isfinite(values[0]) else "at draws of the posterior"
            raise InferenceError(f"{name} is not finite {where}")
    return found


def _densities(at: Joined) -> Named:
    """Log densities of the rows, and of rows and parameters together."""
    result = at.result
    batch, drawn = result.batch(result.values), {name: at.latents[name] for name in result.drawn}
    rows = evaluate.row_log_density(result.module, batch, at.sites, drawn).sum(1)
    joint = evaluate.joint_log_density(result.module, batch, at.sites, drawn)
    count = len(next(iter((*at.sites.values(), *at.latents.values()))))
    for name, values in (("log likelihood", rows), ("log joint", joint)):
        yield name, _numbers(values.expand(count))


def _parameters(at: Joined) -> Named:
    """The numbers of each parameter: components sorted, factors by their squared lengths and products."""
    result, axes = at.result, dict(at.result.program.site_axes)
    flat = {name: _numbers(values) for name, values in at.sites.items()}
    present = [name for name in at.mixtures if any(name in axes.get(site, ()) for site in flat)]
    for i, name in enumerate(present):
        # By the first number of the first parameter alone: a rule that looks at one draw at a time.
        key = labels.describe(name, flat, result.model, (*present[i + 1 :], *at.factors))[:, :, 0]
        flat = labels.relabel(name, np.argsort(key, axis=1, kind="stable"), flat, axes, result.model)
    for free in free_parameters(result.model):
        if free.name in flat:
            yield from _of_parameter(at, free, result.sites[free.name], flat[free.name])


def _of_parameter(at: Joined, free: Free, site: Site, values: Array) -> Named:
    turned = [i for i, axis in enumerate(free.axes) if axis in at.factors]
    if not turned:
        yield from _cells(free.name, site, values, free.domain)
        return
    place = 1 + turned[0]
    last = np.moveaxis(values, place, -1)  # (S, ..., Z)
    rest = tuple(labels for i, labels in enumerate(site.labels) if i != turned[0])
    lengths = (last**2).sum(-1)
    yield from _listed(f"|{free.name}|²", lengths, rest)
    if rest and len(rest[-1]) > 1:
        products = (last[..., 0, :] * last[..., 1, :]).sum(-1)
        yield from _listed(f"{free.name} {rest[-1][0]}·{rest[-1][1]}", products, rest[:-1])


def _cells(name: str, site: Site, values: Array, domain: str) -> Named:
    """Numbers of a parameter that has no symmetry left, those that follow from others left out."""
    size = values.shape[-1] if values.ndim > 1 else 1
    if domain == "simplex":
        values, marks = values[..., :-1], (*site.labels[:-1], site.labels[-1][:-1])
    elif domain in ("covariance", "precision_matrix", "scale_tril", "correlation"):
        below = np.tril_indices(size, -1 if domain == "correlation" else 0)
        pairs = tuple(f"{site.labels[-1][i]}, {site.labels[-1][j]}" for i, j in zip(*below, strict=True))
        values, marks = values[..., below[0], below[1]], (*site.labels[:-2], pairs)
    else:
        shown = tuple(0 if hidden else slice(None) for hidden in site.scalar_axes)
        values = values[(..., *shown)]
        marks = tuple(each for each, hidden in zip(site.labels, site.scalar_axes, strict=True) if not hidden)
    yield from _listed(name, values, marks)


def _listed(name: str, values: Array, marks: tuple[tuple, ...]) -> Named:
    """The first cells of values (S, ...), each with its labels."""
    for place in list(np.ndindex(values.shape[1:]))[:CELLS]:
        label = ", ".join(str(mark[i]) for mark, i in zip(marks, place, strict=True))
        yield f"{name}[{label}]" if place else name, values[(slice(None), *place)]


def _latents(at: Joined) -> Named:
    """Latents of the first rows."""
    rows = range(min(ROWS, len(at.result.values.rows)))
    for name, tensor in at.latents.items():
        values = _numbers(tensor)
        if name in at.mixtures:
            for row in rows:
                yield f"rows in {name} of row {row}", (values == values[:, [row]]).sum(1).astype(float)
            if len(rows) > 1:
                yield f"rows 0 and 1 share {name}", (values[:, 0] == values[:, 1]).astype(float)
        elif name in at.factors:
            for row in rows:
                yield f"|{name}|²[row {row}]", (values[:, row] ** 2).sum(-1)
        else:
            for row in rows:
                cells = values[:, row].reshape(len(values), -1)[:, :CELLS]
                for i, cell in enumerate(cells.T):
                    yield f"{name}[row {row}]" if cells.shape[1] == 1 else f"{name}[row {row}, {i}]", cell


def _expectations(at: Joined) -> Named:
    """E[x given its parents] in the first rows, where continuous latents stand behind it."""
    result = at.result
    if all(role == "sum" for role in result.program.plan.values()):
        return
    rows = slice(0, min(ROWS, len(result.values.rows)))
    first = {name: values[:, rows] for name, values in at.latents.items()}
    found = evaluate.means(result.module, result.batch(result.values, rows), at.sites, first)
    for name, means in found.items():
        if name not in result.values.schema or means.ndim != 3:
            continue
        for row, feature in np.ndindex(means.shape[1], min(FEATURES, means.shape[2])):
            label = result.values.schema[name].features[feature]
            yield f"E {name}[row {row}, {label}]", _numbers(means[:, row, feature])


def _numbers(values: Tensor) -> Array:
    return values.double().cpu().numpy()


def rank(values: Array, rng: np.random.Generator) -> int:
    """Rank of the truth, values[0], among the draws values[1:]: 0 to their number, ties broken at random."""
    below, same = int((values[1:] < values[0]).sum()), int((values[1:] == values[0]).sum())
    return below + int(rng.integers(same + 1))


def ranks(found: Mapping[str, Array], rng: np.random.Generator) -> dict[str, int]:
    """The rank of the truth of each quantity."""
    return {name: rank(values, rng) for name, values in found.items()}
