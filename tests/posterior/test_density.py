"""Marginal densities against scipy, and what is made of them."""

from dataclasses import replace

import arviz_stats
import numpy as np
import pandas as pd
import pytest
import torch
from cases import (
    FACTORS,
    MIXTURE,
    at_draws,
    factor_belief,
    factor_density,
    factor_values,
    mixture_values,
    table,
    with_gaps,
)
from scipy.special import logsumexp
from sklearn.mixture import GaussianMixture

from latentprob.errors import NotAvailable
from latentprob.fitting import Fit, condition
from latentprob.posterior import density
from latentprob.posterior import result as results
from latentprob.posterior.result import Result, restored
from latentprob.program import compile
from latentprob.spec.model import Model

ONE = Model("z ~ Normal(0, 1)\nx ~ Normal(loc=Linear(z), scale=PerFeature())")
ONE_VALUES = {"x_loc_weights": [[1.0, -0.5, 2.0]], "x_loc_intercept": [0.1, 0.2, 0.3], "x_scale": [1.0, 0.5, 0.8]}


def one_density(x: np.ndarray) -> np.ndarray:
    values = {name: np.array(value) for name, value in ONE_VALUES.items()}
    return np.array([factor_density(row, values) for row in x])


@pytest.mark.parametrize("gaps", [False, True])
def test_log_likelihood_is_the_density_of_the_seen_cells(gaps: bool) -> None:
    x, draws = with_gaps(table()) if gaps else table(), [factor_values(seed) for seed in range(4)]
    found = at_draws(FACTORS, draws, x, chains=2).log_likelihood()
    expected = [[factor_density(row, values) for row in x.values] for values in draws]
    np.testing.assert_allclose(found, np.reshape(expected, (2, 2, 40)), atol=1e-8)
    assert found.dims == ("chain", "draw", "person")
    assert found.attrs["kind"] == "exact"


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    fit = at_draws(FACTORS, [factor_values(seed) for seed in range(4)], table())
    whole, belief = fit.log_likelihood(), fit.latent("z")
    monkeypatch.setattr(results, "BLOCK_VALUES", 50)
    np.testing.assert_allclose(fit.log_likelihood(), whole, atol=1e-12)
    np.testing.assert_allclose(fit.latent("z")["covariance"], belief["covariance"], atol=1e-12)


def test_draws_are_thinned_evenly_and_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    fit = at_draws(FACTORS, [factor_values(seed) for seed in range(12)], table(), chains=2)
    monkeypatch.setattr(results, "WORK_VALUES", 0)
    monkeypatch.setattr(results, "DRAWS_MIN", 6)
    found = fit.log_likelihood()
    assert found.sizes == {"chain": 2, "draw": 3, "person": 40}
    assert found.attrs["draws"] == 6
    np.testing.assert_array_equal(found["draw"], [0, 2, 5])


def test_score_is_the_mean_log_predictive_density() -> None:
    x, draws = table(), [factor_values(seed) for seed in range(5)]
    by_draw = np.array([[factor_density(row, values) for row in x.values] for values in draws])
    expected = (logsumexp(by_draw, axis=0) - np.log(5)).mean()
    assert at_draws(FACTORS, draws, x).score() == pytest.approx(expected, abs=1e-9)
    assert at_draws(FACTORS, draws, x).score(x.iloc[:7]) != pytest.approx(expected, abs=1e-3)


def encoder_fit(x: pd.DataFrame) -> Fit:
    """The one-factor model with z drawn, under an encoder that is its exact belief."""
    exact = condition(ONE, ONE_VALUES, x).result
    program = compile(ONE, ("x",), collapse=False)
    module = restored(program, exact.statistics, {}, {})
    weights, scale = np.array(ONE_VALUES["x_loc_weights"])[0], np.array(ONE_VALUES["x_scale"])
    variance = 1 / (1 + (weights**2 / scale**2).sum())
    gain = variance * weights / scale**2
    center, spread = exact.statistics["x_center"], exact.statistics["x_spread"]
    layer = module.z_encoder[-1]
    with torch.no_grad():
        layer.weight[0] = torch.as_tensor(gain * spread)
        layer.bias[0] = float(gain @ (center - np.array(ONE_VALUES["x_loc_intercept"])))
        layer.weight[1], layer.bias[1] = 0.0, 0.5 * np.log(variance)
    return Fit(Result(ONE, program, module, exact.values, exact.statistics, exact.draws), None, 0)


def test_an_exact_encoder_makes_the_importance_estimate_exact(monkeypatch) -> None:
    x = table()
    fit = encoder_fit(x)
    assert fit.program.plan == {"z": "draw"}
    found = fit.log_likelihood(particles=3000)
    np.testing.assert_allclose(found[0, 0], one_density(x.values), atol=0.1)
    assert np.abs(found[0, 0] - one_density(x.values)).mean() < 0.015
    assert (found.attrs["kind"], found.attrs["particles"]) == ("importance", 3000)
    monkeypatch.setattr(density, "WIDTHS", {1.0: 1.0})
    np.testing.assert_allclose(fit.log_likelihood(particles=3)[0, 0], one_density(x.values), atol=1e-4)  # float32


@pytest.mark.parametrize("shift", [0.0, -1.5])
def test_widened_beliefs_keep_the_estimate_right_where_the_encoder_is_too_narrow(shift) -> None:
    x = table()
    fit = encoder_fit(x)
    with torch.no_grad():
        fit.result.module.z_encoder[-1].bias[1] += shift
    error = np.abs(fit.log_likelihood(particles=3000)[0, 0].values - one_density(x.values))
    assert error.mean() < 0.03


def test_beliefs_of_an_encoder_are_turned_into_the_frame_of_the_draws() -> None:
    fit = encoder_fit(table())
    turned = Fit(replace(fit.result, frames={"z": -np.eye(1)}), None, 0)
    np.testing.assert_allclose(turned.latent("z")["loc"], -fit.latent("z")["loc"], atol=1e-6)
    np.testing.assert_allclose(turned.latent("z")["scale"], fit.latent("z")["scale"], atol=1e-6)


def test_a_poor_encoder_is_made_up_for_by_particles() -> None:
    x = table()
    fit = encoder_fit(x)
    with torch.no_grad():
        fit.result.module.z_encoder[-1].bias[1] += 0.7
    error = [np.abs(fit.log_likelihood(particles=p)[0, 0].values - one_density(x.values)).mean() for p in (1, 3000)]
    assert error[1] < 0.02 < error[0]


def sampled_fit(x: pd.DataFrame) -> Fit:
    """The one-factor model with draws of z from its exact belief, as NUTS would hand them over."""
    exact = condition(ONE, ONE_VALUES, x).result
    values = {name: np.array(value) for name, value in ONE_VALUES.items()}
    weights, scale = values["x_loc_weights"][0], values["x_scale"]
    variance = 1 / (1 + (weights**2 / scale**2).sum())
    loc = variance * (x.values - values["x_loc_intercept"]) @ (weights / scale**2)
    z = loc[None, None, :, None] + np.sqrt(variance) * np.random.default_rng(0).normal(size=(1, 4000, len(x), 1))
    parameters = {name: np.repeat(array, 4000, axis=1) for name, array in exact.draws.parameters.items()}
    draws = replace(exact.draws, parameters=parameters, latents={"z": z}, attrs={"method": "nuts"})
    program = compile(ONE, ("x",), collapse=False)
    module = restored(program, exact.statistics, {}, {})
    return Fit(Result(ONE, program, module, exact.values, exact.statistics, draws), None, 0)


def test_sampled_latents_give_beliefs_and_a_marginal_likelihood() -> None:
    x = table(rows=12)
    fit, exact = sampled_fit(x), condition(ONE, ONE_VALUES, x)
    np.testing.assert_allclose(fit.latent("z")["loc"], exact.latent("z")["loc"], atol=0.05)
    np.testing.assert_allclose(fit.latent("z")["scale"], exact.latent("z")["scale"], rtol=0.05)
    thin = fit.log_likelihood(particles=200)[0, :5]
    np.testing.assert_allclose(thin.mean("draw"), one_density(x.values), atol=0.05)


def test_sampled_latents_are_not_there_for_new_rows() -> None:
    x = table(rows=12)
    with pytest.raises(NotAvailable, match=r"z of new rows: NUTS drew them for the fitted rows only.*lp.SVI"):
        sampled_fit(x).latent("z", x.iloc[:2])


def test_information_is_that_of_scikit_learn() -> None:
    x = table()
    peer = GaussianMixture(2, random_state=0).fit(x.values)
    values = {"c_probs": peer.weights_, "x_loc": peer.means_, "x_covariance": peer.covariances_}
    found = condition(MIXTURE, values, x).information()
    assert found["log_likelihood"] == pytest.approx(peer.score(x.values) * 40, abs=1e-8)
    assert found["df"] == peer._n_parameters()
    assert found["AIC"] == pytest.approx(peer.aic(x.values))
    assert found["BIC"] == pytest.approx(peer.bic(x.values))
    certainty = np.log(peer.predict_proba(x.values).max(axis=1)).sum()
    assert found["ICL"] == pytest.approx(peer.bic(x.values) - 2 * certainty)


DEGREES = {
    "factors, less the rotation": (FACTORS, 6 + 3 + 3 - 1),
    "sparse factors cannot be rotated": (
        Model("z ~ Normal(0, 1, size=2)\nx ~ Normal(loc=Linear(z, weights=Laplace(0, 1)), scale=PerFeature())"),
        6 + 3 + 3,
    ),
    "a rotation in each level": (
        Model("c ~ Categorical(size=2)\nz ~ Normal(0, 1, size=2)\nx ~ Normal(loc=Linear(z, by=c), scale=PerFeature())"),
        1 + 2 * (6 + 3 - 1) + 3,
    ),
    "one variance for all": (Model("c ~ Categorical(size=3)\nx ~ Normal(loc=Table(c), scale=Shared())"), 2 + 9 + 1),
    "known probabilities": (
        Model("c ~ Categorical(size=3, probs=[0.2, 0.3, 0.5])\nx ~ Normal(loc=Table(c), scale=Shared())"),
        9 + 1,
    ),
}


@pytest.mark.parametrize(("model", "expected"), DEGREES.values(), ids=DEGREES)
def test_degrees_of_freedom_count_what_can_move(model: Model, expected: int) -> None:
    from latentprob.spec.sites import sites

    schema = condition(MIXTURE, mixture_values(), table()).result.values.schema
    values = {}
    for name, site in sites(model, schema).items():
        if site.role == "global":
            values[name] = np.full(site.shape, 1 / site.shape[-1] if site.support == "simplex" else 1.0)
    assert condition(model, values, table()).information()["df"] == expected


def test_row_weights_count_as_copies_of_rows() -> None:
    x, values = table(), mixture_values()
    counts = np.arange(40) % 3
    weighted = condition(MIXTURE, values, x, weights=counts)
    copied = condition(MIXTURE, values, x.loc[x.index.repeat(counts)])
    pd.testing.assert_series_equal(weighted.information(), copied.information())
    assert weighted.score() == pytest.approx(copied.score())


def test_loo_is_on_the_marginal_likelihood() -> None:
    rng = np.random.default_rng(0)
    base = factor_values()
    draws = [{n: v + 0.02 * rng.random(v.shape) for n, v in base.items()} for _ in range(100)]
    x = table()
    fit = at_draws(FACTORS, draws, x, chains=2)
    fit = Fit(replace(fit.result, draws=replace(fit.result.draws, attrs={"method": "nuts"})), None, 0)
    density = np.reshape([[factor_density(row, values) for row in x.values] for values in draws], (2, 50, 40))
    from arviz_base import from_dict

    expected = arviz_stats.loo(
        from_dict({"posterior": {"t": np.zeros((2, 50)) + rng.normal(size=(2, 50))}, "log_likelihood": {"x": density}}),
        reff=1.0,
    )
    assert fit.loo().elpd == pytest.approx(expected.elpd, abs=0.05)


def test_few_draws_have_no_loo() -> None:
    fit = at_draws(MIXTURE, [mixture_values(seed) for seed in range(3)], table())
    with pytest.raises(NotAvailable, match=r"leave-one-out: 3 draws are too few.*take 25 at least"):
        fit.loo()
    assert "LOO" not in {finding.name for finding in fit.diagnose().findings}


def test_a_point_has_no_loo_and_a_posterior_no_criteria() -> None:
    x = table()
    with pytest.raises(NotAvailable, match=r"point estimate.*information\(\) gives AIC"):
        condition(MIXTURE, mixture_values(), x).loo()
    with pytest.raises(NotAvailable, match=r"posterior.*diagnose\(\).*model.point\(\)"):
        at_draws(MIXTURE, [mixture_values(0), mixture_values(1)], x).information()


def test_the_belief_of_the_closed_form_is_the_oracle_of_the_encoder() -> None:
    x = table(rows=5)
    values = {name: np.array(value) for name, value in ONE_VALUES.items()}
    values["x_loc_weights"] = np.vstack([values["x_loc_weights"], np.zeros((1, 3))])
    locs = [factor_belief(row, values)[0][0] for row in x.values]
    np.testing.assert_allclose(encoder_fit(x).latent("z")["loc"], locs, atol=1e-5)
