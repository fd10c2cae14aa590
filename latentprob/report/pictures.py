"""Drawn axes as pictures that a page carries within itself."""

import io
from base64 import b64encode
from dataclasses import dataclass
from typing import cast

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing

VECTOR_MAX = 400_000  # bytes; a larger drawing becomes an image
DPI = 160  # of an image
CSS_PIXELS = 96  # to an inch


@dataclass(frozen=True)
class Figure:
    """A picture with its words; alt states what is seen, caption how it is read.

    picture: a data URI. width, height: CSS pixels at full size.
    """

    heading: str
    alt: str
    caption: str
    picture: str
    width: int
    height: int


def figure(ax: Axes, heading: str, alt: str, caption: str) -> Figure:
    """The figure of the axes as a picture; the drawing is closed."""
    drawing = cast(Drawing, ax.figure)
    kind, content = _vector(drawing)
    if len(content) > VECTOR_MAX:
        kind, content = "png", _written(drawing, "png")
    plt.close(drawing)
    media = {"svg": "image/svg+xml", "png": "image/png"}[kind]
    width, height = (round(CSS_PIXELS * inches) for inches in drawing.get_size_inches())
    return Figure(heading, alt, caption, f"data:{media};base64,{b64encode(content).decode()}", width, height)


def _vector(drawing: Drawing) -> tuple[str, bytes]:
    # The salt makes the names within the drawing, and so the page, the same at every writing.
    with plt.rc_context({"svg.hashsalt": "latentprob", "svg.fonttype": "path"}):
        return "svg", _written(drawing, "svg")


def _written(drawing: Drawing, kind: str) -> bytes:
    buffer = io.BytesIO()
    blank = {"Date": None, "Creator": None} if kind == "svg" else {"Software": None}
    drawing.savefig(buffer, format=kind, dpi=DPI, metadata=blank)
    return buffer.getvalue()
