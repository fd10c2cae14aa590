"""A model as a graph: what is random within the plate of rows, its free parameters beside it."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import FancyBboxPatch
from matplotlib.text import Annotation

from latentprob.plots.canvas import BRIGHT, FAINT, INK, new_axes, styled
from latentprob.spec.component import Map
from latentprob.spec.model import Model
from latentprob.spec.sites import free_parameters

ABREAST = 2  # variables in a line: more would stand between another one and its parameters
LINE, PARAMETER = 1.0, 0.5  # inches between lines of variables, and between parameters
PLATE, SIDE = (1.9, 3.1), 2.1  # inches: width of the plate by variables in a line; room for parameters beside it
SHORT = 2  # letters of a name that fits a circle
BENDS = (0.0, -0.3, 0.3, -0.5, 0.5, -0.7)  # of the distance; below zero, away from the parameters at the left
ENCODER_BEND = 0.5  # beside the arrow of the decoder
NEAR = 0.38  # inches: an arrow that comes nearer to a variable is bent around it
SHADE, PALE = "#D9E2EC", "#333333"


@dataclass(frozen=True)
class Node:
    """A name at a place, in inches from the centre of the top line; role: latent, observed, input or parameter."""

    name: str
    role: str
    x: float
    y: float
    computed: bool = False


@styled
def graph(
    model: Model,
    observed: Collection[str],
    *,
    rows: int | None = None,
    title: str = "Model",
    ax: Axes | None = None,
) -> Axes:
    r"""Variables by depth, parents above children; shaded is what the data hold, doubly outlined what is computed.

    An encoder, which computes a variable from what is made of it, is a dashed arrow upwards.

    observed: the variables that the data hold. rows: their number, written on the plate.

    >>> from latentprob.spec.model import Model
    >>> ax = graph(Model("c ~ Categorical(size=2)\nx ~ Poisson(rate=Table(c))"), observed=["x"])
    >>> [text.get_text() for text in ax.texts if text.get_text()]
    ['c', 'c_probs', 'x', 'x_rate', 'row']
    """
    nodes = laid_out(model, observed)
    sides = {node.x > 0 for node in nodes.values() if node.role == "parameter"}
    width = PLATE[max(_abreast(nodes)) - 1]
    left, right = (width / 2 + (SIDE if side in sides else 0.15) for side in (False, True))
    heights = [node.y for node in nodes.values() if node.role != "parameter"]
    top, bottom = max(heights) + 0.5, min(heights) - 0.66
    top, bottom = max(top, *(n.y + 0.2 for n in nodes.values())), min(bottom, *(n.y - 0.2 for n in nodes.values()))
    ax = ax or new_axes(left + right, top - bottom + (0.45 if title else 0.1))
    drawn = {name: _draw(ax, node) for name, node in nodes.items()}
    for child in model:
        for parent in model.parents(child):
            encodes = _encodes(model, child, parent)
            bend = ENCODER_BEND if encodes else _bend(nodes[parent], nodes[child], nodes)
            _arrow(ax, drawn[parent], drawn[child], bend, "--" if encodes else "-")
    for free in (free for free in free_parameters(model) if free.name != free.variable):
        _arrow(ax, drawn[free.name], drawn[free.variable], 0.0)
    _plate(ax, width, max(heights) + 0.5, min(heights) - 0.66, "row" if rows is None else f"{rows:,} rows")
    ax.set(xlim=(-left, right), ylim=(bottom - 0.03, top + 0.03), title=title, aspect="equal")
    ax.axis("off")
    return ax


def laid_out(model: Model, observed: Collection[str]) -> dict[str, Node]:
    """Every variable, input and free parameter at its place."""
    nodes: dict[str, Node] = {}
    y = 0.0
    for line in _lines(model):
        own = {name: _beside(model, name) for name in line}
        tall = max(LINE, 0.35 + PARAMETER * max(len(names) for names in own.values()))
        y -= tall / 2
        spots = np.linspace(-0.75, 0.75, len(line)) if len(line) > 1 else np.zeros(1)
        for name, x in zip(line, spots, strict=True):
            computed = name in model and isinstance(model[name], Map)
            nodes[name] = Node(name, _role(model, observed, name), float(x), y, computed)
            edge = (PLATE[len(line) - 1] if len(line) > 1 else PLATE[_widest(model) - 1]) / 2 + 0.35
            heights = y + PARAMETER * (np.arange(len(own[name]))[::-1] - (len(own[name]) - 1) / 2)
            for free, height in zip(own[name], heights, strict=True):
                nodes[free] = Node(free, "parameter", edge if x > 0 else -edge, float(height))
        y -= tall / 2
    return nodes


def _beside(model: Model, name: str) -> list[str]:
    """What stands outside of the plate of rows: free parameters, and levels of factors with theirs."""
    levels = [other for other in model.factors if model.children(other)[0] == name]
    return [f.name for f in free_parameters(model) if f.variable in (name, *levels)]


def _role(model: Model, observed: Collection[str], name: str) -> str:
    if name not in model:
        return "input"
    return "observed" if name in observed else "latent"


def _lines(model: Model) -> list[list[str]]:
    """Names by depth, parents before children, at most two in a line."""
    depth: dict[str, int] = dict.fromkeys(model.inputs, 0)
    inside = [name for name in model if name not in model.factors]
    while len(depth) < len(inside) + len(model.inputs):
        for name in inside:
            read = [parent for parent in model.parents(name) if parent not in model.factors]
            above = [parent for parent in read if not _encodes(model, name, parent)]
            if name not in depth and all(parent in depth for parent in above):
                depth[name] = 1 + max((depth[parent] for parent in above), default=-1)
    found: list[list[str]] = []
    for level in sorted(set(depth.values())):
        names = [name for name in depth if depth[name] == level]
        found += [names[at : at + ABREAST] for at in range(0, len(names), ABREAST)]
    return found


def _encodes(model: Model, name: str, parent: str) -> bool:
    """Whether a computed variable reads what is made of it: that edge is an encoder and points upwards."""
    if name not in model or not isinstance(model[name], Map):
        return False
    below, reached = list(model.children(name)), set()
    while below:
        child = below.pop()
        if child == parent:
            return True
        below += [] if child in reached else model.children(child)
        reached.add(child)
    return False


def _widest(model: Model) -> int:
    return max(len(line) for line in _lines(model))


def _abreast(nodes: dict[str, Node]) -> Iterator[int]:
    heights = [node.y for node in nodes.values() if node.role != "parameter"]
    return (heights.count(height) for height in heights)


def _draw(ax: Axes, node: Node) -> Annotation:
    if node.role == "parameter":
        side = "left" if node.x > 0 else "right"
        blank = {"boxstyle": "round,pad=0.25", "facecolor": "white", "edgecolor": "none"}
        return ax.annotate(node.name, (node.x, node.y), ha=side, va="center", fontsize=9.5, color=PALE, bbox=blank)
    style = "square,pad={}" if node.role == "input" else "round,pad={},rounding_size=1.0"
    if node.role != "input" and len(node.name) <= SHORT:
        style = "circle,pad={}"
    look: dict[str, Any] = {"facecolor": "white" if node.role == "latent" else SHADE, "edgecolor": BRIGHT[0]}
    place: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": 12}
    if node.computed:
        ring = {**look, "boxstyle": style.format(0.72), "linewidth": 1.0, "facecolor": "white"}
        ax.annotate(node.name, (node.x, node.y), color="none", bbox=ring, zorder=2, **place)
    box = {**look, "boxstyle": style.format(0.5), "linewidth": 1.4}
    return ax.annotate(node.name, (node.x, node.y), bbox=box, zorder=3, **place)


def _arrow(ax: Axes, start: Annotation, end: Annotation, bend: float, line: str = "-") -> None:
    pale = start.get_color() == PALE
    look = {
        "arrowstyle": "-|>,head_length=0.45,head_width=0.2",
        "connectionstyle": f"arc3,rad={bend}",
        "color": FAINT if pale else INK,
        "linewidth": 1.0 if pale else 1.3,
        "linestyle": line,
        "patchA": start.get_bbox_patch(),
        "patchB": end.get_bbox_patch(),
        "shrinkA": 0 if pale else 2,
        "shrinkB": 2,
    }
    ax.annotate("", end.xy, start.xy, arrowprops=look, zorder=1)


def _bend(start: Node, end: Node, nodes: dict[str, Node]) -> float:
    """The curvature at which an arrow passes by the variables between its ends, the smallest that does."""
    a, b = np.array([start.x, start.y]), np.array([end.x, end.y])
    others = [n for n in nodes.values() if n.role != "parameter" and n.name not in (start.name, end.name)]
    places = np.array([[n.x, n.y] for n in others]).reshape(-1, 2)
    steps = np.linspace(0, 1, 33)[:, None]
    for bend in BENDS:
        control = (a + b) / 2 + bend * np.array([b[1] - a[1], a[0] - b[0]])
        path = (1 - steps) ** 2 * a + 2 * steps * (1 - steps) * control + steps**2 * b
        gaps = np.linalg.norm(path[:, None] - places, axis=2)
        if not gaps.size or gaps.min() > NEAR:
            return bend
    return 0.0


def _plate(ax: Axes, width: float, top: float, bottom: float, label: str) -> None:
    box = FancyBboxPatch(
        (-width / 2, bottom), width, top - bottom, "round,pad=0,rounding_size=0.12", fc="none", ec=FAINT, lw=1, zorder=0
    )
    ax.add_patch(box)
    ax.annotate(label, (width / 2 - 0.1, bottom + 0.08), ha="right", va="bottom", fontsize=9, color=PALE)
