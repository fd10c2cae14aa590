import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA

import latentprob as lp
from latentprob.errors import InferenceError
from latentprob.inference.nuts import NUTS
from latentprob.inference.svi import SVI

MIXTURE = "c ~ Categorical(size=2)\nx ~ Normal(loc=Table(c), scale=Table(c))"
VAE = "z ~ Normal(0, 1, size=2)\nx ~ Bernoulli(logits=MLP(z, hidden=[8]))"
FACTORS = "z ~ Normal(0, 1, size=2)\nx ~ Normal(loc=Linear(z), scale=PerFeature())"
BITS = (np.random.default_rng(0).random((60, 5)) < 0.4).astype(float)


def ordered(found, site, by="x_loc"):
    """Draws (chain * draw, level) with the levels in order of their location."""
    chains = []
    for value, location in zip(found.parameters[site], found.parameters[by], strict=True):
        order = np.argsort(location.mean(0)[..., 0])
        chains.append(value[:, order].reshape(len(value), -1))
    return np.concatenate(chains)


@pytest.mark.slow
def test_a_mixture_agrees_with_nuts(problem, two_groups):
    at = problem(MIXTURE, two_groups)
    fast = SVI(restarts=2).run(at, seed=0, progress=False)
    slow = NUTS(draws=500, warmup=150, chains=2).run(at, seed=0, progress=False)
    assert fast.attrs["refined"]
    for site in ("c_probs", "x_loc", "x_scale"):
        a, b = ordered(fast, site), ordered(slow, site)
        assert np.all(np.abs(a.mean(0) - b.mean(0)) < 0.15 * b.std(0)), site
        assert np.allclose(a.std(0), b.std(0), rtol=0.12), site


@pytest.mark.parametrize("guide", ["normal", "low_rank", "full"])
def test_every_guide_fits_and_none_beats_the_evidence(problem, two_groups, guide):
    found = SVI(guide=guide, restarts=2, draws=50, refine=False).run(
        problem(MIXTURE, two_groups), seed=0, progress=False
    )
    best = SVI(restarts=1).run(problem(MIXTURE, two_groups), seed=0, progress=False)
    assert found.attrs["guide"] == guide
    assert best.attrs["bound"] - 3 < found.attrs["bound"] < best.attrs["bound"] + 0.3
    assert found.stats["bound"].shape == (2, found.attrs["steps"])
    assert found.parameters["x_loc"].shape == (2, 50, 2, 1)


def test_a_budget_too_small_is_said(problem, two_groups):
    found = SVI(steps=30, restarts=1).run(problem(MIXTURE, two_groups), seed=0, progress=False)
    assert found.attrs["steps"] == 30
    assert found.attrs["settled"] is False


@pytest.mark.parametrize(
    ("text", "data", "method"),
    [
        (MIXTURE, None, SVI(restarts=2, draws=20)),
        (VAE, BITS, SVI(steps=60, batch=20)),
        (MIXTURE, None, NUTS(draws=20, warmup=20, chains=2)),
    ],
    ids=["svi", "vae", "nuts"],
)
def test_a_seed_gives_the_same_numbers_bit_for_bit(problem, two_groups, text, data, method):
    at = problem(text, two_groups if data is None else data)
    one, two, other = (method.run(at, seed=seed, progress=False) for seed in (4, 4, 5))
    for part in ("parameters", "stats", "state"):
        for name, value in getattr(one, part).items():
            assert np.array_equal(np.asarray(value), np.asarray(getattr(two, part)[name]), equal_nan=True), name
    assert any(not np.array_equal(v, other.stats[n]) for n, v in one.stats.items())


def test_a_linear_vae_reaches_its_closed_form(problem):
    """Its best bound is the maximum likelihood of probabilistic PCA (Lucas et al., 2019, NeurIPS 32)."""
    rng = np.random.default_rng(4)
    data = 300 + 100 * (rng.normal(size=(150, 2)) @ rng.normal(size=(2, 5)) + 0.7 * rng.normal(size=(150, 5)))
    text = "z ~ Normal(0, 1, size=2)\nx ~ Normal(loc=Linear(z), scale=Shared())"
    found = SVI().run(problem(at_point(text), data, collapse=False), seed=0, progress=False)
    best = PCA(2).fit(data * np.sqrt(149 / 150)).noise_variance_  # the mean of the left-out eigenvalues, divisor N
    values = np.linalg.eigvalsh(np.cov(data.T, bias=True))[::-1]
    loglik = -0.5 * (5 * np.log(2 * np.pi) + np.log(values[:2]).sum() + 3 * np.log(values[2:].mean()) + 5)
    assert values[2:].mean() == pytest.approx(best, rel=1e-6)
    assert loglik - 0.02 < found.attrs["bound"] / 150 < loglik + 0.005
    assert found.parameters["x_scale"].ravel()[0] ** 2 == pytest.approx(best, rel=0.03)


def test_a_vae_runs_with_its_state_and_its_bound(problem):
    at = problem(VAE, BITS)
    found = SVI(steps=400).run(at, seed=0, progress=False)
    assert found.parameters == {}
    assert found.stats["bound"][0, -100:].mean() > found.stats["bound"][0, :100].mean() + 4
    module = at.build(None)
    module.load_state_dict(found.state)
    assert all(torch.isfinite(value).all() for value in found.state.values())


def test_rotations_of_factors_do_not_keep_the_draws_from_being_refined(problem):
    rng = np.random.default_rng(2)
    data = rng.normal(size=(300, 2)) @ rng.normal(size=(2, 5)) + 0.5 * rng.normal(size=(300, 5))
    found = SVI(restarts=1).run(problem(FACTORS, data), seed=0, progress=False)
    assert found.attrs["flat_directions"] == 0
    assert found.attrs["refined"]
    weights, scale = (found.parameters[name][0] for name in ("x_loc_weights", "x_scale"))
    implied = weights.swapaxes(-1, -2) @ weights + np.eye(5) * scale[:, None] ** 2
    # With 300 rows and weak priors, W'W + noise is near the sample covariance, and as certain as its sampling error.
    sample = np.cov(data.T)
    error = np.sqrt((np.outer(sample.diagonal(), sample.diagonal()) + sample**2) / 300)
    assert (np.abs(implied.mean(0) - sample) < error).all()
    assert np.abs(implied.std(0) / error - 1).max() < 0.25


def test_nuts_refuses_networks_and_points(problem, two_groups):
    with pytest.raises(InferenceError, match=r"network's weights x_logits_network.*use SVI"):
        NUTS().run(problem(VAE, BITS), seed=0, progress=False)
    with pytest.raises(InferenceError, match="prior on every parameter"):
        NUTS().run(problem(at_point(MIXTURE), two_groups), seed=0, progress=False)


def at_point(text):
    from latentprob.spec.model import Model

    return Model(text).point()


def test_nuts_draws_local_latents(problem):
    text = "z ~ Normal(0, 1)\nx ~ Bernoulli(logits=Linear(z))"
    found = NUTS(draws=15, warmup=15, chains=1, max_tree_depth=4).run(problem(text, BITS[:20]), seed=0, progress=False)
    assert found.latents["z"].shape == (1, 15, 20, 1)
    assert found.parameters["x_logits_weights"].shape == (1, 15, 1, 5)
    assert found.latents["z"].std() > 0.3


def test_points_and_priors_live_in_one_model():
    model = lp.Model("c ~ Categorical(size=2)\nx ~ Normal(loc=Table(c, prior='point'), scale=Table(c, prior='point'))")
    data = lp.datasets.load("faithful")[["eruptions"]]
    found = lp.fit(model, data, lp.SVI(restarts=2), progress=False)
    both = found.posterior
    assert bool((both["x_loc"].max("draw") == both["x_loc"].min("draw")).all())
    # Given the locations and scales of maximum likelihood, the share is a beta of about 272 rows.
    share = float(both["c_probs"].isel(c_level=0).mean())
    assert share == pytest.approx(0.3507, abs=0.01)
    sd = float(both["c_probs"].std(("chain", "draw"))[0])
    assert sd == pytest.approx((share * (1 - share) / 275) ** 0.5, rel=0.15)
