"""What the figures hold: artists, positions, labels and limits; settings of matplotlib stay untouched."""

from collections.abc import Iterator

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from matplotlib.collections import EllipseCollection
from matplotlib.colors import to_rgba

from latentprob import plots
from latentprob.plots.canvas import BRIGHT, FAINT, colours
from latentprob.spec.model import Model

ROWS, CHAINS, DRAWS = 40, 2, 30
GENERATOR = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def close() -> Iterator[None]:
    yield
    plt.close("all")


def stats(restarts: int = 3) -> xr.Dataset:
    line = -50 - 1000 * np.exp(-np.arange(100) / 3)
    bound = line - 5 * np.arange(restarts)[:, None]
    return xr.Dataset(
        {"bound": (("restart", "step"), bound), "kept": ("restart", np.arange(restarts) != 2)},
        {"step": np.arange(0, 1000, 10)},
    )


def mixture() -> dict[str, xr.DataArray]:
    matrix = np.array([[4.0, 0.0, 0.0], [0.0, 9.0, 0.0], [0.0, 0.0, 1.0]])
    loc = np.broadcast_to([[0.0, 0.0, 0.0], [10.0, 20.0, 0.0]], (CHAINS, DRAWS, 2, 3))
    spread = np.broadcast_to(matrix, (CHAINS, DRAWS, 2, 3, 3))
    draws = ("chain", "draw", "c_level", "feature")
    return {
        "x": xr.DataArray(GENERATOR.normal(size=(ROWS, 3)), {"feature": ["a", "b", "d"]}, ("row", "feature")),
        "probs": xr.DataArray(np.tile([0.25, 0.75], (ROWS, 1)), {"c_level": ["low", "high"]}, ("row", "c_level")),
        "loc": xr.DataArray(loc, dims=draws),
        "spread": xr.DataArray(spread, dims=(*draws, "feature_bis")),
    }


def weights() -> xr.DataArray:
    values = np.linspace(-1, 1, 2 * 4).reshape(2, 4) + GENERATOR.normal(size=(CHAINS, DRAWS, 2, 4))
    coords = {"z_dim": [0, 1], "feature": ["p", "q", "r", "s"]}
    return xr.DataArray(values, coords, ("chain", "draw", "z_dim", "feature"))


def beliefs() -> dict[str, xr.DataArray]:
    loc = xr.DataArray(GENERATOR.normal(size=(ROWS, 3)), dims=("row", "z_dim"))
    return {"loc": loc, "scale": xr.full_like(loc, 0.5)}


def images() -> np.ndarray:
    return GENERATOR.random((ROWS, 6))


def curves() -> xr.Dataset:
    fraction = np.arange(1, 50) / 50
    band = 0.15 * np.sqrt(fraction * (1 - fraction)) * 2
    lines = np.array([0.0 * fraction, 0.3 * np.sin(2 * np.pi * fraction), 0.05 * np.sin(np.pi * fraction)])
    found = {"difference": (("quantity", "fraction"), lines), "lower": ("fraction", -band), "upper": ("fraction", band)}
    return xr.Dataset(found, {"quantity": ["even", "narrow", "a name that is longer than its panel is wide"]})


def criteria() -> pd.DataFrame:
    columns = {"elpd": [-90.0, -50, -52], "difference_se": [9.0, 0, 3], "BIC": [200.0, 120, 140]}
    return pd.DataFrame(columns, index=pd.Index([1, 2, 3], name="c"))


MODEL = Model("c ~ Categorical(size=2)\nz = Linear(x, size=2)\nx ~ Normal(loc=Linear(z) + Table(c), scale=Shared())")


def responsible() -> xr.DataArray:
    probs = np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.0, 1.0], [0.7, 0.3]])
    return xr.DataArray(probs, {"c_level": ["low", "high"]}, ("row", "c_level"))


def ks() -> xr.DataArray:
    return xr.DataArray([0.1, 1.2, 0.3, 0.9, 0.5], {"person": list("abcde")}, ("person",))


def kl() -> xr.DataArray:
    return xr.DataArray([0.5, 0.001, 2.0], {"z_dim": [0, 1, 2]}, ("z_dim",))


def rows() -> xr.DataArray:
    values = GENERATOR.normal(size=(ROWS, 2)) * [1, 10]
    return xr.DataArray(values, {"feature": ["a", "b"]}, ("row", "feature"))


def replicated(x: xr.DataArray) -> xr.DataArray:
    return x.expand_dims(chain=2, draw=30) + GENERATOR.normal(size=(2, 30, *x.shape))


def ahead() -> dict[str, xr.DataArray]:
    seen = xr.DataArray([1.0, np.nan, 3.0, 2.0], dims="row", name="x")
    path = xr.DataArray([0, 0, 1, 1], dims="row", name="s")
    return {
        "seen": seen,
        "draws": xr.DataArray(np.arange(101.0)[:, None] + [0, 10], dims=("draw", "step")),
        "path": path,
    }


PLOTS = {
    "forecast": lambda **kw: plots.forecast(**ahead(), **kw),
    "graph": lambda **kw: plots.graph(MODEL, ["x"], **kw),
    "latent_kl": lambda **kw: plots.latent_kl(kl(), **kw),
    "posterior_predictive": lambda **kw: plots.posterior_predictive(rows(), replicated(rows()), **kw),
    "responsibilities": lambda **kw: plots.responsibilities(responsible(), **kw),
    "row_pareto_k": lambda **kw: plots.row_pareto_k(ks(), 0.7, **kw),
    "bound": lambda **kw: plots.bound(stats(), **kw),
    "calibration": lambda **kw: plots.calibration(curves(), **kw),
    "components": lambda **kw: plots.components(**mixture(), **kw),
    "loadings": lambda **kw: plots.loadings(weights(), **kw),
    "latent_space": lambda **kw: plots.latent_space(**beliefs(), labels=["u", "v"] * 20, **kw),
    "reconstructions": lambda **kw: plots.reconstructions(images(), images(), shape=(2, 3), **kw),
    "selection": lambda **kw: plots.selection(criteria(), 2, **kw),
}


def test_every_plot_is_tested() -> None:
    assert {*PLOTS, "comparison", "instability"} == set(plots.__all__)  # these two are tested beside the comparison


@pytest.mark.parametrize("name", PLOTS)
def test_draws_on_the_axes_given_and_leaves_settings_alone(name: str) -> None:
    before = dict(mpl.rcParams)
    _, ax = plt.subplots()
    assert PLOTS[name](ax=ax, title="A title") is ax
    assert ax.get_title(loc="left") == "A title"
    ax.figure.canvas.draw()
    assert dict(mpl.rcParams) == before


@pytest.mark.parametrize("name", PLOTS)
def test_makes_a_figure_of_its_own(name: str) -> None:
    assert PLOTS[name]().figure is not PLOTS[name]().figure


def test_bound_greys_what_was_set_aside_and_shows_the_end() -> None:
    ax = plots.bound(stats())
    raw, *lines = [line for line in ax.lines if len(line.get_xdata())]
    np.testing.assert_array_equal(raw.get_ydata(), stats()["bound"][0])
    assert sorted(line.get_color() for line in lines) == sorted([BRIGHT[0], BRIGHT[0], FAINT])
    assert lines[0].get_xdata()[-1] == 990
    low, high = ax.get_ylim()
    assert -95 < low < -60  # the one set aside ends at -60; the climb from -1050 is left out
    assert -50 < high < -40
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["2 restarts kept", "1 set aside"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("step", "bound (nats)")


def test_bound_is_averaged_over_a_fiftieth_of_the_run_and_ends_where_it_ended() -> None:
    some = stats(1)
    some["bound"][0, 60:] = np.nan
    raw, line = plots.bound(some).lines
    values = raw.get_ydata()
    np.testing.assert_allclose(line.get_ydata()[1:60], (values[1:60] + values[:59]) / 2)
    assert np.isnan(line.get_ydata()[60:]).all()


def test_components_mix_colours_and_draw_ellipses_of_the_right_size() -> None:
    ax = plots.components(**mixture(), draws=7)
    points = ax.collections[0]
    assert points.get_offsets().shape == (ROWS, 2)
    mixed = 0.25 * colours(2)[0] + 0.75 * colours(2)[1]
    np.testing.assert_allclose(points.get_facecolors()[0, :3], mixed)
    rings = [c for c in ax.collections if isinstance(c, EllipseCollection)]
    assert [len(ring.get_offsets()) for ring in rings] == [7, 7, 2, 2]
    np.testing.assert_allclose(rings[-1].get_offsets(), [[0, 0], [10, 20]])
    radius = np.sqrt(-2 * np.log(1 - 0.9))  # chi-square with two degrees of freedom
    np.testing.assert_allclose(rings[-1].get_widths(), [2 * 3 * radius] * 2)
    np.testing.assert_allclose(rings[-1].get_heights(), [2 * 2 * radius] * 2)
    np.testing.assert_allclose(np.abs(rings[-1].get_angles()), [90, 90])  # the long axis is the second feature
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("a", "b")
    assert [text.get_text() for text in ax.texts] == ["low · 25%", "high · 75%"]


def test_components_of_other_features_and_of_scales() -> None:
    given = mixture()
    scales = np.sqrt(np.einsum("...ii->...i", given["spread"].values))
    given["spread"] = xr.DataArray(scales, dims=given["loc"].dims)
    ax = plots.components(**given, features=["d", "b"])
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("d", "b")
    rings = [c for c in ax.collections if isinstance(c, EllipseCollection)]
    np.testing.assert_allclose(rings[-1].get_offsets(), [[0, 0], [0, 20]])
    assert rings[-1].get_widths()[0] == pytest.approx(3 * rings[-1].get_heights()[0])


def test_components_stay_in_the_picture() -> None:
    ax = plots.components(**mixture())
    (left, right), (low, high) = ax.get_xlim(), ax.get_ylim()
    assert left < -4.2
    assert right > 14.2
    assert low < -6.4
    assert high > 26.4


def test_loadings_are_means_and_quantiles() -> None:
    given = weights()
    ax = plots.loadings(given)
    thin, thick, dots = ax.collections[:3]
    np.testing.assert_allclose(dots.get_offsets()[:, 0], given.values[:, :, 0].mean(axis=(0, 1)))
    ends = np.array([segment[:, 0] for segment in thin.get_segments()])
    np.testing.assert_allclose(ends.T, np.quantile(given.values[:, :, 0], [0.05, 0.95], axis=(0, 1)))
    ends = np.array([segment[:, 0] for segment in thick.get_segments()])
    np.testing.assert_allclose(ends.T, np.quantile(given.values[:, :, 0], [0.25, 0.75], axis=(0, 1)))
    assert [label.get_text() for label in ax.get_yticklabels()] == ["p", "q", "r", "s"]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["z_dim 0", "z_dim 1"]
    assert ax.yaxis_inverted()


def test_loadings_of_one_factor_need_no_legend() -> None:
    ax = plots.loadings(weights().isel(z_dim=0, drop=True))
    assert ax.get_legend() is None
    assert len(ax.collections) == 3


def test_latent_space_has_rings_of_one_sd_and_names() -> None:
    given = beliefs()
    ax = plots.latent_space(**given, labels=["u", "v"] * 20, dims=(2, 0), rings=10)
    rings, dots = ax.collections
    assert len(rings.get_offsets()) == 10
    np.testing.assert_allclose(rings.get_widths(), 1.0)  # twice the sd
    np.testing.assert_allclose(dots.get_offsets(), given["loc"].values[:, [2, 0]])
    assert dots.get_facecolors()[0].tolist() == pytest.approx(to_rgba(BRIGHT[0], 0.8))
    assert [text.get_text() for text in ax.texts] == ["u", "v"]
    assert tuple(ax.texts[1].xy) == pytest.approx(np.median(given["loc"].values[1::2][:, [2, 0]], axis=0))
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("z, dim 2", "z, dim 0")


def test_latent_space_without_labels_has_no_names() -> None:
    assert not plots.latent_space(**beliefs()).texts


def test_reconstructions_put_images_below_their_originals() -> None:
    data, model = images(), images()
    ax = plots.reconstructions(data, model, shape=(2, 3), columns=4, rows=1)
    picture = ax.images[0].get_array().filled(np.nan)
    assert picture.shape == (2 * 3 + 1, 4 * 4 + 1)
    np.testing.assert_array_equal(picture[1:3, 1:4], data[0].reshape(2, 3))
    np.testing.assert_array_equal(picture[4:6, 1:4], model[0].reshape(2, 3))
    np.testing.assert_array_equal(picture[4:6, 13:16], model[-1].reshape(2, 3))
    assert np.isnan(picture[0]).all()
    assert np.isnan(picture[3]).all()
    assert [label.get_text() for label in ax.get_yticklabels()] == ["data", "model"]
    top, bottom = ax.get_yticks()
    assert (top, bottom) == (1.5, 4.5)


@pytest.mark.parametrize("count", [1, 6, 7, 10, 25])
def test_colours_are_distinct(count: int) -> None:
    palette = colours(count)
    assert palette.shape == (count, 3)
    assert len(np.unique(palette.round(4), axis=0)) == count


def test_calibration_puts_what_leaves_the_bands_first_and_in_red() -> None:
    panels = plots.calibration(curves()).child_axes
    names = [panel.get_title(loc="left") for panel in panels]
    assert names[:2] == ["narrow", "even"]
    assert names[2].startswith("a name that is longer")
    assert names[2].endswith("…")
    shown = [panel.lines[1] for panel in panels]
    assert [line.get_color() for line in shown] == [BRIGHT[1], BRIGHT[0], BRIGHT[0]]
    np.testing.assert_allclose(shown[0].get_ydata()[1:-1], curves()["difference"].sel(quantity="narrow"))
    assert panels[0].get_ylim() == panels[2].get_ylim()
    assert panels[0].get_ylim()[1] > 0.3


def test_selection_shows_nats_below_the_best_size() -> None:
    ax = plots.selection(criteria(), 2, name="c")
    lines = {line.get_label(): line.get_ydata() for line in ax.lines}
    np.testing.assert_allclose(lines["LOO"], [-40, 0, -2])
    np.testing.assert_allclose(lines["BIC"], [-40, 0, -10])
    assert ax.get_xlabel() == "c, recommended: 2"


def test_bands_of_a_forecast_hold_their_share_of_the_draws() -> None:
    ax = plots.forecast(**ahead())
    wide, narrow = (band.get_paths()[0].vertices for band in ax.collections if band.get_label().endswith("follows"))
    assert (wide[:, 1].min(), wide[:, 1].max()) == pytest.approx((5, 105))
    assert (narrow[:, 1].min(), narrow[:, 1].max()) == pytest.approx((25, 85))
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels == ["s 0", "s 1", "90% of what follows", "50% of what follows"]


def test_a_forecast_goes_on_with_the_years() -> None:
    given = ahead()
    ax = plots.forecast(given["seen"].assign_coords(row=[1990, 1992, 1994, 1996]), given["draws"])
    line, median = ax.lines[:2]
    assert line.get_xdata().tolist() == [1990, 1992, 1994, 1996]
    assert median.get_xdata().tolist() == [1998, 2000]
