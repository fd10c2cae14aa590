"""Measures of fit against lavaan's, and what has none."""

import numpy as np
import pandas as pd
import pytest

import latentprob as lp
from latentprob.errors import InferenceError, NotAvailable

# fa_hs1939_cfa3_ml: lavaan 0.6, cfa() of Holzinger and Swineford's nine tests with free means, std.lv=TRUE.
LOADINGS = [0.89962031, 0.49794051, 0.65615609, 0.98969345, 1.10160465, 0.91660098, 0.61947543, 0.7309488, 0.66998011]
VARIANCES = [0.54905342, 1.13383633, 0.84432465, 0.37117286, 0.446255, 0.35620262, 0.79939004, 0.48769741, 0.56613135]
MEANS = [4.93576966, 6.08803987, 2.25041528, 3.06090809, 4.34053156, 2.1855719, 4.18590207, 5.52707641, 5.37412329]
CORRELATION = [[1, 0.4585098, 0.47053468], [0.4585098, 1, 0.28298556], [0.47053468, 0.28298556, 1]]
LAVAAN = {
    "chi_square": 85.30552177,
    "df": 24,
    "baseline_chi_square": 918.851637,
    "baseline_df": 36,
    "CFI": 0.93055965,
    "TLI": 0.8958395,
    "RMSEA": 0.09212148,
    "RMSEA_lower": 0.0714185,
    "RMSEA_upper": 0.1136780,
    "SRMR": 0.05952384,
}
THREE = """
    z ~ MultivariateNormal(loc=0, scale=1, correlation=Shared(), size=3)
    x ~ Normal(loc=Linear(z, pattern={"visual": ["x1", "x2", "x3"], "textual": ["x4", "x5", "x6"],
               "speed": ["x7", "x8", "x9"]}), scale=PerFeature())
"""
ONE = "z ~ Normal(0, 1)\nx ~ Normal(loc=Linear(z), scale=PerFeature())"


def scores() -> pd.DataFrame:
    return lp.datasets.load("holzinger_swineford").filter(like="x")


def parameters() -> dict[str, np.ndarray]:
    weights = np.zeros((3, 9))
    weights[np.repeat(np.arange(3), 3), np.arange(9)] = LOADINGS
    known = {"x_loc_weights": weights, "x_loc_intercept": MEANS, "x_scale": np.sqrt(VARIANCES)}
    return {**known, "z_correlation": CORRELATION}


@pytest.fixture(scope="module")
def confirmatory() -> lp.Fit:
    return lp.condition(lp.Model(THREE), parameters(), scores())


def test_likelihood_and_criteria_are_lavaans(confirmatory):
    found = confirmatory.information()
    assert found["log_likelihood"] == pytest.approx(-3737.74492663, abs=1e-4)
    assert found["df"] == 30
    assert found["BIC"] == pytest.approx(7646.7031612, abs=1e-3)


def test_correlated_factors_without_a_pattern_count_as_factors_that_rotate():
    """Nothing but the product of loadings and correlations is seen: as many numbers as of orthogonal factors."""
    free = THREE.replace(THREE[THREE.index(", pattern") : THREE.index("}") + 1], "")
    orthogonal = "z ~ Normal(0, 1, size=3)\nx ~ Normal(loc=Linear(z), scale=PerFeature())"
    known = parameters() | {"x_loc_weights": np.random.default_rng(0).normal(size=(3, 9))}
    oblique = lp.condition(lp.Model(free), known, scores()).information()["df"]
    known.pop("z_correlation")
    assert oblique == lp.condition(lp.Model(orthogonal), known, scores()).information()["df"] == 42


@pytest.mark.parametrize("name", LAVAAN)
def test_measures_are_lavaans(confirmatory, name):
    assert confirmatory.fit_measures()[name] == pytest.approx(LAVAAN[name], abs=2e-6 if name[0] in "CTRS" else 1e-4)


def test_factor_scores_are_those_of_the_regression_method(confirmatory):
    weights, noise = parameters()["x_loc_weights"], np.diag(VARIANCES)
    gain = np.array(CORRELATION) @ weights @ np.linalg.inv(weights.T @ CORRELATION @ weights + noise)
    belief = confirmatory.latent("z")
    np.testing.assert_allclose(belief["loc"], (scores() - MEANS).to_numpy() @ gain.T, rtol=1e-8)
    assert belief["z_dim"].values.tolist() == ["visual", "textual", "speed"]


def test_weights_outside_of_the_pattern_are_refused():
    with pytest.raises(InferenceError, match=r"x_loc_weights has weights where the pattern .* has none; write 0 there"):
        lp.condition(lp.Model(THREE), parameters() | {"x_loc_weights": np.ones((3, 9))}, scores())


def test_two_blocks_are_tested_together():
    """The measures of one block of all features: what belongs to which block says nothing of rows."""
    known = {"x_loc_weights": [[1.0, 1, 1, 1]], "x_loc_intercept": MEANS[:4], "x_scale": np.ones(4)}
    whole = lp.condition(lp.Model(ONE), known, scores().iloc[:, :4])
    parts = {
        f"{name}_{key[2:]}": np.asarray(value)[..., half]
        for name, half in (("x", slice(0, 2)), ("y", slice(2, 4)))
        for key, value in known.items()
    }
    model = lp.Model(ONE + "\ny ~ Normal(loc=Linear(z), scale=PerFeature())")
    blocks = lp.condition(model, parts, {"x": scores().iloc[:, :2], "y": scores().iloc[:, 2:4]})
    pd.testing.assert_series_equal(blocks.fit_measures(), whole.fit_measures(), rtol=1e-8)


def test_weights_of_rows_count():
    known = {"x_loc_weights": [[1.0, 1, 1, 1]], "x_loc_intercept": MEANS[:4], "x_scale": np.ones(4)}
    few = scores().iloc[:40, :4].reset_index(drop=True)
    twice = lp.condition(lp.Model(ONE), known, pd.concat([few, few], ignore_index=True))
    weighted = lp.condition(lp.Model(ONE), known, few, weights=np.full(40, 2.0))
    pd.testing.assert_series_equal(weighted.fit_measures(), twice.fit_measures(), rtol=1e-8)


@pytest.mark.parametrize(
    ("text", "known", "message"),
    [
        ("x ~ Poisson(rate=PerFeature())", {"x_rate": [1.0, 2.0]}, "under x ~ Poisson they are not normal"),
        (
            "c ~ Categorical(size=2)\nx ~ Normal(loc=Table(c), scale=1)",
            {"c_probs": [0.5, 0.5], "x_loc": np.zeros((2, 2))},
            "under c ~ Categorical they are not normal",
        ),
        (ONE, {"x_loc_weights": [[1.0, 1.0]], "x_loc_intercept": [0, 0], "x_scale": [1, 1]}, "nothing left to test"),
    ],
)
def test_rows_that_are_not_normal_have_none(text, known, message):
    x = np.random.default_rng(0).poisson(3, (6, 2))
    with pytest.raises(NotAvailable, match=message):
        lp.condition(lp.Model(text), known, {"x": x}).fit_measures()


def test_gaps_and_inputs_have_none():
    x = scores().iloc[:, :4].copy()
    x.iloc[0, 0] = np.nan
    known = {"x_loc_weights": [[1.0, 1, 1, 1]], "x_loc_intercept": MEANS[:4], "x_scale": np.ones(4)}
    with pytest.raises(NotAvailable, match="cells of x are hidden"):
        lp.condition(lp.Model(ONE), known, x).fit_measures()
    regression = lp.Model("x ~ Normal(loc=Linear(w), scale=PerFeature())")
    given = {"x_loc_weights": [[1.0, 1.0]], "x_loc_intercept": [0, 0], "x_scale": [1, 1]}
    data = {"x": x.iloc[1:, 1:3].to_numpy(), "w": x.iloc[1:, [3]].to_numpy()}
    with pytest.raises(NotAvailable, match="the rows depend on the input w"):
        lp.condition(regression, given, data).fit_measures()
