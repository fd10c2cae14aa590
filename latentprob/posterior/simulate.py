"""New rows from the posterior or the prior predictive."""

from collections.abc import Mapping

import numpy as np
import torch
import xarray as xr

from latentprob.errors import NotAvailable
from latentprob.posterior.density import check_density
from latentprob.posterior.package import coordinate, variable
from latentprob.posterior.result import Result, count, whole
from latentprob.program import evaluate

DRAWS = 200  # of the posterior, that simulated rows are dealt to


def simulate(result: Result, rows: int, seed: int) -> xr.Dataset:
    """New rows from the posterior predictive, latents included; each row under a draw of the parameters of its own.

    The draws come from at most 200 of the posterior. Inputs of the model come from fitted rows, with replacement.
    Along an ordered axis the rows are one series, under one draw, with the inputs of the first fitted rows.
    """
    check_density(result.model, "simulate")
    if rows < 1:
        raise NotAvailable(f"simulate(rows={rows}): one row at least")
    rng, total = np.random.default_rng(seed), int(np.prod(result.shape))
    index = rng.choice(rng.choice(total, min(total, DRAWS), replace=False), rows)
    index = np.full(rows, index[0]) if result.model.axis is not None else index
    places = drawn_places(result, rows, rng)
    return named_rows(result, drawn_rows(result, index, places, rng))


def drawn_places(result: Result, rows: int, rng: np.random.Generator) -> np.ndarray:
    """Places (N,) of the fitted rows that new rows have their inputs from; of a series, the first ones."""
    if result.model.axis is None:
        return rng.choice(count(result.values), rows)
    if result.model.inputs and rows > count(result.values):
        raise NotAvailable(
            f"a series of {rows} steps reads {result.model.inputs[0]}, which the data hold for "
            f"{count(result.values)} rows; ask for as many at most"
        )
    return np.arange(rows) % count(result.values)


def drawn_rows(
    result: Result, index: np.ndarray, places: np.ndarray, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """Variables (N, ...) of new rows, row n under draw `index[n]` with the inputs of the fitted row `places[n]`."""
    found: dict[str, np.ndarray] = {}
    for draw in np.unique(index):
        rows = np.flatnonzero(index == draw)
        for name, array in replicate(result, np.array([draw]), places[rows], rng).items():
            found.setdefault(name, np.empty((len(index), *array.shape[2:])))[rows] = array[0]
    return found


def replicate(result: Result, index: np.ndarray, places: np.ndarray, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Variables (S, N, ...) drawn anew under draws `index`, with the inputs of the fitted rows `places`."""
    found: dict[str, np.ndarray] = {}
    for draws, rows in result.blocks(len(index), len(places)):
        batch = whole({name: tensor[places[rows]] for name, tensor in result.batch(result.values).items()})
        if result.values.series is not None:
            first = result.values.series.first[places] & (np.arange(len(places)) < count(result.values))
            batch[f"{result.model.axis}_first"] = torch.as_tensor(first, device=result.device)
        size = len(index[draws])
        given = {name: batch[name].expand(size, *batch[name].shape) for name in result.model.inputs}
        drawn = evaluate.draw_rows(result.module, batch, result.take(index[draws]), int(rng.integers(2**31)))
        for name, value in {**given, **drawn}.items():
            if name in result.sites:
                array = found.setdefault(name, np.empty((len(index), len(places), *value.shape[2:])))
                array[draws, rows] = value.cpu().numpy()
    return found


def named_rows(result: Result, arrays: Mapping[str, np.ndarray]) -> xr.Dataset:
    """Simulated variables (N, ...) with names, dims and labels."""
    return xr.Dataset({name: named(result, name, array) for name, array in arrays.items()})


def named(result: Result, name: str, array: np.ndarray, lead: tuple[str, ...] = ()) -> xr.DataArray:
    """One simulated variable, (*lead, N, ...): levels by their labels."""
    site = result.sites[name]
    labels = result.labels(name)
    if labels:
        array = np.asarray(coordinate(labels))[array.astype(int)]
    return variable(site, array, (*lead, result.values.schema.row))
