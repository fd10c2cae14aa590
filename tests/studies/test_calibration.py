"""Calibration: an exact posterior passes, wrong ones fail in their direction, and nothing that was done is lost."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import beta

import latentprob as lp
from latentprob.errors import DataError, FileError, InferenceError, NotAvailable
from latentprob.inference.problem import Draws, Problem
from latentprob.studies.simulations import Task, simulated

CONJUGATE = lp.Model("x ~ Normal(loc=Shared(prior=Normal(0, 1)), scale=1, size=1)")
MIXTURE = lp.Model("c ~ Categorical(size=2)\nx ~ Normal(loc=Table(c), scale=Table(c))")


@dataclass(frozen=True)
class Normal:
    """The posterior of the conjugate model in closed form, made wrong on purpose by `wide` and `shift` in its sds."""

    draws: int = 99
    wide: float = 1.0
    shift: float = 0.0
    fails: Callable[[np.ndarray], bool] = field(default=lambda x: False, repr=False)
    seen: list[dict[str, Any]] = field(default_factory=list, repr=False)

    def run(self, problem: Problem, seed: int, progress: bool | None) -> Draws:
        x = problem.batch["x"].numpy()
        self.seen.append({name: value.numpy() for name, value in problem.buffers.items()})
        if self.fails(x):
            raise InferenceError("the planted failure")
        sd = (1 + len(x)) ** -0.5
        draws = np.random.default_rng(seed).normal(size=self.draws)
        found = x.sum() / (1 + len(x)) + sd * (self.shift + self.wide * draws)
        return Draws({"x_loc": found[None]}, {}, {}, {}, {"method": "exact", "settled": True})


def run(method: Any, simulations: int = 200, **more: Any) -> lp.Calibration:
    return lp.calibrate(CONJUGATE, 8, simulations, method, processes=1, progress=False, **more)


def test_an_exact_posterior_passes() -> None:
    found = run(Normal())
    assert found.ok
    assert found.direction == ""
    assert "Calibrated as far as 200 simulations can tell" in found.verdict
    assert found.ranks.min().min() >= 0
    assert found.ranks.max().max() <= 99
    np.testing.assert_allclose(found.table["mean"], 0.5, atol=4 / np.sqrt(12 * 200))


@pytest.mark.parametrize(
    ("wrong", "direction"),
    [
        (Normal(wide=0.5), "too narrow"),
        (Normal(wide=2.0), "too wide"),
        (Normal(shift=1.0), "too high"),
        (Normal(shift=-1.0), "too low"),
    ],
)
def test_a_wrong_posterior_fails_in_its_direction(wrong: Normal, direction: str) -> None:
    found = run(wrong)
    assert not found.ok
    assert found.table.loc["x_loc", "direction"] == direction
    assert direction in found.verdict
    assert found.verdict.startswith("Not calibrated")


def test_uniform_ranks_stay_inside_all_bands_as_often_as_is_said() -> None:
    rng = np.random.default_rng(3)
    drawn = (
        lp.Calibration(pd.DataFrame(rng.integers(0, 100, (40, 3)), columns=list("abc")), 99, seed)
        for seed in range(200)
    )
    outside = sum(not found.ok for found in drawn)
    assert 1 <= outside <= 20  # 10 of 200 are expected, or a few less: Bonferroni's bound is not sharp


def test_ranks_at_both_ends_are_too_narrow() -> None:
    u = beta(0.3, 0.3).rvs(60, random_state=0)
    found = lp.Calibration(pd.DataFrame({"a": np.floor(100 * u).astype(int)}), 99)
    assert found.direction == "too narrow"
    assert found.curves["difference"].sel(quantity="a").isel(fraction=slice(0, 10)).min() > 0


def test_the_priors_keep_their_numbers_while_the_rows_change() -> None:
    method = Normal()
    model = lp.Model("x ~ Normal(loc=Shared(), scale=1)")
    data = {"x": np.array([10.0, 12.0, 14.0])}
    lp.calibrate(model, 8, 5, method, data=data, processes=1, progress=False)
    assert len(method.seen) == 5
    for buffers in method.seen:
        np.testing.assert_allclose(buffers["x_center"], [12.0])
        np.testing.assert_allclose(buffers["x_spread"], [np.std([10, 12, 14])])


def test_gaps_of_the_data_are_gaps_of_the_simulations() -> None:
    from latentprob.data import read

    model = lp.Model("x ~ Normal(loc=PerFeature(), scale=PerFeature())")
    data = pd.DataFrame({"a": [1.0, 2.0, np.nan, 4.0], "b": [0.0, np.nan, 1.0, 3.0]})
    world = Task(model, 50, Normal(), 0, 99, read(model, data)).world(0)
    values = simulated(world)
    np.testing.assert_array_equal(values.seen["x"], data.notna().to_numpy()[world.places])
    np.testing.assert_array_equal(values.arrays["x"][values.seen["x"]], world.rows["x"][values.seen["x"]])


def test_failed_simulations_are_counted_and_told() -> None:
    found = run(Normal(fails=lambda x: x.mean() > 1), 40)
    assert 0 < len(found.failed) < 20
    assert len(found.ranks) + len(found.failed) == found.simulations == 40
    assert not set(found.failed) & set(found.ranks.index)
    assert not found.ok
    assert f"{len(found.failed)} of 40 simulations failed" in found.verdict
    assert "the planted failure" in found.verdict


def test_where_nearly_all_fail_there_is_no_answer() -> None:
    with pytest.raises(InferenceError, match=r"10 of 10 simulations failed; number 0: InferenceError: the planted"):
        run(Normal(fails=lambda x: True), 10)


def test_a_fault_of_the_program_is_no_failed_simulation() -> None:
    def broken(x: np.ndarray) -> bool:
        raise TypeError("a bug")

    with pytest.raises(TypeError, match="a bug"):
        run(Normal(fails=broken), 10)


class Stop(KeyboardInterrupt):
    """The user's interruption."""


def test_an_interrupted_calibration_goes_on_where_it_stopped(tmp_path: Path) -> None:
    whole = run(Normal(), 12)

    first, rest = Normal(), Normal()

    def interrupt(x: np.ndarray) -> bool:
        if len(first.seen) > 7:
            raise Stop
        return False

    with pytest.raises(Stop):
        run(replace(first, fails=interrupt), 12, folder=tmp_path / "kept")
    assert len(list((tmp_path / "kept").glob("simulation-*.json"))) == 7
    (tmp_path / "kept" / "simulation-00007.partial").write_text("half a fi")
    again = run(rest, 12, folder=tmp_path / "kept")
    assert len(rest.seen) == 5
    pd.testing.assert_frame_equal(again.ranks, whole.ranks)


@pytest.mark.parametrize(
    ("changed", "told"),
    [({"rows": 9}, "rows was 8, and is 9"), ({"seed": 1}, "seed was 0, and is 1"), ({"inference": None}, "inference")],
)
def test_another_setting_does_not_go_on(tmp_path: Path, changed: dict[str, Any], told: str) -> None:
    base: dict[str, Any] = {"rows": 8, "simulations": 5, "inference": Normal(), "seed": 0}
    rest: dict[str, Any] = {"processes": 1, "progress": False, "folder": tmp_path}
    lp.calibrate(CONJUGATE, **base, **rest)
    with pytest.raises(FileError, match=told):
        lp.calibrate(CONJUGATE, **{**base, **changed}, **rest)


def test_a_folder_with_other_files_and_a_damaged_record_are_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("x")
    with pytest.raises(FileError, match="holds files and no calibration; give a new folder"):
        run(Normal(), 5, folder=tmp_path)
    run(Normal(), 5, folder=tmp_path / "new")
    (tmp_path / "new" / "simulation-00003.json").write_text("{")
    with pytest.raises(FileError, match=r"simulation-00003\.json is damaged .*; delete it"):
        run(Normal(), 5, folder=tmp_path / "new")


def test_what_cannot_be_calibrated_is_refused() -> None:
    with pytest.raises(NotAvailable, match=r"x_loc is a point estimate without one; give it a prior"):
        lp.calibrate(CONJUGATE.point(), 8, 10)
    with pytest.raises(InferenceError, match="simulations=3: 5 at least"):
        run(Normal(), 3)
    with pytest.raises(InferenceError, match="processes=0: one at least"):
        lp.calibrate(CONJUGATE, 8, 10, processes=0)
    with pytest.raises(DataError, match="how many features x has is not known"):
        lp.calibrate(MIXTURE, 8, 10)
    with pytest.raises(NotAvailable, match="the weights of the network in x have no prior"):
        lp.calibrate(lp.Model("z ~ Normal(0, 1)\nx ~ Normal(loc=MLP(z), scale=1, size=2)"), 8, 10)


def test_a_calibration_shows_itself() -> None:
    found = run(Normal(wide=0.5), 50)
    assert repr(found).startswith(found.verdict)
    assert "<table" in found._repr_html_()
    axes = found.plot(title="Mine")
    assert axes.get_title(loc="left") == "Mine"
    assert len(axes.child_axes) == found.ranks.shape[1]


@pytest.mark.slow
def test_the_library_is_calibrated_on_a_conjugate_model_and_in_any_number_of_processes() -> None:
    method = lp.SVI(steps=1, restarts=1, draws=99, refine=True)
    found = lp.calibrate(CONJUGATE, 8, 24, method, processes=2, progress=False)
    assert not found.failed
    assert found.table["inside"].all()
    few = lp.calibrate(CONJUGATE, 8, 5, method, processes=1, progress=False)
    pd.testing.assert_frame_equal(few.ranks, found.ranks[:5])


@pytest.mark.slow
def test_a_mean_field_fit_of_a_correlated_posterior_is_too_narrow() -> None:
    """Slope and intercept of a covariate far from 0 have the correlation -0.95: a third of the sds is left."""
    model = lp.Model("x ~ Normal(loc=Linear(u, weights=Normal(0, 1), intercept=Normal(0, 1)), scale=1)")
    rng = np.random.default_rng(0)
    data = pd.DataFrame({"u": rng.normal(4, 1, 40), "x": rng.normal(size=40)})
    method = lp.SVI(guide="normal", refine=False, restarts=1, draws=99, steps=150)
    found = lp.calibrate(model, 20, 24, method, data=data, processes=2, progress=False)
    assert not found.ok
    assert found.direction == "too narrow"
    assert set(found.table.index[~found.table["inside"]]) >= {"x_loc_intercept", "x_loc_weights"}


@pytest.mark.slow
def test_a_mixture_is_ranked_with_its_latents() -> None:
    method = lp.SVI(steps=100, restarts=1, draws=99)
    found = lp.calibrate(MIXTURE, 30, 5, method, features=1, processes=1, progress=False)
    assert {"c_probs[0]", "x_loc[1]", "rows 0 and 1 share c", "rows in c of row 1"} <= set(found.ranks)
