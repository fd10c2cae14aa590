"""Centre and spread against numpy and pandas, gaps left out."""

import numpy as np
import pandas as pd
import pytest

import latentprob.spec.distributions as laws
from latentprob.data import read, statistics
from latentprob.data.cells import support
from latentprob.spec.distributions import Bernoulli, Categorical, LogNormal, Normal, Poisson
from latentprob.spec.maps import Linear, PerFeature, Shared, Table
from latentprob.spec.model import Model

RNG = np.random.default_rng(3)
REAL = RNG.normal([3.0, -200.0], [0.1, 40.0], (50, 2))


def found(model, data):
    return statistics(model, read(model, data))


def test_real_values_with_gaps():
    cells = REAL.copy()
    cells[::5, 0] = cells[1::10, 1] = np.nan
    stats = found(Model(x=Normal(loc=PerFeature(), scale=PerFeature())), cells)
    assert set(stats) == {"x_center", "x_spread"}
    np.testing.assert_allclose(stats["x_center"], pd.DataFrame(cells).mean(), rtol=1e-12)
    np.testing.assert_allclose(stats["x_spread"], pd.DataFrame(cells).std(ddof=0), rtol=1e-12)


def test_log_normal_on_the_log_scale():
    cells = np.exp(REAL / 50)
    stats = found(Model(x=LogNormal(loc=PerFeature(), scale=PerFeature())), np.where(cells < 0.01, np.nan, cells))
    kept = pd.DataFrame(REAL / 50).where(cells >= 0.01)
    np.testing.assert_allclose(stats["x_center"], kept.mean(), rtol=1e-12)
    np.testing.assert_allclose(stats["x_spread"], kept.std(ddof=0), rtol=1e-12)


def test_binary_proportions_stay_inside():
    stats = found(Model(x=Bernoulli(probs=PerFeature())), np.array([[0, 1, 1], [0, 1, 0], [0, 1, 0], [0, 1, 0]]))
    np.testing.assert_allclose(stats["x_center"], [0.125, 0.875, 0.25])
    np.testing.assert_allclose(stats["x_spread"] ** 2, [0.125 * 0.875, 0.125 * 0.875, 0.25 * 0.75])


def test_counts_that_are_all_zero_have_a_positive_centre():
    stats = found(Model(x=Poisson(rate=PerFeature())), np.array([[0, 2], [0, 4]]))
    np.testing.assert_allclose(stats["x_center"], [0.25, 3])
    np.testing.assert_allclose(stats["x_spread"], [0.5, 1])


def test_levels_give_proportions():
    model = Model(c=Categorical(size=3), x=Normal(loc=Table("c"), scale=Shared()))
    stats = found(model, {"x": [1.0, 2, 3, 5], "c": [0, 0, np.nan, 1]})
    np.testing.assert_allclose(stats["c_center"], np.array([2, 1, 0.5]) / 3.5)
    assert "c_spread" not in stats


def test_categories_give_proportions_by_feature():
    model = Model(x=Categorical())
    stats = found(model, pd.DataFrame({"p": [0, 1, 1, 1], "q": [2, 2, 0, 1]}))
    np.testing.assert_allclose(stats["x_center"], [np.array([1, 3, 0.5]) / 4.5, [0.25, 0.25, 0.5]])


def test_inputs_have_statistics():
    frame = pd.DataFrame({"u": REAL[:, 0], "y": REAL[:, 1], "g": ["a", "b"] * 25})
    stats = found(Model(y=Normal(loc=Linear("u", by="g"), scale=Shared())), frame)
    assert set(stats) == {"u_center", "u_spread", "y_center", "y_spread", "g_center"}
    assert stats["u_spread"] == pytest.approx([frame.u.std(ddof=0)])
    np.testing.assert_allclose(stats["g_center"], [0.5, 0.5])


DRAWN = [
    law
    for law in vars(laws).values()
    if isinstance(law, type)
    and issubclass(law, laws.Distribution)
    and law.__module__ == laws.__name__
    and not law.prior_only
    and law is not laws.Distribution
    and law.support != "level"
]


@pytest.mark.parametrize("law", DRAWN, ids=lambda law: law.__name__)
def test_every_law_checks_its_data(law):
    assert support.dispatch(law) is not support.dispatch(object)
