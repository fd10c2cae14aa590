"""Loadings of features on factors, with posterior intervals."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from latentprob.plots.canvas import FAINT, GRID, colours, new_axes, styled

INNER, OUTER = 0.5, 0.9  # probability inside the thick and the thin interval


@styled
def loadings(weights: xr.DataArray, *, title: str = "Loadings", ax: Axes | None = None) -> Axes:
    """A dot at the posterior mean, a thick 50 % and a thin 90 % interval, by feature and factor.

    Loadings that are zero in every draw, which a pattern leaves out, are not drawn.

    weights: (chain, draw, factor, feature), or (chain, draw, feature) of one factor.
    """
    if weights.ndim == 3:
        weights = weights.expand_dims("factor", axis=2)
    factor, feature = weights.dims[2:]
    ax = ax or new_axes(6.4, 1.2 + 0.14 * weights.sizes[feature] * (weights.sizes[factor] + 1))
    free = (weights != 0).any(("chain", "draw"))
    means = weights.mean(("chain", "draw")).where(free).values
    palette = colours(weights.sizes[factor])
    offsets = np.linspace(-0.28, 0.28, weights.sizes[factor]) if weights.sizes[factor] > 1 else np.zeros(1)
    rows = np.arange(weights.sizes[feature])
    ax.axvline(0, color=FAINT, lw=0.8, zorder=1)
    for k, (name, offset) in enumerate(zip(weights[factor].values, offsets, strict=True)):
        for prob, width in ((OUTER, 1.2), (INNER, 3.4)):
            ends = weights.isel({factor: k}).quantile([(1 - prob) / 2, (1 + prob) / 2], ("chain", "draw"))
            low, high = ends.where(free.isel({factor: k})).values
            ax.hlines(
                rows + offset, low, high, color=palette[k], lw=width, alpha=0.5 if prob == OUTER else 1.0, zorder=2
            )
        ax.scatter(
            means[k],
            rows + offset,
            color=palette[k],
            s=26,
            zorder=3,
            edgecolors="white",
            linewidths=0.7,
            label=name if isinstance(name, str) else f"{factor} {name}",
        )
    _rows(ax, [str(label) for label in weights[feature].values])
    if len(offsets) > 1:
        ax.legend(
            loc="lower left", bbox_to_anchor=(0, 1), ncols=min(len(offsets), 5), borderaxespad=0.2, handletextpad=0.1
        )
        ax.set_title(title, pad=28)
    else:
        ax.set_title(title)
    ax.set_xlabel("loading, posterior mean with 50 and 90 % intervals")
    return ax


def _rows(ax: Axes, names: list[str]) -> None:
    for row in range(0, len(names), 2):
        ax.axhspan(row - 0.5, row + 0.5, color=GRID, alpha=0.45, lw=0, zorder=0)
    ax.set_yticks(range(len(names)), names)
    ax.set_ylim(len(names) - 0.5, -0.5)
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
