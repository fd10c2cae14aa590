"""Refined beliefs against the exact ones of a one-factor model; the gap against KL divergences of normal laws."""

from pathlib import Path

import numpy as np
import pytest
from cases import FACTORS, factor_values, table
from encoders import VARIANCE, encoder_fit, exact_loc

import latentprob as lp
from latentprob.errors import NotAvailable
from latentprob.fitting import Fit, condition
from latentprob.posterior import gap as gaps
from latentprob.posterior import result as results
from latentprob.posterior.gap import Gap, amortized, gap

SHIFT, RATIO = 2.0, 0.5
KL = 0.5 * (RATIO**2 + SHIFT**2 - 1) - np.log(RATIO)  # of the encoder's belief from the exact one, nats


@pytest.fixture(scope="module")
def off() -> Fit:
    return encoder_fit(table(rows=30), SHIFT, RATIO)


@pytest.fixture(scope="module")
def found(off: Fit) -> Gap:
    return gap(off.result)


def test_gap_is_the_kl_of_the_belief(found: Gap) -> None:
    np.testing.assert_allclose(found.gain, KL, atol=0.7)  # 64 draws: four standard errors
    assert found.gain.mean() == pytest.approx(KL, rel=0.03)


def test_refined_beliefs_are_the_exact_ones(found: Gap) -> None:
    loc, scale = found.beliefs["z"][..., 0].T
    np.testing.assert_allclose(loc, exact_loc(table(rows=30).values), atol=0.15 * np.sqrt(VARIANCE))
    np.testing.assert_allclose(scale, np.sqrt(VARIANCE), rtol=0.15)


def test_an_exact_encoder_has_no_gap() -> None:
    assert gap(encoder_fit(table(rows=30)).result).gain.max() < 0.05


def test_blocks_change_nothing_but_the_noise(off: Fit, found: Gap, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gaps, "BLOCK_VALUES", 4 * off.result.width * 16)
    assert gap(off.result).gain.mean() == pytest.approx(found.gain.mean(), rel=0.1)
    assert results.BLOCK_VALUES > gaps.BLOCK_VALUES


def test_named_rows_alone_are_refined_and_answers_use_them(off: Fit) -> None:
    fit = off.refine(["p3", "p7"])
    assert fit.attrs["rows_refined"] == 2
    moved = np.abs(fit.latent("z")["loc"] - off.latent("z")["loc"]).values > 1e-6
    assert list(np.flatnonzero(moved)) == [3, 7]
    exact = exact_loc(table(rows=30).values)
    np.testing.assert_allclose(fit.latent("z")["loc"].values[[3, 7]], exact[[3, 7]], atol=0.15 * np.sqrt(VARIANCE))
    drawn = fit.sample_latent("z", 2000).sel(person="p3")
    assert float(drawn.std()) == pytest.approx(np.sqrt(VARIANCE), rel=0.15)
    assert off.attrs.get("rows_refined") is None


def test_refined_rows_have_the_importance_estimates_of_a_better_proposal(off: Fit) -> None:
    exact = encoder_fit(table(rows=30)).log_likelihood(particles=5).values
    before, after = (
        off.log_likelihood(particles=5).values,
        off.refine(list(off.result.values.rows)).log_likelihood(particles=5).values,
    )
    assert np.abs(after - exact).max() < 0.2 * np.abs(before - exact).max()


def test_new_rows_have_the_encoders_beliefs(off: Fit) -> None:
    x = table(rows=30)
    np.testing.assert_array_equal(off.refine("p3").latent("z", x)["loc"], off.latent("z", x)["loc"])


def test_by_default_the_rows_that_gain_are_refined(off: Fit) -> None:
    assert off.refine().attrs["rows_refined"] == 30
    assert encoder_fit(table(rows=30)).refine().attrs["rows_refined"] == 0


def test_refining_adds_up(off: Fit) -> None:
    assert off.refine("p3").refine("p7").attrs["rows_refined"] == 2


def test_refined_beliefs_are_saved(off: Fit, tmp_path: Path) -> None:
    fit = off.refine("p3")
    fit.save(tmp_path / "fit")
    np.testing.assert_allclose(lp.load(tmp_path / "fit").result.refined["z"], fit.result.refined["z"])


def test_a_row_that_is_not_there(off: Fit) -> None:
    with pytest.raises(NotAvailable, match=r"no row is labelled 'p99'; the fitted rows are 'p0' to 'p29', 30"):
        off.refine(["p1", "p99"])
    with pytest.raises(NotAvailable, match="no row is named"):
        off.refine([])


def test_closed_forms_have_nothing_to_refine() -> None:
    fit = condition(FACTORS, factor_values(), table())
    assert not amortized(fit.result)
    with pytest.raises(NotAvailable, match="those of a closed form are exact"):
        fit.refine()
