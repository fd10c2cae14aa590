"""Rows as the model expects them: reconstructed, filled in, simulated."""

from collections.abc import Mapping

import numpy as np
import torch
import xarray as xr
from torch import Tensor

from latentprob.data import Values
from latentprob.posterior.beliefs import Block, chosen, level_weights, stream
from latentprob.posterior.conditional import given_seen
from latentprob.posterior.latent import averaged, embedding, latent
from latentprob.posterior.matching import Array
from latentprob.posterior.package import by_row, cells, coordinate
from latentprob.posterior.result import Result, count, whole
from latentprob.program import evaluate


def reconstruct(result: Result, values: Values) -> xr.Dataset:
    """E[x given z(x)], averaged over the posterior: the mean of each row at its point in the latent space.

    A discrete latent stands at its most probable level; an integrated one at its mean given that level, under each
    draw of the parameters; one with an encoder at the encoder's mean. Of a binary x this is a probability.
    """
    index = averaged(result, values)
    standing = [name for name, role in result.program.plan.items() if role != "integrate"]
    points = {name: _point(result, name, values) for name in standing}
    total = _Sums(result, values, len(index))
    for block in stream(result, values, index):
        size = block.draws.stop - block.draws.start
        fixed = {name: result.tensor(a[block.rows]).expand(size, *a[block.rows].shape) for name, a in points.items()}
        total.add(block, _means(result, block, _completed(result, block, fixed)))
    return total.dataset()


def _point(result: Result, name: str, values: Values) -> np.ndarray:
    """The point (N, ...) of a latent as the program takes it."""
    if result.model.is_level(name):
        return latent(result, name, values)["probs"].values.argmax(axis=1)
    found = embedding(result, name, values).values
    return found.reshape(len(found), *result.sites[name].shape)


def _completed(result: Result, block: Block, known: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Known values of latents, with the integrated ones at their means given them."""
    integrated = (name for name, role in result.program.plan.items() if role == "integrate")
    return {**known, **{name: chosen(result, name, block.beliefs, known)[0] for name in integrated}}


def _means(result: Result, block: Block, known: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Expected cells (S, N, D) of the observed variables, seen or not, given values of all latents."""
    found = evaluate.means(result.module, whole(block.batch), block.sites, known)
    return {name: mean for name, mean in found.items() if name in result.values.schema}


class _Sums:
    """Sums over draws of the expected cells (N, D) of each observed variable."""

    def __init__(self, result: Result, values: Values, draws: int) -> None:
        self.result, self.values, self.draws = result, values, draws
        self.sums: dict[str, Array] = {}

    def add(self, block: Block, means: Mapping[str, Tensor], weights: Tensor | None = None) -> None:
        for name, mean in means.items():
            if weights is not None:
                mean = mean * weights.reshape(*weights.shape, *[1] * (mean.ndim - 2))
            found = mean.sum(0).double().cpu().numpy()
            self.sums.setdefault(name, np.zeros((count(self.values), *found.shape[1:])))[block.rows] += found

    def dataset(self) -> xr.Dataset:
        means = {name: total / self.draws for name, total in self.sums.items()}
        found = {
            name: by_row(self.result.sites[name], self._shown(name, mean), self.values) for name, mean in means.items()
        }
        return xr.Dataset(found, attrs={"draws": self.draws})

    def _shown(self, name: str, mean: Array) -> np.ndarray:
        """Means as they are; of a categorical variable, from probabilities (..., L), the most probable level."""
        labels = self.result.labels(name)
        if mean.ndim == 1 + len(self.result.sites[name].shape):
            return mean
        return np.asarray(coordinate(labels))[mean.argmax(axis=-1)]


def impute(result: Result, values: Values) -> xr.Dataset:
    """E[hidden cells given seen cells], averaged over latents and parameters; seen cells as they are.

    Of a binary x a hidden cell is its probability, of a count its mean; of a categorical one, or of a partly seen
    label, its most probable level.
    """
    index = averaged(result, values)
    total = _Sums(result, values, len(index))
    summed = tuple(name for name, role in result.program.plan.items() if role == "sum")
    sizes = [len(result.level_labels(name)) for name in summed]
    for block in stream(result, values, index):
        weights = level_weights(block.beliefs, summed) if summed else None
        for places in np.ndindex(*sizes):
            shape = (block.draws.stop - block.draws.start, block.rows.stop - block.rows.start)
            levels = {c: torch.full(shape, k, device=result.device) for c, k in zip(summed, places, strict=True)}
            known = _completed(result, block, {**block.drawn, **levels})
            means = _means(result, block, known)
            means = {name: given_seen(result, name, block, known, mean) for name, mean in means.items()}
            total.add(block, means, None if weights is None else weights[..., *places])
    return _filled(result, values, total.dataset())


def _filled(result: Result, values: Values, expected: xr.Dataset) -> xr.Dataset:
    """The data with hidden cells replaced by their expectation."""
    found = {}
    for name in values.arrays:
        site, seen = result.sites[name], values.seen.get(name)
        if seen is None or seen.all():
            found[name] = by_row(site, np.asarray(cells(values, name)), values)
        elif result.model.is_level(name):
            best = embedding(result, name, values).values
            found[name] = by_row(site, np.where(seen, cells(values, name), best), values)
        else:
            filled = expected[name].values.reshape(seen.shape)
            found[name] = by_row(site, np.where(seen, cells(values, name), filled), values)
    return xr.Dataset(found, attrs=expected.attrs)
