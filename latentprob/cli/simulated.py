"""Simulated rows as tables."""

from collections.abc import Hashable, Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import typer
import xarray as xr

from latentprob.cli.inputs import default_observed, read_model
from latentprob.files.tables import read_table
from latentprob.fitting import load, simulate


def of_fit(folder: Path, rows: int, seed: int, latents: bool, given: Mapping[str, Any]) -> pd.DataFrame:
    """Rows from the posterior predictive of a saved fit; `given` holds options that are a model's alone."""
    if wrong := [name for name, value in given.items() if value is not None]:
        raise typer.BadParameter(f"--{wrong[0]} belongs to a model; {folder} is a fit, which knows its data")
    fit = load(folder)
    schema, model = fit.result.values.schema, fit.model
    names = [name for name in (*model.inputs, *model) if latents or name in schema]
    return table(fit.simulate(rows, seed), names)


def of_model(name: str, rows: int, seed: int, latents: bool, data: Path | None, features: int | None) -> pd.DataFrame:
    """Rows from the prior predictive of a model; without a table, centre 0 and spread 1."""
    model = read_model(name)
    found = simulate(model, rows, seed, data=None if data is None else read_table(data), features=features)
    names = [*model.inputs, *model] if latents else default_observed(model)
    return table(found, names)


def table(found: xr.Dataset, names: Iterable[str]) -> pd.DataFrame:
    """A column for each variable of one number, and for each feature or dim of the others."""
    columns: dict[str, Any] = {}
    for name in names:
        array = found[name]
        if array.ndim == 1:
            columns[name] = array.values
            continue
        for at, label in enumerate(array[array.dims[1]].values.tolist()):
            columns[_column(name, label, columns)] = array.values[:, at]
    return pd.DataFrame(columns)


def _column(name: str, label: Hashable, taken: Mapping[str, Any]) -> str:
    """The label of a feature; a bare number, or a label that is taken, stands behind the variable's name."""
    return label if isinstance(label, str) and label not in taken else f"{name}_{label}"
