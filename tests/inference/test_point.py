"""Maximum likelihood against closed forms and scikit-learn."""

import numpy as np
import pytest
from scipy import stats
from sklearn.decomposition import FactorAnalysis
from sklearn.mixture import GaussianMixture

import latentprob as lp
from latentprob.inference.svi import SVI
from latentprob.spec.model import Model


def fit(problem, text, data, **settings):
    return SVI(**settings).run(problem(Model(text).point(), data), seed=0, progress=False)


def test_a_normal_has_its_sample_moments(problem):
    x = np.random.default_rng(0).normal([1.0, -50.0], [2.0, 30.0], (40, 2))
    found = fit(problem, "x ~ Normal(loc=PerFeature(), scale=PerFeature())", x, restarts=2)
    assert found.parameters["x_loc"].shape == (1, 1, 2)
    assert np.allclose(found.parameters["x_loc"][0, 0], x.mean(0), rtol=1e-4)
    assert np.allclose(found.parameters["x_scale"][0, 0], x.std(0), rtol=1e-4)
    assert found.attrs["bound"] == pytest.approx(stats.norm(x.mean(0), x.std(0)).logpdf(x).sum(), abs=1e-3)
    assert found.attrs["method"] == "point"
    assert found.attrs["floor_binds"] == ""


def test_a_mixture_reaches_the_best_of_scikit_learn(problem):
    rng = np.random.default_rng(1)
    x = np.concatenate([rng.normal(size=(80, 2)), rng.normal([3, 3], 0.5, (60, 2))])
    reference = GaussianMixture(2, n_init=10, tol=1e-9, max_iter=2000, reg_covar=0, random_state=0).fit(x)
    found = fit(problem, "c ~ Categorical(size=2)\nx ~ MultivariateNormal(loc=Table(c), covariance=Table(c))", x)
    assert found.attrs["bound"] == pytest.approx(reference.score(x) * len(x), abs=1e-2)
    assert found.stats["score"].shape == (10,)
    assert found.stats["kept"].sum() == 1
    assert np.allclose(np.sort(found.parameters["c_probs"].ravel()), np.sort(reference.weights_), atol=1e-3)


def test_factor_analysis_reaches_scikit_learn(problem):
    rng = np.random.default_rng(3)
    x = rng.normal(size=(200, 2)) @ rng.normal(size=(2, 6)) + rng.normal(size=(200, 6)) * np.linspace(0.5, 1.5, 6)
    reference = FactorAnalysis(2, tol=1e-10, max_iter=20_000, svd_method="lapack").fit(x)
    found = fit(problem, "z ~ Normal(0, 1, size=2)\nx ~ Normal(loc=Linear(z), scale=PerFeature())", x, restarts=3)
    assert found.attrs["bound"] == pytest.approx(reference.score(x) * len(x), abs=1e-2)
    assert np.allclose(found.parameters["x_scale"].ravel() ** 2, reference.noise_variance_, rtol=1e-2)


@pytest.mark.parametrize(
    "law", ["Normal(loc=Table(c), scale=Table(c))", "MultivariateNormal(loc=Table(c), covariance=Table(c))"]
)
def test_a_spike_is_said(problem, law):
    x = np.concatenate([np.full((5, 2), 10.0), np.random.default_rng(0).normal(size=(20, 2))])
    found = fit(problem, f"c ~ Categorical(size=2)\nx ~ {law}", x, restarts=4)
    assert found.attrs["at_floor"] >= 1
    if found.attrs["at_floor"] == 4:
        assert "x_" in found.attrs["floor_binds"]
    else:
        assert found.attrs["floor_binds"] == ""


@pytest.mark.parametrize(("noise", "binds"), [(0.0, "x_precision"), (0.5, "")])
def test_a_cap_that_binds_is_said(noise, binds):
    rng = np.random.default_rng(0)
    u = rng.normal(size=(40, 1))
    model = lp.Model("x ~ Normal(loc=Linear(u), precision=PerFeature())").point()
    found = lp.fit(model, {"u": u, "x": 2 * u + 1 + noise * rng.normal(size=(40, 1))}, lp.SVI(), progress=False)
    assert found.attrs["floor_binds"] == binds


def test_a_probability_may_be_one(problem):
    x = np.concatenate([np.ones((10, 1)), np.random.default_rng(0).integers(0, 2, (10, 1))], axis=1).astype(float)
    x[0, 0] = 0.0
    assert fit(problem, "x ~ Bernoulli(probs=PerFeature())", x).attrs["floor_binds"] == ""
