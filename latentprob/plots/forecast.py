"""What followed, and what follows: a series, its most probable path, and the draws of the steps to come."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from latentprob.plots.canvas import FAINT, INK, colours, new_axes, styled

BANDS = {0.9: 0.18, 0.5: 0.32}  # probabilities of the bands around the median, and how dark they are


@styled
def forecast(
    seen: xr.DataArray,
    draws: xr.DataArray,
    *,
    path: xr.DataArray | None = None,
    title: str = "Forecast",
    ax: Axes | None = None,
) -> Axes:
    """One feature of one series, and behind it the median of the draws with bands of 50 and 90 %.

    seen: (row,), gaps NaN; numbers that label the rows, such as years, go on in the forecast. draws: (draw, step).
    path: (row,) the level of each step, by which points are coloured.

    >>> import numpy as np, xarray as xr
    >>> seen = xr.DataArray([1.0, 2.0, 1.5], dims="row")
    >>> draws = xr.DataArray(np.random.default_rng(0).normal(2, 1, (100, 4)), dims=("draw", "step"))
    >>> ax = forecast(seen, draws)
    >>> bool(ax.get_xlim()[1] > 6)
    True
    """
    ax = ax or new_axes(6.4, 2.9)
    steps, after = _times(seen, draws.sizes["step"])
    ax.plot(steps, seen.values, color=FAINT, lw=0.8, zorder=1)
    levels = np.unique(path.values) if path is not None else np.zeros(1)
    ahead, *palette = colours(1 + len(levels))
    for level, colour in zip(levels, palette, strict=True):
        own = np.ones(len(seen), bool) if path is None else path.values == level
        label, shown = (None, INK) if path is None else (f"{_called(path, 'level')} {level}", colour)
        ax.scatter(steps[own], seen.values[own], s=14, color=shown, lw=0, zorder=2, label=label)
    for share, dark in BANDS.items():
        low, high = np.quantile(draws.values, [(1 - share) / 2, (1 + share) / 2], axis=draws.get_axis_num("draw"))
        ax.fill_between(after, low, high, color=ahead, alpha=dark, lw=0, label=f"{share:.0%} of what follows")
    ax.plot(after, draws.median("draw"), color=ahead, lw=1.5)
    ax.axvline((steps[-1] + after[0]) / 2, color=FAINT, lw=0.8, ls=":")
    ax.set(title=title, xlabel=str(seen.dims[0]), ylabel=_called(seen, ""))
    ax.legend(loc="upper left", bbox_to_anchor=(1, 1), fontsize=8)
    return ax


def _times(seen: xr.DataArray, ahead: int) -> tuple[np.ndarray, np.ndarray]:
    """Places of the rows on the axis, (N,), and of the steps that follow: by their labels, or counted from 1."""
    labels = seen.get_index(seen.dims[0]).to_numpy()
    numbered = seen.dims[0] in seen.coords and labels.dtype.kind in "iuf" and len(labels) > 1
    steps = labels if numbered else np.arange(1, len(seen) + 1)
    apart = np.median(np.diff(steps)) if numbered else 1
    return steps, steps[-1] + apart * np.arange(1, ahead + 1)


def _called(array: xr.DataArray, instead: str) -> str:
    return instead if array.name is None else str(array.name)
