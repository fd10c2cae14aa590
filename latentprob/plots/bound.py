"""The bound by step, a line a restart."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from latentprob.plots.canvas import BRIGHT, FAINT, GRID, new_axes, styled

SHOWN_FROM = 0.1  # share of the run left of which the bound may leave the picture: the first steps climb from far below


@styled
def bound(sample_stats: xr.Dataset, *, title: str = "Bound by step", ax: Axes | None = None) -> Axes:
    """The bound, (restart, step) in nats; restarts that were set aside are grey."""
    ax = ax or new_axes(6.4, 3.6)
    lines = sample_stats["bound"].transpose(..., "step").values.reshape(-1, sample_stats.sizes["step"])
    steps = sample_stats["step"].values if "step" in sample_stats.coords else np.arange(lines.shape[1])
    kept = sample_stats["kept"].values.reshape(-1) if "kept" in sample_stats else np.ones(len(lines), bool)
    scores = np.array([last(line) for line in lines])
    best = int(np.argmax(np.where(kept, scores, -np.inf)))
    for i in np.argsort(kept):  # those set aside lie below
        colour = BRIGHT[0] if kept[i] else FAINT
        width = 1.8 if i == best else 1.0
        ax.plot(steps, lines[i], color=colour, lw=width, alpha=1.0 if i == best else 0.55, zorder=3 if i == best else 2)
    if len(lines) > 1:
        _legend(ax, kept)
    ax.set_ylim(*_limits(lines, kept))
    ax.grid(axis="y", color=GRID, lw=0.8)
    end = f"{scores[best]:,.1f}".replace("-", "\N{MINUS SIGN}")
    ax.set(xlabel="step", ylabel="bound (nats)", title=f"{title}: {end} nats at the end")
    return ax


def last(line: np.ndarray) -> float:
    """The last finite value of a line."""
    finite = line[np.isfinite(line)]
    return float(finite[-1]) if len(finite) else -np.inf


def _limits(lines: np.ndarray, kept: np.ndarray) -> tuple[float, float]:
    late = lines[:, int(SHOWN_FROM * lines.shape[1]) :]
    ends = [last(line) for line in lines if np.isfinite(line).any()]
    low = min(np.nanquantile(late[kept], 0.02), *ends)
    high = np.nanmax(lines[kept])
    room = 0.06 * (high - low) or 1.0
    return float(low - room), float(high + room)


def _legend(ax: Axes, kept: np.ndarray) -> None:
    ax.plot([], [], color=BRIGHT[0], label=f"{int(kept.sum())} restarts kept")
    if not kept.all():
        ax.plot([], [], color=FAINT, label=f"{int((~kept).sum())} set aside")
    ax.legend(loc="lower right")
