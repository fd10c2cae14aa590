"""Starts lie near the truth that made the data."""

import numpy as np
import pandas as pd
import pytest
import torch
from pyro.infer.autoguide import AutoDelta

from latentprob.inference.problem import isolated
from latentprob.inference.starts import starts

RNG = np.random.default_rng(0)
C = np.repeat([0, 1], [100, 200])


def start(problem, text, data, restart=0):
    at = problem(text, data)
    with isolated(0):
        return {name: np.asarray(v) for name, v in starts(at, at.build(AutoDelta), [restart], 0)[0].values.items()}


def test_a_mixture_starts_at_its_groups(problem):
    x = np.where(C[:, None] == 0, RNG.normal([0, 50], [1, 5], (300, 2)), RNG.normal([10, -50], [2, 10], (300, 2)))
    found = start(problem, "c ~ Categorical(size=2)\nx ~ Normal(loc=Table(c), scale=Table(c))", x)
    order = np.argsort(found["x_loc"][:, 0])
    assert np.allclose(found["c_probs"][order], [1 / 3, 2 / 3], atol=0.02)
    assert np.allclose(found["x_loc"][order], [[0, 50], [10, -50]], atol=2)
    assert np.allclose(found["x_scale"][order], [[1, 5], [2, 10]], rtol=0.3)


def test_factors_start_at_the_principal_axes(problem):
    weights = np.array([[3.0, 1.0, -2.0, 0.5]])
    x = RNG.normal(size=(500, 1)) @ weights + 7 + 0.1 * RNG.normal(size=(500, 4))
    found = start(problem, "z ~ Normal(0, 1, size=1)\nx ~ Normal(loc=Linear(z), scale=PerFeature())", x)
    assert np.allclose(found["x_loc_intercept"], 7, atol=0.5)
    assert np.allclose(np.abs(found["x_loc_weights"]), np.abs(weights), rtol=0.15, atol=0.05)
    assert np.sign(found["x_loc_weights"][0, 0] * found["x_loc_weights"][0, 2]) == -1


def test_known_levels_keep_their_names(problem):
    frame = pd.DataFrame({"x": np.where(C == 0, 5.0, -5.0) + 0.1 * RNG.normal(size=300), "c": C.astype(float)})
    frame.loc[::2, "c"] = np.nan
    found = start(problem, "c ~ Categorical(size=2)\nx ~ Normal(loc=Table(c), scale=Shared())", frame)
    assert np.allclose(found["x_loc"].ravel(), [5, -5], atol=0.3)


def test_a_regression_on_an_input_starts_at_least_squares(problem):
    a = RNG.normal(size=400)
    frame = pd.DataFrame({"a": a, "y": 2 + 3 * a + 0.5 * RNG.normal(size=400)})
    found = start(problem, "y ~ Normal(loc=Linear(a), scale=Shared())", frame)
    assert found["y_loc_weights"].item() == pytest.approx(3, abs=0.1)
    assert found["y_scale"].item() == pytest.approx(0.5, rel=0.1)


LAWS = {
    "Poisson(rate=Table(c))": np.where(C == 0, 2, 20)[:, None] + RNG.integers(0, 2, (300, 2)),
    "Bernoulli(probs=Table(c))": (RNG.random((300, 4)) < np.where(C == 0, 0.1, 0.9)[:, None]).astype(float),
    "Bernoulli(logits=Table(c))": (RNG.random((300, 4)) < np.where(C == 0, 0.1, 0.9)[:, None]).astype(float),
    "Gamma(concentration=Table(c), rate=Table(c))": RNG.gamma(3.0, np.where(C == 0, 1.0, 20.0)[:, None], (300, 2)),
    "Exponential(rate=Table(c))": RNG.exponential(np.where(C == 0, 1.0, 20.0)[:, None], (300, 2)),
    "Beta(concentration1=Table(c), concentration0=Table(c))": RNG.beta(2.0, np.where(C == 0, 8, 1)[:, None], (300, 2)),
    "NegativeBinomial(total_count=Shared(), probs=Table(c))": RNG.negative_binomial(
        4, np.where(C == 0, 0.8, 0.2)[:, None], (300, 2)
    ),
    "StudentT(loc=Table(c), scale=Table(c))": np.where(C == 0, -5, 5)[:, None] + RNG.standard_t(5, (300, 2)),
    "LogNormal(loc=Table(c), scale=Shared())": np.exp(
        np.where(C == 0, -1, 2)[:, None] + 0.2 * RNG.normal(size=(300, 2))
    ),
    "MultivariateNormal(loc=Table(c), covariance=Shared())": np.where(C == 0, -5, 5)[:, None]
    + RNG.normal(size=(300, 2)),
    "MultivariateNormal(loc=Table(c), precision=Table(c))": np.where(C == 0, -5, 5)[:, None]
    + RNG.normal(size=(300, 2)),
    "Normal(loc=Table(c, per_feature=False), scale=Shared())": np.where(C == 0, -5, 5)[:, None]
    + RNG.normal(size=(300, 2)),
}


@pytest.mark.parametrize("law", LAWS)
def test_every_law_has_a_start_of_finite_density_that_beats_the_prior(problem, law):
    from latentprob.inference.capture import Density
    from latentprob.inference.unconstrain import space_of

    at = problem(f"c ~ Categorical(size=2)\nx ~ {law}", np.asarray(LAWS[law], float))
    with isolated(0):
        module = at.build(AutoDelta)
        batch, weights = at.arguments()
        value = starts(at, module, [0], 0)[0].values
        space = space_of(module.priors, value)
        density = Density(module, space, at.rows)
        near, far = (density(v, batch, weights) for v in (space.join(value), torch.zeros_like(space.start)))
    assert torch.isfinite(near)
    assert near > far


def test_restarts_differ_and_repeat(problem, two_groups):
    text = "c ~ Categorical(size=3)\nx ~ Normal(loc=Table(c), scale=Table(c))"
    one, again, other = (start(problem, text, two_groups, restart=r) for r in (0, 0, 1))
    assert np.array_equal(one["x_loc"], again["x_loc"])
    assert not np.allclose(np.sort(one["x_loc"].ravel()), np.sort(other["x_loc"].ravel()))
