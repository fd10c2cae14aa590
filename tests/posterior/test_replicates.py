"""Statistics of replicates against formulas; ranks against their law under the model."""

import numpy as np
import pytest
from cases import FACTORS, MIXTURE, at_draws, factor_values, mixture_values, table, with_gaps
from scipy.stats import kstest, skew

from latentprob.fitting import condition
from latentprob.posterior import replicates as module
from latentprob.posterior.left_out import guide_error, left_out_k, left_out_pit, possible
from latentprob.posterior.replicates import STATISTICS, Tally, correlations, replicates
from latentprob.posterior.rows import at_rows, sampled_rows, suspects, with_draws
from latentprob.spec.model import Model


def test_statistics_are_those_of_numpy_and_scipy() -> None:
    x = np.random.default_rng(0).gamma(2, size=(500, 3))
    real = STATISTICS["real"]
    np.testing.assert_allclose(np.exp(real["variance"](x)), x.var(axis=0))
    np.testing.assert_allclose(real["skewness"](x), skew(x))
    np.testing.assert_allclose(correlations(x), np.corrcoef(x.T)[np.triu_indices(3, 1)])


def test_gaps_are_left_out_of_data_and_replicates() -> None:
    x = with_gaps(table(rows=200)).values
    expected = [np.corrcoef(x[~np.isnan(x[:, [0, 1]]).any(1)][:, :2].T)[0, 1]]
    np.testing.assert_allclose(correlations(x)[:1], expected, atol=0.05)  # each feature by its own mean and sd
    tally = Tally(x, STATISTICS["real"])
    tally.add(np.zeros_like(x) + np.arange(200)[:, None])
    assert np.isnan(tally.pit(np.random.default_rng(0))).sum() == np.isnan(x).sum()


def test_ranks_are_uniform_under_the_model() -> None:
    values = factor_values()
    model_rows = condition(FACTORS, values, table()).simulate(1000, seed=3)["x"].values
    found = replicates(condition(FACTORS, values, model_rows).result).variables["x"]
    assert all(kstest(found.pit.values[:, d], "uniform").pvalue > 0.01 for d in range(3))
    z = (found.observed["variance"] - found.replicated["variance"].mean("replicate")) / found.replicated[
        "variance"
    ].std()
    assert float(np.abs(z).max()) < 4


def test_levels_have_the_shares_of_their_probabilities() -> None:
    shares = replicates(condition(MIXTURE, mixture_values(), table(rows=100)).result).shares["c"]
    np.testing.assert_allclose(shares.mean(axis=0), [0.3, 0.7], atol=0.02)


def test_of_many_rows_some_are_replicated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ROWS", 12)
    monkeypatch.setattr(module, "REPLICATES", 5)
    pit = replicates(condition(FACTORS, factor_values(), table()).result).variables["x"].pit
    assert pit.shape == (12, 3)
    assert set(pit["person"].values) < set(table().index)


def test_some_rows_answer_as_all_do() -> None:
    fit = condition(MIXTURE, mixture_values(), table())
    some = at_rows(fit.result, np.array([4, 9]))
    assert list(some.values.rows) == ["p4", "p9"]
    assert sampled_rows(fit.result, 40, 0).tolist() == list(range(40))
    assert len(sampled_rows(fit.result, 10, 0)) == 10


def test_rows_without_weight_are_not_sampled() -> None:
    weights = np.r_[np.zeros(30), np.ones(10)]
    result = condition(FACTORS, factor_values(), table(), weights=weights).result
    assert sampled_rows(result, 40, 0).min() == 30


def test_the_least_probable_rows_are_among_the_suspects() -> None:
    x = table()
    x.iloc[23] = 50.0
    fit = condition(FACTORS, factor_values(), x)
    assert 23 in suspects(fit.result, 6, 0)
    assert len(suspects(fit.result, 6, 0)) <= 6


def test_fewer_draws_are_spread_over_the_chains() -> None:
    fit = at_draws(FACTORS, [factor_values(seed) for seed in range(12)], table(), chains=2)
    assert with_draws(fit.result, 6).shape == (2, 3)


POSTERIOR = Model("x ~ Normal(loc=PerFeature(), scale=1)")


def mean_draws(x: np.ndarray, draws: int = 300) -> list[dict[str, np.ndarray]]:
    """The posterior of the mean under a flat prior."""
    rng = np.random.default_rng(1)
    return [{"x_loc": rng.normal(x.mean(axis=0), 1 / np.sqrt(len(x)))} for _ in range(draws)]


@pytest.fixture(scope="module")
def normal() -> np.ndarray:
    return np.random.default_rng(2).normal(size=(60, 1))


def test_ranks_without_the_row_are_those_of_the_left_out_posterior(normal: np.ndarray) -> None:
    from scipy.stats import norm

    result = at_draws(POSTERIOR, mean_draws(normal), normal).result
    found = left_out_pit(result, ("x",), 0)["x"].values[:, 0]
    rest = (normal.sum() - normal[:, 0]) / 59
    np.testing.assert_allclose(found, norm.cdf(normal[:, 0], rest, np.sqrt(1 + 1 / 59)), atol=0.12)  # 200 draws


def test_k_of_rows_left_out_is_by_label(normal: np.ndarray) -> None:
    x = normal.copy()
    x[7] = 20.0  # the weights of the others are nearly equal, and the tail of those says little
    k = left_out_k(at_draws(POSTERIOR, mean_draws(x), x).result, 0)
    assert int(k["row"][int(np.argmax(k.values))]) == 7


def test_equal_draws_are_no_posterior(normal: np.ndarray) -> None:
    result = at_draws(POSTERIOR, [{"x_loc": np.zeros(1)}] * 50, normal).result
    assert not possible(result)
    assert guide_error(result) == 0
