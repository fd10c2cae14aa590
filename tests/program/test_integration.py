"""`model`, summed and integrated numerically over its latents, equals `marginal`; so does the uncollapsed program."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import torch
from program_cases import CLOSED, PARTLY, ROWS, Case, cases
from pyro import poutine

from latentprob.program import evaluate

TAME = "weights=Normal(0, 0.5), intercept=Normal(3, 1)"
NOISE = "scale=PerFeature(prior=Uniform(1, 2))"
TEXTS = {
    "factor": f"z ~ Normal(0, 1)\nx ~ Normal(loc=Linear(z, {TAME}), {NOISE})",
    "factors": f"z ~ Normal(0.5, 0.8, size=2)\nx ~ Normal(loc=Linear(z, {TAME}), {NOISE})",
    "factor by level": f"c ~ Categorical(size=2)\nz ~ Normal(0, 1)\nx ~ Normal(loc=Linear(z, by=c, {TAME}), {NOISE})",
    "factor under level": "c ~ Bernoulli()\nz ~ Normal(loc=Table(c, prior=Normal(0, 1)), scale=0.7)\n"
    f"x ~ Normal(loc=Linear(z, {TAME}), {NOISE})",
    "factors, correlated": "z ~ MultivariateNormal(loc=0, covariance=[[1, 0.3], [0.3, 1]])\n"
    f"x ~ MultivariateNormal(loc=Linear(z, {TAME}), covariance=Shared(prior=Wishart(30, 0.03)))",
    "two factors": f"a ~ Normal(0, 1)\nb ~ Normal(1, 0.5)\nx ~ Normal(loc=Linear(a, {TAME}) + "
    f"Linear(b, weights=Normal(0, 0.5)), {NOISE})",
    "row effect": f"z ~ Normal(0, 1)\nx ~ Normal(loc=PerFeature(prior=Normal(3, 1)) + z, {NOISE})",
}
SUMS = {name: CLOSED[name] for name in ("covariance", "poisson", "bernoulli", "level under level", "beta")}
PARTS = {name: PARTLY[name] for name in ("partly labelled", "partly labelled, bernoulli")}
ALL = {**cases(TEXTS), **cases(SUMS), **PARTS}
REACH, POINTS = 7.0, {0: 1, 1: 400, 2: 120}  # a grid on [-REACH, REACH] for each dim of the normal latents


def grid(case: Case) -> tuple[dict[str, torch.Tensor], float]:
    """Points of the normal latents, name -> (G, Z), and the volume of a cell."""
    names = [name for name, role in case.program.plan.items() if role == "integrate"]
    sizes = [case.model[name].size or 1 for name in names]
    axis = torch.linspace(-REACH, REACH, POINTS[sum(sizes)], dtype=torch.float64)
    points = torch.cartesian_prod(*[axis] * sum(sizes)).reshape(-1, sum(sizes)) if names else torch.zeros(1, 0)
    cell = float(axis[1] - axis[0]) ** sum(sizes) if names else 1.0
    return dict(zip(names, points.split(sizes, -1), strict=True)), cell


def rows_of_model(case: Case, draw, fixed) -> torch.Tensor:
    """log p(row, latents given the parameters) of `model`, (G, N), at latents (G, Z) and fixed levels."""
    values = {name: value[:, None].expand(-1, ROWS, -1) for name, value in fixed.items()}
    levels = {name: value for name, value in draw.items() if value.dim() == 1 and name in case.model}

    def one(latents):
        model = poutine.condition(case.module.model, data={**draw, **levels, **latents})
        trace = poutine.trace(model).get_trace(**case.batch, rows=ROWS)
        trace.compute_log_prob()
        return evaluate.row_density(trace, ROWS)

    with evaluate.quiet():
        return torch.vmap(one)(values) if values else one({})[None]


@pytest.mark.parametrize("case", ALL.values(), ids=ALL)
def test_model_integrates_to_marginal(case):
    draws = case.draws(1)
    draw = {name: value[0] for name, value in draws.items()}
    points, cell = grid(case)
    hidden = [name for name, role in case.program.plan.items() if role == "sum"]
    logs = []
    for setting in product(*[range(case.levels(name)) for name in hidden]):
        logs.append(
            rows_of_model(case, {**draw, **level_values(case, hidden, setting)}, points)
            + weights(case, hidden, setting)
        )
    found = torch.cat(logs).logsumexp(0) + np.log(cell)
    expected = evaluate.row_log_density(case.module, case.batch, draws)[0]
    np.testing.assert_allclose(found, expected, atol=1e-6)


def level_values(case: Case, hidden, setting):
    """Values of the hidden levels for all rows, as the model draws them; of a partly labelled one its hidden part."""
    found = {}
    for name, level in zip(hidden, setting, strict=True):
        value = torch.full((ROWS,), level)
        value = value.double() if type(case.model[name]).__name__ == "Bernoulli" else value
        found[f"{name}_unobserved" if name in case.gaps else name] = value
    return found


def weights(case: Case, hidden, setting) -> torch.Tensor:
    """Log weights of a setting in each row: where a label is known it is counted once, at the first level."""
    total = torch.zeros(ROWS).double()
    for name, level in zip(hidden, setting, strict=True):
        if name in case.gaps and level > 0:
            total = torch.where(case.batch[f"{name}_seen"], -torch.inf, total)
    return total


@pytest.mark.parametrize("name", ["factor", "factors, gaps", "factor by level", "two factors", "row effect, gaps"])
def test_uncollapsed_program_integrates_to_marginal(name):
    case = ALL[name]
    open_case = replace(case, collapse=False)
    draws = case.draws(1)
    points, cell = grid(case)
    count = len(next(iter(points.values())))
    drawn = {name: value[:, None].expand(-1, ROWS, -1) for name, value in points.items()}
    many = {name: value.expand(count, *value.shape[1:]) for name, value in draws.items()}
    assert set(open_case.program.plan.values()) <= {"draw", "sum"}
    logs = evaluate.row_log_density(open_case.module.double(), case.batch, many, drawn)
    expected = evaluate.row_log_density(case.module, case.batch, draws)[0]
    np.testing.assert_allclose(logs.logsumexp(0) + np.log(cell), expected, atol=1e-6)
