"""Hidden shares and positive factors: densities against a grid, beliefs on their support, counts with their totals."""

import numpy as np
import pytest
from scipy.special import gammaln, logsumexp
from scipy.stats import dirichlet, gamma, poisson

import latentprob as lp
from latentprob.errors import DataError

CONCENTRATION = [1.0, 1.5, 2.0]
SIDE = 120
GRID = np.linspace(1e-3, 12, 4000)


def simplex() -> tuple[np.ndarray, float]:
    """Midpoints (M, 3) of equal triangles that fill the simplex, and the area of one."""
    i, j = (place.ravel() for place in np.meshgrid(np.arange(SIDE), np.arange(SIDE)))
    corners = [(i[i + j < SIDE - k], j[i + j < SIDE - k], (1 + k) / 3) for k in (0, 1)]
    two = np.concatenate([np.stack([a + shift, b + shift], 1) for a, b, shift in corners]) / SIDE
    return np.column_stack([two, 1 - two.sum(1)]), 0.5 / SIDE**2


@pytest.fixture(scope="module")
def topics() -> tuple[lp.Fit, np.ndarray]:
    rng = np.random.default_rng(0)
    words, shares = rng.dirichlet(np.full(5, 0.5), 3), rng.dirichlet(CONCENTRATION, 30)
    x = np.stack(
        [rng.multinomial(n, p / p.sum()) for n, p in zip(rng.integers(4, 20, 30), shares @ words, strict=True)]
    )
    model = lp.Model(f"t ~ Dirichlet({CONCENTRATION})\nx ~ Multinomial(probs=Table(t))")
    return lp.fit(model, {"x": x}, lp.SVI(steps=300, draws=2), progress=False), x


def test_the_density_is_that_of_a_grid_over_the_simplex(topics):
    fit, x = topics
    points, area = simplex()
    prior = dirichlet(CONCENTRATION).logpdf(points.T)
    assert area * np.exp(prior).sum() == pytest.approx(1, abs=1e-3)
    for draw, words in enumerate(fit.posterior["x_probs"].values[0]):
        probs = points @ words
        given = gammaln(x.sum(1) + 1) - gammaln(x + 1).sum(1) + np.log(probs) @ x.T
        exact = logsumexp(given + prior[:, None], axis=0) + np.log(area)
        np.testing.assert_allclose(fit.log_likelihood(particles=1000).values[0, draw], exact, atol=0.12)


def test_beliefs_are_shares(topics):
    fit, _ = topics
    np.testing.assert_allclose(fit.latent("t")["loc"].sum("t_dim"), 1, atol=1e-6)
    drawn = fit.sample_latent("t", draws=5)
    np.testing.assert_allclose(drawn.sum("t_dim"), 1, atol=1e-6)
    assert (drawn >= 0).all()


def test_simulated_rows_have_totals_of_the_data(topics):
    fit, x = topics
    totals = fit.simulate(50, seed=1)["x"].sum("feature")
    assert set(totals.values) <= set(x.sum(1))
    np.testing.assert_allclose(fit.reconstruct()["x"].sum("feature"), x.sum(1))


def test_refined_beliefs_come_near_the_moments_of_the_grid(topics):
    fit, x = topics
    points, _ = simplex()
    logs = dirichlet(CONCENTRATION).logpdf(points.T)[:, None]
    logs = np.stack([logs + np.log(points @ words) @ x.T for words in fit.posterior["x_probs"].values[0]])
    weights = np.exp(logs - logsumexp(logs, axis=1, keepdims=True)).mean(0)
    refined = fit.refine(fit.result.values.rows).latent("t")["loc"].values
    assert np.abs(refined - weights.T @ points).max() < 0.06
    assert np.abs(refined - weights.T @ points).mean() < 0.02


def test_shares_are_stated_by_lists_and_counts_of_one_total_are_simulated():
    known = lp.simulate(
        lp.Model("t ~ Dirichlet(1, size=2)\nx ~ Multinomial(probs=Table(t), total_count=30)"), 9, features=4
    )
    assert (known["x"].sum("feature") == 30).all()
    assert known["x_probs"].dims == ("t_dim", "feature")


def test_counts_without_a_total_are_not_simulated():
    with pytest.raises(DataError, match=r"how many counts a row has is not known: write .* total_count=100"):
        lp.simulate(lp.Model("x ~ Multinomial()"), 9, features=4)


def test_a_saved_fit_answers_the_same(topics, tmp_path):
    fit, _ = topics
    fit.save(tmp_path / "topics")
    np.testing.assert_array_equal(lp.load(tmp_path / "topics").latent("t")["loc"], fit.latent("t")["loc"])


@pytest.mark.slow
def test_topics_come_back_in_one_order_from_two_starts():
    rng = np.random.default_rng(1)
    words, shares = np.kron(np.eye(3), np.full(4, 0.25)), rng.dirichlet(np.full(3, 0.4), 120)
    x = np.stack([rng.multinomial(60, p) for p in shares @ words])
    fit = lp.fit(
        lp.Model("t ~ Dirichlet(0.4, size=3)\nx ~ Multinomial(probs=Table(t))"),
        {"x": x},
        lp.SVI(restarts=2, steps=1500, draws=50),
        progress=False,
    )
    assert fit.attrs["aligned"] == "t: order"
    for chain in fit.posterior["x_probs"].values:
        found = chain.mean(0)
        order = found.reshape(3, 3, 4).sum(-1).argmax(1)
        assert sorted(order) == [0, 1, 2]
        assert 0.5 * np.abs(found - words[order]).sum(1).max() < 0.1
    if fit.posterior.sizes["chain"] == 2:
        first, second = fit.posterior["x_probs"].mean("draw").values
        np.testing.assert_allclose(first, second, atol=0.03)


def test_factors_of_counts_have_the_density_of_a_grid():
    rng = np.random.default_rng(0)
    z = rng.gamma(2, 0.5, (25, 1))
    x = rng.poisson(z * [2.0, 6, 1])
    fit = lp.fit(
        lp.Model("z ~ Gamma(2, 2, size=1)\nx ~ Poisson(rate=Table(z))"),
        {"x": x},
        lp.SVI(steps=300, draws=2),
        progress=False,
    )
    for draw, rates in enumerate(fit.posterior["x_rate"].values[0]):
        rate = GRID[:, None] * rates.reshape(-1)
        given = poisson.logpmf(x[:, None], rate).sum(-1) + gamma(2, scale=0.5).logpdf(GRID)
        exact = logsumexp(given, axis=1) + np.log(GRID[1] - GRID[0])
        np.testing.assert_allclose(fit.log_likelihood(particles=1000).values[0, draw], exact, atol=0.1)


@pytest.mark.slow
def test_sampled_factors_have_the_density_of_a_grid():
    """NUTS draws the factors with the parameters; normals around them, on their support, take them out."""
    x = np.random.default_rng(0).poisson(np.random.default_rng(1).gamma(2, 0.5, (8, 1)) * [2.0, 6, 1])
    model = lp.Model("z ~ Gamma(2, 2, size=1)\nx ~ Poisson(rate=Table(z))")
    fit = lp.fit(model, {"x": x}, lp.NUTS(draws=60, warmup=60, chains=1), progress=False)
    rates = fit.posterior["x_rate"].values[0, 0].reshape(-1)
    given = poisson.logpmf(x[:, None], GRID[:, None] * rates).sum(-1) + gamma(2, scale=0.5).logpdf(GRID)
    exact = logsumexp(given, axis=1) + np.log(GRID[1] - GRID[0])
    np.testing.assert_allclose(fit.log_likelihood(particles=1000).values[0, 0], exact, atol=0.1)
