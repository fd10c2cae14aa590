"""Figures of responsibilities, information, Pareto k and replicated data: what they hold."""

from collections.abc import Iterator

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr
from matplotlib.colors import to_rgb

from latentprob import plots
from latentprob.plots.canvas import BRIGHT, FAINT, INK


@pytest.fixture(autouse=True)
def close() -> Iterator[None]:
    yield
    plt.close("all")


def probs() -> xr.DataArray:
    values = np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.0, 1.0], [0.7, 0.3]])
    return xr.DataArray(values, {"c_level": ["low", "high"]}, ("row", "c_level"))


def test_responsibilities_are_sorted_by_level_and_certainty() -> None:
    ax = plots.responsibilities(probs())
    low, high = (patch.get_data() for patch in ax.patches)
    np.testing.assert_allclose(low.values, [0.9, 0.7, 0.6, 0.0, 0.2])
    np.testing.assert_allclose(high.values, 1.0)
    np.testing.assert_allclose(high.baseline, low.values)
    assert [label.get_text() for label in ax.get_xticklabels()] == ["low\n60%", "high\n40%"]
    assert ax.lines[0].get_xdata()[0] == pytest.approx(0.6)


def test_responsibilities_of_many_rows_are_thinned_and_of_empty_levels_unnamed() -> None:
    values = np.zeros((5000, 3))
    values[:2500, 0] = values[2500:, 2] = 1
    ax = plots.responsibilities(xr.DataArray(values, dims=("row", "c_level")))
    assert len(ax.patches[0].get_data().values) == 600
    assert [label.get_text() for label in ax.get_xticklabels()] == ["0\n50%", "2\n50%"]


def test_information_is_sorted_and_dead_dims_are_grey() -> None:
    ax = plots.latent_kl(xr.DataArray([0.5, 0.001, 2.0], {"z_dim": [0, 1, 2]}, ("z_dim",)))
    assert [bar.get_width() for bar in ax.patches] == [2.0, 0.5, 0.001]
    assert [bar.get_facecolor()[:3] for bar in ax.patches] == [to_rgb(c) for c in (BRIGHT[0], BRIGHT[0], FAINT)]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["2", "0", "1"]
    assert ax.yaxis_inverted()


def test_rows_above_the_limit_are_red_and_named_worst_first() -> None:
    k = xr.DataArray([0.1, 1.2, 0.3, 0.9, 0.5], {"person": list("abcde")}, ("person",))
    ax = plots.row_pareto_k(k, 0.7)
    good, bad = ax.collections
    np.testing.assert_allclose(good.get_offsets(), [[0, 0.1], [2, 0.3], [4, 0.5]])
    np.testing.assert_allclose(bad.get_offsets(), [[1, 1.2], [3, 0.9]])
    assert tuple(bad.get_facecolors()[0][:3]) == to_rgb(BRIGHT[1])
    assert [text.get_text() for text in ax.texts] == ["b", "d", "limit 0.7"]
    assert ax.get_xlabel().startswith("person")


def test_of_rows_that_lie_together_one_is_named() -> None:
    k = xr.DataArray(np.r_[np.zeros(98), 0.99, 1.0], dims="row")
    assert [text.get_text() for text in plots.row_pareto_k(k, 0.7).texts] == ["99", "limit 0.7"]


def test_the_data_lie_in_ink_over_the_replicates() -> None:
    generator = np.random.default_rng(0)
    x = xr.DataArray(generator.normal(size=(200, 2)) * [1, 50], {"feature": ["a", "b"]}, ("row", "feature"))
    drawn = xr.DataArray(generator.normal(size=(2, 30, 200, 2)) * [1, 50], dims=("chain", "draw", "row", "feature"))
    first, second = plots.posterior_predictive(x, drawn).child_axes
    assert [first.get_title(loc="left"), second.get_title(loc="left")] == ["a", "b"]
    assert len(first.lines) == 41
    data = first.lines[-1]
    assert data.get_color() == INK
    area = np.trapezoid(data.get_ydata(), data.get_xdata())
    assert area == pytest.approx(1, abs=0.05)
    assert second.get_xlim()[1] > 20 * first.get_xlim()[1]


def test_counts_are_shares_with_intervals() -> None:
    x = xr.DataArray([0.0, 0, 1, 2, 2, 2, np.nan, 5], dims="row", name="calls")
    drawn = xr.DataArray(np.random.default_rng(0).poisson(2, (2, 200, 8)).astype(float), dims=("chain", "draw", "row"))
    (panel,) = plots.posterior_predictive(x, drawn).child_axes
    assert [bar.get_height() for bar in panel.patches][:6] == pytest.approx([2 / 7, 1 / 7, 3 / 7, 0, 0, 1 / 7])
    means = panel.collections[-1].get_offsets()
    np.testing.assert_allclose(means[:3, 1], [np.exp(-2), 2 * np.exp(-2), 2 * np.exp(-2)], atol=0.03)


def test_binary_features_share_one_panel() -> None:
    x = xr.DataArray([[0.0, 1, 1], [0, 1, np.nan], [1, 1, 0], [0, 1, 0]], {"feature": list("abc")}, ("row", "feature"))
    ax = plots.posterior_predictive(x, x.fillna(1).expand_dims(chain=1, draw=3))
    assert not ax.child_axes
    np.testing.assert_allclose(ax.lines[0].get_ydata(), [1 / 4, 1 / 3, 1])
    np.testing.assert_allclose(ax.collections[1].get_offsets()[:, 1], [1 / 4, 1 / 3, 1])
    assert [label.get_text() for label in ax.get_xticklabels()] == ["a", "c", "b"]


def test_many_features_are_said_to_be_left_out() -> None:
    x = xr.DataArray(np.random.default_rng(0).normal(size=(30, 12)), dims=("row", "feature"))
    ax = plots.posterior_predictive(x, x.expand_dims(chain=1, draw=2))
    assert len(ax.child_axes) == 9
    assert ax.get_xlabel() == "3 more features are not shown"
