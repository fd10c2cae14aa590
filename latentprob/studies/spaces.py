"""The two representations of the same rows as arrays, and what happens to them when rows are drawn anew or blurred."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from latentprob.data import Values
from latentprob.fitting import Fit, fitted
from latentprob.posterior import latent
from latentprob.posterior.result import Result, count
from latentprob.posterior.simulate import drawn_rows
from latentprob.spec.maps import Spread
from latentprob.studies import measures

Array = np.ndarray
REFIT_DRAWS = 100  # of the posterior of a refit, over which means of beliefs are taken
BLURRED = 0.1  # share of the cells that are replaced


@dataclass(frozen=True)
class Space:
    """One representation of N rows.

    points: (N, Z), or shares of the levels, (N, K). levels: (N,) places of the levels, None for a continuous one.
    scale: (N, Z) sds of the belief; None for a point and for levels.
    """

    points: Array
    levels: Array | None = None
    scale: Array | None = None

    def nearest_to(self, reference: "Space") -> "Space":
        """The same representation in the frame of another: rotated, or its levels renamed."""
        if self.levels is None or reference.levels is None:
            return replace(self, points=measures.aligned(self.points, reference.points))
        names = measures.names_in(self.levels, reference.levels, self.points.shape[1])
        return Space(self.points[:, np.argsort(names)], names[self.levels])

    @property
    def width(self) -> Array | None:
        """How wide the belief of each row is, (N,): its sd over all dims, or the entropy of its levels, nats."""
        if self.levels is not None:
            return measures.entropy(self.points)
        return None if self.scale is None else np.asarray(np.sqrt((self.scale**2).sum(axis=1)))


def space(result: Result, name: str, values: Values) -> Space:
    """The representation that a fit gives of rows: its belief, or its embedding."""
    if name not in result.model.embedded:
        belief = latent.latent(result, name, values)
        if "probs" in belief:
            return Space(belief["probs"].values, belief["probs"].values.argmax(axis=1))
        return Space(_flat(belief["loc"].values), scale=_flat(belief["scale"].values))
    found = latent.embedding(result, name, values).values
    if not result.model.is_level(name):
        return Space(_flat(found))
    labels = list(result.level_labels(name))
    levels = np.array([labels.index(level) for level in found])
    return Space(np.eye(len(labels))[levels], levels)


def _flat(array: Array) -> Array:
    return array.reshape(len(array), -1)


@dataclass(frozen=True)
class Side:
    """One of the two fits, its refits to resampled rows, and how to make one."""

    fit: Fit
    name: str
    refits: tuple[Result, ...] = ()

    @property
    def values(self) -> Values:
        """The fitted rows."""
        return self.fit.result.values

    @cached_property
    def space(self) -> Space:
        """The representation of the fitted rows."""
        return space(self.fit.result, self.name, self.values)

    @cached_property
    def versions(self) -> tuple[Space, ...]:
        """The representations of the fitted rows by the refits, in the frame of the fit."""
        return tuple(space(refit, self.name, self.values).nearest_to(self.space) for refit in self.refits)

    @cached_property
    def spread(self) -> Array:
        """How far each row wanders over the refits, (N,): in the units of the space, or how often its level changes."""
        if self.space.levels is not None:
            return np.mean([each.levels != self.space.levels for each in self.versions], axis=0)
        return measures.wander(np.stack([each.points for each in self.versions]))

    def blurred(self, seed: int) -> float:
        """How far the rows move, over the radius of the space, when a tenth of their cells is replaced."""
        moved = space(self.fit.result, self.name, blurred(self.values, seed))
        if self.space.levels is not None:
            return float(np.mean(moved.levels != self.space.levels))
        far = ((moved.points - self.space.points) ** 2).sum(axis=1)
        return float(np.sqrt(far.mean()) / measures.radius(self.space.points))


def refits(fit: Fit, seed: int, times: int, tick: Callable[[], None]) -> tuple[Result, ...]:
    """Fits to rows drawn with replacement (Efron, 1979), their priors on the centres and spreads of all rows."""
    values, numbers, method, found = fit.result.values, dict(fit.result.statistics), plain(fit), []
    for rng in np.random.default_rng(seed).spawn(times):
        again = taken(values, rng.choice(count(values), count(values)))
        found.append(fitted(fit.model, again, numbers, method, seed, progress=False).result)
        tick()
    return tuple(found)


def plain(fit: Fit) -> Any:
    """The method of a fit without what the means of beliefs do not need: many draws, refinement, other restarts."""
    levels = any(fit.model.is_level(name) for name in fit.model)
    lighter = {"draws": REFIT_DRAWS, "refine": False, **({} if levels else {"restarts": 1})}
    return fit.inference.changed(**{n: v for n, v in lighter.items() if n in type(fit.inference).model_fields})


def taken(values: Values, places: Array) -> Values:
    """The rows at `places`, (N',)."""
    arrays, seen = ({n: a[places] for n, a in each.items()} for each in (values.arrays, values.seen))
    return Values(arrays, seen, values.rows[places], values.schema, values.notes)


def blurred(values: Values, seed: int) -> Values:
    """The rows with a tenth of their cells replaced by what another row has there: noise that suits every law."""
    rng, arrays = np.random.default_rng(seed), {}
    for name, array in values.arrays.items():
        other = rng.permuted(array, axis=0)
        arrays[name] = np.where(rng.random(array.shape) < BLURRED, other, array)
    return replace(values, arrays=arrays)


def simulated(result: Result, name: str, rows: int, seed: int) -> tuple[Values, Array]:
    """Rows drawn from a fit, (N, ...), and the value of the latent that each was drawn with."""
    rng, own = np.random.default_rng(seed), result.values
    index = rng.choice(int(np.prod(result.shape)), rows)
    places = rng.choice(count(own), rows)
    found = drawn_rows(result, index, places, rng)
    arrays = {n: found[n].astype(a.dtype) if n in found else a[places] for n, a in own.arrays.items()}
    return Values(arrays, {}, pd.RangeIndex(rows), own.schema), found[name]


def features(result: Result, name: str, values: Values) -> tuple[Array, Array]:
    """The rows that a twin explains, (N, D), in the units in which it measures distances, and these units, (D,)."""
    law = result.model[name]
    array = values.arrays[name]
    if values.schema[name].levels:
        array = np.eye(len(values.schema[name].levels))[array]
    spread = isinstance(getattr(law, "scale", None), Spread)
    units = result.statistics[f"{name}_spread"] if spread else np.ones(1)
    array = _flat(array)
    return array / units, units
