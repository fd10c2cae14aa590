"""Densities as matrix products against torch's own, to 1e-9, on rows far from the origin."""

import pytest
import torch
from program_cases import CLOSED, Case
from torch import distributions as laws

from latentprob.program import evaluate

ROWS, COMPONENTS, FEATURES = 50, 4, 3
TEXT = "c ~ Categorical(size=4)\nx ~ {}"
YEARS = 2000.0


def setting():
    """Rows of three clusters around the year 2000, with gaps, and parameters near them."""
    torch.manual_seed(0)
    loc = YEARS + 30 * torch.randn(COMPONENTS, FEATURES).double()
    scale = 0.1 + torch.rand(COMPONENTS, FEATURES).double()
    x = loc[torch.randint(0, COMPONENTS, (ROWS,))] + torch.randn(ROWS, FEATURES).double()
    root = torch.randn(COMPONENTS, FEATURES, FEATURES).double()
    tril = torch.linalg.cholesky(root @ root.mT + 0.01 * torch.eye(FEATURES))
    return x, torch.rand(ROWS, FEATURES) > 0.3, loc, scale, tril


def functions(text: str, missing=()) -> dict:
    """The functions that a program carries."""
    program = Case(text, missing).program
    return program.cls.joint.__globals__


def test_normal():
    x, _, loc, scale, _ = setting()
    found = functions(TEXT.format("Normal(loc=Table(c), scale=Table(c))"))["normal_log_prob"](x, loc, scale, x.mean(0))
    expected = laws.Normal(loc, scale).log_prob(x[:, None]).sum(-1)
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-7)
    assert expected.abs().max() > 1e4


def test_normal_with_gaps():
    x, seen, loc, scale, _ = setting()
    carried = functions(TEXT.format("Normal(loc=Table(c), scale=Table(c))"), ("x",))["seen_normal_log_prob"]
    expected = (laws.Normal(loc, scale).log_prob(x[:, None]) * seen[:, None]).sum(-1)
    torch.testing.assert_close(carried(x, seen, loc, scale, x.mean(0)), expected, rtol=1e-9, atol=1e-7)


def test_multivariate_normal():
    x, _, loc, _, tril = setting()
    carried = functions(CLOSED["covariance"])["multivariate_normal_log_prob"]
    expected = laws.MultivariateNormal(loc, scale_tril=tril).log_prob(x[:, None])
    torch.testing.assert_close(carried(x, loc, tril), expected, rtol=1e-9, atol=1e-7)


def test_factors_with_little_noise():
    """Bayes' rule at zero loses no digits that matter, with noise a thousandth of the spread and an offset."""
    case = Case(CLOSED["factors"])
    torch.manual_seed(0)
    weights, z = torch.randn(2, 4).double(), torch.randn(7, 2).double()
    x = YEARS + z @ weights + 1e-3 * torch.randn(7, 4).double()
    buffers = {"x_center": x.mean(0), "x_spread": x.std(0)}
    scale = torch.full((4,), 1e-3).double()
    draws = {
        "x_loc_intercept": torch.full((1, 4), YEARS).double(),
        "x_loc_weights": weights[None],
        "x_scale": scale[None],
    }
    found = evaluate.row_log_density(case.program.build(buffers), {"x": x}, draws)[0]
    covariance = weights.mT @ weights + scale.square().diag()
    expected = laws.MultivariateNormal(draws["x_loc_intercept"][0], covariance).log_prob(x)
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-5)


EXTREME = {"bernoulli": ("x_probs", [0.0, 1.0, 0.0, 1.0]), "poisson": ("x_rate", [0.0, 3.0, 0.0, 3.0])}


@pytest.mark.parametrize(("name", "parameter", "values"), [(name, *rest) for name, rest in EXTREME.items()])
def test_extreme_parameters_stay_finite(name, parameter, values):
    """Probabilities of zero and one and rates of zero, as maximum likelihood makes them of constant features."""
    case = Case(CLOSED[name])
    value = torch.tensor(values).double().expand(1, 3, 4)
    x = torch.tensor(values).double().expand(7, 4)
    module = case.module
    draws = {**case.draws(1), parameter: value}
    log = evaluate.row_log_density(module, {"x": x}, draws)[0]
    law = laws.Bernoulli(value[0]) if name == "bernoulli" else laws.Poisson(value[0], validate_args=False)
    expected = law.log_prob(x[:, None]).sum(-1) + draws["c_probs"][0].log()
    torch.testing.assert_close(log, expected.logsumexp(-1))
    shifted = value.clone().requires_grad_()
    total = module.joint((draws["c_probs"][0], shifted[0]), x).sum()
    assert torch.autograd.grad(total, shifted)[0].isfinite().all()
