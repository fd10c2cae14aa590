"""Label switching: which component of a draw is which."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from latentprob.inference.assignment import assign
from latentprob.posterior.matching import Array, pivot, reorder
from latentprob.spec.distributions import Bernoulli
from latentprob.spec.model import Model
from latentprob.spec.sites import Free, free_parameters

ROUNDS = 20  # of matching to the mean; a handful is enough

Flat = Mapping[str, Array]
Axes = Mapping[str, tuple[str, ...]]


def label_order(
    name: str, flat: Flat, model: Model, stats: Mapping[str, Array], unsettled: tuple[str, ...]
) -> NDArray[np.int64]:
    """Order (S, K) that gives the levels of `name` the same meaning in every draw.

    A level is described by its parameters, standardized; draws are matched to the most probable draw, then to the
    mean of the draws so matched, until nothing changes. The levels are put in the order of the first value of their
    first parameter (for a mixture of normals: the first feature's mean), or of falling probability where they have
    no parameter.
    unsettled: axes of other latents, along which only norms can be compared.
    """
    signature = describe(name, flat, model, unsettled)
    reference = signature[pivot(stats, signature)]
    # Sorted values do not depend on the labels: their spread is what a parameter varies by within a level.
    spread = np.sort(signature, axis=1).std(axis=0).mean(axis=0)
    order = np.full(signature.shape[:2], -1)
    for _ in range(ROUNDS):
        before, order = order, _match(signature, reference, spread)
        if (before == order).all():
            break
        matched = reorder(signature, order, 1)
        reference, spread = matched.mean(axis=0), matched.std(axis=0).mean(axis=0)
    means = reorder(signature, order, 1).mean(axis=0)
    return order[:, np.argsort(means[:, 0], kind="stable")]


def _match(signature: Array, reference: Array, spread: Array) -> NDArray[np.int64]:
    weight = np.divide(1.0, spread, out=np.zeros_like(spread), where=spread > 0)
    found, wanted = signature * weight, reference * weight
    cost = (found**2).sum(-1)[:, :, None] - 2 * found @ wanted.T + (wanted**2).sum(-1)
    return assign(cost)


def describe(name: str, flat: Flat, model: Model, unsettled: tuple[str, ...]) -> Array:
    """Parameters of each level of `name`, (S, K, F): children's first, its own last; positive ones as logarithms."""
    frees = [f for f in free_parameters(model) if f.name in flat and f.axes.count(name) == 1]
    frees.sort(key=lambda free: free.variable == name)
    parts = [_by_level(name, flat[free.name], free, unsettled) for free in frees]
    return np.concatenate(parts, axis=-1)


def _by_level(name: str, values: Array, free: Free, unsettled: tuple[str, ...]) -> Array:
    if free.domain == "positive" and not free.predictor:
        values = np.log(values)
    if free.variable == name:
        values = -values  # the most probable level first
    if free.domain == "correlation":
        values = values * (1 - np.eye(values.shape[-1]))  # a diagonal that varies by rounding alone would weigh most
    values = np.moveaxis(values, 1 + free.axes.index(name), 1)
    rest = [axis for axis in free.axes if axis != name]
    hidden = tuple(2 + i for i, axis in enumerate(rest) if axis in unsettled)
    if hidden:
        values = np.sqrt((values**2).sum(axis=hidden))
    return values.reshape(*values.shape[:2], -1)


def relabel(name: str, order: NDArray[np.int64], flat: Flat, axes: Axes, model: Model) -> dict[str, Array]:
    """The draws with the levels of `name` in `order` (S, K), at every site that has them."""
    moved = dict(flat)
    for site in flat:
        for i, axis in enumerate(axes.get(site, ())):
            if axis == name:
                moved[site] = reorder(moved[site], order, 1 + i)
    if isinstance(model[name], Bernoulli):
        flipped = order[:, 0] == 1
        for free in free_parameters(model):
            if free.variable == name and free.name in moved:
                values = moved[free.name]
                other = 1 - values if free.domain == "unit" and not free.predictor else -values
                moved[free.name] = np.where(flipped.reshape(-1, *[1] * (values.ndim - 1)), other, values)
    return moved
