"""Responsibilities of the rows: to which level each belongs, and how sure that is."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from latentprob.plots.canvas import INK, colours, new_axes, styled

COLUMNS = 600  # stacks that are drawn: of more rows, evenly spaced ones of the sorted
NAMED = 0.04  # share of the rows from which on a level is named below the axis


@styled
def responsibilities(probs: xr.DataArray, *, title: str = "Responsibilities", ax: Axes | None = None) -> Axes:
    r"""A thin stack a row, coloured by level; rows by their most probable level, the surest first.

    probs: (row, level), each row with sum 1.

    >>> import numpy as np, xarray as xr
    >>> probs = xr.DataArray(np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]]), dims=("row", "c_level"))
    >>> ax = responsibilities(probs)
    >>> [label.get_text() for label in ax.get_xticklabels()]
    ['0\n67%', '1\n33%']
    """
    ax = ax or new_axes(6.4, 2.9)
    order, best = by_level(probs.values)
    shown = order[np.linspace(0, len(order) - 1, min(COLUMNS, len(order))).round().astype(int)]
    heights = probs.values[shown]
    edges = np.linspace(0, 1, len(shown) + 1)
    tops = np.concatenate([np.zeros((len(shown), 1)), heights.cumsum(axis=1)], axis=1)
    palette = colours(probs.shape[1])
    for k, colour in enumerate(palette):
        ax.stairs(tops[:, k + 1], edges, baseline=tops[:, k], color=colour, fill=True, lw=0, alpha=0.9)
    shares = np.bincount(best, minlength=probs.shape[1]) / len(best)
    ends = shares.cumsum()
    for end in ends[:-1][shares[1:] > 0]:
        ax.axvline(end, color="white", lw=1.5)
    levels = probs[probs.dims[1]].values
    named = np.flatnonzero(shares >= NAMED)
    ax.set_xticks((ends - shares / 2)[named], [f"{levels[k]}\n{shares[k]:.0%}" for k in named], color=INK)
    ax.tick_params(axis="x", length=0)
    ax.set(xlim=(0, 1), ylim=(0, 1), ylabel="probability", title=title)
    ax.set_yticks([0, 0.5, 1])
    name = str(probs.dims[1]).removesuffix("_level")
    ax.set_xlabel(f"rows by their most probable level of {name}, the surest first")
    ax.spines[:].set_visible(False)
    return ax


def by_level(probs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The order (N,) of rows by most probable level and falling certainty, and that level of each row."""
    best = probs.argmax(axis=1)
    return np.lexsort((-probs.max(axis=1), best)), best
