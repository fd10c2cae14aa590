"""Embedding and beliefs of the same rows, side by side on common axes."""

from collections.abc import Mapping, Sequence
from string import ascii_uppercase
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from latentprob.plots.canvas import FAINT, GRID, INK, colours, ellipses, group_names, styled

RINGS = 120  # rows whose belief is drawn as a ring
MARKED = 6  # rows that bear a letter in both panels


@styled
def comparison(
    spaces: Mapping[str, np.ndarray],
    *,
    name: str = "z",
    labels: Sequence[Any] | np.ndarray | None = None,
    marked: int = MARKED,
    titles: tuple[str, str] = ("Embedding space: a point", "Latent space: a belief"),
) -> Figure:
    """Left the points of the deterministic twin, right the beliefs: dots with one sd as a ring, or blended levels.

    spaces: `point` and `belief`, (row, 2), with `scale`, (row, 2), the belief's sds; or with `levels`, (row,), and
    `probs`, (row, level), of a discrete variable. labels: one a row, they colour the dots of a continuous variable and
    name the groups. marked: how many rows, 26 at most, bear the same letter in both panels.

    >>> rows = np.random.default_rng(0).normal(size=(40, 2))
    >>> figure = comparison({"point": rows, "belief": rows, "scale": np.full((40, 2), 0.2)})
    >>> len(figure.axes)
    2
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(11.5, 5.4), sharex=True, sharey=True, layout="constrained")
    hard, soft = _colours(spaces, labels)
    for ax, points, colour, title in ((left, "point", hard, titles[0]), (right, "belief", soft, titles[1])):
        ax.grid(color=GRID, lw=0.8)
        ax.scatter(*spaces[points].T, c=colour, s=11, alpha=0.8, linewidths=0, zorder=3)
        ax.set(title=title)
    if "scale" in spaces:
        _rings(right, spaces["belief"], spaces["scale"], soft)
    for ax, points in ((left, "point"), (right, "belief")):
        if labels is not None and "levels" not in spaces:
            groups, member = np.unique(np.asarray(labels), return_inverse=True)
            group_names(ax, spaces[points], member, groups)
        _letters(ax, spaces[points], _spread_out(spaces["belief"], marked))
        ax.margins(0.06)
        ax.autoscale_view()
    _axis_names(left, right, spaces, name)
    return figure


def _colours(spaces: Mapping[str, np.ndarray], labels: Any) -> tuple[np.ndarray, np.ndarray]:
    """Colours (row, 3) on the left and on the right."""
    if "levels" in spaces:
        palette = colours(spaces["probs"].shape[1])
        return palette[spaces["levels"]], spaces["probs"] @ palette
    count = len(spaces["point"])
    groups, member = np.unique(np.zeros(count) if labels is None else np.asarray(labels), return_inverse=True)
    found = colours(len(groups))[member]
    return found, found


def _rings(ax: Axes, means: np.ndarray, sds: np.ndarray, colour: np.ndarray) -> None:
    shown = np.linspace(0, len(means) - 1, min(RINGS, len(means))).astype(int)
    look: dict[str, Any] = {"facecolors": colour[shown], "edgecolors": colour[shown], "alpha": 0.16, "linewidths": 0.6}
    ellipses(ax, means[shown], sds[shown][:, :, None] ** 2 * np.eye(2), 1.0, zorder=2, **look)


def _spread_out(points: np.ndarray, count: int) -> np.ndarray:
    """Rows that lie far from each other: each next one the farthest from those before."""
    chosen = [int(((points - points.mean(axis=0)) ** 2).sum(axis=1).argmin())]
    nearest = np.full(len(points), np.inf)
    while len(chosen) < min(count, len(points)):
        nearest = np.minimum(nearest, ((points - points[chosen[-1]]) ** 2).sum(axis=1))
        chosen.append(int(nearest.argmax()))
    return np.array(chosen[: min(count, len(ascii_uppercase))], int)


def _letters(ax: Axes, points: np.ndarray, rows: np.ndarray) -> None:
    x, y = points[rows].T
    ax.scatter(x, y, s=170, facecolors="white", edgecolors=INK, linewidths=1.2, zorder=6)
    for letter, row in zip(ascii_uppercase, rows, strict=False):
        ax.annotate(letter, points[row], ha="center", va="center", size=9, weight="bold", color=INK, zorder=7)


def _axis_names(left: Axes, right: Axes, spaces: Mapping[str, np.ndarray], name: str) -> None:
    first = "data, first principal axis" if "levels" in spaces else f"{name}, first axis"
    left.set(xlabel=first, ylabel=first.replace("first", "second"))
    right.set(xlabel=first)
    right.tick_params(axis="y", length=0, color=FAINT)
    if "levels" not in spaces:
        left.set_aspect("equal")
        right.set_aspect("equal")
