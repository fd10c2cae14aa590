"""Each planted fault is flagged by the finding that is made for it; fits with nothing wrong do not fail."""

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
from planted import CLEAN, FAULTS, small_encoder

from latentprob.diagnostics import QUESTIONS, Diagnosis
from latentprob.diagnostics.reliability import GAP_MAX
from latentprob.fitting import Fit
from latentprob.posterior.gap import gap

NEVER = ("spikes", "labels of c", "rotation of z", "duplicates of c", "LOO-PIT of x", "coverage of x", "zeros of x")

pytestmark = pytest.mark.slow


@cache
def diagnosed(make: Callable[[], Fit]) -> Diagnosis:
    return make().diagnose()


@pytest.mark.parametrize("fault", FAULTS)
def test_fault_is_flagged(fault: str) -> None:
    name, levels, make = FAULTS[fault]
    finding = diagnosed(make)[name]
    assert finding.level in levels, finding
    assert finding.remedy


@pytest.mark.parametrize("case", CLEAN)
def test_clean_fit_has_no_fail(case: str) -> None:
    diagnosis = diagnosed(CLEAN[case])
    assert diagnosis.ok, diagnosis
    assert {finding.question for finding in diagnosis.findings} <= set(QUESTIONS)
    accused = {finding.name for finding in diagnosis.findings if finding.level != "ok"}
    assert not accused & set(NEVER), diagnosis


def test_outliers_come_first() -> None:
    finding = diagnosed(FAULTS["outlier rows"][2])["LOO"]
    assert set(finding.details["row"].values[:3]) == {5, 17, 40}
    assert (np.diff(finding.details.values) <= 0).all()


def test_refined_beliefs_close_the_gap() -> None:
    fit = small_encoder()
    mended = fit.refine()
    assert gap(fit.result).gain.mean() > 1
    assert gap(mended.result).gain.mean() < GAP_MAX
    assert mended.score(particles=20) > fit.score(particles=20) + 0.01  # widened particles make up for most of it
