import numpy as np
import pytest
import torch

from latentprob.errors import InferenceError
from latentprob.inference.loop import BLOCKS, Plateau, Rows, climb, window_steps
from latentprob.inference.restarts import best, kept


def window(mean, noise, seed):
    return mean + noise * np.random.default_rng(seed).standard_normal((1, BLOCKS))


def test_a_rising_bound_goes_on_and_a_flat_one_stops():
    rising, flat = Plateau(stages=2), Plateau(stages=2)
    assert not any(rising.judge(window(i, 0.1, i)) for i in range(10))
    assert not rising.settled
    for i in range(12):
        flat.judge(window(0.0, 1.0, i))
    assert flat.settled


def test_slow_gains_add_up():
    plateau = Plateau(stages=1, patience=10)
    for i in range(15):  # 0.4 standard errors a window: none shows by itself
        plateau.judge(window(0.4 * i / BLOCKS**0.5, 1.0, 5))
    assert not plateau.settled


def test_a_restart_that_is_lost_does_not_hold_up_the_others():
    plateau = Plateau(stages=1)
    for seed in range(4):
        plateau.judge(np.concatenate([window(0.0, 1.0, seed), np.full((1, BLOCKS), np.nan)]))
    assert plateau.settled


@pytest.mark.parametrize(("rows", "batch"), [(272, 272), (1438, 128), (100_000, 1024), (50, 500)])
def test_windows_are_multiples_of_their_blocks(rows, batch):
    assert window_steps(rows, batch, 40) % BLOCKS == 0
    assert 40 <= window_steps(rows, batch, 40) <= 500


def test_an_epoch_sees_each_row_at_most_once_and_all_are_seen():
    rows = Rows(10, 3, torch.Generator().manual_seed(0))
    epoch = torch.cat([rows.next() for _ in range(3)])
    assert len(set(epoch.tolist())) == 9
    assert set(torch.cat([rows.next() for _ in range(30)]).tolist()) == set(range(10))
    assert Rows(10, 10, torch.Generator()).next() is None


def test_climb_finds_the_minimum_of_each_restart_and_settles():
    target = torch.tensor([[1.0], [-2.0]], dtype=torch.float64)
    generator = torch.Generator().manual_seed(0)

    def step(at):
        noise = 0.1 * torch.randn(target.shape, generator=generator, dtype=torch.float64)
        error = at["v"] - target + noise
        return {"v": 2 * error}, error.square().sum(1)

    end = climb(step, {"v": torch.zeros(2, 1, dtype=torch.float64)}, learning_rate=0.05, steps=5000, window=50)
    assert end.settled
    assert end.steps < 5000
    assert end.bounds.shape == (2, end.steps)
    assert torch.allclose(end.parameters["v"], target, atol=0.02)


def test_a_budget_that_ends_first_has_not_settled():
    def step(at):
        return {"v": torch.ones_like(at["v"])}, at["v"].sum(1)

    end = climb(step, {"v": torch.zeros(1, 1)}, learning_rate=0.1, steps=130, window=50)
    assert (end.steps, end.settled) == (130, False)
    assert np.isfinite(end.bounds).all()


def test_a_clearly_lower_restart_is_set_aside():
    score, error = np.array([-100.0, -100.5, -104.0, np.nan]), np.full(4, 0.1)
    assert kept(score, error, np.zeros(4, bool)).tolist() == [True, True, False, False]


def test_noise_does_not_set_aside():
    assert kept(np.array([-100.0, -104.0]), np.array([1.0, 1.0]), np.zeros(2, bool)).all()


def test_a_spike_wins_only_where_all_are_spikes():
    score, error = np.array([-10.0, -100.0]), np.zeros(2)
    keep = kept(score, error, np.array([True, False]))
    assert keep.tolist() == [False, True]
    assert best(score, keep) == 1
    assert kept(score, error, np.array([True, True])).tolist() == [True, False]


def test_no_finite_bound_is_an_error():
    with pytest.raises(InferenceError, match=r"without a finite bound.*learning_rate"):
        kept(np.array([np.nan, -np.inf]), np.zeros(2), np.zeros(2, bool))
