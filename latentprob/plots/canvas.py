"""What all figures share: the style, applied while drawing alone, the colours, and ellipses."""

from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import matplotlib.pyplot as plt
import numpy as np
from matplotlib import colormaps, patheffects
from matplotlib.axes import Axes
from matplotlib.collections import EllipseCollection
from matplotlib.colors import to_rgb

# Bright and muted schemes of Paul Tol, https://personal.sron.nl/~pault/: distinct under all common colour blindness.
BRIGHT = ("#4477AA", "#EE6677", "#228833", "#CCBB44", "#66CCEE", "#AA3377")
MUTED = ("#CC6677", "#332288", "#DDCC77", "#117733", "#88CCEE", "#882255", "#44AA99", "#999933", "#AA4499", "#555555")
INK, FAINT, GRID = "#222222", "#9A9A9A", "#E6E6E6"
STYLE = {
    "font.family": "sans-serif",
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.titlelocation": "left",
    "axes.titlepad": 10,
    "axes.labelcolor": INK,
    "axes.edgecolor": FAINT,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "xtick.color": FAINT,
    "ytick.color": FAINT,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "text.color": INK,
    "figure.facecolor": "white",
    "axes.facecolor": "white",
    "legend.frameon": False,
    "lines.solid_capstyle": "round",
}

P = ParamSpec("P")
R = TypeVar("R")


def styled(plot: Callable[P, R]) -> Callable[P, R]:
    """The same plot, drawn under the style; the caller's settings stay as they are."""

    @wraps(plot)
    def drawn(*args: P.args, **kwargs: P.kwargs) -> R:
        # Loads the backend: loaded within the context, a notebook's switch to interactive drawing would be undone.
        plt.draw_if_interactive()
        with plt.rc_context(STYLE):
            return plot(*args, **kwargs)

    return drawn


def new_axes(width: float, height: float) -> Axes:
    """Axes alone on a new figure, size in inches."""
    return plt.subplots(figsize=(width, height), layout="constrained")[1]


def colours(count: int) -> np.ndarray:
    """`count` colours, (count, 3): the bright scheme, the muted one, and beyond their ten evenly spaced hues."""
    if count > len(MUTED):
        return np.asarray(colormaps["turbo"](np.linspace(0.06, 0.94, count)))[:, :3] * 0.9
    scheme = BRIGHT if count <= len(BRIGHT) else MUTED
    return np.array([to_rgb(colour) for colour in scheme[:count]])


def ellipses(ax: Axes, centres: np.ndarray, covariances: np.ndarray, radius: float, **look: Any) -> EllipseCollection:
    """Ellipses at centres, (M, 2), of `radius` sds of covariances, (M, 2, 2), in the units of the axes."""
    variances, axes = np.linalg.eigh(covariances)
    widths = 2 * radius * np.sqrt(variances)
    angles = np.degrees(np.arctan2(axes[:, 1, 1], axes[:, 0, 1]))
    drawn = EllipseCollection(
        widths[:, 1],
        widths[:, 0],
        angles,
        units="xy",
        offsets=centres,
        offset_transform=ax.transData,
        **look,
    )
    ax.add_collection(drawn)
    reach = radius * np.sqrt(np.einsum("mii->mi", covariances))
    ax.update_datalim(np.concatenate([centres - reach, centres + reach]))  # the collection counts its centres alone
    return drawn


def group_names(ax: Axes, points: np.ndarray, member: np.ndarray, groups: np.ndarray) -> None:
    """The name of each group at the median of its points, (M, 2): colour alone does not tell ten groups apart."""
    outline = [patheffects.withStroke(linewidth=3.5, foreground="white")]
    for k, (group, colour) in enumerate(zip(groups, colours(len(groups)), strict=True)):
        centre = np.median(points[member == k], axis=0)
        look: dict[str, Any] = {"size": 15, "weight": "bold", "color": colour * 0.75, "path_effects": outline}
        ax.annotate(str(group), centre, ha="center", va="center", zorder=5, **look)
