"""Ranks of simulation-based calibration: distribution functions less the uniform one, with simultaneous bands."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from latentprob.plots.canvas import BRIGHT, FAINT, INK, new_axes, styled

COLUMNS = 4  # panels in a line
PANEL = (2.1, 1.4)  # inches
SIZE = (4.2, 2.8)  # inches of the figure at least
GAP = (0.12, 0.32)  # of a panel's own width and height
LETTERS = 30  # of a panel's title
ROOM = 1.25  # of the bands' height that is shown at least


@styled
def calibration(curves: xr.Dataset, *, title: str = "Calibration", ax: Axes | None = None) -> Axes:
    """A panel a quantity, within `ax`; curves that leave the bands are red, and come first.

    curves: difference (quantity, fraction) of the ranks' distribution function to the uniform one, lower and upper
    (fraction). Above zero at the left and below at the right: ranks gather at both ends, the posterior is too narrow.
    """
    lines, low, high = (curves[name].values for name in ("difference", "lower", "upper"))
    beyond = np.maximum(low - lines, lines - high).max(axis=1)
    order = np.lexsort((np.arange(len(lines)), np.where(beyond > 0, -beyond, 0)))
    columns = min(COLUMNS, len(lines))
    rows = -(-len(lines) // columns)
    ax = ax or new_axes(max(SIZE[0], PANEL[0] * columns + 0.6), max(SIZE[1], PANEL[1] * rows + 0.9))
    ax.set_title(title)
    ax.set_xticks([])
    ax.set_yticks([])
    ax.spines[:].set_visible(False)
    ax.set_xlabel("rank of the truth, as a fraction of the draws", labelpad=20)
    ax.set_ylabel("share of ranks below, less uniform", labelpad=34)
    reach = ROOM * max(np.abs(low).max(), np.abs(high).max(), np.abs(lines).max() / ROOM * 1.05)
    for place, index in enumerate(order):
        panel = ax.inset_axes(_bounds(place, rows, columns))
        name, outside = str(curves["quantity"].values[index]), bool(beyond[index] > 0)
        _panel(panel, curves["fraction"].values, lines[index], (low, high), name, outside)
        panel.set_ylim(-reach, reach)
        panel.tick_params(labelleft=place % columns == 0, labelbottom=place + columns >= len(lines), length=2)
    return ax


def _bounds(place: int, rows: int, columns: int) -> tuple[float, float, float, float]:
    """Left, bottom, width and height of a panel, as fractions of the axes."""
    width, height = 1 / (columns + (columns - 1) * GAP[0]), 1 / (rows + rows * GAP[1])
    row, column = divmod(place, columns)
    return column * width * (1 + GAP[0]), 1 - height * (GAP[1] + (1 + GAP[1]) * row + 1), width, height


def _shortened(name: str) -> str:
    """A name that fits above a panel."""
    return name if len(name) <= LETTERS else f"{name[: LETTERS - 1]}…"


def _panel(
    panel: Axes, points: np.ndarray, line: np.ndarray, band: tuple[np.ndarray, np.ndarray], name: str, outside: bool
) -> None:
    at = np.concatenate([[0], points, [1]])
    low, high, curve = (np.concatenate([[0], values, [0]]) for values in (*band, line))
    panel.fill_between(at, low, high, color=BRIGHT[0], alpha=0.18, lw=0, zorder=1)
    panel.axhline(0, color=FAINT, lw=0.6, zorder=2)
    panel.plot(at, curve, color=BRIGHT[1] if outside else BRIGHT[0], lw=1.6, zorder=3)
    panel.set_title(_shortened(name), fontsize=8.5, pad=3, color=BRIGHT[1] if outside else INK)
    panel.set_xlim(0, 1)
    panel.set_xticks([0, 0.5, 1], ["0", "½", "1"], fontsize=8)
    panel.tick_params(labelsize=8)
    panel.locator_params(axis="y", nbins=3)
