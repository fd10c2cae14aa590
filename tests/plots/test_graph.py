"""The graph of a model: who is drawn, where, and with which arrows."""

from collections.abc import Iterator

import matplotlib.pyplot as plt
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex

from latentprob import plots
from latentprob.plots.graph import SHADE, laid_out
from latentprob.spec.model import Model

FACTORS = "z ~ Normal(0, 1, size=2)\nx ~ Normal(loc=Linear(z) + Linear(age), scale=PerFeature())"
CHAIN = (
    "c ~ Categorical(size=3)\nz ~ Normal(loc=Table(c), scale=1, size=2)\nx ~ Normal(loc=Linear(z) + Table(c), scale=1)"
)
MANY = "c ~ Categorical(size=3)\n" + "\n".join(f"x{i} ~ Poisson(rate=Table(c))" for i in range(5))
AUTOENCODER = "z = Linear(x, size=2)\nx ~ Normal(loc=Linear(z), scale=Shared())"


@pytest.fixture(autouse=True)
def close() -> Iterator[None]:
    yield
    plt.close("all")


def filled(ax: Axes) -> dict[str, str]:
    """The fill of each name, that of its last box."""
    boxed = [text for text in ax.texts if text.get_text() and text.get_bbox_patch() is not None]
    return {text.get_text(): to_hex(text.get_bbox_patch().get_facecolor()) for text in boxed}


def arrows(ax: Axes) -> set[tuple[tuple[float, float], tuple[float, float]]]:
    found = [text for text in ax.texts if not text.get_text()]
    return {(tuple(map(float, text.xyann)), tuple(map(float, text.xy))) for text in found}


def test_what_the_data_hold_is_shaded_and_every_parameter_named() -> None:
    found = filled(plots.graph(Model(FACTORS), ["x", "age"]))
    assert (found["x"], found["age"], found["z"]) == (SHADE.lower(), SHADE.lower(), "#ffffff")
    assert {"x_loc_z_intercept", "x_loc_z_weights", "x_loc_age_weights", "x_scale"} <= set(found)


@pytest.mark.parametrize("text", [FACTORS, CHAIN, MANY, AUTOENCODER])
def test_an_arrow_for_every_parent_and_parameter(text: str) -> None:
    model = Model(text)
    nodes = laid_out(model, [])
    place = {name: (node.x, node.y) for name, node in nodes.items()}
    edges = {(place[parent], place[child]) for child in model for parent in model.parents(child)}
    own = {(place[name], place[name.split("_")[0]]) for name, node in nodes.items() if node.role == "parameter"}
    assert arrows(plots.graph(model, [])) == edges | own


@pytest.mark.parametrize("text", [FACTORS, CHAIN, MANY])
def test_parents_stand_above_their_children(text: str) -> None:
    model, nodes = Model(text), laid_out(Model(text), [])
    for child in model:
        for parent in model.parents(child):
            assert nodes[parent].y > nodes[child].y


@pytest.mark.parametrize("text", [FACTORS, CHAIN, MANY, AUTOENCODER])
def test_no_two_names_lie_over_each_other(text: str) -> None:
    ax = plots.graph(Model(text), ["x"])
    ax.figure.canvas.draw()
    boxes = [text.get_window_extent() for text in ax.texts if text.get_text() and text.get_color() != "none"]
    overlaps = [(a, b) for i, a in enumerate(boxes) for b in boxes[:i] if a.overlaps(b)]
    assert not overlaps


def test_an_arrow_goes_around_what_stands_between() -> None:
    ax = plots.graph(Model(CHAIN), ["x"])
    nodes = laid_out(Model(CHAIN), ["x"])
    bent = [text for text in ax.texts if not text.get_text() and text.arrow_patch.get_connectionstyle().rad]
    assert [(text.xyann, text.xy) for text in bent] == [((nodes["c"].x, nodes["c"].y), (nodes["x"].x, nodes["x"].y))]


def test_an_encoder_closes_a_cycle_and_is_drawn() -> None:
    nodes = laid_out(Model(AUTOENCODER), ["x"])
    assert nodes["z"].computed
    assert not nodes["x"].computed
    assert nodes["z"].y > nodes["x"].y
    ax = plots.graph(Model(AUTOENCODER), ["x"])
    dashed = [text for text in ax.texts if not text.get_text() and text.arrow_patch.get_linestyle() == "--"]
    assert [text.xy for text in dashed] == [(nodes["z"].x, nodes["z"].y)]


def test_the_plate_tells_the_rows() -> None:
    ax = plots.graph(Model(FACTORS), ["x", "age"], rows=1272)
    assert "1,272 rows" in [text.get_text() for text in ax.texts]
