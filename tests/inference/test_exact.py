"""Exact: what it solves, what it refuses, and that others are chosen where it cannot."""

import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.datasets import load_iris

import latentprob as lp
from latentprob.errors import InferenceError
from latentprob.inference import chosen

X = load_iris().data
PCA = lp.Model("z = Linear(x, size=2)\nx ~ Normal(loc=Linear(z), scale=Shared())").point()
MEANS = lp.Model("c = Nearest(x, size=3)\nx ~ Normal(loc=Table(c), scale=Shared())").point()
CHOSEN = {
    "principal components": (str(PCA), lp.Exact),
    "k-means": (str(MEANS), lp.Exact),
    "standardized": (str(PCA).replace('Shared(prior="point")', "Spread()"), lp.Exact),
    "known scale": (str(PCA).replace('Shared(prior="point")', "0.5"), lp.Exact),
    "priors": ("z = Linear(x, size=2)\nx ~ Normal(loc=Linear(z), scale=Shared())", lp.SVI),
    "priors on centres": ("c = Nearest(x, size=3)\nx ~ Normal(loc=Table(c), scale=1)", lp.SVI),
    "a network": ("z = MLP(x, size=2)\nx ~ Normal(loc=MLP(z), scale=1)", lp.SVI),
    "a scale a level": (str(MEANS).replace("Shared(", "Table(c, "), lp.SVI),
    "counts": ('c = Nearest(x, size=3)\nx ~ Poisson(rate=Table(c, prior="point"))', lp.SVI),
    "a mixture": ("c ~ Categorical(size=3)\nx ~ Normal(loc=Table(c), scale=Shared())", lp.NaturalGradient),
}


@pytest.mark.parametrize(("text", "method"), CHOSEN.values(), ids=CHOSEN)
def test_it_is_chosen_where_the_optimum_is_known(text, method):
    assert type(chosen(lp.compile(lp.Model(text), ["x"]))) is method


@pytest.mark.parametrize("name", [name for name, (_, method) in CHOSEN.items() if method is not lp.Exact])
def test_it_refuses_what_it_does_not_solve(name):
    with pytest.raises(InferenceError, match=r"Exact solves principal components, .* and k-means, .* Use lp.SVI"):
        lp.fit(lp.Model(CHOSEN[name][0]), X.round(), lp.Exact())


def test_gradients_reach_the_same_optimum():
    exact, climbed = lp.fit(PCA, X), lp.fit(PCA, X, lp.SVI(restarts=1), progress=False)
    assert climbed.bound == pytest.approx(exact.bound, abs=1e-6)
    assert float(climbed.posterior["x_scale"].item()) == pytest.approx(float(exact.posterior["x_scale"].item()))
    np.testing.assert_allclose(climbed.reconstruct()["x"], exact.reconstruct()["x"], atol=1e-5)


def test_the_bound_is_the_density_of_the_rows_given_their_embedding():
    fit = lp.fit(MEANS, X)
    residual, scale = X - fit.reconstruct()["x"].values, fit.posterior["x_scale"].item()
    expected = -0.5 * (residual**2).sum() / scale**2 - X.size * (np.log(scale) + 0.5 * np.log(2 * np.pi))
    assert fit.bound == pytest.approx(expected)
    assert scale**2 == pytest.approx((residual**2).mean())


def test_weights_count_rows_of_kmeans():
    weights = np.arange(len(X)) % 3.0
    fit = lp.fit(MEANS, X, lp.Exact(restarts=3), weights=weights, seed=4)
    peer = KMeans(3, n_init=3, random_state=4).fit(X, sample_weight=weights)
    np.testing.assert_allclose(np.sort(fit.posterior["x_loc"].values[0, 0], 0), np.sort(peer.cluster_centers_, 0))


REFUSED = {
    "weights": (PCA, X, {"weights": np.ones(150)}, "principal components take no weights"),
    "too many dims": (
        lp.Model(str(PCA).replace("size=2", "size=5")),
        X,
        {},
        "z has size 5, and 150 rows of 4 features",
    ),
    "too many levels": (
        lp.Model(str(MEANS).replace("size=3", "size=9")),
        X[:6],
        {},
        "c has size 9, and the data 6 rows",
    ),
}


@pytest.mark.parametrize(("model", "x", "settings", "message"), REFUSED.values(), ids=REFUSED)
def test_data_that_it_cannot_solve_are_refused(model, x, settings, message):
    with pytest.raises(InferenceError, match=message):
        lp.fit(model, x, **settings)


def test_a_perfect_reconstruction_rests_on_the_floor_of_its_scale():
    flat = np.column_stack([X[:, 0], 2 * X[:, 0], X[:, 1]])
    fit = lp.fit(PCA, flat)
    assert fit.attrs["floor_binds"] == "x_scale"
    assert float(fit.posterior["x_scale"].item()) == pytest.approx(1e-3 * flat.std(axis=0).mean())


def test_a_network_without_parameters_of_its_own_trains():
    model = lp.Model("z = MLP(x, hidden=[8], size=2)\nx ~ Normal(loc=MLP(z, hidden=[8]), scale=Spread())")
    x = (X - X.mean(axis=0)) / X.std(axis=0)
    fit = lp.fit(model, x, lp.SVI(steps=500), progress=False)
    assert ((x - fit.reconstruct()["x"].values) ** 2).mean() < 0.1  # two principal components leave 0.04
    again = lp.fit(model, x, lp.SVI(steps=500), progress=False)
    np.testing.assert_array_equal(again.embedding("z"), fit.embedding("z"))
