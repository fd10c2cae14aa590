"""Blocks that share latents: one predicted from another, against the conditional normal law and by quadrature."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import multivariate_normal

import latentprob as lp
from latentprob.errors import DataError

NORMAL = """
    z ~ Normal(0, 1, size=2)
    x ~ Normal(loc=Linear(z), scale=PerFeature())
    y ~ Normal(loc=Linear(z), scale=PerFeature())
"""
MIXED = """
    z ~ Normal(0, 1)
    x ~ Normal(loc=Linear(z), scale=PerFeature())
    y ~ Bernoulli(logits=Linear(z))
"""
A = np.array([[1.0, -0.5, 0.3], [0.2, 0.8, 0.0]])
B = np.array([[0.7, 0.0, 0.5, -1.0], [0.1, 1.2, -0.4, 0.3]])
COVARIANCE = np.block([[A.T @ A + 0.16 * np.eye(3), A.T @ B], [B.T @ A, B.T @ B + 0.25 * np.eye(4)]])


def normal_fit(data) -> lp.Fit:
    known = {"x_loc_weights": A, "x_loc_intercept": np.zeros(3), "x_scale": np.full(3, 0.4)}
    known |= {"y_loc_weights": B, "y_loc_intercept": np.ones(4), "y_scale": np.full(4, 0.5)}
    return lp.condition(lp.Model(NORMAL), known, data)


@pytest.fixture(scope="module")
def rows() -> dict[str, np.ndarray]:
    drawn = np.random.default_rng(0).multivariate_normal(np.repeat([0.0, 1.0], [3, 4]), COVARIANCE, 8)
    return {"x": drawn[:, :3], "y": drawn[:, 3:]}


def test_a_lacking_block_is_its_conditional_mean(rows):
    fit = normal_fit(rows)
    expected = 1 + rows["x"] @ np.linalg.solve(COVARIANCE[:3, :3], COVARIANCE[:3, 3:])
    np.testing.assert_allclose(fit.impute({"x": rows["x"]})["y"], expected, rtol=1e-10)
    np.testing.assert_allclose(fit.reconstruct({"x": rows["x"]})["y"], expected, rtol=1e-10)
    back = (rows["y"] - 1) @ np.linalg.solve(COVARIANCE[3:, 3:], COVARIANCE[3:, :3])
    np.testing.assert_allclose(fit.impute({"y": rows["y"]})["x"], back, rtol=1e-10)


def test_a_lacking_block_leaves_the_density_of_the_other(rows):
    expected = multivariate_normal(np.zeros(3), COVARIANCE[:3, :3]).logpdf(rows["x"])
    np.testing.assert_allclose(normal_fit(rows).log_likelihood({"x": rows["x"]})[0, 0], expected, rtol=1e-10)


def test_rows_of_gaps_are_rows_that_lack_the_block(rows):
    gaps = {"x": rows["x"], "y": np.where(np.arange(8)[:, None] < 3, np.nan, rows["y"])}
    filled = normal_fit(gaps).impute()["y"].values
    np.testing.assert_allclose(filled[:3], normal_fit(rows).impute({"x": rows["x"][:3]})["y"], rtol=1e-10)
    np.testing.assert_array_equal(filled[3:], rows["y"][3:])


def test_a_table_of_new_rows_may_lack_the_columns_of_a_block(rows):
    frame = pd.DataFrame(np.hstack([rows["x"], rows["y"]]), columns=list("abcdefg"))
    views = {"x": list("abc"), "y": list("defg")}
    fit = lp.fit(lp.Model(NORMAL).point(), frame, lp.SVI(restarts=1), observed=views, progress=False)
    found = fit.impute(frame[list("abc")])["y"]
    assert found["y_feature"].values.tolist() == list("defg")
    np.testing.assert_allclose(found, fit.impute({"x": rows["x"]})["y"])
    with pytest.raises(DataError, match="the new rows lack the column 'c' of x"):
        fit.impute(frame[list("ab")])


def test_all_blocks_are_not_lacking_at_once(rows):
    with pytest.raises(DataError, match="x has no children, so the data must hold it; they hold nothing"):
        normal_fit(rows).impute({})
    with pytest.raises(DataError, match="y has no children, so the data must hold it; they hold x"):
        lp.fit(lp.Model(NORMAL), {"x": rows["x"]})


@pytest.fixture(scope="module")
def mixed() -> tuple[lp.Fit, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    z = rng.normal(size=(60, 1))
    x = z * [1, 2, 0.5] + 0.5 * rng.normal(size=(60, 3))
    y = (z * [2, -1.0] + rng.logistic(size=(60, 2)) > 0).astype(float)
    return lp.fit(lp.Model(MIXED), {"x": x, "y": y}, lp.SVI(steps=100, draws=50), progress=False), x, y


GRID = np.linspace(-6, 6, 601)


def averaged(fit: lp.Fit, log_density, mean) -> np.ndarray:
    """E[mean(z) given the seen cells] over a grid of z, averaged over the draws of the parameters."""
    found = []
    for draw in range(fit.posterior.sizes["draw"]):
        p = {name: values.isel(chain=0, draw=draw).values for name, values in fit.posterior.items()}
        weights = np.exp(log_density(p) - 0.5 * GRID**2)
        found.append(weights / weights.sum(1, keepdims=True) @ mean(p))
    return np.mean(found, axis=0)


def logits(p) -> np.ndarray:
    return p["y_logits_intercept"] + GRID[:, None] * p["y_logits_weights"]


def locations(p) -> np.ndarray:
    return p["x_loc_intercept"] + GRID[:, None] * p["x_loc_weights"]


@pytest.mark.slow
def test_a_block_that_all_fitted_rows_have_may_be_lacking(mixed):
    """The encoder saw both blocks; of rows that lack one, each belief is fitted by itself."""
    fit, x, y = mixed

    def of_x(p):
        return -0.5 * (((x[:5, None] - locations(p)) / p["x_scale"]) ** 2).sum(-1)

    def of_y(p):
        return (y[:5, None] * logits(p) - np.logaddexp(0, logits(p))).sum(-1)

    expected = averaged(fit, of_x, lambda p: 1 / (1 + np.exp(-logits(p))))
    np.testing.assert_allclose(fit.impute({"x": x[:5]})["y"], expected, atol=0.05)
    back = averaged(fit, of_y, locations)
    np.testing.assert_allclose(fit.impute({"y": y[:5]})["x"], back, atol=0.35)  # of scales of 1 to 2: a normal belief
