"""Pareto k against generalized Pareto draws and normal ratios of known tails."""

import numpy as np
import pytest
from cases import table
from encoders import encoder_fit
from scipy.stats import genpareto

from latentprob.posterior import importance
from latentprob.posterior.importance import EFFICIENT, PARETO_K_MAX, efficiency, pareto_k, row_pareto_k, typical_draw


@pytest.mark.parametrize("k", [0.2, 0.5, 0.9])
def test_k_of_generalized_pareto_draws(k: float) -> None:
    weights = genpareto(k).rvs(size=(20, 20_000), random_state=1)
    assert pareto_k(np.log(weights)).mean() == pytest.approx(k, abs=0.05)


def test_equal_weights_have_no_tail_and_one_that_is_all_has_an_infinite_one() -> None:
    logs = np.random.default_rng(0).normal(size=(3, 100))
    logs[0], logs[1, 5] = -3e5 + 1e-10 * logs[0], 1e6
    k = pareto_k(logs)
    assert k[0] == 0
    assert k[1] == np.inf
    assert 0 < abs(k[2]) < 1


def test_efficiency_of_a_normal_proposal_is_that_of_theory() -> None:
    z = 1.2 * np.random.default_rng(1).normal(size=(1, 200_000))
    logs = -(z**2) / 2 + z**2 / (2 * 1.2**2)
    # E_q[w^2] / E_q[w]^2 = s^2 / sqrt(2 s^2 - 1)
    assert efficiency(logs)[0] == pytest.approx(np.sqrt(2 * 1.44 - 1) / 1.44, rel=0.01)


def test_exact_beliefs_are_never_off() -> None:
    assert row_pareto_k(encoder_fit(table()).result).max() <= PARETO_K_MAX


def test_narrow_beliefs_have_the_k_of_their_width() -> None:
    k = row_pareto_k(encoder_fit(table(), ratio=0.5).result)
    assert np.median(k) == pytest.approx(1 - 0.5**2, abs=0.15)


def test_k_does_not_depend_on_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    result = encoder_fit(table(), ratio=0.5).result
    whole = row_pareto_k(result)
    monkeypatch.setattr(importance, "BLOCK_VALUES", 7000)
    assert np.median(row_pareto_k(result)) == pytest.approx(np.median(whole), abs=0.1)


def test_the_typical_draw_is_nearest_to_the_mean() -> None:
    result = encoder_fit(table()).result
    object.__setattr__(
        result, "flat", {"a": np.array([[0.0], [5.0], [2.0], [1.0]]), "b": np.array([[1.0], [1], [1], [1]])}
    )
    assert typical_draw(result) == 2
    assert 0 < EFFICIENT < 1
