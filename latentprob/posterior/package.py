"""Arrays of draws and rows as xarray groups with the data's own names, in ArviZ's conventions."""

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from latentprob.data import Values
from latentprob.posterior.matching import Array
from latentprob.spec.sites import Site

CHAIN_DRAW = ("chain", "draw")
BY_RESTART = ("restart", "step")


def coordinate(labels: Sequence[Hashable] | pd.Index) -> np.ndarray | pd.Index:
    """Labels as a coordinate: of one type, so that they can be written to a file; mixed ones and tuples as text."""
    if isinstance(labels, pd.Index) and not isinstance(labels, pd.MultiIndex) and labels.dtype != object:
        return labels
    listed = list(labels)
    kinds = {type(label) for label in listed}
    if len(kinds) > 1 or kinds & {tuple}:
        listed = [str(label) for label in listed]
    return np.asarray(listed)


def coordinates(site: Site) -> dict[str, Any]:
    """The coordinates of the dims that a variable shows."""
    shown = zip(site.dims, site.labels, site.scalar_axes, strict=True)
    return {dim: coordinate(labels) for dim, labels, hidden in shown if not hidden}


def shown(site: Site, values: np.ndarray) -> np.ndarray:
    """Values (..., *site.shape) without the axes that results hide."""
    index = tuple(0 if hidden else slice(None) for hidden in site.scalar_axes)
    return values[(..., *index)]


def variable(site: Site, values: np.ndarray, lead: tuple[str, ...] = CHAIN_DRAW) -> xr.DataArray:
    """Values (*lead, *site.shape) of one variable of the model, named and labelled."""
    return xr.DataArray(shown(site, values), dims=(*lead, *site.shown), coords=coordinates(site), name=site.name)


def chains(shape: tuple[int, int]) -> dict[str, np.ndarray]:
    """The coordinates of chain and draw."""
    return {"chain": np.arange(shape[0]), "draw": np.arange(shape[1])}


def posterior(sites: Mapping[str, Site], parameters: Mapping[str, Array], shape: tuple[int, int]) -> xr.Dataset:
    """The global parameters of the model, those that the program is made of left out."""
    shared = {name: site for name, site in sites.items() if site.role == "global" and name in parameters}
    found = {name: variable(site, parameters[name]) for name, site in shared.items()}
    return xr.Dataset(found).assign_coords(chains(shape))


def sample_stats(stats: Mapping[str, np.ndarray], shape: tuple[int, int]) -> xr.Dataset:
    """What the method recorded: the bound by restart and step, a number for each restart, or by chain and draw."""
    by_draw = {name for name, values in stats.items() if np.ndim(values) > 1 and name != "bound"}
    found = {
        name: (CHAIN_DRAW if name in by_draw else BY_RESTART[: np.ndim(a)], np.asarray(a)) for name, a in stats.items()
    }
    return xr.Dataset(found).assign_coords(chains(shape) if by_draw else {})


def rows_of(values: Values) -> dict[str, Any]:
    """The coordinates of the rows: their labels, and those of series and steps."""
    row = values.schema.row
    along = {} if values.series is None else values.series.coordinates
    beside = {name: (row, coordinate(labels)) for name, labels in along.items() if name != row}
    return {row: coordinate(values.rows), **beside}


def by_row(site: Site, array: np.ndarray, values: Values, lead: tuple[str, ...] = ()) -> xr.DataArray:
    """An array (*lead, N, *site.shape) over the rows of `values`, named and labelled."""
    return variable(site, array, (*lead, values.schema.row)).assign_coords(rows_of(values))


def data_group(sites: Mapping[str, Site], values: Values, role: str) -> xr.Dataset:
    """The data of one role, "observed" or "input", with gaps as NaN and levels by their labels."""
    found = {
        name: by_row(sites[name], cells(values, name), values) for name in values.arrays if sites[name].role == role
    }
    return xr.Dataset(found)


def cells(values: Values, name: str) -> np.ndarray:
    """The data of one variable as they were: gaps NaN (or None among labels that are no numbers), levels as labels."""
    array, seen = values.arrays[name], values.seen.get(name)
    levels = values.schema[name].levels
    found = coordinate(levels)[array] if levels else array
    if seen is None or seen.all():
        return np.asarray(found)
    numeric = np.issubdtype(np.asarray(found).dtype, np.number)
    shown = np.array(found, float if numeric else object)
    shown[~seen] = np.nan if numeric else None
    return shown
