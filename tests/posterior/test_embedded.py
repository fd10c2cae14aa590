"""What a deterministic variable answers, and what it explains that it cannot."""

import numpy as np
import pytest
from sklearn.datasets import load_iris

import latentprob as lp
from latentprob.errors import DataError, NotAvailable

FRAME = load_iris(as_frame=True).data
TEXTS = {
    "z": "z = Linear(x, size=2)\nx ~ Normal(loc=Linear(z), scale=Shared())",
    "c": "c = Nearest(x, size=3)\nx ~ Normal(loc=Table(c), scale=Shared())",
}


@pytest.fixture(scope="module")
def fits() -> dict[str, lp.Fit]:
    return {name: lp.fit(lp.Model(text).point(), FRAME) for name, text in TEXTS.items()}


@pytest.fixture(scope="module")
def believed() -> lp.Fit:
    """Centres with a posterior."""
    return lp.fit(lp.Model(TEXTS["c"]), FRAME, lp.SVI(steps=50, restarts=1, draws=20, refine=False), progress=False)


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("call", ["latent", "sample_latent"])
def test_there_is_no_belief_of_a_point(fits, name, call):
    with pytest.raises(NotAvailable, match=rf"{name} = .* is deterministic: .* embedding\('{name}'\) gives it"):
        getattr(fits[name], call)(name)


CALLS = {
    "score": lambda fit: fit.score(),
    "log_likelihood": lambda fit: fit.log_likelihood(),
    "simulate": lambda fit: fit.simulate(3),
    "information": lambda fit: fit.information(),
    "loo": lambda fit: fit.loo(),
    "prior": lambda fit: lp.simulate(fit.model, 5),
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("name", TEXTS)
def test_an_objective_is_no_density(fits, name, call):
    with pytest.raises(NotAvailable, match=rf"the model is an objective, not a density. Ask embedding\('{name}'\)"):
        CALLS[call](fits[name])


def test_embeddings_have_the_names_of_the_data(fits):
    z, c = fits["z"].embedding("z"), fits["c"].embedding("c")
    assert z.dims == ("row", "z_dim")
    assert z.shape == (150, 2)
    assert c.dims == ("row",)
    assert set(c.values) == {0, 1, 2}
    assert list(fits["z"].posterior["z_weights"].dims) == ["chain", "draw", "feature", "z_dim"]


@pytest.mark.parametrize("name", TEXTS)
def test_new_rows_are_embedded_as_fitted_ones(fits, name):
    np.testing.assert_array_equal(fits[name].embedding(name, FRAME[5:9]), fits[name].embedding(name)[5:9])
    np.testing.assert_allclose(fits[name].reconstruct(FRAME[5:9])["x"], fits[name].reconstruct()["x"][5:9])


@pytest.mark.parametrize("name", TEXTS)
def test_a_saved_fit_answers_the_same(fits, name, tmp_path):
    fits[name].save(tmp_path / "fit")
    again = lp.load(tmp_path / "fit")
    assert again.embedding(name).identical(fits[name].embedding(name))
    assert again.inference == fits[name].inference


def test_the_level_is_the_most_frequent_over_the_posterior(believed):
    draws = believed.posterior["x_loc"].values[0]
    distance = ((FRAME.values[:, None, None] - draws) ** 2).sum(axis=-1)  # (row, draw, level)
    votes = np.stack([(distance.argmin(axis=-1) == k).sum(axis=-1) for k in range(3)], axis=-1)
    np.testing.assert_array_equal(believed.embedding("c"), votes.argmax(axis=-1))


def test_the_tree_has_no_density(fits):
    assert not {"log_likelihood", "posterior_predictive", "latent"} & set(fits["z"].tree.children)


def test_a_density_given_inputs_stays_one():
    rng = np.random.default_rng(0)
    w = rng.normal(size=(60, 3))
    model = lp.Model("z = Linear(w, size=1)\nx ~ Normal(loc=Linear(z), scale=Shared())").point()
    fit = lp.fit(model, {"x": w @ rng.normal(size=(3, 2)) + rng.normal(size=(60, 2)), "w": w}, lp.SVI(restarts=1))
    residual = fit.result.values.arrays["x"] - fit.reconstruct()["x"].values
    scale = fit.posterior["x_scale"].item()
    expected = (-0.5 * (residual / scale) ** 2 - np.log(scale) - 0.5 * np.log(2 * np.pi)).sum(axis=1)
    np.testing.assert_allclose(fit.log_likelihood().values[0, 0], expected)
    assert fit.simulate(4)["x"].shape == (4, 2)


def test_data_that_hold_what_is_computed_are_refused():
    with pytest.raises(DataError, match=r"the data hold 'z', but z = Linear.* is computed from them. Leave 'z' out"):
        lp.fit(lp.Model(TEXTS["z"]), {"x": FRAME.values, "z": FRAME.values[:, :2]})
