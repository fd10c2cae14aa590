"""What is ranked: no relabelling or rotation of a draw changes it, and ties are broken evenly."""

import numpy as np
import pytest
import torch

import latentprob as lp
from latentprob.posterior.imagined import imagine
from latentprob.posterior.prior import prior_draws
from latentprob.posterior.simulate import replicate
from latentprob.studies.quantities import Joined, quantities, rank

DRAWS, ROWS, FEATURES = 6, 9, 3
MIXTURE = "c ~ Categorical(size=3)\nx ~ Normal(loc=Table(c), scale=Table(c))"
FACTORS = "z ~ Normal(0, 1, size=2)\nx ~ Normal(loc=Linear(z), scale=PerFeature())"
PLAIN = "z ~ Normal(0, 2)\nx ~ Normal(loc=z, scale=Shared())"


def drawn(text: str) -> Joined:
    """Parameters and latents from the prior."""
    world = imagine(lp.Model(text), ROWS, 0, None, FEATURES)
    result = world.result
    sites = prior_draws(result.program, result.module, DRAWS, 1, "cpu")
    each = [
        replicate(imagine(lp.Model(text), ROWS, s, None, FEATURES).result, np.zeros(1, int), np.arange(ROWS), rng)
        for s, rng in ((s, np.random.default_rng(s)) for s in range(DRAWS))
    ]
    latents = {n: torch.as_tensor(np.concatenate([one[n] for one in each])) for n in result.program.plan}
    latents = {n: v.long() if result.model.is_level(n) else v for n, v in latents.items()}
    return Joined(result, {name: torch.as_tensor(array) for name, array in sites.items()}, latents)


def test_labels_do_not_matter() -> None:
    at, rng = drawn(MIXTURE), np.random.default_rng(0)
    order = torch.as_tensor(np.stack([rng.permutation(3) for _ in range(DRAWS)]))
    draw = torch.arange(DRAWS)[:, None]
    sites = {name: values[draw, order] for name, values in at.sites.items()}
    latents = {"c": order.argsort(1)[draw, at.latents["c"]]}
    before, after = quantities(at), quantities(Joined(at.result, sites, latents))
    assert before.keys() == after.keys() >= {"log likelihood", "c_probs[0]", "x_loc[2, 0]", "rows 0 and 1 share c"}
    for name in before:
        np.testing.assert_allclose(after[name], before[name], err_msg=name)


def test_components_are_sorted_by_their_first_feature() -> None:
    found, at = quantities(drawn(MIXTURE)), drawn(MIXTURE)
    first = np.stack([found[f"x_loc[{level}, 0]"] for level in range(3)], axis=1)
    np.testing.assert_array_equal(first, np.sort(at.sites["x_loc"][..., 0].numpy(), axis=1))


def test_rotations_do_not_matter() -> None:
    at, angle = drawn(FACTORS), np.random.default_rng(0).uniform(0, 6, DRAWS)
    turn = torch.as_tensor(np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]))
    turn = turn.permute(2, 0, 1)  # (S, Z, Z)
    sites = {**at.sites, "x_loc_weights": turn @ at.sites["x_loc_weights"]}
    after = quantities(Joined(at.result, sites, {"z": at.latents["z"] @ turn.mT}))
    before = quantities(at)
    assert before.keys() >= {"|x_loc_weights|²[0]", "x_loc_weights 0·1", "|z|²[row 0]", "E x[row 1, 0]"}
    for name in before:
        np.testing.assert_allclose(after[name], before[name], err_msg=name)


def test_loadings_are_ranked_by_the_covariance_that_they_imply() -> None:
    at = drawn(FACTORS)
    weights = at.sites["x_loc_weights"].numpy()
    implied, found = weights.transpose(0, 2, 1) @ weights, quantities(at)
    np.testing.assert_allclose(found["|x_loc_weights|²[2]"], implied[:, 2, 2])
    np.testing.assert_allclose(found["x_loc_weights 0·1"], implied[:, 0, 1])


def test_without_a_symmetry_the_values_themselves_are_ranked() -> None:
    at = drawn(PLAIN)
    found = quantities(at)
    np.testing.assert_allclose(found["x_scale"], at.sites["x_scale"])
    np.testing.assert_allclose(found["z[row 1]"], at.latents["z"][:, 1, 0])


def test_the_likelihood_is_that_of_the_rows_without_their_latents() -> None:
    at = drawn(FACTORS)
    w, loc, scale = (at.sites[n].numpy() for n in ("x_loc_weights", "x_loc_intercept", "x_scale"))
    x = at.result.values.arrays["x"]
    from scipy.stats import multivariate_normal

    wanted = [multivariate_normal(loc[s], w[s].T @ w[s] + np.diag(scale[s] ** 2)).logpdf(x).sum() for s in range(DRAWS)]
    np.testing.assert_allclose(quantities(at)["log likelihood"], wanted)


@pytest.mark.parametrize(("values", "low", "high"), [([2, 1, 3, 0], 2, 2), ([0, 1, 2, 3], 0, 0), ([1, 1, 1, 0], 1, 3)])
def test_a_rank_counts_the_draws_below_and_breaks_ties(values: list[float], low: int, high: int) -> None:
    rng = np.random.default_rng(0)
    found = [rank(np.array(values, float), rng) for _ in range(600)]
    counts = np.bincount(found, minlength=high + 1)[low:]
    assert len(counts) == high - low + 1
    np.testing.assert_allclose(counts, 600 / len(counts), atol=5 * np.sqrt(600))
