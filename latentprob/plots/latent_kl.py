"""What each dim of a latent says of the rows: its information, in nats."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from latentprob.plots.canvas import BRIGHT, FAINT, GRID, INK, new_axes, styled

ALIVE = 0.01  # nats; below, the belief of every row is its prior and the dim holds nothing
SHOWN_MIN = 0.1  # nats that the picture spans at least: below, it would magnify what is nothing
NUMBERED = 40  # dims up to which each bar bears its number


@styled
def latent_kl(
    kl: xr.DataArray, *, alive: float = ALIVE, title: str = "Information by latent dim", ax: Axes | None = None
) -> Axes:
    """A bar a dim, the largest first; grey are those below `alive`, which hold nothing.

    kl: (dim,), the divergence of the belief from the prior, averaged over the rows, nats.

    >>> import xarray as xr
    >>> ax = latent_kl(xr.DataArray([0.001, 2.5, 1.0], {"z_dim": [0, 1, 2]}, ["z_dim"]))
    >>> [label.get_text() for label in ax.get_yticklabels()]
    ['1', '2', '0']
    """
    ax = ax or new_axes(6.4, 1.3 + 0.24 * min(len(kl), NUMBERED))
    order = np.argsort(-kl.values, kind="stable")
    values, labels = kl.values[order], kl[kl.dims[0]].values[order]
    places = np.arange(len(values))
    ax.barh(places, values, height=0.72, color=[BRIGHT[0] if value >= alive else FAINT for value in values])
    if len(values) <= NUMBERED:
        for place, value in enumerate(values):
            ax.annotate(
                f"{value:.2f}", (value, place), (4, 0), textcoords="offset points", va="center", fontsize=8.5, color=INK
            )
        ax.set_yticks(places, [str(label) for label in labels])
    else:
        ax.set_yticks([])
    ax.set_ylim(len(values) - 0.4, -0.6)
    ax.set_xlim(0, 1.12 * max(float(values[0]), alive, SHOWN_MIN))
    ax.grid(axis="x", color=GRID, lw=0.8)
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    name = str(kl.dims[0]).removesuffix("_dim")
    ax.set(xlabel="nats a row that the belief differs from the prior", ylabel=f"dim of {name}", title=title)
    return ax
