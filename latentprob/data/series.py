"""Series along an ordered axis: N rows, one series behind the other, in the order in which they are given."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from latentprob.data.cells import shown
from latentprob.errors import DataError

SERIES = "series"  # the column that tells series apart


@dataclass(frozen=True)
class Series:
    """The rows along an axis, `size` in number, and the labels (N,) of their series and steps where the data have some.

    name: what the labels of the series are called. Without labels all rows are one series.
    """

    axis: str
    size: int
    labels: np.ndarray | None = None
    steps: np.ndarray | None = None
    name: str = SERIES

    @cached_property
    def first(self) -> np.ndarray:
        """Whether a series starts in a row, (N,)."""
        found = np.zeros(self.size, bool)
        found[:1] = True
        if self.labels is not None:
            found[1:] = self.labels[1:] != self.labels[:-1]
        return found

    @property
    def coordinates(self) -> dict[str, np.ndarray]:
        """The labels (N,) by name."""
        found = {self.name: self.labels, self.axis: self.steps}
        return {name: labels for name, labels in found.items() if labels is not None}

    def note(self) -> list[str]:
        """A sentence on steps that the numbers of the axis leave out."""
        if self.steps is None or self.steps.dtype.kind not in "iu" or self.size < 2:
            return []
        apart = np.diff(self.steps)[~self.first[1:]]
        jumps = int((apart > apart.min()).sum()) if len(apart) else 0
        where = f"{jumps} {'place' if jumps == 1 else 'places'}"
        said = f"{self.axis} jumps in {where}: rows count as consecutive steps. Give missing steps as rows of NaN"
        return [said] if jumps else []


def series_of(data: Any, axis: str) -> tuple[Any, Series]:
    """The data without the labels of series and steps, and these labels; the size is not known yet.

    They are the levels of an index (series, step), or the columns `series` and one named as the axis; of xarray, the
    axis and the dim in front of it.
    """
    if isinstance(data, (xr.Dataset, xr.DataArray)):
        return _unrolled(data, axis)
    if isinstance(data, (pd.Series, pd.DataFrame)) and isinstance(data.index, pd.MultiIndex):
        return _indexed(data, axis)
    labels, steps = (None if (found := _column(data, name)) is None else found for name in (SERIES, axis))
    if isinstance(data, pd.DataFrame):
        data = data.drop(columns=[name for name in (SERIES, axis) if name in data])
        if labels is None and steps is not None:
            data = data.set_axis(pd.Index(steps, name=axis), axis=0)
    elif isinstance(data, Mapping):
        data = {name: value for name, value in data.items() if name not in (SERIES, axis)}
    return data, Series(axis, 0, labels, steps)


def _column(data: Any, name: str) -> np.ndarray | None:
    held = isinstance(data, (pd.DataFrame, Mapping)) and name in data
    return np.asarray(data[name]).reshape(-1) if held else None


def _indexed(data: Any, axis: str) -> tuple[Any, Series]:
    """A table with plain rows, and the two levels of its index."""
    if data.index.nlevels != 2:
        raise DataError(
            f"the index has {data.index.nlevels} levels, and series along {axis} have two. "
            f"Use data.reset_index().set_index(['series', '{axis}'])."
        )
    series, steps = (data.index.get_level_values(level) for level in range(2))
    found = Series(axis, 0, series.to_numpy(), steps.to_numpy(), str(series.name or SERIES))
    return data.reset_index(drop=True), found


def _unrolled(data: xr.Dataset | xr.DataArray, axis: str) -> tuple[Any, Series]:
    """Series of xarray one behind the other, without the steps at their ends that hold nothing."""
    arrays: dict[Any, xr.DataArray] = {data.name: data} if isinstance(data, xr.DataArray) else dict(data.data_vars)
    leads = {array.dims[0] for array in arrays.values() if axis in array.dims[1:2]}
    if len(leads) != 1 or not all(axis in array.dims[1:2] for array in arrays.values()):
        steps = np.asarray(data[axis]) if axis in data.coords else None
        return data, Series(axis, 0, None, steps)
    lead = leads.pop()
    seen = [array.notnull().values.reshape(*array.shape[:2], -1).any(-1) for array in arrays.values()]
    held = np.asarray(np.logical_or.reduce(seen))
    kept = np.logical_or.accumulate(held[:, ::-1], axis=1)[:, ::-1].ravel()
    labels = np.repeat(data.get_index(lead).to_numpy(), held.shape[1])[kept]
    steps = np.tile(data.get_index(axis).to_numpy(), held.shape[0])[kept]
    frames = {name: _frame(array, kept) for name, array in arrays.items()}
    found: Any = frames[data.name] if isinstance(data, xr.DataArray) else frames
    return found, Series(axis, 0, labels, steps, str(lead))


def _frame(array: xr.DataArray, kept: np.ndarray) -> pd.Series | pd.DataFrame:
    rows = array.values.reshape(-1, *array.shape[2:])[kept]
    if array.ndim == 2:
        return pd.Series(rows, name=array.name)
    return pd.DataFrame(rows, columns=array.get_index(array.dims[2]))


def checked(found: Series, size: int) -> Series:
    """The series of so many rows: each in one run, its steps in order."""
    for name, labels in found.coordinates.items():
        if len(labels) != size:
            raise DataError(f"{name} has {len(labels)} labels, and the data {size} rows: one label a row is needed.")
    found = Series(found.axis, size, found.labels, found.steps, found.name)
    axis, name, first = found.axis, found.name, found.first
    if found.labels is not None:
        starts = pd.Index(found.labels[first])
        if starts.has_duplicates:
            raise DataError(
                f"the rows of {name} {shown(starts[starts.duplicated()][0])} do not stand together: a series is one "
                f"run of rows. Sort them: data.sort_values(['{name}', '{axis}'])."
            )
    if found.steps is not None:
        late = ~first[1:] & ~(found.steps[1:] > found.steps[:-1])
        if late.any():
            at = int(np.argmax(late))
            where = "" if found.labels is None else f" in {name} {shown(found.labels[at])}"
            raise DataError(
                f"{axis} goes from {shown(found.steps[at])} to {shown(found.steps[at + 1])}{where}: steps are in "
                f"order, each once. Sort the rows by {axis}, or tell series apart by a column '{SERIES}'."
            )
    return found
