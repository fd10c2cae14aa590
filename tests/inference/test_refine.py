import numpy as np
import pytest
import torch
from scipy import stats

from latentprob.inference.laplace import Laplace, hessian, laplace
from latentprob.inference.refine import refine, smoothed


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("k", [0.2, 0.7, 1.2])
def test_k_of_generalized_pareto_weights(k):
    ratios = np.log(stats.genpareto(k).rvs(20_000, random_state=1))
    weights, found = smoothed(torch.as_tensor(ratios))
    assert found == pytest.approx(k, abs=0.12)
    assert weights.sum() == pytest.approx(1.0)


def test_laplace_of_a_normal_is_the_normal():
    covariance = torch.tensor([[4.0, 1.0], [1.0, 0.5]], dtype=torch.float64)
    law = torch.distributions.MultivariateNormal(torch.tensor([1.0, -2.0], dtype=torch.float64), covariance)
    near = laplace(law.log_prob, law.mean)
    assert torch.allclose(near.scale_tril @ near.scale_tril.mT, covariance)
    assert torch.allclose(near.scale_tril, torch.linalg.cholesky(covariance))
    assert torch.allclose(near.conditional, torch.linalg.inv(covariance).diagonal().rsqrt())
    assert near.flat == 0


def test_a_flat_direction_is_counted_and_kept_narrow():
    def ring(v):
        return -50 * (v.norm() - 1).square()

    near = laplace(ring, torch.tensor([1.0, 0.0], dtype=torch.float64))
    assert near.flat == 1
    assert near.scale_tril.isfinite().all()
    assert near.scale_tril[0, 0] == pytest.approx(0.1)


def test_hessian_of_a_cubic():
    def cubic(v):
        return v[0] ** 3 + 2 * v[0] * v[1]

    found = hessian(cubic, torch.tensor([1.5, 3.0], dtype=torch.float64))
    assert torch.allclose(found, torch.tensor([[9.0, 2.0], [2.0, 0.0]], dtype=torch.float64))


def test_a_skewed_density_gets_its_moments():
    law = stats.gamma(6.0)  # in log coordinates, skewed

    def log_density(u):
        return (6 * u - u.exp()).sum(-1)

    mode = torch.tensor([np.log(6.0)])
    around = Laplace(mode, torch.tensor([[6.0**-0.5]], dtype=torch.float64), mode, 0)
    found = refine(log_density, around, 4000, generator())
    draws = found.vectors.exp().squeeze(-1).numpy()
    assert found.good
    assert draws.mean() == pytest.approx(law.mean(), rel=0.02)
    assert draws.std() == pytest.approx(law.std(), rel=0.05)
    assert torch.allclose(found.log_p, log_density(found.vectors))


def test_a_proposal_far_too_narrow_is_mended_or_said():
    def log_density(u):
        return torch.distributions.Normal(0.0, 10.0).log_prob(u).sum(-1)

    zero = torch.zeros(2, dtype=torch.float64)
    found = refine(log_density, Laplace(zero, torch.eye(2, dtype=torch.float64), zero + 1, 0), 1000, generator())
    assert not found.good or float(found.vectors.std()) == pytest.approx(10, rel=0.1)
