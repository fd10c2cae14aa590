"""Data sets of the model beside the data: whether it would have made such rows."""

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
import xarray as xr
from arviz_stats.base import array_stats
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from latentprob.plots.canvas import BRIGHT, FAINT, GRID, INK, new_axes, styled

PANELS, COLUMNS = 9, 3  # features that have a panel each; panels in a line
REPLICATES = 40  # data sets of the model that are drawn
VALUES = 50  # distinct whole numbers up to which counts are bars
NAMED = 12  # binary features up to which their names stand below the axis
WITHIN = 0.9  # probability inside an interval of the replicates
TAIL = 0.005  # of the data, left out of a panel on either side together with what the model puts beyond
PANEL = (2.0, 1.6)  # inches: height of a panel in a single line, and in several
BARS: dict[str, Any] = {"facecolor": "#D4D4D4", "edgecolor": INK, "lw": 0.8}
GAP = (0.1, 0.42)  # of a panel's own width and height


@styled
def posterior_predictive(
    x: xr.DataArray,
    replicated: xr.DataArray,
    *,
    features: Sequence[Hashable] | None = None,
    title: str = "Data and replicated data",
    ax: Axes | None = None,
) -> Axes:
    """A panel a feature: the data in ink over data sets of the model; counts as shares with 90 % intervals.

    Of several binary features one panel shows all, by their share of ones.

    x: (row, feature) or (row,), NaN where hidden. replicated: (chain, draw, row, feature) or (chain, draw, row).
    features: those to show, by label; else the first nine.

    >>> import numpy as np, xarray as xr
    >>> x = xr.DataArray(np.arange(20.0)[:, None], {"feature": ["a"]}, ["row", "feature"])
    >>> ax = posterior_predictive(x, x.expand_dims(chain=2, draw=5))
    >>> [panel.get_title(loc="left") for panel in ax.child_axes]
    ['a']
    """
    if x.ndim == 1:
        x, replicated = x.expand_dims("feature", -1), replicated.expand_dims("feature", -1)
    if features is None and x.shape[1] > 1 and bool((x.isnull() | (x == 0) | (x == 1)).all()):
        return _shares_of_ones(ax or new_axes(6.4, 3.2), x, replicated, title)
    labels = list(x[x.dims[1]].values)
    chosen = list(range(min(PANELS, len(labels)))) if features is None else [labels.index(f) for f in features]
    columns = min(COLUMNS, len(chosen))
    rows = -(-len(chosen) // columns)
    ax = ax or new_axes(6.4, PANEL[rows > 1] * rows + 0.9)
    draws = replicated.values.reshape(-1, *x.shape)
    draws = draws[np.linspace(0, len(draws) - 1, min(len(draws), 10 * REPLICATES)).astype(int)]
    for place, index in enumerate(chosen):
        panel = ax.inset_axes(_bounds(place, rows, columns))
        counted = _panel(panel, np.asarray(x.values[:, index], float), np.asarray(draws[:, :, index], float))
        name = f"{x.dims[1]} {labels[index]}" if isinstance(labels[index], (int, np.integer)) else str(labels[index])
        panel.set_title(name if len(labels) > 1 or x.dims[1] in x.coords else str(x.name), fontsize=9, pad=3)
        panel.tick_params(labelsize=8, length=2)
    _frame(ax, title, len(labels) - len(chosen), counted)
    return ax


def _shares_of_ones(ax: Axes, x: xr.DataArray, replicated: xr.DataArray, title: str) -> Axes:
    """The share of ones of each feature, by its share in the data; intervals are those of data sets of the model."""
    seen = x.notnull()
    row = str(x.dims[0])
    data = x.mean(row).values
    shares = replicated.where(seen).mean(row).values.reshape(-1, x.shape[1])
    low, high = np.quantile(shares, [(1 - WITHIN) / 2, (1 + WITHIN) / 2], axis=0)
    order, places = np.argsort(data, kind="stable"), np.arange(x.shape[1])
    ax.vlines(places, low[order], high[order], color=BRIGHT[0], lw=1.6, alpha=0.5, zorder=2)
    ax.scatter(places, shares.mean(axis=0)[order], s=18, color=BRIGHT[0], zorder=3, label="model")
    ax.step(places, data[order], where="mid", color=INK, lw=1.4, zorder=1, label="data")
    if x.shape[1] <= NAMED:
        ax.set_xticks(places, [str(label) for label in x[x.dims[1]].values[order]])
    else:
        ax.set_xticks([])
    ax.grid(axis="y", color=GRID, lw=0.8)
    ax.set(xlabel=f"{x.dims[1]}, by its share in the data", ylabel="share of ones", title=title, ylim=(-0.02, 1.02))
    ax.legend(loc="upper left")
    return ax


def _bounds(place: int, rows: int, columns: int) -> tuple[float, float, float, float]:
    """Left, bottom, width and height of a panel, as fractions of the axes."""
    width, height = 1 / (columns + (columns - 1) * GAP[0]), 1 / (rows + rows * GAP[1])
    row, column = divmod(place, columns)
    return column * width * (1 + GAP[0]), 1 - height * (GAP[1] / 2 + (1 + GAP[1]) * row + 1), width, height


def _frame(ax: Axes, title: str, left_out: int, counted: bool) -> None:
    """A title, a key in its line, and no axes of its own."""
    ax.set_title(title)
    ax.set_xticks([])
    ax.set_yticks([])
    ax.spines[:].set_visible(False)
    data = Patch(label="data", **BARS) if counted else Line2D([], [], color=INK, lw=1.8, label="data")
    model = Line2D([], [], color=BRIGHT[0], lw=1.8, marker="o" if counted else "", ms=4, label="model")
    ax.legend(
        handles=[data, model], loc="lower right", bbox_to_anchor=(1, 1), ncols=2, borderaxespad=0.2, handlelength=1.4
    )
    if left_out:
        ax.set_xlabel(f"{left_out} more features are not shown", color=FAINT, fontsize=8.5)


def _panel(panel: Axes, data: np.ndarray, draws: np.ndarray) -> bool:
    """Draw one feature; whether it was counted."""
    seen = ~np.isnan(data)
    data, draws = data[seen], draws[:, seen]
    values = np.unique(data)
    whole = np.array_equal(values, values.round()) and np.array_equal(draws[0], draws[0].round())
    counted = whole and len(values) <= VALUES
    (_shares if counted else _densities)(panel, data, draws)
    panel.set_yticks([])
    panel.set_ylim(bottom=0)
    panel.spines["left"].set_visible(False)
    panel.grid(axis="x", color=GRID, lw=0.6)
    return counted


def _shares(panel: Axes, data: np.ndarray, draws: np.ndarray) -> None:
    """Shares of whole numbers: bars of the data, intervals of the replicates."""
    reach = np.arange(data.min(), max(data.max(), np.quantile(draws, 1 - TAIL)) + 1)
    shares = np.array([[(one == value).mean() for value in reach] for one in draws])
    low, high = np.quantile(shares, [(1 - WITHIN) / 2, (1 + WITHIN) / 2], axis=0)
    panel.bar(reach, [(data == value).mean() for value in reach], width=0.8, **BARS)
    panel.vlines(reach, low, high, color=BRIGHT[0], lw=2.4)
    panel.scatter(reach, shares.mean(axis=0), s=14, color=BRIGHT[0], zorder=3)
    panel.set_xlim(reach[0] - 0.7, reach[-1] + 0.7)
    panel.set_xticks(reach[:: -(-len(reach) // 6)])
    panel.xaxis.set_major_formatter("{x:.0f}")


def _densities(panel: Axes, data: np.ndarray, draws: np.ndarray) -> None:
    """Kernel densities by ArviZ: thin lines of the replicates, a thick one of the data."""
    both = np.quantile(data, [TAIL, 1 - TAIL]), np.quantile(draws, [TAIL, 1 - TAIL])
    low, high = min(both[0][0], both[1][0]), max(both[0][1], both[1][1])
    room = 0.08 * (high - low)
    for one in draws[np.linspace(0, len(draws) - 1, min(REPLICATES, len(draws))).astype(int)]:
        grid, density = _density(one)
        panel.plot(grid, density, color=BRIGHT[0], lw=0.7, alpha=0.28, zorder=2)
    grid, density = _density(data)
    panel.plot(grid, density, color=INK, lw=1.8, zorder=3)
    panel.set_xlim(low - room, high + room)


def _density(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Grid and density of finite values; of a constant, a peak."""
    if np.ptp(values) == 0:
        return np.array([values[0]] * 2), np.array([0.0, 1.0])
    grid, density, _ = array_stats.kde(values)
    return grid, density
