"""What is asked of fits to series: beliefs, paths, draws, forecasts; against all paths and against closed forms."""

import itertools

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import latentprob as lp
from latentprob.errors import DataError, InferenceError, NotAvailable

INITIAL, RATES = np.array([0.5, 0.3, 0.2]), np.array([1.0, 5.0, 12.0])
MOVES = np.array([[0.7, 0.2, 0.1], [0.1, 0.6, 0.3], [0.0, 0.3, 0.7]])
TABLE = pd.DataFrame(
    {"series": list("aaaabccc"), "time": [1, 2, 3, 4, 1, 1, 2, 3], "x": [0, 2, np.nan, 11, 6, 9, 4, 1]}
)
CHAIN = lp.Model("s[time] ~ Markov(size=3)\nx ~ Poisson(rate=Table(s))")
LEVEL = lp.Model("z[time] ~ LinearDynamics(transition=0.8, scale=0.5, initial=2)\nx ~ Normal(loc=z, scale=1)")
WALK = lp.Model("z[time] ~ LinearDynamics(size=2)\nx ~ Normal(loc=Linear(z), scale=PerFeature())")


@pytest.fixture(scope="module")
def chain():
    return lp.condition(CHAIN, {"s_initial": INITIAL, "s_transition": MOVES, "x_rate": RATES[:, None]}, TABLE)


@pytest.fixture(scope="module")
def paths():
    """Of each series its rows, its log density, all paths and their probabilities."""
    found, start = [], 0
    with np.errstate(divide="ignore"):
        log_initial, log_moves = np.log(INITIAL), np.log(MOVES)
    for length in (4, 1, 3):
        rows = slice(start, start + length)
        logs = stats.poisson.logpmf(TABLE["x"].to_numpy()[rows, None], RATES)
        logs, start = np.where(np.isnan(logs), 0, logs), start + length
        every = list(itertools.product(range(3), repeat=length))
        each = [
            log_initial[path[0]]
            + sum(log_moves[a, b] for a, b in itertools.pairwise(path))
            + sum(logs[t, level] for t, level in enumerate(path))
            for path in every
        ]
        total = np.logaddexp.reduce(each)
        found.append((rows, total, every, np.exp(np.array(each) - total)))
    return found


def test_log_likelihood_adds_up_to_that_of_the_series(chain, paths):
    found = chain.log_likelihood()[0, 0]
    assert found.attrs["rows"].startswith("one-step factors")
    by_series = found.groupby("series").sum()
    np.testing.assert_allclose(by_series, [total for _, total, *_ in paths])
    assert found["time"].values.tolist() == TABLE["time"].tolist()


def test_beliefs_paths_and_draws(chain, paths):
    probs, path = chain.latent("s")["probs"].values, chain.embedding("s").values
    draws = chain.sample_latent("s", 4_000).values
    for rows, _, every, shares in paths:
        expected = sum(share * np.eye(3)[list(each)] for each, share in zip(every, shares, strict=True))
        np.testing.assert_allclose(probs[rows], expected, atol=1e-12)
        assert tuple(path[rows]) == every[int(np.argmax(shares))]
        drawn = np.array([(draws[:, rows] == each).all(1).mean() for each in every])
        np.testing.assert_allclose(drawn, shares, atol=0.04)  # five standard errors of the largest


def test_new_series_are_answered_for(chain):
    again = chain.log_likelihood(TABLE.iloc[4:])
    np.testing.assert_allclose(again, chain.log_likelihood()[..., 4:])


def test_forecast_of_levels(chain):
    found = chain.forecast(steps=2, draws=4_000)
    assert dict(found["x"].sizes) == {"draw": 4_000, "series": 3, "step": 2}
    assert found["series"].values.tolist() == ["a", "b", "c"]
    last = chain.latent("s")["probs"].values[[3, 4, 7]]
    for step in (1, 2):
        expected = last @ np.linalg.matrix_power(MOVES, step)
        own = found.sel(step=step)
        shares = np.stack([(own["s"] == level).mean("draw") for level in range(3)], -1)
        np.testing.assert_allclose(shares, expected, atol=0.04)
        np.testing.assert_allclose(own["x"].mean("draw"), expected @ RATES, atol=0.5)


def test_simulated_rows_are_one_series(chain):
    found = chain.simulate(30_000, seed=1)
    assert dict(found["x"].sizes) == {"row": 30_000}
    s = found["s"].values
    moved = np.zeros((3, 3))
    np.add.at(moved, (s[:-1], s[1:]), 1)
    np.testing.assert_allclose(moved / moved.sum(1, keepdims=True), MOVES, atol=0.03)


def test_series_are_saved(chain, tmp_path):
    chain.save(tmp_path / "chain")
    again = lp.load(tmp_path / "chain")
    np.testing.assert_array_equal(again.log_likelihood(), chain.log_likelihood())
    assert again.embedding("s").identical(chain.embedding("s"))


@pytest.fixture(scope="module")
def level():
    x = np.array([1.0, 0.5, np.nan, -1.0, 2.0])
    return lp.condition(LEVEL, {}, {"x": x})


def test_forecast_of_states(level):
    found = level.forecast(steps=3, draws=20_000)
    belief = level.latent("z").isel(time=-1) if "time" in level.latent("z").dims else level.latent("z").isel(row=-1)
    mean, variance = float(belief["loc"]), float(belief["scale"]) ** 2
    for step in range(3):
        mean, variance = 0.8 * mean, 0.64 * variance + 0.25
        x = found["x"].isel(step=step)
        assert float(x.mean()) == pytest.approx(mean, abs=0.05)
        assert float(x.var()) == pytest.approx(variance + 1, rel=0.05)


def test_draws_of_states_have_the_moments_of_the_belief(level):
    belief, draws = level.latent("z"), level.sample_latent("z", 20_000)
    np.testing.assert_allclose(draws.mean("draw"), belief["loc"], atol=0.05)
    np.testing.assert_allclose(draws.std("draw"), belief["scale"], rtol=0.05)
    assert float(np.corrcoef(draws.values[:, 0], draws.values[:, 1])[0, 1]) > 0.1  # neighbours go together


@pytest.mark.slow
def test_turned_states_mean_the_same():
    """Draws that differ by a rotation of the state agree when they are aligned, the matrix that moves it too."""
    rng = np.random.default_rng(0)
    z = np.zeros((120, 2))
    for step in range(1, 120):
        z[step] = [[0.9, 0.2], [-0.2, 0.8]] @ z[step - 1] + rng.normal(size=2)
    x = z @ rng.normal(size=(2, 4)) + 0.5 * rng.normal(size=(120, 4))
    fit = lp.fit(WALK, x, lp.SVI(restarts=2, steps=80, draws=100, refine=False), progress=False)
    assert fit.attrs["aligned"] == "z: rotation, order, sign"
    assert fit.attrs["rhat_after_alignment"] < 1.05
    moves = fit.posterior["z_transition"].mean(("chain", "draw")).values
    expected = np.sort_complex(np.linalg.eigvals([[0.9, 0.2], [-0.2, 0.8]]))
    np.testing.assert_allclose(np.sort_complex(np.linalg.eigvals(moves)), expected, atol=0.15)


def test_a_model_without_a_chain_forecasts_nothing():
    known = lp.condition(lp.Model("x ~ Normal(0, 1)"), {}, {"x": [0.0, 1.0]})
    with pytest.raises(NotAvailable, match="forecast: no hidden variable moves along an axis"):
        known.forecast(3)


def test_inputs_of_steps_to_come_are_not_known():
    model = lp.Model("s[time] ~ Markov(size=2)\nx ~ Normal(loc=Linear(w, by=s), scale=1)")
    values = {"s_initial": [0.5, 0.5], "s_transition": [[0.5, 0.5], [0.5, 0.5]]}
    values |= {"x_loc_intercept": [[0.0], [1.0]], "x_loc_weights": [[[1.0]], [[2.0]]]}
    known = lp.condition(model, values, {"x": [0.0, 1, 2], "w": [1.0, 2, 4]})
    with pytest.raises(NotAvailable, match="the steps to come need w, which no law draws; append them"):
        known.forecast(3)
    with pytest.raises(NotAvailable, match="a series of 5 steps reads w, which the data hold for 3 rows"):
        known.simulate(5)


def test_a_step_of_gaps_is_not_left_out():
    x = np.array([0, 2, 1, np.nan, 11, 9, 12, np.nan, 0, 1])
    fit = lp.fit(lp.Model("s[time] ~ Markov(size=2)\nx ~ Poisson(rate=Table(s))"), {"x": x}, progress=False)
    found = fit.loo()
    assert found.pareto_k["row"].values.tolist() == np.flatnonzero(~np.isnan(x)).tolist()
    assert np.isfinite(found.elpd)
    assert fit.diagnose()["LOO"].level in ("ok", "warn")


def test_forecast_of_nothing_is_refused(chain):
    with pytest.raises(NotAvailable, match="one step and one draw at least"):
        chain.forecast(0)


def test_series_are_not_torn():
    with pytest.raises(InferenceError, match="a minibatch would tear series apart; leave batch out"):
        lp.fit(CHAIN, TABLE, lp.SVI(batch=4))


def test_weights_are_those_of_series():
    with pytest.raises(DataError, match="weights differ within a series"):
        lp.fit(CHAIN, TABLE, weights=[1, 1, 1, 2, 1, 1, 1, 1])
