"""The forms that data come in, brought to pandas: a table, one variable, or a mapping from variables."""

import re
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
import xarray as xr

from latentprob.errors import DataError
from latentprob.spec.component import nearest

# A variable of one column is a Series; of several, a DataFrame.
Form: TypeAlias = pd.Series | pd.DataFrame | Mapping[str, Any]


def plain(data: Any) -> Form:
    """Data of any accepted kind as a Series (N,), a DataFrame (N, D), or a mapping from variables to such."""
    if isinstance(data, xr.Dataset):
        return _dataset(data)
    if isinstance(data, Mapping):
        return data
    return table(data)


def _dataset(data: xr.Dataset) -> Form:
    """A table where all variables run over one dim, else a mapping."""
    if len({array.dims for array in data.data_vars.values()}) == 1 and len(data.dims) == 1:
        return _index(data.to_dataframe()[list(data.data_vars)])
    return {str(name): array for name, array in data.data_vars.items()}


def table(data: Any) -> pd.Series | pd.DataFrame:
    """An array, a tensor, a list or a table as pandas, with labels where it has some."""
    if isinstance(data, (pd.Series, pd.DataFrame)):
        found = data
    elif isinstance(data, xr.DataArray):
        _check_axes(data.shape)
        found = data.to_pandas()
    elif hasattr(data, "to_pandas"):
        found = data.to_pandas()
    else:
        found = _array(data)
    if isinstance(found, pd.DataFrame):
        names = labels(found.columns)
        found = found.copy(deep=False)
        found.columns = pd.Index(names)
    return _index(found)


def _array(data: Any) -> pd.Series | pd.DataFrame:
    if hasattr(data, "detach"):  # a torch tensor, without importing torch
        data = data.detach().cpu()
        data = (data.double() if data.is_floating_point() else data).numpy()  # numpy has no bfloat16
    try:
        array = data if isinstance(data, np.ndarray) else np.asarray(data)
    except ValueError as error:
        raise DataError(
            f"the rows are of unequal length ({error}). Every row needs a value, or NaN, for each column."
        ) from error
    if array.dtype.names:
        raise DataError("a structured array is not read. Hand over pd.DataFrame(array).")
    if array.ndim == 0:
        raise DataError(f"data of type {type(data).__name__} are not read. Hand over an array, a table or a mapping.")
    _check_axes(array.shape)
    return pd.Series(array) if array.ndim == 1 else pd.DataFrame(array)


def _check_axes(shape: Sequence[int]) -> None:
    if len(shape) not in (1, 2):
        raise DataError(
            f"the array has {len(shape)} axes, shape {tuple(shape)}: rows, or rows by columns, are allowed. "
            "Flatten the later axes: array.reshape(len(array), -1)."
        )


def _index(found: pd.Series | pd.DataFrame) -> pd.Series | pd.DataFrame:
    """The same, its index of one level, and unnamed where xarray made the name up."""
    if isinstance(found.index, pd.MultiIndex):
        raise DataError(
            f"the index has {found.index.nlevels} levels: rows have one label each. Use data.reset_index(drop=True)."
        )
    if re.fullmatch(r"dim_\d+", str(found.index.name)):
        return found.rename_axis(None)
    return found


def labels(columns: pd.Index) -> list[Hashable]:
    """Column labels that a file can hold: all whole numbers, or else all text; each once."""
    if columns.nlevels > 1:
        raise DataError(
            f"the columns have {columns.nlevels} levels: one label a column is allowed. Use data.columns.map('_'.join)."
        )
    found: list[Hashable] = columns.tolist()
    if not all(type(label) is int for label in found):
        found = [str(label) for label in found]
    twice = next((label for label in found if found.count(label) > 1), None)
    if twice is not None:
        raise DataError(
            f"the column {twice!r} is there twice: each column needs a name of its own. Rename or drop one."
        )
    return found


def labelled(index: pd.Index) -> bool:
    """Whether the labels say more than the position."""
    return not (pd.api.types.is_integer_dtype(index) and index.equals(pd.RangeIndex(len(index))))


def meant(name: Hashable, known: Iterable[Hashable]) -> str:
    """A question that names the nearest known name, or nothing."""
    found = nearest(str(name), [str(k) for k in known])
    return "" if found is None else f" Did you mean {found!r}?"


def listed(names: Sequence[Hashable], most: int = 8) -> str:
    """Names with commas; of a long list its count and its ends."""
    if len(names) > most:
        return f"{names[0]}, {names[1]}, ..., {names[-1]} ({len(names)} in all)"
    return ", ".join(str(name) for name in names)
