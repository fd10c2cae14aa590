"""Beliefs of a continuous latent: where each row lies, and how well that is known."""

from collections.abc import Sequence

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from latentprob.plots.canvas import GRID, colours, ellipses, group_names, new_axes, styled


@styled
def latent_space(
    loc: xr.DataArray,
    scale: xr.DataArray,
    *,
    labels: Sequence | np.ndarray | None = None,
    dims: tuple[int, int] = (0, 1),
    rings: int = 150,
    title: str = "Latent space",
    ax: Axes | None = None,
) -> Axes:
    """Belief means of rows as dots, one sd of the belief as a ring for a subsample of rows.

    loc, scale: (row, z_dim). labels: one a row, they colour the dots and name the groups. dims: the two to show.
    """
    ax = ax or new_axes(6.4, 6.0)
    means, sds = loc.values[:, dims], scale.values[:, dims]
    groups, member = np.unique(np.zeros(len(means)) if labels is None else np.asarray(labels), return_inverse=True)
    palette = colours(len(groups))
    shown = np.linspace(0, len(means) - 1, min(rings, len(means))).astype(int)
    ellipses(
        ax,
        means[shown],
        sds[shown][:, :, None] ** 2 * np.eye(2),
        1.0,
        facecolors=palette[member[shown]],
        edgecolors=palette[member[shown]],
        alpha=0.16,
        linewidths=0.6,
        zorder=2,
    )
    ax.scatter(means[:, 0], means[:, 1], c=palette[member], s=9, alpha=0.8, linewidths=0, zorder=3)
    if labels is not None:
        group_names(ax, means, member, groups)
    name = str(loc.dims[1]).removesuffix("_dim")
    ax.grid(color=GRID, lw=0.8)
    ax.set_aspect("equal", adjustable="datalim")
    ax.margins(0.06)
    ax.autoscale_view()
    ax.set(xlabel=f"{name}, dim {dims[0]}", ylabel=f"{name}, dim {dims[1]}", title=title)
    return ax
