"""Confirmatory factor analysis by maximum likelihood: lavaan."""

import numpy as np
import pytest

import latentprob as lp

# fa_hs1939_cfa3_ml: lavaan's tutorial model of Holzinger and Swineford's data, free means, std.lv=TRUE.
MODEL = """
    z ~ MultivariateNormal(loc=0, scale=1, correlation=Shared(), size=3)
    x ~ Normal(loc=Linear(z, pattern={"visual": ["x1", "x2", "x3"], "textual": ["x4", "x5", "x6"],
               "speed": ["x7", "x8", "x9"]}), scale=PerFeature())
"""
STANDARDIZED = [0.77188072, 0.42360184, 0.58113226, 0.85158247, 0.85506568, 0.83801034, 0.56951615, 0.72304446]
STANDARDIZED += [0.66500955]
CORRELATIONS = {("visual", "textual"): 0.4585098, ("visual", "speed"): 0.47053468, ("textual", "speed"): 0.28298556}


@pytest.mark.slow
def test_three_correlated_factors_of_nine_tests():
    fit = lp.fit(lp.Model(MODEL).point(), lp.datasets.load("holzinger_swineford").filter(like="x"), progress=False)
    assert fit.attrs["settled"]
    assert fit.information()["log_likelihood"] == pytest.approx(-3737.74492663, abs=0.01)
    assert fit.information()["df"] == 30
    found = fit.posterior.isel(chain=0, draw=0)
    weights = found["x_loc_weights"]
    implied = np.sqrt((weights.values**2).sum(0) + found["x_scale"].values ** 2)
    np.testing.assert_allclose(weights.sum("z_dim").values / implied, STANDARDIZED, atol=1e-3)
    assert (weights.values != 0).sum() == 9
    for (one, other), value in CORRELATIONS.items():
        assert found["z_correlation"].sel(z_dim=one, z_dim_bis=other) == pytest.approx(value, abs=1e-3)
    measures = fit.fit_measures()
    for name, value in {"chi_square": 85.30552, "CFI": 0.93056, "RMSEA": 0.09212, "SRMR": 0.05952}.items():
        assert measures[name] == pytest.approx(value, abs=1e-3)
