"""Beliefs of latents against Bayes' rule in numpy, scikit-learn and scipy."""

import numpy as np
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
from sklearn.mixture import GaussianMixture

from latentprob.errors import NotAvailable
from latentprob.fitting import condition
from latentprob.spec.model import Model


def test_beliefs_of_a_mixture_are_scikit_learns_responsibilities() -> None:
    x = table()
    peer = GaussianMixture(2, random_state=0).fit(x.values)
    values = {"c_probs": peer.weights_, "x_loc": peer.means_, "x_covariance": peer.covariances_}
    fit = condition(MIXTURE, values, x)
    belief = fit.latent("c")["probs"]
    np.testing.assert_allclose(belief, peer.predict_proba(x.values), atol=1e-9)
    assert belief.dims == ("person", "c_level")
    assert list(belief["person"].values) == list(x.index)
    np.testing.assert_array_equal(fit.embedding("c"), peer.predict(x.values))


@pytest.mark.parametrize("gaps", [False, True])
def test_beliefs_of_factors_are_the_closed_form(gaps: bool) -> None:
    x, values = with_gaps(table()) if gaps else table(), factor_values()
    belief = condition(FACTORS, values, x).latent("z")
    for n, row in enumerate(x.values):
        loc, covariance = factor_belief(row, values)
        np.testing.assert_allclose(belief["loc"][n], loc, atol=1e-9)
        np.testing.assert_allclose(belief["covariance"][n], covariance, atol=1e-9)
    np.testing.assert_allclose(belief["scale"] ** 2, np.diagonal(belief["covariance"], axis1=1, axis2=2), atol=1e-12)
    assert belief["covariance"].dims == ("person", "z_dim", "z_dim_bis")


@pytest.mark.parametrize("gaps", [False, True])
def test_beliefs_of_factors_under_levels_are_mixed_by_the_law_of_total_variance(gaps: bool) -> None:
    x, values = with_gaps(table()) if gaps else table(), factor_values(levels=(2,))
    fit = condition(BOTH, values, x)
    belief, probs = fit.latent("z"), fit.latent("c")["probs"]
    for n, row in enumerate(x.values):
        weights = both_weights(row, values)
        parts = [factor_belief(row, level(values, c)) for c in range(2)]
        loc = sum(w * m for w, (m, _) in zip(weights, parts, strict=True))
        second = sum(w * (s + np.outer(m, m)) for w, (m, s) in zip(weights, parts, strict=True))
        np.testing.assert_allclose(probs[n], weights, atol=1e-9)
        np.testing.assert_allclose(belief["loc"][n], loc, atol=1e-9)
        np.testing.assert_allclose(belief["covariance"][n], second - np.outer(loc, loc), atol=1e-9)


def test_beliefs_are_averaged_over_the_posterior() -> None:
    x, draws = table(rows=6), [factor_values(seed) for seed in (3, 4, 5)]
    belief = at_draws(FACTORS, draws, x).latent("z")
    for n, row in enumerate(x.values):
        parts = [factor_belief(row, values) for values in draws]
        locs = np.array([m for m, _ in parts])
        np.testing.assert_allclose(belief["loc"][n], locs.mean(0), atol=1e-9)
        between = np.cov(locs.T, bias=True)
        np.testing.assert_allclose(belief["covariance"][n], np.mean([s for _, s in parts], 0) + between, atol=1e-9)


def test_gaps_in_a_mixture_leave_the_seen_cells() -> None:
    x, values = with_gaps(table()), mixture_values()
    probs = condition(MIXTURE, values, x).latent("c")["probs"]
    np.testing.assert_allclose(probs, [mixture_weights(row, values) for row in x.values], atol=1e-9)


def test_new_rows_are_answered_as_fitted_ones() -> None:
    x, values = table(), mixture_values()
    fit = condition(MIXTURE, values, x)
    np.testing.assert_allclose(fit.latent("c", x.iloc[3:9])["probs"], fit.latent("c")["probs"][3:9], atol=1e-12)


def test_new_rows_may_have_gaps_that_the_fitted_ones_had_not() -> None:
    x, values = table(), mixture_values()
    gaps = with_gaps(x)
    found = condition(MIXTURE, values, x).latent("c", gaps)["probs"]
    np.testing.assert_allclose(found, [mixture_weights(row, values) for row in gaps.values], atol=1e-9)


def test_samples_have_the_moments_of_the_belief() -> None:
    x, values = table(rows=3), factor_values()
    fit = condition(FACTORS, values, x)
    draws = fit.sample_latent("z", 20_000, seed=1)
    belief = fit.latent("z")
    assert draws.dims == ("draw", "person", "z_dim")
    np.testing.assert_allclose(draws.mean("draw"), belief["loc"], atol=0.03)
    for n in range(3):
        np.testing.assert_allclose(np.cov(draws[:, n].values.T), belief["covariance"][n], atol=0.03)


def test_one_seed_draws_the_latents_of_a_row_together() -> None:
    x, values = table(rows=4), factor_values(levels=(2,))
    fit = condition(BOTH, values, x)
    c, z = fit.sample_latent("c", 20_000, seed=3), fit.sample_latent("z", 20_000, seed=3)
    row = int(np.argmin(np.abs(fit.latent("c")["probs"][:, 0].values - 0.5)))  # both levels are drawn often
    for k in range(2):
        loc, _ = factor_belief(x.values[row], level(values, k))
        np.testing.assert_allclose(z[:, row].values[c[:, row].values == k].mean(0), loc, atol=0.05)


def test_samples_are_those_of_their_seed() -> None:
    fit = condition(FACTORS, factor_values(), table(rows=5))
    np.testing.assert_array_equal(fit.sample_latent("z", 4, seed=7), fit.sample_latent("z", 4, seed=7))
    assert not np.array_equal(fit.sample_latent("z", 4, seed=7), fit.sample_latent("z", 4, seed=8))


def test_a_latent_without_size_shows_no_dim() -> None:
    model = Model("ability ~ Normal(0, 1)\nx ~ Normal(loc=Linear(ability), scale=PerFeature())")
    values = {"x_loc_weights": np.ones((1, 3)), "x_loc_intercept": np.zeros(3), "x_scale": np.ones(3)}
    fit = condition(model, values, table())
    assert fit.embedding("ability").dims == ("person",)
    assert set(fit.latent("ability")) == {"loc", "scale"}


def test_levels_keep_the_labels_of_the_data() -> None:
    x = table()
    labels = np.where(np.arange(40) < 10, "left", np.where(np.arange(40) < 20, "right", None))
    model = Model("c ~ Categorical(size=2)\nx ~ Normal(loc=Table(c), scale=Shared())")
    values = {"c_probs": [0.5, 0.5], "x_loc": [[-1, 0, 0], [1, 0, 0]], "x_scale": 1.0}
    fit = condition(model, values, {"c": labels, "x": x})
    assert list(fit.latent("c")["c_level"].values) == ["left", "right"]
    assert list(fit.embedding("c").values[:10]) == ["left"] * 10  # where it is seen, it is certain
    np.testing.assert_array_equal(fit.embedding("c")[20:], np.where(x["a"][20:] > 0, "right", "left"))


def test_a_name_that_is_no_latent_is_refused() -> None:
    fit = condition(MIXTURE, mixture_values(), table())
    with pytest.raises(NotAvailable, match=r"'x' is no latent variable of this fit; its latent variables are c"):
        fit.latent("x")
