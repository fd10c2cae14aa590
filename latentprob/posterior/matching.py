"""Assignment of components or factors to reference ones, for all draws at once."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def pivot(stats: Mapping[str, Array], signature: Array) -> int:
    """The draw that others are matched to first: the most probable one (Marin, Mengersen and Robert, 2005).

    Without densities, the one of median norm of `signature` (S, ...) (Poworoznek, Ferrari and Dunson, 2021).
    """
    count = len(signature)
    density = stats.get("log_p")
    if density is not None and density.size == count and np.isfinite(density).all():
        return int(density.argmax())
    norms = (signature.reshape(count, -1) ** 2).sum(axis=1)
    return int(np.argsort(norms, kind="stable")[count // 2])


def reorder(values: Array, order: NDArray[np.int64], axis: int) -> Array:
    """`values` (S, ...) with the entries of `axis` put in the order (S, K) of their draw."""
    shape = [len(values)] + [1] * (values.ndim - 1)
    shape[axis] = order.shape[1]
    return np.take_along_axis(values, order.reshape(shape), axis)
