"""A data set from the prior predictive."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from latentprob.data import Series, Values, patterns, statistics
from latentprob.errors import DataError, NotAvailable
from latentprob.inference.problem import Draws
from latentprob.posterior.density import check_density
from latentprob.posterior.package import posterior
from latentprob.posterior.prior import prior_draws
from latentprob.posterior.result import Result, restored
from latentprob.posterior.simulate import drawn_places, named_rows, replicate
from latentprob.program import compile
from latentprob.spec.distributions import Categorical, LogNormal
from latentprob.spec.dynamics import Markov
from latentprob.spec.maps import GP, MLP, Module
from latentprob.spec.model import Model, argument, terms
from latentprob.spec.schema import Column, Schema

Features = Mapping[str, int | Sequence[Hashable]] | int | None

# Centre and spread of a variable without data, by where its draws lie.
TYPICAL = {"real": (0.0, 1.0), "positive": (1.0, 1.0), "unit": (0.5, 0.25), "binary": (0.5, 0.5), "count": (1.0, 1.0)}


@dataclass(frozen=True)
class World:
    """One draw of the parameters from their priors, and rows drawn with it.

    result: answers questions at these parameters; its values give the rows' schema and their inputs.
    parameters: every global site of the program. rows: (N, ...) each variable, latents included, levels as numbers.
    places: (N,) the row of the values that each row has its inputs from.
    """

    result: Result
    parameters: dict[str, np.ndarray]
    rows: dict[str, np.ndarray]
    places: np.ndarray


def imagined(model: Model, rows: int, seed: int, data: Values | None, features: Features) -> xr.Dataset:
    """Rows from the prior predictive with their latents, and the parameters that they were drawn with."""
    world = imagine(model, rows, seed, data, features)
    sites, drawn = world.result.sites, {name: array[None, None] for name, array in world.parameters.items()}
    return named_rows(world.result, world.rows).merge(posterior(sites, drawn, (1, 1)).isel(chain=0, draw=0, drop=True))


def imagine(model: Model, rows: int, seed: int, data: Values | None, features: Features) -> World:
    """A draw of the parameters from their priors, and rows drawn with it."""
    check_density(model, "simulate from the prior")
    if rows < 1:
        raise DataError(f"rows={rows}: one row at least")
    _check_networks(model)
    values = _without_data(model, rows, features) if data is None else data
    numbers = _typical(model, values.schema) if data is None else statistics(model, values)
    program = compile(model, values.schema.observed, values.schema.missing)
    module = restored(program, numbers, {}, {})
    drawn = prior_draws(program, module, 1, seed, "cpu")
    given = Draws({name: array[None] for name, array in drawn.items()}, {}, {}, {}, {})
    result = Result(model, program, module, values, numbers, given)
    rng = np.random.default_rng(seed)
    places = np.arange(rows) if data is None else drawn_places(result, rows, rng)
    found = replicate(result, np.zeros(1, int), places, rng)
    parameters, drawn_rows = ({name: array[0] for name, array in arrays.items()} for arrays in (drawn, found))
    return World(result, parameters, drawn_rows, places)


def _check_networks(model: Model) -> None:
    for name, law in model.statements.items():
        for term in (t for p in law.parameters for t in terms(argument(model, name, p))):
            if isinstance(term, (GP, MLP, Module)):
                what = "inducing inputs of the process" if isinstance(term, GP) else "weights of the network"
                raise NotAvailable(
                    f"simulate from the prior: the {what} in {name} have no prior; "
                    "fit the model and ask fit.simulate(rows)"
                )


def _without_data(model: Model, rows: int, features: Features) -> Values:
    """Placeholders (N, D) for the variables that would be observed: those without children."""
    if model.inputs:
        raise DataError(
            f"the model reads the input '{model.inputs[0]}', which no prior draws: hand its rows over as data="
        )
    columns = tuple(_column(model, name, features) for name in model if not model.children(name))
    arrays: dict[str, np.ndarray] = {}
    for column in columns:
        center, _ = _center(model[column.name], len(column.features))
        shape = (rows, len(column.features))
        arrays[column.name] = np.zeros(shape, np.int64) if column.levels else np.full(shape, center)
    series = None if model.axis is None else Series(model.axis, rows)
    return Values(arrays, {}, pd.RangeIndex(rows), Schema(columns), (), series)


def _column(model: Model, name: str, features: Features) -> Column:
    law: Any = model[name]
    levels = tuple(range(law.size)) if isinstance(law, (Categorical, Markov)) and law.size else ()
    wanted = features.get(name) if isinstance(features, Mapping) else features
    if wanted is None:
        wanted = 1 if isinstance(law, (Categorical, Markov)) else law.size
    if wanted is None or (isinstance(law, (Categorical, Markov)) and not levels):
        what = "levels" if isinstance(law, (Categorical, Markov)) and not levels else "features"
        raise DataError(
            f"how many {what} {name} has is not known: "
            f"write {name} ~ {type(law).__name__}(..., size=2), or hand over features={{{name!r}: 2}} or data="
        )
    labels = tuple(range(wanted)) if isinstance(wanted, int) else tuple(wanted)
    return Column(name, labels, len(labels) == 1, levels)


def _center(law: Any, features: int) -> tuple[float, float]:
    """Centre and spread of a variable without data; of counts of a total, and of shares, each feature's part."""
    if not law.over_features:
        return TYPICAL.get(law.support, TYPICAL["real"])
    if law.support == "count" and law.total_count is None:
        raise DataError(
            "how many counts a row has is not known: write Multinomial(..., total_count=100), say, or hand over data="
        )
    part = float(law.total_count if law.support == "count" else 1) / features
    return part, part


def _typical(model: Model, schema: Schema) -> dict[str, np.ndarray]:
    found: dict[str, np.ndarray] = {}
    for column in schema.columns:
        size, levels = len(column.features), len(column.levels)
        if levels:
            found[f"{column.name}_center"] = np.full((size, levels), 1 / levels)
            continue
        center, spread = _center(model[column.name], size)
        if isinstance(model[column.name], LogNormal):
            center = 0.0  # of log x
        found |= {f"{column.name}_center": np.full(size, center), f"{column.name}_spread": np.full(size, spread)}
    return found | patterns(model, schema)
