"""The bound by step, a line a restart."""

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.axes import Axes

from latentprob.plots.canvas import BRIGHT, FAINT, GRID, new_axes, styled

WINDOW = 0.02  # share of the run that a line is averaged over: a bound is estimated with fresh noise at every step
SHOWN_FROM = 0.1  # share of the run left of which the bound may leave the picture: the first steps climb from far below
SPAN_MIN = 5.0  # nats that the picture spans at least: below, it would magnify noise that means nothing


@styled
def bound(sample_stats: xr.Dataset, *, title: str = "Bound by step", ax: Axes | None = None) -> Axes:
    """The bound, (restart, step) in nats, as running means; restarts that were set aside are grey.

    The values themselves of the best restart lie behind.
    """
    ax = ax or new_axes(6.4, 3.6)
    raw = sample_stats["bound"].transpose(..., "step").values.reshape(-1, sample_stats.sizes["step"])
    steps = sample_stats["step"].values if "step" in sample_stats.coords else np.arange(raw.shape[1])
    kept = sample_stats["kept"].values.reshape(-1) if "kept" in sample_stats else np.ones(len(raw), bool)
    lines = _smooth(raw)
    best = int(np.argmax(np.where(kept, [last(line) for line in lines], -np.inf)))
    ax.plot(steps, raw[best], color=BRIGHT[0], lw=0.6, alpha=0.3, zorder=1)
    for i in np.argsort(kept):  # those set aside lie below
        colour, look = (BRIGHT[0] if kept[i] else FAINT), ((1.8, 1.0, 3) if i == best else (1.0, 0.6, 2))
        ax.plot(steps, lines[i], color=colour, lw=look[0], alpha=look[1], zorder=look[2])
    if len(lines) > 1:
        _legend(ax, kept)
    ax.set_ylim(*_limits(lines, kept))
    ax.grid(axis="y", color=GRID, lw=0.8)
    ax.set(xlabel="step", ylabel="bound (nats)", title=title)
    return ax


def last(line: np.ndarray) -> float:
    """The last finite value of a line."""
    finite = line[np.isfinite(line)]
    return float(finite[-1]) if len(finite) else -np.inf


def _smooth(raw: np.ndarray) -> np.ndarray:
    """Running means, (restart, step); NaN behind the end stays NaN."""
    window = max(1, round(WINDOW * raw.shape[1]))
    means = pd.DataFrame(raw.T).rolling(window, min_periods=1).mean().values.T
    return np.where(np.isnan(raw), np.nan, means)


def _limits(lines: np.ndarray, kept: np.ndarray) -> tuple[float, float]:
    late = lines[:, int(SHOWN_FROM * lines.shape[1]) :]
    ends = [last(line) for line in lines if np.isfinite(line).any()]
    low = min(np.nanquantile(late[kept], 0.02), *ends)
    high = np.nanmax(late[kept])
    room = max(0.15 * (high - low), (SPAN_MIN - (high - low)) / 2)
    return float(low - room), float(high + room)


def _legend(ax: Axes, kept: np.ndarray) -> None:
    ax.plot([], [], color=BRIGHT[0], label=f"{int(kept.sum())} restarts kept")
    if not kept.all():
        ax.plot([], [], color=FAINT, label=f"{int((~kept).sum())} set aside")
    ax.legend(loc="lower right")
