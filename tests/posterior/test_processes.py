"""Questions to a fit with a Gaussian process: against the closed form of a row given the inducing values."""

import numpy as np
import pytest
import torch
from scipy.stats import norm

import latentprob as lp
from latentprob.errors import NotAvailable

RNG = np.random.default_rng(0)
W = RNG.uniform(-3, 3, size=(80, 1))
X = 5 + 2 * np.sin(1.5 * W) + 0.3 * RNG.normal(size=(80, 1))
DATA = {"x": X, "w": W}
REGRESSION = "x ~ Normal(loc=GP(w, inducing=6), scale=Shared())"
LATENT = "z ~ Normal(0, 1)\nx ~ Normal(loc=GP(z, inducing=6), scale=Shared())"
METHOD = lp.SVI(steps=200, draws=20, compile=False)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def fit() -> lp.Fit:
    """A regression on an input: no latent variable, but what the inducing values leave open."""
    return lp.fit(lp.Model(REGRESSION), DATA, METHOD)


def laws(fit: lp.Fit, w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and sd (S, N) of x at inputs w under each draw, by the text's own features."""
    draws = {name: torch.as_tensor(fit.result.flat[name]) for name in fit.result.flat}
    features = fit.program.cls.model.__globals__["process_features"]
    points = fit.result.module.x_loc_points.detach()
    loc, scale = [], []
    for s in range(len(draws["x_scale"])):
        known, rest = features(torch.as_tensor(w), points, draws["x_loc_lengthscale"][s])
        variance = draws["x_loc_variance"][s]
        loc.append((draws["x_loc_intercept"][s] + variance.sqrt() * (known @ draws["x_loc_inducing"][s]))[:, 0])
        scale.append((draws["x_scale"][s] ** 2 + variance * rest).sqrt())
    return torch.stack(loc).numpy(), torch.stack(scale).numpy()


def test_the_likelihood_of_a_row_takes_the_rest_of_the_process_out(fit):
    found = fit.log_likelihood(particles=500)
    loc, scale = laws(fit, W)
    assert found.attrs["kind"] == "importance"
    np.testing.assert_allclose(found.values[0], norm(loc, scale).logpdf(X[:, 0]), atol=0.3)
    assert abs((found.values[0] - norm(loc, scale).logpdf(X[:, 0])).mean()) < 0.02


def test_rows_are_reconstructed_at_the_mean_of_the_process(fit):
    new = np.linspace(-3, 3, 7)[:, None]
    found = fit.reconstruct({"x": np.zeros((7, 1)), "w": new})["x"].values.reshape(7)
    np.testing.assert_allclose(found, laws(fit, new)[0].mean(0), atol=1e-6)
    np.testing.assert_allclose(found, 5 + 2 * np.sin(1.5 * new[:, 0]), atol=0.6)


def test_simulated_rows_have_the_spread_of_the_process(fit):
    drawn = fit.simulate(2000, seed=0)
    assert drawn["x"].values.std() == pytest.approx(X.std(), rel=0.1)
    assert "x_loc_residual" not in drawn


def test_parameters_have_named_dims(fit):
    assert fit.posterior["x_loc_inducing"].dims[2:] == ("x_loc_point", "feature")
    assert fit.posterior["x_loc_lengthscale"].sizes["draw"] == 20
    assert (fit.posterior["x_loc_lengthscale"] > 0).all()


def test_a_saved_fit_says_the_same(tmp_path):
    fit = lp.fit(lp.Model(LATENT), {"x": np.concatenate([X, X**2], 1)}, METHOD)
    fit.save(tmp_path / "gp")
    again = lp.load(tmp_path / "gp")
    assert again.score(particles=10) == fit.score(particles=10)
    assert fit.latent("z")["scale"].values.min() > 0
    assert np.isfinite(fit.impute()["x"].values).all()
    assert fit.attrs["start"] == "isomap"


def test_a_start_that_fails_is_told():
    clouds = np.concatenate([RNG.normal(size=(30, 3)), 100 + RNG.normal(size=(30, 3))])
    fit = lp.fit(lp.Model(LATENT), {"x": clouds}, METHOD.changed(steps=10))
    assert fit.attrs["start"] == "principal axes"
    assert any("falls apart into 2 pieces" in note for note in fit.notes)


def test_what_a_process_has_not_is_said(fit):
    with pytest.raises(NotAvailable, match="inducing inputs that are point estimates"):
        fit.loo()
    with pytest.raises(NotAvailable, match="the inducing inputs of the process in x have no prior"):
        lp.simulate(lp.Model(LATENT), 5, features=2)
