"""Variables whose values are computed when they are first looked at, as those of an opened file are read."""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import numpy as np
import xarray as xr
from xarray.backends import BackendArray
from xarray.core import indexing


class Deferred(BackendArray):
    """An array of known shape and type; `compute` makes it."""

    def __init__(self, template: xr.DataArray, compute: Callable[[], np.ndarray]) -> None:
        self.shape = template.shape
        self.dtype = template.dtype
        self.compute = compute

    def __getitem__(self, key: indexing.ExplicitIndexer) -> np.ndarray:
        return indexing.explicit_indexing_adapter(
            key, self.shape, indexing.IndexingSupport.BASIC, lambda basic: self.compute()[basic]
        )


def deferred(template: xr.Dataset, compute: Callable[[], xr.Dataset]) -> xr.Dataset:
    """A dataset as `template` shows it (names, dims, coordinates, types), computed whole at first access."""
    once = cache(compute)

    def variable(name: Any, like: xr.DataArray) -> xr.Variable:
        array = Deferred(like, lambda: once()[name].transpose(*like.dims).values)
        return xr.Variable(like.dims, indexing.LazilyIndexedArray(array), like.attrs)

    found: Mapping[Any, xr.Variable] = {name: variable(name, like) for name, like in template.data_vars.items()}
    return xr.Dataset(found, coords=template.coords, attrs=template.attrs)


def blank(dims: tuple[str, ...], coords: Mapping[str, Any], dtype: Any = float) -> xr.DataArray:
    """A template of the shape that the coordinates give; it takes no memory."""
    shape = tuple(len(coords[dim]) for dim in dims)
    return xr.DataArray(np.broadcast_to(np.zeros((), dtype), shape), dims=dims, coords={d: coords[d] for d in dims})
