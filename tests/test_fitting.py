"""The way from data to a Fit, and what a Fit is asked at its door."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import latentprob as lp
from latentprob.errors import DataError, FileError, InferenceError, ModelError, NotAvailable

MIXTURE = lp.Model("c ~ Categorical(size=2)\nx ~ Normal(loc=Table(c), scale=Table(c))")
VALUES = {"c_probs": [0.4, 0.6], "x_loc": [[0.0, 0.0], [3.0, 3.0]], "x_scale": [[1.0, 1.0], [1.0, 2.0]]}
QUICK = lp.SVI(steps=100, draws=40, restarts=2, refine=False, compile=False)


@pytest.fixture(scope="module")
def data() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.normal(size=(40, 2)), 4 + rng.normal(size=(60, 2))])
    return pd.DataFrame(x, columns=["a", "b"], index=pd.Index([f"r{i}" for i in range(100)], name="visit"))


@pytest.fixture(scope="module")
def fit(data: pd.DataFrame) -> lp.Fit:
    return lp.fit(MIXTURE, data, QUICK, seed=1)


def test_a_fit_finds_the_planted_components_in_the_order_of_their_location(fit: lp.Fit) -> None:
    np.testing.assert_allclose(fit.posterior["x_loc"].mean(("chain", "draw")), [[0, 0], [4, 4]], atol=0.4)
    np.testing.assert_array_equal(fit.embedding("c"), [0] * 40 + [1] * 60)
    assert fit.attrs["aligned"] == "c: labels"


def test_a_fit_tells_what_it_holds(fit: lp.Fit) -> None:
    for part in ("c ~ Categorical(size=2)", "100 rows", "bound", "SVI(", "x is made of the columns a, b"):
        assert part in repr(fit)
        assert part in fit._repr_html_()


def test_a_fit_is_diagnosed(fit: lp.Fit) -> None:
    names = {finding.name for finding in fit.diagnose().findings}
    assert "components of c" in names
    assert "bound" in names


def test_the_bound_lies_below_the_likelihood_at_the_best_parameters(fit: lp.Fit) -> None:
    assert fit.bound < fit.log_likelihood().sum("visit").max()


def test_a_saved_fit_gives_the_same_answers(fit: lp.Fit, data: pd.DataFrame, tmp_path: Path) -> None:
    fit.save(tmp_path / "fit")
    again = lp.load(tmp_path / "fit")
    xr.testing.assert_identical(again.latent("c"), fit.latent("c"))
    xr.testing.assert_identical(again.latent("c", data[:5]), fit.latent("c", data[:5]))
    xr.testing.assert_identical(again.simulate(6, seed=2), fit.simulate(6, seed=2))
    xr.testing.assert_identical(again.posterior, fit.posterior)
    pd.testing.assert_frame_equal(again.summary(), fit.summary())
    assert again.diagnose().verdict == fit.diagnose().verdict
    assert again.model == fit.model
    assert again.inference == fit.inference
    assert again.seed == fit.seed
    assert again.score() == fit.score()


def test_an_encoder_and_its_networks_are_saved(tmp_path: Path) -> None:
    model = lp.Model("z ~ Normal(0, 1, size=2)\nx ~ Bernoulli(logits=MLP(z, hidden=[4]))")
    x = (np.random.default_rng(0).random((30, 5)) < 0.5).astype(float)
    fit = lp.fit(model, x, lp.SVI(steps=20, compile=False))
    fit.save(tmp_path / "fit")
    again = lp.load(tmp_path / "fit")
    xr.testing.assert_identical(again.latent("z"), fit.latent("z"))
    xr.testing.assert_identical(again.reconstruct(), fit.reconstruct())
    xr.testing.assert_identical(again.log_likelihood(particles=3), fit.log_likelihood(particles=3))


def test_rows_with_times_and_a_single_column_are_saved(tmp_path: Path) -> None:
    series = pd.Series(np.arange(10.0) % 4, index=pd.date_range("2020", periods=10, name="day"), name="x")
    model = lp.Model("c ~ Categorical(size=2)\nx ~ Normal(loc=Table(c), scale=Shared())")
    fit = lp.condition(model, {"c_probs": [0.5, 0.5], "x_loc": [0.0, 3.0], "x_scale": 1.0}, series)
    fit.save(tmp_path / "fit")
    xr.testing.assert_identical(lp.load(tmp_path / "fit").latent("c"), fit.latent("c"))


def test_a_fit_without_bound_says_so(data: pd.DataFrame) -> None:
    with pytest.raises(NotAvailable, match=r"the bound: condition has none; score\(\)"):
        _ = lp.condition(MIXTURE, VALUES, data).bound


def test_a_path_in_use_is_refused(fit: lp.Fit, tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    with pytest.raises(FileError, match="exists and is no saved fit"):
        fit.save(tmp_path / "notes")


WRONG_WEIGHTS = {
    "shape": (np.ones(3), r"weights have the shape \(3,\), and one number for each of the 100 rows is needed"),
    "negative": (np.r_[np.ones(99), -1], r"the weight of row 'r99' is -1.0: weights are finite and not negative"),
    "not a number": (np.r_[np.nan, np.ones(99)], r"the weight of row 'r0' is nan"),
    "nothing": (np.zeros(100), "all weights are 0"),
}


@pytest.mark.parametrize(("weights", "said"), WRONG_WEIGHTS.values(), ids=WRONG_WEIGHTS)
def test_wrong_weights_are_refused(data: pd.DataFrame, weights: np.ndarray, said: str) -> None:
    with pytest.raises(DataError, match=said):
        lp.fit(MIXTURE, data, QUICK, weights=weights)


WRONG_VALUES = {
    "unknown": ({**VALUES, "x_locs": 1}, r"no parameter 'x_locs'; did you mean 'x_loc'\?"),
    "missing": ({"c_probs": [0.4, 0.6]}, r"no value of x_loc was given; it has the dims c_level, feature"),
    "shape": (
        {**VALUES, "x_loc": [1.0, 2.0]},
        r"x_loc has the shape \(2,\), and \(2, 2\) \(c_level 2, feature 2\) is needed",
    ),
    "not probabilities": (
        {**VALUES, "c_probs": [0.4, 0.7]},
        r"c_probs = .*probabilities are not negative and sum to 1",
    ),
    "negative scale": ({**VALUES, "x_scale": -np.ones((2, 2))}, r"x_scale = .*values are above 0"),
    "infinite": ({**VALUES, "x_loc": np.full((2, 2), np.inf)}, r"x_loc = .*values are finite numbers"),
}


@pytest.mark.parametrize(("values", "said"), WRONG_VALUES.values(), ids=WRONG_VALUES)
def test_wrong_parameter_values_are_refused(data: pd.DataFrame, values: dict, said: str) -> None:
    with pytest.raises(InferenceError, match=said):
        lp.condition(MIXTURE, values, data)


def test_a_covariance_is_positive_definite(data: pd.DataFrame) -> None:
    model = lp.Model("x ~ MultivariateNormal(loc=PerFeature(), covariance=Shared())")
    with pytest.raises(InferenceError, match=r"x_covariance = .*a matrix is symmetric and positive definite"):
        lp.condition(model, {"x_loc": [0, 0], "x_covariance": [[1, 2], [2, 1]]}, data)


def test_parameters_alone_do_not_give_the_belief_of_a_drawn_latent(data: pd.DataFrame) -> None:
    model = lp.Model("z ~ Normal(0, 1)\nx ~ Bernoulli(logits=Linear(z))")
    with pytest.raises(InferenceError, match=r"no closed form reaches the belief of z.*lp.fit"):
        lp.condition(model, {}, (data > 0).astype(float))


def test_a_text_is_no_model(data: pd.DataFrame) -> None:
    with pytest.raises(ModelError, match=r"a model is expected, found str; make one of statements by lp.Model"):
        lp.fit(str(MIXTURE), data)  # type: ignore[arg-type]


def test_a_device_that_is_not_there_is_refused(data: pd.DataFrame) -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("this machine has CUDA")
    with pytest.raises(InferenceError, match=r"device='cuda': this machine has no CUDA device"):
        lp.fit(MIXTURE, data, device="cuda")


def test_new_rows_of_another_shape_are_refused(fit: lp.Fit) -> None:
    with pytest.raises(DataError, match=r"3 columns.*2|lack"):
        fit.latent("c", np.zeros((4, 3)))


def test_asking_changes_no_random_state(fit: lp.Fit) -> None:
    import torch

    before, numpy_before = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    fit.simulate(3)
    fit.sample_latent("c", 3)
    _ = fit.tree["prior"]["x_loc"].values
    assert torch.equal(torch.get_rng_state(), before)
    np.testing.assert_array_equal(np.random.get_state()[1], numpy_before)  # noqa: NPY002
