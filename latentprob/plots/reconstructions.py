"""Images beside what the model makes of them."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from latentprob.plots.canvas import new_axes, styled

GAP = 1  # pixels between images


@styled
def reconstructions(
    x: xr.DataArray | np.ndarray,
    reconstructed: xr.DataArray | np.ndarray,
    *,
    shape: tuple[int, int] | None = None,
    columns: int = 12,
    rows: int = 2,
    title: str = "Originals, and reconstructions below",
    ax: Axes | None = None,
) -> Axes:
    """Pairs of lines of images: x, and E[x given z(x)] below.

    x, reconstructed: (row, feature), features being pixels by rows; shape: height and width, square by default.
    columns images a line, evenly spaced over the rows; `rows` pairs of lines.
    """
    left, right = np.asarray(x), np.asarray(reconstructed)
    side = round(np.sqrt(left.shape[1]))
    height, width = shape or (side, side)
    ax = ax or new_axes(0.62 * columns + 0.9, 0.62 * 2 * rows + 0.6)
    chosen = np.linspace(0, len(left) - 1, min(columns * rows, len(left))).astype(int)
    lines = [part for line in np.array_split(chosen, rows) for part in (left[line], right[line])]
    ax.imshow(
        _mosaic(lines, height, width, columns),
        cmap="Greys",
        vmin=min(0.0, left.min()),
        vmax=left.max(),
        interpolation="nearest",
    )
    centres = [(height + GAP) * i + GAP + (height - 1) / 2 + (i // 2) * 2 * GAP for i in range(len(lines))]
    ax.set_yticks(centres, ["data", "model"] * rows)
    ax.set_xticks([])
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    ax.set_title(title)
    return ax


def _mosaic(lines: list[np.ndarray], height: int, width: int, columns: int) -> np.ndarray:
    """One picture of all images, NaN between them; pairs of lines stand further apart."""
    tall = (height + GAP) * len(lines) + GAP + (len(lines) // 2 - 1) * 2 * GAP
    picture = np.full((tall, (width + GAP) * columns + GAP), np.nan)
    for i, line in enumerate(lines):
        top = (height + GAP) * i + GAP + (i // 2) * 2 * GAP
        for j, image in enumerate(line):
            start = (width + GAP) * j + GAP
            picture[top : top + height, start : start + width] = image.reshape(height, width)
    return picture
