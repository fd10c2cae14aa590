"""Models whose posterior and evidence are known in closed form."""

import numpy as np
import pytest
from scipy import stats
from scipy.special import betaln, gammaln

from latentprob.inference.nuts import NUTS
from latentprob.inference.svi import SVI

RNG = np.random.default_rng(1)
REAL = RNG.normal(3.0, 2.0, (30, 1))
BINARY = (RNG.random((40, 1)) < 0.3).astype(float)
COUNTS = RNG.poisson(4.0, (25, 1)).astype(float)


def _normal():
    cov = 4.0 * np.eye(30) + 100.0
    variance = 1 / (1 / 100 + 30 / 4)
    return stats.multivariate_normal(np.zeros(30), cov).logpdf(REAL[:, 0]), stats.norm(
        variance * REAL.sum() / 4, variance**0.5
    )


def _beta():
    a, b = 2 + BINARY.sum(), 3 + (1 - BINARY).sum()
    return betaln(a, b) - betaln(2, 3), stats.beta(a, b)


def _gamma():
    a, b = 2 + COUNTS.sum(), 0.5 + len(COUNTS)
    evidence = 2 * np.log(0.5) - gammaln(2) + gammaln(a) - a * np.log(b) - gammaln(COUNTS + 1).sum()
    return evidence, stats.gamma(a, scale=1 / b)


CASES = {
    "normal mean": ("x ~ Normal(loc=PerFeature(prior=Normal(0, 10)), scale=2)", REAL, "x_loc", _normal),
    "beta-bernoulli": ("x ~ Bernoulli(probs=PerFeature(prior=Beta(2, 3)))", BINARY, "x_probs", _beta),
    "gamma-poisson": ("x ~ Poisson(rate=PerFeature(prior=Gamma(2, 0.5)))", COUNTS, "x_rate", _gamma),
}


@pytest.mark.parametrize("name", CASES)
def test_svi_finds_posterior_and_evidence(problem, name):
    text, data, site, closed = CASES[name]
    evidence, posterior = closed()
    found = SVI(restarts=2, draws=2000).run(problem(text, data), seed=3, progress=False)
    draws = found.parameters[site].ravel()
    assert found.attrs["refined"]
    assert found.attrs["settled"]
    assert evidence - 0.1 < found.attrs["bound"] < evidence + 0.05
    assert draws.mean() == pytest.approx(posterior.mean(), abs=0.1 * posterior.std())
    assert draws.std() == pytest.approx(posterior.std(), rel=0.06)
    # resampled draws stand for themselves: no ratio is left
    assert np.array_equal(found.stats["log_p"], found.stats["log_q"])


def test_the_guide_of_a_normal_posterior_is_exact(problem):
    text, data, site, closed = CASES["normal mean"]
    evidence, posterior = closed()
    found = SVI(restarts=1, refine=False).run(problem(text, data), seed=0, progress=False)
    log_ratio = found.stats["log_p"] - found.stats["log_q"]
    assert not found.attrs["refined"]
    assert log_ratio.mean() == pytest.approx(evidence, abs=0.02)
    assert log_ratio.std() < 0.06
    assert found.parameters[site].std() == pytest.approx(posterior.std(), rel=0.1)


@pytest.mark.parametrize("name", CASES)
def test_nuts_draws_the_posterior(problem, name):
    text, data, site, closed = CASES[name]
    _, posterior = closed()
    found = NUTS(draws=600, warmup=100, chains=2).run(problem(text, data), seed=5, progress=False)
    draws = found.parameters[site]
    assert draws.shape == (2, 600, 1)
    assert draws.mean() == pytest.approx(posterior.mean(), abs=0.15 * posterior.std())
    assert draws.std() == pytest.approx(posterior.std(), rel=0.1)
    assert found.stats["acceptance_rate"].mean() == pytest.approx(0.87, abs=0.12)
    assert set(found.stats) >= {"diverging", "energy", "acceptance_rate", "step_size", "n_steps", "tree_depth"}
    assert all(value.shape == (2, 600) for value in found.stats.values())


def test_row_weights_count_rows(problem):
    text, data, site, _ = CASES["gamma-poisson"]
    doubled = SVI(restarts=1).run(problem(text, np.concatenate([data, data])), seed=0, progress=False)
    weighted = SVI(restarts=1).run(problem(text, data, weights=np.full(len(data), 2.0)), seed=0, progress=False)
    a, b = 2 + 2 * COUNTS.sum(), 0.5 + 2 * len(COUNTS)
    for found in (doubled, weighted):
        assert found.parameters[site].mean() == pytest.approx(a / b, abs=0.1 * a**0.5 / b)
        assert found.parameters[site].std() == pytest.approx(a**0.5 / b, rel=0.1)
    assert doubled.attrs["bound"] == pytest.approx(weighted.attrs["bound"], abs=0.05)
