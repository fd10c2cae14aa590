"""New rows from the posterior or the prior predictive."""

from collections.abc import Mapping

import numpy as np
import xarray as xr

from latentprob.errors import NotAvailable
from latentprob.posterior.package import coordinate, variable
from latentprob.posterior.result import Result, blocks, count, whole
from latentprob.program import evaluate

DIAGONAL = 64  # rows with inputs that are drawn at once: each under its own draw, so that many squared are made


def simulate(result: Result, rows: int, seed: int) -> xr.Dataset:
    """New rows from the posterior predictive, latents included; each row under its own draw of the parameters.

    Inputs of the model come from fitted rows, drawn with replacement.
    """
    if rows < 1:
        raise NotAvailable(f"simulate(rows={rows}): one row at least")
    rng = np.random.default_rng(seed)
    index = rng.choice(int(np.prod(result.shape)), rows)
    places = rng.choice(count(result.values), rows)
    return named_rows(result, drawn_rows(result, index, places, rng))


def drawn_rows(
    result: Result, index: np.ndarray, places: np.ndarray, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """Variables (N, ...) of new rows, row n under draw `index[n]` with the inputs of the fitted row `places[n]`."""
    if not result.flat:
        return {name: array[0] for name, array in replicate(result, index[:1], places, rng).items()}
    step = DIAGONAL if result.model.inputs else len(index)
    parts = []
    for start in range(0, len(index), step):
        own = places[start : start + step] if result.model.inputs else places[:1]
        found = replicate(result, index[start : start + step], own, rng)
        parts.append({name: _diagonal(array) for name, array in found.items()})
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _diagonal(array: np.ndarray) -> np.ndarray:
    """Row n under draw n of an array (S, N, ...); with one row for all draws, that row under each."""
    draws = np.arange(len(array))
    return array[draws, draws % array.shape[1]]


def replicate(result: Result, index: np.ndarray, places: np.ndarray, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Variables (S, N, ...) drawn anew under draws `index`, with the inputs of the fitted rows `places`."""
    found: dict[str, np.ndarray] = {}
    for draws, rows in blocks(len(index), len(places), result.width):
        batch = whole({name: tensor[places[rows]] for name, tensor in result.batch(result.values).items()})
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
