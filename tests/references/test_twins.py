"""Deterministic twins: closed forms, scikit-learn, and what the stochastic model tends to as its noise vanishes."""

import numpy as np
import pytest
from reference_values import ARRESTS_FIRST, ARRESTS_SHARES, KMEANS, PRINCIPAL
from scipy.linalg import subspace_angles
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.metrics import adjusted_rand_score

import latentprob as lp

PPCA = lp.Model("z ~ Normal(0, 1, size=2)\nx ~ Normal(loc=Linear(z), scale=Shared())")
LINEAR = lp.Model("z = Linear(x, size=2)\nx ~ Normal(loc=Linear(z), scale=Shared())")
MEANS = lp.Model("c = Nearest(x, size=3)\nx ~ Normal(loc=Table(c), scale=Shared())").point()


def weights(fit: lp.Fit) -> np.ndarray:
    """Loadings (Z, D) of a point fit."""
    return fit.posterior["x_loc_weights"].values[0, 0]


def angle(a: np.ndarray, b: np.ndarray) -> float:
    """The largest angle between the spans of rows (Z, D), degrees."""
    return float(np.degrees(subspace_angles(a.T, b.T)).max())


@pytest.fixture(scope="module")
def ppca(reference_data) -> lp.Fit:
    return lp.fit(PPCA.point(), reference_data["iris"], progress=False)


def test_probabilistic_and_plain_principal_components_of_iris(reference_data, ppca) -> None:
    pca = lp.fit(PPCA.deterministic(), reference_data["iris"])
    assert pca.attrs["method"] == "exact"
    assert angle(weights(ppca), weights(pca)) < 1e-4
    case = PRINCIPAL["iris_raw_q2"]
    assert float(ppca.posterior["x_scale"].item() ** 2) == pytest.approx(case.noise, rel=1e-5)
    assert ppca.bound == pytest.approx(case.log_likelihood, abs=1e-3)


def test_the_belief_of_a_row_is_the_closed_form(reference_data, ppca) -> None:
    # Tipping and Bishop (1999), JRSS B 61, section 3: M = W'W + s2 I, N(M^-1 W' (x - m), s2 M^-1).
    x, w, noise = reference_data["iris"], weights(ppca), ppca.posterior["x_scale"].item() ** 2
    inverse = np.linalg.inv(w @ w.T + noise * np.eye(2))
    belief = ppca.latent("z")
    np.testing.assert_allclose(belief["loc"], (x - x.mean(axis=0)) @ w.T @ inverse, atol=1e-5)
    np.testing.assert_allclose(belief["covariance"][0], noise * inverse, rtol=1e-6)


@pytest.mark.parametrize("name", PRINCIPAL)
def test_principal_components_by_closed_form(reference_data, name) -> None:
    case = PRINCIPAL[name]
    model = lp.Model(f"z = Linear(x, size={case.size})\nx ~ Normal(loc=Linear(z), scale=Shared())").point()
    fit = lp.fit(model, reference_data[case.data], lp.Exact())
    x = reference_data[case.data]
    errors = ((np.asarray(x) - fit.reconstruct()["x"].values) ** 2).sum(axis=1)
    assert errors.mean() == pytest.approx(case.error, rel=1e-6)
    np.testing.assert_allclose(fit.embedding("z").values.var(axis=0), case.variances, rtol=1e-6)
    components = PCA(case.size).fit_transform(x)
    np.testing.assert_allclose(np.abs(fit.embedding("z").values), np.abs(components), atol=1e-9)


def test_the_shares_of_variance_of_the_arrests(reference_data) -> None:
    model = lp.Model("z = Linear(x, size=4)\nx ~ Normal(loc=Linear(z), scale=Shared())").point()
    fit = lp.fit(model, reference_data["arrests"], lp.Exact())
    variances = fit.embedding("z").values.var(axis=0)
    np.testing.assert_allclose(variances / variances.sum(), ARRESTS_SHARES, rtol=1e-6)
    np.testing.assert_allclose(np.abs(weights(fit)[0]), ARRESTS_FIRST, rtol=1e-6)


@pytest.mark.parametrize("name", PRINCIPAL)
def test_probabilistic_principal_components_by_maximum_likelihood(reference_data, name) -> None:
    case = PRINCIPAL[name]
    model = lp.Model(f"z ~ Normal(0, 1, size={case.size})\nx ~ Normal(loc=Linear(z), scale=Shared())")
    fit = lp.fit(model.point(), reference_data[case.data], progress=False)
    assert float(fit.posterior["x_scale"].item() ** 2) == pytest.approx(case.noise, rel=1e-5)
    assert fit.bound == pytest.approx(case.log_likelihood, abs=1e-3)
    loadings = np.linalg.eigvalsh(weights(fit) @ weights(fit).T)[::-1]
    np.testing.assert_allclose(loadings, np.array(case.variances) - case.noise, rtol=1e-4)


def test_a_linear_autoencoder_trained_by_gradient_spans_the_principal_axes(reference_data) -> None:
    # linear_ae_wine_q2: the least error an entry is that of principal components (Baldi and Hornik, 1989).
    x = reference_data["wine"]
    fit = lp.fit(LINEAR.point(), x, lp.SVI(restarts=1), progress=False)
    assert angle(weights(fit), PCA(2).fit(x).components_) < 1
    error = ((np.asarray(x) - fit.reconstruct()["x"].values) ** 2).mean()
    assert 0.44593662 * (1 - 1e-6) < error < 0.44593662 * 1.01


@pytest.mark.slow
def test_a_deep_linear_autoencoder_trained_by_adam_spans_the_principal_axes(reference_data) -> None:
    model = lp.Model("z = MLP(x, hidden=[], size=2)\nx ~ Normal(loc=MLP(z, hidden=[]), scale=Spread())")
    x = reference_data["wine"]
    fit = lp.fit(model, x, progress=False)
    decoder = fit.result.module.x_loc_network[0].weight.detach().numpy().T
    assert angle(decoder, PCA(2).fit(x).components_) < 1


@pytest.mark.parametrize("name", KMEANS)
def test_kmeans_reaches_the_known_optimum(reference_data, name) -> None:
    case = KMEANS[name]
    model = lp.Model(f"c = Nearest(x, size={case.size})\nx ~ Normal(loc=Table(c), scale=Shared())").point()
    fit = lp.fit(model, reference_data[case.data])
    assert fit.attrs["method"] == "exact"
    x = np.asarray(reference_data[case.data])
    assert ((x - fit.reconstruct()["x"].values) ** 2).sum() == pytest.approx(case.inertia, rel=1e-6)
    assert sorted(np.unique(fit.embedding("c"), return_counts=True)[1]) == case.sizes


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_kmeans_is_that_of_scikit_learn_for_the_same_seed_and_start(reference_data, seed) -> None:
    x = reference_data["iris"]
    fit = lp.fit(MEANS, x, lp.Exact(restarts=1, start="random"), seed=seed)
    peer = KMeans(3, init="random", n_init=1, random_state=seed).fit(x)
    assert adjusted_rand_score(peer.labels_, fit.embedding("c")) == 1
    centers = peer.cluster_centers_[np.argsort(peer.cluster_centers_[:, 0])]
    np.testing.assert_allclose(fit.posterior["x_loc"].values[0, 0], centers, rtol=1e-10)


def test_a_mixture_whose_noise_vanishes_is_kmeans(reference_data) -> None:
    # Bishop (2006), section 9.3.2: responsibilities become 0 or 1, the nearest mean's.
    x = reference_data["iris"]
    text = "c ~ Categorical(size=3)\nx ~ Normal(loc=Table(c), scale=0.02)"
    mixture = lp.fit(lp.Model(text).point(), x, lp.SVI(restarts=10), progress=False)
    means = lp.fit(MEANS, x)
    assert adjusted_rand_score(mixture.embedding("c"), means.embedding("c")) == 1
    assert float(mixture.latent("c")["probs"].max("c_level").min()) > 0.99
    np.testing.assert_allclose(mixture.posterior["x_loc"], means.posterior["x_loc"], rtol=1e-3)


def test_the_twin_of_factor_analysis_sees_standardized_data(reference_data) -> None:
    x = reference_data["iris"]
    twin = lp.Model("z ~ Normal(0, 1, size=2)\nx ~ Normal(loc=Linear(z), scale=PerFeature())").deterministic()
    white = (x - x.mean(axis=0)) / x.std(axis=0)
    found = lp.fit(twin, x).embedding("z").values
    np.testing.assert_allclose(np.abs(found), np.abs(PCA(2).fit_transform(white)), atol=1e-9)
