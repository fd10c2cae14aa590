"""Divergences beside torch's own, and beside averages over draws."""

import pytest
import torch
from torch.distributions import Dirichlet, Gamma, Wishart, kl_divergence

from latentprob.inference.natural import laws

TWO = torch.tensor([2.0, 5.0], dtype=torch.float64)
ONE = torch.tensor([1.5, 0.7], dtype=torch.float64)


def matrix(scale):
    return scale * torch.tensor([[2.0, 0.5], [0.5, 1.0]], dtype=torch.float64) + torch.eye(2, dtype=torch.float64)


def test_gamma():
    wanted = kl_divergence(Gamma(TWO, ONE), Gamma(ONE, TWO))
    assert torch.allclose(laws.gamma_divergence(TWO, ONE, ONE, TWO), wanted)


def test_dirichlet():
    wanted = kl_divergence(Dirichlet(TWO), Dirichlet(ONE))
    assert laws.dirichlet_divergence(TWO, ONE) == pytest.approx(float(wanted))


def test_wishart_beside_an_average_over_draws():
    torch.manual_seed(0)
    df, df0, inverse, inverse0 = TWO[1], TWO[1] - 1, matrix(3.0), matrix(1.0)
    tril = laws.wishart_draws(df, inverse, 200_000)
    precision = torch.cholesky_inverse(tril)
    assert torch.allclose(precision.mean(0), df * inverse.inverse(), rtol=0.02)
    ratio = Wishart(df, precision_matrix=inverse).log_prob(precision)
    ratio = ratio - Wishart(df0, precision_matrix=inverse0).log_prob(precision)
    assert float(laws.wishart_divergence(df, inverse, df0, inverse0)) == pytest.approx(float(ratio.mean()), abs=0.02)


def test_outside_of_a_family_is_not_a_number():
    assert laws.mean_log(torch.tensor([-1.0, 2.0]))[0].isnan()
    assert laws.log_determinant(-torch.eye(2)).isnan()
