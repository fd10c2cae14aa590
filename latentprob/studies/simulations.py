"""One simulation: draw parameters and rows from the prior, fit the rows, rank the truth among the draws."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from arviz_stats.base import array_stats

from latentprob.data import Series, Values
from latentprob.errors import InferenceError, LatentprobError
from latentprob.fitting import fitted
from latentprob.posterior.imagined import Features, World, imagine
from latentprob.posterior.result import Result
from latentprob.spec.model import Model
from latentprob.studies.quantities import joined, quantities, ranks

# What a fit of strange rows may raise: by design, or out of numerics. Anything else is a fault of the program.
FAILURES = (LatentprobError, ArithmeticError, ValueError, RuntimeError)


@dataclass(frozen=True)
class Task:
    """What all simulations share. draws: how many draws of each posterior the truth is ranked among."""

    model: Model
    rows: int
    method: Any
    seed: int
    draws: int
    data: Values | None = None
    features: Features = None

    def world(self, number: int) -> World:
        """The parameters and rows of a simulation."""
        return imagine(self.model, self.rows, self.seeds(number)[0], self.data, self.features)

    def seeds(self, number: int) -> list[int]:
        """Seeds of the rows, the fit and the ranks: those of a simulation do not depend on how many there are."""
        return [int(s) for s in np.random.SeedSequence(self.seed, spawn_key=(number,)).generate_state(3)]


@dataclass(frozen=True)
class Record:
    """What became of a simulation.

    ranks: of each quantity, 0 to the number of draws. failed: why there are none. settled: whether the fit ended well.
    ess: the smallest effective sample size of a parameter, for draws of a chain.
    """

    number: int
    ranks: dict[str, int] = field(default_factory=dict)
    failed: str = ""
    settled: bool = True
    ess: float | None = None


def simulation(task: Task, number: int) -> Record:
    """Run a simulation; one that fails says so in its record."""
    try:
        return _ranked(task, number)
    except FAILURES as error:
        return Record(number, failed=f"{type(error).__name__}: {error}")


def _ranked(task: Task, number: int) -> Record:
    world, (_, fit_seed, rank_seed) = task.world(number), task.seeds(number)
    # The priors stand on the numbers that the truth was drawn with, never on those of the simulated rows.
    values, numbers = simulated(world), world.result.statistics
    result = fitted(task.model, values, numbers, task.method, fit_seed, progress=False).result
    total = int(np.prod(result.shape))
    places = np.linspace(0, total - 1, task.draws).round().astype(int)
    found = quantities(joined(result, world, places, rank_seed))
    ess = _effective(result) if result.draws.attrs.get("method") == "nuts" else None
    settled = bool(result.draws.attrs.get("settled", True))
    return Record(number, ranks(found, np.random.default_rng(rank_seed)), settled=settled, ess=ess)


def simulated(world: World) -> Values:
    """The rows of a world as data; where the data that it stands on have gaps, the same cells are hidden."""
    values = world.result.values
    arrays, seen = {}, {name: mask[world.places] for name, mask in values.seen.items()}
    for name, like in values.arrays.items():
        array = world.rows[name].astype(like.dtype)
        if not np.isfinite(array).all():
            raise InferenceError(f"the prior drew values of {name} that are not finite; write a narrower prior")
        arrays[name] = np.where(seen[name], array, like[world.places]) if name in seen else array
    rows, axis = len(world.places), world.result.model.axis
    series = None if axis is None else Series(axis, rows)
    return Values(arrays, seen, pd.RangeIndex(rows), values.schema, series=series)


def _effective(result: Result) -> float | None:
    """The smallest bulk effective sample size over the numbers of all parameters."""
    chains = [a.reshape(*a.shape[:2], -1) for a in result.draws.parameters.values()]
    if not chains:
        return None
    cells = np.concatenate(chains, axis=-1)
    varying = cells[..., np.ptp(cells, axis=(0, 1)) > 0]
    return float(np.min(array_stats.ess(varying, chain_axis=0, draw_axis=1)))
