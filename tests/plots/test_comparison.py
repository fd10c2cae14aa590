"""The two spaces of a comparison: colours, rings, and the rows that bear a letter."""

from string import ascii_uppercase

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.collections import EllipseCollection, PathCollection

from latentprob import plots
from latentprob.plots.canvas import colours

RNG = np.random.default_rng(0)
POINTS = RNG.normal(size=(30, 2))
SPACES = {"point": 0.5 * POINTS, "belief": POINTS, "scale": np.full((30, 2), 0.3)}
LEVELS = np.arange(30) % 3
DISCRETE = {"point": POINTS, "belief": POINTS, "levels": LEVELS, "probs": np.full((30, 3), 1 / 3)}


@pytest.fixture(autouse=True)
def close():
    yield
    plt.close("all")


def dots(ax) -> PathCollection:
    return next(drawn for drawn in ax.collections if isinstance(drawn, PathCollection))


def test_the_point_is_left_and_the_belief_is_right_with_its_width():
    left, right = plots.comparison(SPACES, name="u").axes
    np.testing.assert_allclose(dots(left).get_offsets(), SPACES["point"])
    np.testing.assert_allclose(dots(right).get_offsets(), POINTS)
    rings = [drawn for drawn in right.collections if isinstance(drawn, EllipseCollection)]
    np.testing.assert_allclose(rings[0].get_widths(), 0.6)
    assert not any(isinstance(drawn, EllipseCollection) for drawn in left.collections)
    assert left.get_xlabel() == "u, first axis"


def test_the_same_rows_bear_the_same_letters():
    left, right = plots.comparison(SPACES, marked=4).axes
    for a, b in zip(left.texts, right.texts, strict=True):
        assert a.get_text() == b.get_text()
        np.testing.assert_allclose(2 * np.array(a.xy), b.xy)
    assert len({text.xy for text in right.texts}) == 4


def test_levels_are_hard_on_the_left_and_blended_on_the_right():
    left, right = plots.comparison(DISCRETE).axes
    np.testing.assert_allclose(dots(left).get_facecolors()[:, :3], colours(3)[LEVELS])
    np.testing.assert_allclose(dots(right).get_facecolors()[:, :3], np.tile(colours(3).mean(axis=0), (30, 1)))


def test_labels_colour_both_sides():
    left, right = plots.comparison(SPACES, labels=np.where(LEVELS, "one", "two"), marked=0).axes
    np.testing.assert_allclose(dots(left).get_facecolors(), dots(right).get_facecolors())
    assert len(np.unique(dots(left).get_facecolors(), axis=0)) == 2
    for ax, points in ((left, SPACES["point"]), (right, POINTS)):
        found = {text.get_text(): text.xy for text in ax.texts}
        np.testing.assert_allclose(found["two"], np.median(points[LEVELS == 0], axis=0))
        assert set(found) == {"one", "two"}


def test_letters_end_with_the_alphabet():
    left, right = plots.comparison(SPACES, marked=40).axes
    assert [text.get_text() for text in left.texts] == list(ascii_uppercase)
    assert len(right.texts) == 26


def test_instability_follows_the_width():
    width, wander = np.linspace(1, 2, 80), np.linspace(3, 9, 80)
    ax = plots.instability(width, wander)
    np.testing.assert_allclose(dots(ax).get_offsets(), np.column_stack([width, wander]))
    assert [text.get_text() for text in ax.texts] == ["rank correlation 1.00"]
    x, y = ax.lines[0].get_data()
    np.testing.assert_allclose(x, np.median(width.reshape(8, 10), axis=1))
    np.testing.assert_allclose(y, np.median(wander.reshape(8, 10), axis=1))
    assert ax.get_ylim()[0] == 0
