"""Whether a belief's width predicts where the embedding of the twin is unstable."""

import numpy as np
from matplotlib.axes import Axes
from scipy.stats import spearmanr

from latentprob.plots.canvas import BRIGHT, FAINT, GRID, INK, new_axes, styled

GROUPS = 8  # of rows from the narrowest belief to the widest, at whose medians the line is drawn
GROUP_ROWS = 5  # in each group, at least


@styled
def instability(
    width: np.ndarray,
    wander: np.ndarray,
    *,
    title: str = "Width of the belief, wandering of the point",
    ax: Axes | None = None,
) -> Axes:
    """How far each row's embedding wanders over refits, by the width of its belief; medians as a line.

    width, wander: (row,); bars hold the middle half of the rows of equal groups. The rank correlation
    (Spearman) is that of all rows.

    >>> width = np.linspace(1, 2, 80)
    >>> instability(width, width**2).get_ylabel()
    'wandering of the embedding'
    """
    ax = ax or new_axes(5.8, 4.8)
    width, wander = np.asarray(width), np.asarray(wander)
    ax.scatter(width, wander, s=8, color=FAINT, alpha=0.35, linewidths=0)
    groups = max(1, min(GROUPS, len(width) // GROUP_ROWS))
    each = [(width[rows], wander[rows]) for rows in np.array_split(np.argsort(width), groups)]
    x = np.array([np.median(w) for w, _ in each])
    low, middle, high = np.array([np.quantile(far, [0.25, 0.5, 0.75]) for _, far in each]).T
    bars = ax.errorbar(
        x, middle, [middle - low, high - middle], color=BRIGHT[0], marker="o", ms=6, lw=1.8, elinewidth=1.2
    )
    bars[0].set_markeredgecolor("white")
    correlation = spearmanr(width, wander).statistic
    note = f"rank correlation {correlation:.2f}"
    ax.annotate(note, (0.03, 0.96), xycoords="axes fraction", va="top", color=INK, weight="bold")
    ax.set(title=title, xlabel="width of the belief, sd", ylabel="wandering of the embedding")
    ax.set_ylim(bottom=0)
    ax.grid(color=GRID, lw=0.8)
    return ax
