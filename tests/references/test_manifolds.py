"""The Swiss roll: a sheet in three dims whose two coordinates the latent space must follow."""

import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn.datasets import make_swiss_roll
from sklearn.decomposition import PCA
from sklearn.manifold import trustworthiness
from sklearn.neighbors import NearestNeighbors

import latentprob as lp

pytestmark = pytest.mark.slow

METHOD = lp.SVI(steps=1000, draws=50, compile=False)  # the default budget takes minutes, and changes little
MAPS = {
    "process": lp.models.path("gplvm").read_text(),
    "network": "z ~ Normal(0, 1, size=2)\nx ~ Normal(loc=MLP(z), scale=Shared())",
}


@pytest.fixture(scope="module")
def roll() -> tuple[np.ndarray, np.ndarray]:
    """1,500 points of the roll, and its angle."""
    return make_swiss_roll(1500, noise=0.05, random_state=0)


@pytest.fixture(scope="module", params=MAPS.values(), ids=MAPS)
def fit(request, roll) -> lp.Fit:
    return lp.fit(lp.Model(request.param), {"x": roll[0]}, METHOD)


def follows(z: np.ndarray, coordinate: np.ndarray) -> float:
    """The best rank correlation of a linear direction of z with a coordinate of the roll."""
    turns = np.linspace(0, np.pi, 181)
    return max(abs(spearmanr(z @ [np.cos(turn), np.sin(turn)], coordinate).statistic) for turn in turns)


def test_the_latent_space_follows_the_roll(fit, roll) -> None:
    x, angle = roll
    z = fit.embedding("z").values
    assert fit.attrs["start"] == "isomap"
    assert follows(z, angle) >= 0.95
    assert follows(z, x[:, 1]) >= 0.95
    assert trustworthiness(x, z, n_neighbors=12) >= 0.99


def test_the_embedding_of_the_twin_follows_the_roll(roll) -> None:
    x, angle = roll
    twin = lp.fit(lp.Model(MAPS["network"]).deterministic(), {"x": x}, METHOD)
    z = twin.embedding("z").values
    assert follows(z, angle) >= 0.95
    assert follows(z, x[:, 1]) >= 0.95
    assert trustworthiness(x, z, n_neighbors=12) >= 0.99


def test_principal_components_do_not(roll) -> None:
    x, angle = roll
    z = PCA(2).fit_transform(x)
    assert follows(z, angle) < 0.6
    assert trustworthiness(x, z, n_neighbors=12) < 0.98


def test_new_rows_lie_on_the_sheet(fit) -> None:
    """Reconstructed to a fraction of the roll's spread, and as probable as the fitted rows."""
    x, angle = make_swiss_roll(300, noise=0.05, random_state=1)
    assert follows(fit.embedding("z", {"x": x}).values, angle) >= 0.95
    error = np.sqrt(((fit.reconstruct({"x": x})["x"].values - x) ** 2).mean())
    assert error < 0.1 * x.std()
    assert fit.score({"x": x}, particles=20) == pytest.approx(fit.score(particles=20), abs=0.3)


def test_simulated_rows_lie_on_the_sheet(fit, roll) -> None:
    """Each near a row of the data, in the data's own unit: the distance of neighbours."""
    drawn = fit.simulate(300, seed=0)["x"].values
    near = NearestNeighbors(n_neighbors=1).fit(roll[0])
    assert np.median(near.kneighbors(drawn)[0]) < 3 * np.median(near.kneighbors(roll[0] + 1e-9, 2)[0][:, 1])
