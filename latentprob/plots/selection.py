"""Criteria by the size of a latent, as distances to the best size in nats."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from latentprob.plots.canvas import BRIGHT, FAINT, GRID, new_axes, styled

LINEAR = 10.0  # nats below the best up to which the scale is linear: beyond, differences are beyond doubt
LINES = {"elpd": "LOO", "bound": "bound", "BIC": "BIC", "ICL": "ICL"}
SIGNS = {"BIC": -0.5, "ICL": -0.5}  # to nats, higher being better
APART = 0.06  # of a step, between the markers of one size


@styled
def selection(
    table: pd.DataFrame, best: int, *, name: str = "size", title: str = "Which size?", ax: Axes | None = None
) -> Axes:
    """A line a criterion, nats below its best size; LOO with one standard error of the difference.

    table: a row a size, with any of the columns elpd and difference_se, bound, BIC, ICL. best: the recommended size.
    """
    ax = ax or new_axes(6.4, 3.8)
    sizes = table.index.to_numpy(float)
    present = [column for column in LINES if column in table]
    offsets = APART * (np.arange(len(present)) - (len(present) - 1) / 2)
    ax.axvspan(best - 0.5, best + 0.5, color=GRID, alpha=0.7, lw=0, zorder=0)
    ax.axhline(0, color=FAINT, lw=0.8, zorder=1)
    for i, (column, offset) in enumerate(zip(present, offsets, strict=True)):
        nats = SIGNS.get(column, 1.0) * table[column].to_numpy(float)
        below = nats - np.nanmax(nats)
        main = column == present[0]
        line, size = (2.0, 6) if main else (1.2, 4)
        ax.plot(sizes + offset, below, color=BRIGHT[i], lw=line, marker="o", ms=size, mec="white", label=LINES[column])
        if column == "elpd":
            ax.errorbar(sizes + offset, below, table["difference_se"], fmt="none", ecolor=BRIGHT[i], zorder=3)
    ax.set_yscale("symlog", linthresh=LINEAR)
    ax.yaxis.set_major_formatter("{x:.0f}")
    ax.set_xticks(table.index.to_numpy())
    ax.set_xlim(sizes.min() - 0.5, sizes.max() + 0.5)
    ax.grid(axis="y", color=GRID, lw=0.8)
    ax.legend(loc="best")
    ax.set(xlabel=f"{name}, recommended: {best}", ylabel="nats below the best", title=title)
    return ax
