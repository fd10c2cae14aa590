"""Reconstructed, filled and simulated rows against closed forms."""

import numpy as np
import pandas as pd
import pytest
from cases import (
    BOTH,
    FACTORS,
    MIXTURE,
    at_draws,
    both_weights,
    factor_belief,
    factor_values,
    level,
    mixture_values,
    mixture_weights,
    table,
    with_gaps,
)

from latentprob.errors import DataError, NotAvailable
from latentprob.fitting import condition, simulate
from latentprob.spec.model import Model


def test_a_mixture_reconstructs_the_mean_of_the_most_probable_component() -> None:
    x, values = table(), mixture_values()
    fit = condition(MIXTURE, values, x)
    found = fit.reconstruct()["x"]
    best = [mixture_weights(row, values).argmax() for row in x.values]
    np.testing.assert_allclose(found, values["x_loc"][best], atol=1e-9)
    assert found.dims == ("person", "feature")
    assert list(found["feature"].values) == list(x.columns)


def test_factors_reconstruct_at_the_mean_of_the_belief() -> None:
    x, draws = table(), [factor_values(3), factor_values(4)]
    found = at_draws(FACTORS, draws, x).reconstruct()["x"]
    signals = [
        [values["x_loc_intercept"] + factor_belief(row, values)[0] @ values["x_loc_weights"] for row in x.values]
        for values in draws
    ]
    np.testing.assert_allclose(found, np.mean(signals, axis=0), atol=1e-9)


def conditional(row: np.ndarray, loc: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    """E[x | seen cells] of a normal."""
    seen = ~np.isnan(row)
    gain = covariance[:, seen] @ np.linalg.inv(covariance[np.ix_(seen, seen)])
    return np.where(seen, row, loc + gain @ (row - loc)[seen])


def test_a_mixture_fills_gaps_by_regression_within_components() -> None:
    x, values = with_gaps(table()), mixture_values()
    found = condition(MIXTURE, values, x).impute()["x"]
    for n, row in enumerate(x.values):
        weights = mixture_weights(row, values)
        parts = [conditional(row, values["x_loc"][c], values["x_covariance"][c]) for c in range(2)]
        np.testing.assert_allclose(found[n], weights @ np.array(parts), atol=1e-9)


@pytest.mark.parametrize("under_levels", [False, True])
def test_factors_fill_gaps_by_the_joint_normal(under_levels: bool) -> None:
    x, values = with_gaps(table()), factor_values(levels=(2,) if under_levels else ())
    found = condition(BOTH if under_levels else FACTORS, values, x).impute()["x"]
    for n, row in enumerate(x.values):
        weights = both_weights(row, values) if under_levels else [1.0]
        parts = [level(values, c) if under_levels else values for c in range(len(weights))]
        filled = [
            conditional(
                row, p["x_loc_intercept"], p["x_loc_weights"].T @ p["x_loc_weights"] + np.diag(p["x_scale"] ** 2)
            )
            for p in parts
        ]
        np.testing.assert_allclose(found[n], np.array(weights) @ np.array(filled), atol=1e-9)


MATRICES = {
    "precision": ("precision=Table(c)", lambda s: {"x_precision": np.linalg.inv(s)}),
    "one for all": ("covariance=Shared()", lambda s: {"x_covariance": s[0]}),
}


@pytest.mark.parametrize(("text", "values_of"), MATRICES.values(), ids=MATRICES)
def test_gaps_are_filled_however_the_covariance_is_written(text: str, values_of: object) -> None:
    base, x = mixture_values(), with_gaps(table())
    matrices = values_of(base["x_covariance"])  # type: ignore[operator]
    model = Model(f"c ~ Categorical(size=2)\nx ~ MultivariateNormal(loc=Table(c), {text})")
    fit = condition(model, {"c_probs": base["c_probs"], "x_loc": base["x_loc"], **matrices}, x)
    same = base["x_covariance"] if "precision" in text else np.repeat(base["x_covariance"][:1], 2, axis=0)
    expected = condition(MIXTURE, {**base, "x_covariance": same}, x).impute()["x"]
    np.testing.assert_allclose(fit.impute()["x"], expected, atol=1e-8)


def test_hidden_categories_get_their_most_probable_label() -> None:
    model = Model("c ~ Categorical(size=2)\nx ~ Categorical(probs=Table(c))")
    x = pd.DataFrame(
        {"q1": ["no", "no", "yes", "yes"], "q2": ["no", "yes", None, "yes"], "q3": ["no", "no", "yes", None]}
    )
    probs = np.array([[0.9, 0.1], [0.2, 0.8]])[:, None, :].repeat(3, axis=1)
    found = condition(model, {"c_probs": [0.5, 0.5], "x_probs": probs}, {"x": x}).impute()["x"]
    assert found.values[2, 1] == "yes"
    assert found.values[0].tolist() == ["no", "no", "no"]


def test_simulated_rows_have_the_moments_of_the_model() -> None:
    values = mixture_values()
    found = condition(MIXTURE, values, table()).simulate(40_000, seed=1)
    assert set(found) == {"c", "x"}
    np.testing.assert_allclose(found["c"].mean(), values["c_probs"][1], atol=0.01)
    for c in range(2):
        x = found["x"].values[found["c"].values == c]
        np.testing.assert_allclose(x.mean(0), values["x_loc"][c], atol=0.1)
        np.testing.assert_allclose(np.cov(x.T), values["x_covariance"][c], atol=0.35)


def test_each_simulated_row_has_its_own_draw_of_the_parameters() -> None:
    far = [
        {**factor_values(), "x_loc_intercept": np.full(3, place), "x_scale": np.full(3, 0.1)}
        for place in (-100.0, 100.0)
    ]
    x = at_draws(FACTORS, far, table()).simulate(200, seed=0)["x"].values
    assert 60 < (x[:, 0] > 0).sum() < 140
    assert (np.sign(x) == np.sign(x[:, :1])).all()


def test_inputs_of_simulated_rows_are_fitted_ones() -> None:
    model = Model("y ~ Normal(loc=Linear(u), scale=Shared())")
    rng = np.random.default_rng(0)
    u = rng.normal(size=(30, 2))
    weights = np.array([[2.0], [-1.0]])
    fit = condition(
        model, {"y_loc_weights": weights, "y_loc_intercept": [0.5], "y_scale": 1e-6}, {"u": u, "y": rng.normal(size=30)}
    )
    found = fit.simulate(150, seed=2)
    np.testing.assert_allclose(found["y"], 0.5 + (found["u"].values @ weights)[:, 0], atol=1e-4)
    assert {tuple(row) for row in found["u"].values} <= {tuple(row) for row in u}


def test_simulation_is_that_of_its_seed() -> None:
    fit = condition(MIXTURE, mixture_values(), table())
    np.testing.assert_array_equal(fit.simulate(5, seed=3)["x"], fit.simulate(5, seed=3)["x"])
    assert not np.array_equal(fit.simulate(5, seed=3)["x"], fit.simulate(5, seed=4)["x"])


def test_the_prior_predictive_comes_with_its_parameters() -> None:
    model = Model("c ~ Categorical(size=2)\nx ~ Normal(loc=Table(c, prior=Normal(0, 100)), scale=0.001)")
    found = simulate(model, 50, seed=1, features=["a", "b"])
    np.testing.assert_allclose(found["x"], found["x_loc"].values[found["c"].values], atol=0.01)
    assert list(found["feature"].values) == ["a", "b"]
    assert found["c_probs"].sum() == pytest.approx(1)


def test_draws_from_the_prior_follow_it() -> None:
    model = Model("x ~ Normal(loc=Shared(prior=Normal(3, 2)), scale=0.001, size=1)")
    found = [simulate(model, 1, seed=seed)["x"].item() for seed in range(300)]
    assert np.mean(found) == pytest.approx(3, abs=0.4)
    assert np.std(found) == pytest.approx(2, abs=0.3)


def test_an_unknown_number_of_features_is_asked_for() -> None:
    with pytest.raises(DataError, match=r"how many features x has is not known.*size=2.*features=\{'x': 2\} or data="):
        simulate(MIXTURE, 5)


def test_inputs_of_the_prior_predictive_are_asked_for() -> None:
    with pytest.raises(DataError, match=r"reads the input 'u', which no prior draws.*data="):
        simulate(Model("y ~ Normal(loc=Linear(u), scale=Shared())"), 5)


def test_networks_and_point_estimates_have_no_prior_predictive() -> None:
    with pytest.raises(NotAvailable, match=r"network in x have no prior.*fit.simulate"):
        simulate(Model("z ~ Normal(0, 1, size=2)\nx ~ Bernoulli(logits=MLP(z), size=3)"), 5)
    with pytest.raises(NotAvailable, match=r"is a point estimate and has none.*model.point\(\)"):
        simulate(MIXTURE.point(), 5, features=2)


def test_no_rows_are_refused() -> None:
    with pytest.raises(NotAvailable, match=r"rows=0.*one row at least"):
        condition(MIXTURE, mixture_values(), table()).simulate(0)
