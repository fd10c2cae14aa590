"""A model of every family that natural gradients fit, with data from it."""

from typing import Any

import numpy as np
import pytest

RNG = np.random.default_rng(0)
ROWS = 150
LEVEL = RNG.integers(3, size=ROWS)
REAL = RNG.normal(size=(ROWS, 2)) + 2.5 * np.eye(3)[LEVEL][:, :2]
GAPS = np.where((np.arange(ROWS)[:, None] + np.array([0, 4])) % 9 == 0, np.nan, REAL)
COUNTS = RNG.poisson(np.array([1.0, 4, 9])[LEVEL][:, None], (ROWS, 2)).astype(float)
BITS = (RNG.random((ROWS, 4)) < np.array([0.1, 0.5, 0.9])[LEVEL][:, None]).astype(float)
HOLES = np.where(RNG.random(BITS.shape) < 0.1, np.nan, BITS)
KINDS = (LEVEL[:, None] + RNG.integers(2, size=(ROWS, 2))) % 4
LOADED = RNG.normal(size=(ROWS, 2)) @ RNG.normal(size=(2, 5)) + 0.5 * RNG.normal(size=(ROWS, 5))
C = "c ~ Categorical(size=3)\n"
Z = "z ~ Normal(0, 1, size=2)\n"

CASES: dict[str, tuple[str, Any]] = {
    "full": (C + "x ~ MultivariateNormal(loc=Table(c), covariance=Table(c))", REAL),
    "tied": (C + "x ~ MultivariateNormal(loc=Table(c), precision=Shared())", REAL),
    "normal-Wishart": (
        C + "x ~ MultivariateNormal(loc=Table(c), covariance=Table(c, prior=NormalWishart(0, 1, 4)))",
        REAL,
    ),
    "diagonal": (C + "x ~ Normal(loc=Table(c), scale=Table(c))", REAL),
    "diagonal with gaps": (C + "x ~ Normal(loc=Table(c), scale=Table(c))", GAPS),
    "spherical": (C + "x ~ Normal(loc=Table(c), scale=Table(c, per_feature=False))", REAL),
    "tied diagonal": (C + "x ~ Normal(loc=Table(c), variance=PerFeature())", REAL),
    "one scale": (C + "x ~ Normal(loc=Table(c), precision=Shared())", REAL),
    "own priors": (C + "x ~ Normal(loc=Table(c, prior=Normal(0, 3)), precision=Table(c, prior=Gamma(2, 1)))", REAL),
    "known scale": (C + "x ~ Normal(loc=Table(c), scale=1)", REAL),
    "known location": (C + "x ~ Normal(loc=[1, 2], scale=Table(c))", REAL),
    "log-normal": (C + "x ~ LogNormal(loc=Table(c), scale=Table(c))", np.exp(REAL / 3)),
    "Poisson": (C + "x ~ Poisson(rate=Table(c))", COUNTS),
    "Poisson, own prior": (C + "x ~ Poisson(rate=Table(c, prior=Gamma(2, 0.5)))", COUNTS),
    "Poisson with gaps": (C + "x ~ Poisson(rate=Table(c))", np.where(np.isnan(GAPS), np.nan, COUNTS)),
    "exponential": (C + "x ~ Exponential(rate=Table(c))", np.abs(REAL) + 0.1),
    "latent class": (C + "x ~ Bernoulli(probs=Table(c))", BITS),
    "latent class with gaps": (
        C + "x ~ Bernoulli(probs=Table(c))",
        np.where(RNG.random(BITS.shape) < 0.1, np.nan, BITS),
    ),
    "latent class, own prior": (C + "x ~ Bernoulli(probs=Table(c, prior=Beta(2, 3)))", BITS),
    "categorical": (C + "x ~ Categorical(probs=Table(c), size=4)", KINDS),
    "known shares": ("c ~ Categorical(probs=[0.2, 0.3, 0.5])\nx ~ Poisson(rate=Table(c))", COUNTS),
    "binary latent": ("c ~ Bernoulli()\nx ~ Poisson(rate=Table(c))", COUNTS),
    "three blocks": (
        C + "x ~ Normal(loc=Table(c), scale=PerFeature())\ny ~ Poisson(rate=Table(c))\nw ~ Bernoulli(probs=Table(c))",
        {"x": REAL, "y": COUNTS, "w": BITS},
    ),
    "factor analysis": (Z + "x ~ Normal(loc=Linear(z), scale=PerFeature())", LOADED),
    "ppca": (Z + "x ~ Normal(loc=Linear(z), scale=Shared())", LOADED),
    "factor analysis, known noise": (Z + "x ~ Normal(loc=Linear(z), scale=0.5)", LOADED),
    "factor analysers": (C + Z + "x ~ Normal(loc=Linear(z, by=c), scale=PerFeature())", LOADED),
    "one loading, many noises": (C + Z + "x ~ Normal(loc=Linear(z), scale=Table(c))", LOADED),
    "no latent": ("x ~ Normal(loc=PerFeature(), scale=PerFeature())", REAL),
    "no latent, full": ("x ~ MultivariateNormal(loc=PerFeature(), covariance=Shared())", REAL),
}


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest) -> tuple[str, Any]:
    text, data = CASES[request.param]
    return text, data if isinstance(data, dict) else {"x": data}
