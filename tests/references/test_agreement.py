"""Variational draws against the sampler's, on the default priors."""

from functools import cache

import numpy as np
import pytest
import xarray as xr

import latentprob as lp

pytestmark = pytest.mark.slow

MEAN, SD = 0.15, 0.10  # posterior sds that a mean may be off, and the relative error of an sd
SAMPLER = lp.NUTS(chains=2, warmup=200, draws=800)

# Name: statements, data. The probabilities of carcinoma are kept off 0 and 1, where no draws are reweighted.
CASES = {
    "gaussian mixture": (
        "c ~ Categorical(size=2)\nx ~ MultivariateNormal(loc=Table(c), covariance=Table(c))",
        "faithful",
    ),
    "factor analysis": ("z ~ Normal(0, 1)\nx ~ Normal(loc=Linear(z), scale=PerFeature())", "school, four tests"),
    "latent classes": ("c ~ Categorical(size=2)\nx ~ Bernoulli(probs=Table(c, prior=Beta(2, 2)))", "carcinoma"),
}


@pytest.fixture(scope="module")
def data(reference_data) -> dict[str, object]:
    return reference_data | {"school, four tests": reference_data["school"][["x1", "x4", "x5", "x6"]]}


def moments(posterior: xr.Dataset) -> tuple[np.ndarray, np.ndarray]:
    """Means and standard deviations of all numbers of the posterior, one after the other."""
    draws = np.concatenate([v.values.reshape(v.sizes["chain"] * v.sizes["draw"], -1) for v in posterior.values()], 1)
    return draws.mean(axis=0), draws.std(axis=0)


@pytest.fixture(scope="module")
def sampled(data):
    """The sampler's fit of a case, made once."""
    return cache(lambda name: lp.fit(lp.Model(CASES[name][0]), data[CASES[name][1]], SAMPLER))


@pytest.mark.parametrize("method", [lp.SVI(), lp.NaturalGradient()], ids=["svi", "natural"])
@pytest.mark.parametrize("name", CASES)
def test_refined_draws_agree_with_the_sampler(name: str, method, data, sampled) -> None:
    text, rows = CASES[name]
    fit = lp.fit(lp.Model(text), data[rows], method)
    reference = sampled(name)
    assert fit.attrs["refined"]
    assert reference.attrs["divergences"] == 0
    (mean, sd), (expected, spread) = moments(fit.posterior), moments(reference.posterior)
    assert np.abs((mean - expected) / spread).max() < MEAN
    assert np.abs(sd / spread - 1).max() < SD
