"""Assignment of components to places, for all draws at once."""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment


def assign(cost: NDArray[np.float64]) -> NDArray[np.int64]:
    """Order (S, K) of least total cost: `order[s, j]` is the component of draw s that takes place j.

    cost (S, K, K): of draw s, component k at place j.
    """
    order = cost.argmin(axis=1)
    # Where every place has another cheapest component, that is the best assignment: no solver is needed.
    contested = (np.sort(order, axis=1) != np.arange(order.shape[1])).any(axis=1)
    for s in np.flatnonzero(contested):
        order[s] = linear_sum_assignment(cost[s].T)[1]
    return order
