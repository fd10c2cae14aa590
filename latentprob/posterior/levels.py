"""Levels of factors: what is believed of them, and the prior's belief of levels that the fitted data lack."""

import warnings
from collections.abc import Hashable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import xarray as xr
from pyro import poutine

from latentprob.data import Values
from latentprob.errors import NotAvailable, UnseenLevels
from latentprob.posterior.beliefs import noise
from latentprob.posterior.matching import Array
from latentprob.posterior.package import variable
from latentprob.posterior.result import Result, restored
from latentprob.program import evaluate
from latentprob.spec.component import Map
from latentprob.spec.structure import statement, target

SHOWN = 8  # unseen levels that a warning names
SEED = 0  # of the levels that are drawn from the prior


def belief(result: Result, name: str) -> xr.Dataset:
    """`loc` and `scale` (level, dim) of the levels of a factor's variable, over all draws of the posterior."""
    law = result.model[name]
    if isinstance(law, Map):
        said = statement(target(name, result.model.indices), law)
        raise NotAvailable(
            f"{said} is a point for each level, of which there is no belief; embedding({name!r}) gives it"
        )
    found, site = result.flat[name], result.sites[name]
    moments = {"loc": found.mean(axis=0), "scale": found.std(axis=0)}
    attrs = {"belief": "posterior", "draws": len(found)}
    return xr.Dataset({moment: variable(site, array, ()) for moment, array in moments.items()}, attrs=attrs)


def drawn(result: Result, name: str, index: np.ndarray) -> xr.DataArray:
    """Draws (draw, level, dim) of the levels of a factor's variable, at places `index` of the posterior."""
    return variable(result.sites[name], result.flat[name][index], ("draw",))


def point(result: Result, name: str) -> xr.DataArray:
    """One point (level, dim) for each level: the mean over the draws."""
    return variable(result.sites[name], result.flat[name].mean(axis=0), ())


def for_levels(result: Result, values: Values) -> Result:
    """The result with a draw from the prior, given each draw of its parameters, for levels that were not fitted."""
    unseen = _unseen(result, values)
    if not unseen:
        return result
    _warn(unseen)
    columns = tuple(
        replace(column, levels=values.schema[column.name].levels) for column in result.values.schema.columns
    )
    own = replace(result.values, schema=replace(result.values.schema, columns=columns))
    statistics = dict(result.statistics)
    for name, labels in unseen.items():
        center = statistics[f"{name}_center"]
        statistics[f"{name}_center"] = np.append(center, np.full(len(labels), center.min()))
    state = {n: v for n, v in result.module.state_dict().items() if n.removesuffix("_center") not in unseen}
    modules = {name: getattr(result.module, name) for name in result.program.modules}
    module = restored(result.program, statistics, state, modules, result.device)
    axes = {*unseen, *(result.model.lookups[name] for name in unseen if name in result.model.lookups)}
    parameters = _grown(replace(result, module=module), axes)
    return replace(
        result, values=own, statistics=statistics, module=module, draws=replace(result.draws, parameters=parameters)
    )


def _unseen(result: Result, values: Values) -> dict[str, tuple[Hashable, ...]]:
    """The levels of each column that the fitted data lack."""
    fitted = result.values.schema
    found = {name: values.schema[name].levels[len(fitted[name].levels) :] for name in result.model.pooled}
    return {name: levels for name, levels in found.items() if levels}


def _warn(unseen: Mapping[str, tuple[Hashable, ...]]) -> None:
    for name, labels in unseen.items():
        more = f" and {len(labels) - SHOWN} more" if len(labels) > SHOWN else ""
        warnings.warn(
            f"the fitted data hold no row of {name} {', '.join(map(repr, labels[:SHOWN]))}{more}: "
            "what is said of them is the prior's belief",
            UnseenLevels,
            stacklevel=5,
        )


def _grown(result: Result, axes: set[str]) -> dict[str, Array]:
    """The draws (chain, draw, ...) with further levels behind those of the sites that have one of the axes.

    Points under a ridge stand at 0, where it is least.
    """
    sites = [name for name, own in result.program.site_axes.items() if own and own[0] in axes]
    points = [name for name in sites if name in result.model and isinstance(result.model[name], Map)]
    if points:
        sizes = {name: getattr(result.module, f"{result.model.factors[name]}_size") for name in points}
        wider = {name: _padded(result.draws.parameters[name], size) for name, size in sizes.items()}
        draws = replace(result.draws, parameters={**result.draws.parameters, **wider})
        result, sites = replace(result, draws=draws), [name for name in sites if name not in points]
    if not sites:
        return result.draws.parameters
    module: Any = result.module
    given = {name: result.tensor(array) for name, array in result.flat.items() if name not in sites}
    new: dict[str, list[Array]] = {name: [] for name in sites}
    with noise(SEED, result.device), evaluate.quiet():
        for s in range(int(np.prod(result.shape))):
            fixed = poutine.condition(module.priors, data={name: value[s] for name, value in given.items()})
            nodes: Mapping[str, Any] = poutine.trace(fixed).get_trace().nodes
            for name in sites:
                fitted = result.draws.parameters[name].shape[2]
                new[name].append(nodes[name]["value"][fitted:].double().cpu().numpy())
    grown = dict(result.draws.parameters)
    for name, values in new.items():
        behind = np.stack(values).reshape(*result.shape, *values[0].shape)
        grown[name] = np.concatenate([grown[name], behind], axis=2)
    return grown


def _padded(draws: Array, size: int) -> Array:
    """Draws (chain, draw, level, ...) with levels of 0 up to a size."""
    behind = np.zeros((*draws.shape[:2], size - draws.shape[2], *draws.shape[3:]))
    return np.concatenate([draws, behind], axis=2)
