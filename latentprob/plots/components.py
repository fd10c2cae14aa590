"""Components of a mixture over the scatter of two features."""

from collections.abc import Hashable, Sequence

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from scipy.stats import chi2

from latentprob.plots.canvas import GRID, colours, ellipses, new_axes, styled

MASS = (0.5, 0.9)  # of the component's normal, inside the ellipses at the posterior mean


@styled
def components(
    x: xr.DataArray,
    probs: xr.DataArray,
    loc: xr.DataArray,
    spread: xr.DataArray,
    *,
    features: Sequence[Hashable] | None = None,
    draws: int = 20,
    title: str = "Components",
    ax: Axes | None = None,
) -> Axes:
    """Rows coloured by responsibility; ellipses around 50 and 90 % of each component's mass.

    x: (row, feature). probs: (row, level), responsibilities. loc: (chain, draw, level, feature).
    spread: covariances, (chain, draw, level, feature, feature_bis), or scales, (chain, draw, level, feature).
    features: the two to show, by label; the first two by default. draws: how many posterior draws are drawn thin.
    """
    ax = ax or new_axes(6.0, 5.0)
    pair = [0, 1] if features is None else [list(x[x.dims[1]].values).index(label) for label in features]
    points = x.values[:, pair]
    means = _stack(loc)[..., pair]
    matrices = _covariances(_stack(spread), loc.ndim == spread.ndim)[..., pair, :][..., :, pair]
    palette = colours(probs.shape[1])
    ax.scatter(
        points[:, 0],
        points[:, 1],
        c=probs.values @ palette,
        s=22,
        alpha=0.75,
        linewidths=0.4,
        edgecolors="white",
        zorder=2,
    )
    _drawn(ax, means, matrices, draws, palette)
    for mass, width in zip(MASS, (1.0, 2.0), strict=True):
        radius = np.sqrt(chi2.ppf(mass, 2))
        ellipses(
            ax,
            means.mean(axis=0),
            matrices.mean(axis=0),
            radius,
            facecolors="none",
            edgecolors=palette,
            linewidths=width,
            zorder=4,
        )
    _labels(ax, means.mean(axis=0), probs, palette)
    names = [str(label) for label in x[x.dims[1]].values[pair]]
    ax.grid(color=GRID, lw=0.8)
    ax.margins(0.08)
    ax.set(xlabel=names[0], ylabel=names[1], title=title)
    ax.autoscale_view()
    return ax


def _stack(draws: xr.DataArray) -> np.ndarray:
    """Draws of all chains in one axis, (S, ...)."""
    return draws.values.reshape(-1, *draws.shape[2:])


def _covariances(spread: np.ndarray, are_scales: bool) -> np.ndarray:
    return spread[..., :, None] ** 2 * np.eye(spread.shape[-1]) if are_scales else spread


def _drawn(ax: Axes, means: np.ndarray, matrices: np.ndarray, draws: int, palette: np.ndarray) -> None:
    chosen = np.linspace(0, len(means) - 1, min(draws, len(means))).astype(int)
    radius = np.sqrt(chi2.ppf(MASS[-1], 2))
    for k, colour in enumerate(palette):
        ellipses(
            ax,
            means[chosen, k],
            matrices[chosen, k],
            radius,
            facecolors="none",
            edgecolors=colour,
            linewidths=0.5,
            alpha=0.35,
            zorder=3,
        )


def _labels(ax: Axes, means: np.ndarray, probs: xr.DataArray, palette: np.ndarray) -> None:
    shares = probs.values.mean(axis=0)
    for k, label in enumerate(probs[probs.dims[1]].values):
        ax.annotate(
            f"{label} · {shares[k]:.0%}",
            means[k],
            ha="center",
            va="center",
            color=palette[k] * 0.7,
            weight="bold",
            bbox={"boxstyle": "round,pad=0.25", "facecolor": "white", "alpha": 0.85, "linewidth": 0},
            zorder=5,
        )
