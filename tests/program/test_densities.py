"""`marginal` and `belief` against sums over levels and dense normal algebra."""

import numpy as np
import pytest
from program_cases import CLOSED, HELD, LONG, PARTLY, ROWS, SHIPPED, Case, cases
from program_reference import row_answers, sizes
from scipy.special import logsumexp

from latentprob.program import evaluate

CLOSED_FORM = {
    name: case
    for name, case in cases({**CLOSED, **LONG, **SHIPPED}).items()
    if "draw" not in case.program.plan.values()
}
ALL = {**CLOSED_FORM, **PARTLY, **HELD}
CLOSE = {"rtol": 1e-6, "atol": 1e-6}


@pytest.fixture(params=ALL.values(), ids=ALL)
def case(request):
    return request.param


def answers(case: Case, draws, at: int):
    """The reference's answers for each row, at one draw."""
    plan = case.program.plan
    hidden = tuple(name for name, role in plan.items() if role == "sum")
    normal = tuple(name for name, role in plan.items() if role == "integrate")
    parameters = case.parameters(draws, at)
    return [row_answers(case.model, parameters, row, hidden, normal) for row in case.rows()], hidden, normal


def test_row_density(case):
    draws = case.draws()
    found = evaluate.row_log_density(case.module, case.batch, draws)
    for at in range(len(found)):
        rows, _, _ = answers(case, draws, at)
        expected = [logsumexp([log for log, _, _ in row.values()]) for row in rows]
        np.testing.assert_allclose(found[at], expected, **CLOSE)


def test_belief(case):
    draws = case.draws()
    beliefs = evaluate.beliefs(case.module, case.batch, draws)
    rows, hidden, normal = answers(case, draws, 0)
    for n, row in enumerate(rows):
        logs = np.array([log for log, _, _ in row.values()])
        weights = dict(zip(row, np.exp(logs - logsumexp(logs)), strict=True))
        for place, name in enumerate(hidden):
            probs = beliefs[f"{name}_probs"][0, n]
            expected = [sum(w for s, w in weights.items() if s[place] == level) for level in range(len(probs))]
            np.testing.assert_allclose(probs, expected, **CLOSE)
        for setting, (_, mean, spread) in row.items():
            check_normal(case, beliefs, n, dict(zip(hidden, setting, strict=True)), normal, mean, spread)


def check_normal(case: Case, beliefs, n: int, setting, normal, mean, spread):
    """Mean and covariance of each integrated latent, given the levels that its belief depends on."""
    ends = np.cumsum(sizes(case.model, normal)) if normal else []
    for name, end in zip(normal, ends, strict=True):
        own = slice(end - (case.model[name].size or 1), end)
        at = tuple(setting[given] for given in case.program.given[name])
        axes, own_axes = case.program.belief_axes[name]
        place = dict(zip(axes, (n, *at), strict=True))
        np.testing.assert_allclose(beliefs[f"{name}_loc"][(0, n, *at)], mean[own], **CLOSE)
        covariance = beliefs[f"{name}_covariance"][(0, *(place[axis] for axis in own_axes))]
        np.testing.assert_allclose(covariance, spread[own, own], **CLOSE)


def test_together():
    """Factors that share a child are dependent in their belief, which the joint covariance says."""
    case = Case(CLOSED["two factors of one child"])
    draws = case.draws(1)
    beliefs = evaluate.beliefs(case.module, case.batch, draws)
    rows, _, _ = answers(case, draws, 0)
    _, mean, spread = rows[0][()]
    np.testing.assert_allclose(beliefs["a_b_loc"][0, 0], mean, **CLOSE)
    np.testing.assert_allclose(beliefs["a_b_covariance"][0], spread, **CLOSE)
    assert len(rows) == ROWS
