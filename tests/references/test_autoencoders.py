"""Variational autoencoders: a closed-form optimum, and held-out digits."""

import numpy as np
import pytest
from scipy.special import logsumexp
from sklearn.datasets import load_digits

import latentprob as lp

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def digits() -> tuple[np.ndarray, np.ndarray]:
    """Binarized digits, fitted rows and held-out ones: every fifth."""
    x = (load_digits().data > 7).astype(float)
    held_out = np.arange(len(x)) % 5 == 4
    return x[~held_out], x[held_out]


def test_a_linear_autoencoder_reaches_the_optimum_of_principal_components(reference_data) -> None:
    # linear_vae_wine_q2: the highest bound is the log-likelihood of probabilistic principal components (Lucas et al.,
    # 2019, NeurIPS), found by closed form and by numerical optimization.
    model = lp.Model("z ~ Normal(0, 1, size=2)\nx ~ Normal(loc=Linear(z), scale=Shared())").point()
    fit = lp.fit(model, reference_data["wine"], lp.SVI(collapse=False))
    assert -16.15526 - 0.02 < fit.bound / 178 < -16.15526 + 0.005
    assert float(fit.posterior["x_scale"].mean()) ** 2 == pytest.approx(0.527016, rel=0.03)
    variances = np.sort((fit.latent("z")["scale"] ** 2).mean("row"))
    np.testing.assert_allclose(variances, [0.111992, 0.211062], rtol=0.05)


def test_a_two_dimensional_autoencoder_of_digits_agrees_with_a_grid(digits) -> None:
    # vae_digits_d2: 64-128-2-128-64, tanh, Adam 1e-3, 300 epochs of batches of 100 in JAX: held-out bound -20.6 and
    # -20.0 nats a row; to reach: -21.0, and 500 particles within 0.1 of the integral over a grid.
    fitted, held_out = digits
    model = lp.Model('z ~ Normal(0, 1, size=2)\nx ~ Bernoulli(logits=MLP(z, hidden=[128], activation="tanh"))')
    fit = lp.fit(model, {"x": fitted}, lp.SVI(steps=4200, learning_rate=1e-3, batch=100))
    bound = float(fit.log_likelihood({"x": held_out}, particles=1).mean())
    estimate = float(fit.log_likelihood({"x": held_out}, particles=500).mean())
    exact = by_grid({name: value.double().numpy() for name, value in fit.result.module.state_dict().items()}, held_out)
    assert -21.0 < bound < exact
    assert estimate == pytest.approx(exact, abs=0.1)


def by_grid(state: dict[str, np.ndarray], x: np.ndarray) -> float:
    """Mean log density of the rows of x, their two latent dims integrated over a grid."""
    line = np.linspace(-6, 6, 241)
    z = np.stack(np.meshgrid(line, line), axis=-1).reshape(-1, 2)
    hidden = np.tanh(z @ state["x_logits_network.0.weight"].T + state["x_logits_network.0.bias"])
    logits = hidden @ state["x_logits_network.2.weight"].T + state["x_logits_network.2.bias"]
    log_x = x @ logits.T - np.logaddexp(0, logits).sum(axis=1)
    log_z = -0.5 * (z**2).sum(axis=1) - np.log(2 * np.pi) + 2 * np.log(line[1] - line[0])
    return float(logsumexp(log_x + log_z, axis=1).mean())


def test_default_settings_on_held_out_digits(digits) -> None:
    # Of the same split, nats a row: independent pixels -24.76, a mixture of 30 Bernoulli components -18.11.
    fitted, held_out = digits
    fit = lp.fit(lp.Model.read(lp.models.path("vae")), {"x": fitted})
    assert fit.attrs["settled"]
    assert float(fit.log_likelihood({"x": held_out}, particles=500).mean()) >= -17.8
