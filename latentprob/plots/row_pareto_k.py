"""Pareto k of each row: where importance weights can be trusted, and the rows where they cannot."""

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from latentprob.plots.canvas import BRIGHT, FAINT, GRID, INK, new_axes, styled

NAMED = 6  # rows above the limit that are named, the worst
APART = 0.06  # of the picture, between names
VECTORS = 2000  # dots up to which they are drawn as shapes; more become an image within the figure


@styled
def row_pareto_k(
    pareto_k: xr.DataArray, limit: float, *, title: str = "Pareto k by row", ax: Axes | None = None
) -> Axes:
    """A dot a row; above the limit they are red, and the worst bear their names.

    pareto_k: (row,), in the order of the data where the dim has a coordinate. limit: what k should stay below.

    >>> import xarray as xr
    >>> ax = row_pareto_k(xr.DataArray([0.1, 0.9, 0.3], {"row": ["a", "b", "c"]}, ["row"]), limit=0.7)
    >>> [text.get_text() for text in ax.texts]
    ['b', 'limit 0.7']
    """
    ax = ax or new_axes(6.4, 3.2)
    k, bad = pareto_k.values, pareto_k.values > limit
    places, names = np.arange(len(k)), pareto_k[pareto_k.dims[0]].values
    ax.axhline(limit, color=BRIGHT[1], lw=1, ls=(0, (4, 3)), zorder=1)
    look: dict[str, Any] = {"linewidths": 0.4, "edgecolors": "white", "rasterized": len(k) > VECTORS}
    ax.scatter(places[~bad], k[~bad], s=16, color=BRIGHT[0], alpha=0.75, zorder=2, **look)
    ax.scatter(places[bad], k[bad], s=26, color=BRIGHT[1], zorder=3, **look)
    for at in _worst(k, int(bad.sum())):
        ax.annotate(str(names[at]), (at, k[at]), (5, 3), textcoords="offset points", fontsize=8.5, color=INK)
    ax.annotate(
        f"limit {limit:.2g}",
        (1, limit),
        (-2, 3),
        xycoords=ax.get_yaxis_transform(),
        textcoords="offset points",
        ha="right",
        fontsize=8.5,
        color=BRIGHT[1],
        bbox={"boxstyle": "round,pad=0.15", "facecolor": "white", "alpha": 0.8, "linewidth": 0},
        zorder=4,
    )
    ax.grid(axis="y", color=GRID, lw=0.8)
    ax.axhline(0, color=FAINT, lw=0.6, zorder=0)
    ax.margins(x=0.02)
    ax.set(xlabel=f"{pareto_k.dims[0]}, in the order of the data", ylabel="Pareto k", title=title)
    ax.set_ylim(top=max(1.0, 1.1 * float(np.nanmax(k)), limit + 0.2))
    return ax


def _worst(k: np.ndarray, bad: int) -> list[int]:
    """Rows to be named, the worst first; of rows whose names would lie over each other, the worse one."""
    found: list[int] = []
    for at in np.argsort(-np.where(np.isnan(k), -np.inf, k), kind="stable")[:bad]:
        near = (abs(at - other) < APART * len(k) and abs(k[at] - k[other]) < APART * np.ptp(k) for other in found)
        if len(found) < NAMED and not any(near):
            found.append(int(at))
    return found
