"""The groups of the result: names, labels, and what is computed when."""

import arviz_stats
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from cases import FACTORS, MIXTURE, at_draws, factor_values, mixture_values, table, with_gaps

from latentprob.fitting import Fit, condition
from latentprob.posterior import tree as trees
from latentprob.posterior.lazy import blank, deferred
from latentprob.spec.model import Model

GROUPS = {
    "posterior",
    "sample_stats",
    "latent",
    "log_likelihood",
    "posterior_predictive",
    "prior",
    "observed_data",
    "constant_data",
}


@pytest.fixture
def fit() -> Fit:
    return at_draws(FACTORS, [factor_values(seed) for seed in range(20)], table(), chains=2)


def test_groups_are_arvizs(fit: Fit) -> None:
    assert set(fit.tree.children) == GROUPS


def test_dims_bear_the_names_and_labels_of_the_data(fit: Fit) -> None:
    weights = fit.tree["posterior"]["x_loc_weights"]
    assert weights.dims == ("chain", "draw", "z_dim", "feature")
    assert list(weights["feature"].values) == ["a", "b", "d"]
    np.testing.assert_allclose(weights[1, 3], factor_values(13)["x_loc_weights"])
    assert fit.tree["latent"]["z_belief_loc"].dims == ("person", "z_dim")
    assert fit.tree["log_likelihood"]["x"].dims == ("chain", "draw", "person")
    assert fit.tree["posterior_predictive"]["x"].dims == ("chain", "draw", "person", "feature")
    assert list(fit.tree["observed_data"]["person"].values[:2]) == ["p0", "p1"]


def test_the_posterior_holds_the_models_parameters_and_not_what_they_are_made_of() -> None:
    found = condition(MIXTURE, mixture_values(), table())
    assert list(found.posterior) == ["c_probs", "x_loc", "x_covariance"]
    assert found.posterior["x_covariance"].dims == ("chain", "draw", "c_level", "feature", "feature_bis")
    assert "x_covariance_diagonal" in found.result.draws.parameters


def test_labels_of_an_xarray_dataset_are_kept() -> None:
    x = table()
    array = xr.DataArray(x.values, dims=("site", "species"), coords={"site": list(x.index), "species": list(x.columns)})
    found = condition(MIXTURE, mixture_values(), xr.Dataset({"x": array}))
    assert list(found.tree["posterior"]["x_loc"][found.tree["posterior"]["x_loc"].dims[-1]].values) == ["a", "b", "d"]
    assert list(found.latent("c")[found.latent("c")["probs"].dims[0]].values) == list(x.index)


def test_costly_groups_are_computed_at_first_access_and_once(fit: Fit, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    real = trees.latent
    monkeypatch.setattr(trees, "latent", lambda result, name, values: calls.append(name) or real(result, name, values))
    tree = fit.tree
    assert "z_belief_loc" in tree["latent"].data_vars
    assert tree["latent"]["z_belief_loc"].shape == (40, 2)
    assert "latent" in repr(tree)
    assert calls == []
    np.testing.assert_allclose(tree["latent"]["z_belief_loc"], fit.latent("z")["loc"])
    np.testing.assert_allclose(tree["latent"]["z_belief_scale"][3:5, 1], fit.latent("z")["scale"][3:5, 1])
    assert calls == ["z"]


def test_templates_agree_with_what_is_computed(fit: Fit) -> None:
    for name, make in {"log_likelihood": fit.log_likelihood().to_dataset(), "latent": None}.items():
        if make is not None:
            np.testing.assert_allclose(fit.tree[name]["x"].values, make["x"].values)
    predicted = fit.tree["posterior_predictive"]["x"]
    assert predicted.values.shape == predicted.shape == (2, 10, 40, 3)
    assert np.isfinite(fit.tree["prior"]["x_scale"].values).all()


def test_replicated_rows_follow_the_draws() -> None:
    values = {**factor_values(), "x_loc_weights": np.zeros((2, 3)), "x_scale": np.full(3, 0.01)}
    found = condition(FACTORS, values, table()).tree["posterior_predictive"]["x"]
    np.testing.assert_allclose(found[0, 0], np.tile(values["x_loc_intercept"], (40, 1)), atol=0.06)


def test_large_groups_are_left_to_their_methods(fit: Fit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trees, "GROUP_VALUES", 100)
    assert set(fit.tree.children) & {"log_likelihood", "posterior_predictive"} == set()
    assert fit.log_likelihood().shape == (2, 10, 40)


def test_arviz_takes_the_tree(fit: Fit) -> None:
    assert float(arviz_stats.ess(fit.tree)["x_scale"][0]) > 0
    assert float(arviz_stats.rhat(fit.tree)["x_loc_weights"][0, 0]) > 0


def test_gaps_are_gaps_in_the_observed_data() -> None:
    x = with_gaps(table())
    found = condition(FACTORS, factor_values(), x).tree["observed_data"]["x"]
    np.testing.assert_array_equal(found, x)


def test_inputs_are_constant_data() -> None:
    model = Model("y ~ Normal(loc=Linear(u) + Table(g), scale=Shared())")
    data = {"u": np.arange(6.0), "g": list("ababab"), "y": np.arange(6.0) ** 2}
    fit = condition(model, {"y_loc_weights": [[1.0]], "y_loc": [[0.0], [1.0]], "y_scale": 1.0}, data)
    assert list(fit.tree["constant_data"]["g"].values) == list("ababab")
    np.testing.assert_array_equal(fit.tree["constant_data"]["u"], np.arange(6.0))
    assert list(fit.tree["observed_data"]) == ["y"]


def test_summary_names_every_number(fit: Fit) -> None:
    found = fit.summary()
    assert "x_loc_weights[0, b]" in found.index
    expected = np.mean([factor_values(seed)["x_loc_weights"][0, 1] for seed in range(20)])
    assert found.loc["x_loc_weights[0, b]", "mean"] == pytest.approx(expected)
    low, high = np.quantile([factor_values(seed)["x_scale"][2] for seed in range(20)], [0.055, 0.945])
    row = found.loc["x_scale[d]"]
    assert row.filter(like="lb").item() == pytest.approx(low)
    assert row.filter(like="ub").item() == pytest.approx(high)


def test_summary_of_a_point_is_its_estimate() -> None:
    values = mixture_values()
    found = condition(MIXTURE, values, table()).summary()
    assert found.loc["x_loc[1, d]", "mean"] == values["x_loc"][1, 2]
    assert list(found.columns) == ["mean"]


def test_priors_show_the_numbers_that_they_stand_on() -> None:
    x = table()
    found = condition(FACTORS, factor_values(), x).priors
    assert found.loc["x_loc_intercept", "prior"] == "Normal(x_center, 2.5 * x_spread)"
    assert f"{x['a'].mean():.4g}" in found.loc["x_loc_intercept", "numbers"]
    assert isinstance(found, pd.DataFrame)


def test_a_point_estimate_has_no_prior_in_the_list() -> None:
    model = FACTORS.point()
    found = condition(model, factor_values(), table()).priors
    assert set(found["prior"]) == {"none: a point estimate"}


def test_a_deferred_dataset_is_indexed_like_an_array() -> None:
    whole = np.arange(24.0).reshape(4, 6)
    coords = {"row": np.arange(4), "col": list("uvwxyz")}
    lazy = deferred(
        xr.Dataset({"m": blank(("row", "col"), coords)}), lambda: xr.Dataset({"m": (("row", "col"), whole)}, coords)
    )
    np.testing.assert_array_equal(lazy["m"][1:3, ::2], whole[1:3, ::2])
    np.testing.assert_array_equal(lazy["m"].sel(col=["z", "u"]), whole[:, [5, 0]])
    np.testing.assert_array_equal(lazy["m"].isel(row=[3, 0], col=-1), whole[[3, 0], -1])
