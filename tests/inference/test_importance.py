from itertools import permutations

import numpy as np
import pytest
import torch
from pyro.distributions import MultivariateStudentT
from scipy import stats

from latentprob.inference.cell import cell
from latentprob.inference.importance import resample, smoothed
from latentprob.inference.laplace import Laplace, hessian, laplace
from latentprob.inference.proposals import Proposal
from latentprob.inference.unconstrain import space_of
from latentprob.program import compile
from latentprob.spec.model import Model


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
    found = resample(log_density, around, 4000, generator())
    draws = found.vectors.exp().squeeze(-1).numpy()
    assert found.good
    assert draws.mean() == pytest.approx(law.mean(), rel=0.02)
    assert draws.std() == pytest.approx(law.std(), rel=0.05)
    assert torch.allclose(found.log_p, log_density(found.vectors))


def test_a_proposal_far_too_narrow_is_mended_or_said():
    def log_density(u):
        return torch.distributions.Normal(0.0, 10.0).log_prob(u).sum(-1)

    zero = torch.zeros(2, dtype=torch.float64)
    found = resample(log_density, Laplace(zero, torch.eye(2, dtype=torch.float64), zero + 1, 0), 1000, generator())
    assert not found.good or float(found.vectors.std()) == pytest.approx(10, rel=0.1)


def test_a_proposal_is_a_mixture_of_student_t_laws():
    torch.manual_seed(0)
    root = torch.randn(3, 4, 4, dtype=torch.float64)
    trils = torch.linalg.cholesky(root @ root.mT + torch.eye(4))
    locs, shares = torch.randn(3, 4, dtype=torch.float64), torch.tensor([0.2, 0.3, 0.5], dtype=torch.float64)
    proposal, at = Proposal(shares, locs, trils, 9.0), torch.randn(10, 4, dtype=torch.float64)
    each = MultivariateStudentT(torch.tensor(9.0, dtype=torch.float64), locs, trils).log_prob(at[:, None])
    assert torch.allclose(proposal.log_prob(at), (shares.log() + each).logsumexp(-1))
    drawn = proposal.draw(40_000, generator())
    covariance = 9 / 7 * (shares[:, None, None] * (trils @ trils.mT)).sum(0)
    apart = locs - shares @ locs
    covariance = covariance + (shares[:, None] * apart).mT @ apart
    assert torch.allclose(drawn.mean(0), shares @ locs, atol=0.05)
    assert torch.allclose(drawn.mT.cov(), covariance, atol=0.25)


def test_a_density_of_two_bends_gets_its_moments():
    # A banana: v2 given v1 has its centre on a parabola; one Student-t does not follow it, a mixture does.
    def log_density(v):
        return stats_normal(v[..., 0], 0.0, 1.0) + stats_normal(v[..., 1], v[..., 0].square() / 2, 0.5)

    def stats_normal(value, loc, scale):
        return torch.distributions.Normal(loc, scale).log_prob(value)

    zero = torch.zeros(2, dtype=torch.float64)
    near = Laplace(zero, torch.tensor([1.0, 0.5], dtype=torch.float64).diag(), zero + 1, 0)
    found = resample(log_density, near, 4000, generator())
    assert found.good
    assert found.vectors.mean(0).numpy() == pytest.approx([0.0, 0.5], abs=0.05)
    assert found.vectors.std(0).numpy() == pytest.approx([1.0, 0.75**0.5], rel=0.06)


@pytest.mark.parametrize(
    "text",
    [
        "c ~ Categorical(size=3)\nx ~ Normal(loc=Table(c), scale=Table(c))",
        "c ~ Categorical(size=3)\nx ~ Bernoulli(probs=Table(c))",
        "c ~ Categorical(size=3)\nz ~ Normal(0, 1, size=2)\nx ~ Normal(loc=Linear(z, by=c), scale=PerFeature())",
    ],
)
def test_one_labelling_out_of_all_lies_inside(text):
    program = compile(Model(text), observed=["x"])
    size = {name: torch.ones(4, dtype=torch.float64) / 2 for name in program.buffers}
    module = program.build(size, parameter_guide=lambda model: lambda: None)
    space = space_of(module.priors, {}, probit=True)
    random = generator(1)
    mode, draws = (torch.randn(*n, space.size, generator=random, dtype=torch.float64) for n in ((), (200,)))
    inside = cell(program.model, ["x"], space, Laplace(mode, torch.eye(space.size), torch.ones(space.size), 0))
    levels = {part.name: index for part, index in space.places() if part.name != "c_probs" and index.shape[0] == 3}
    counts = torch.zeros(len(draws))
    for order in permutations(range(3)):
        moved = draws.clone()
        for index in levels.values():
            moved[:, index] = draws[:, index[list(order)]]
        counts += inside(moved)
    assert (counts == 1).all()


def test_no_labelling_is_open_without_levels():
    model = Model("z ~ Normal(0, 1, size=2)\nx ~ Normal(loc=Linear(z), scale=PerFeature())")
    assert cell(model, ["x"], None, None) is None


def test_a_beta_is_a_normal_in_its_quantiles():
    program = compile(Model("x ~ Bernoulli(probs=PerFeature(prior=Beta(1, 1)))"), observed=["x"])
    size = {name: torch.ones(2, dtype=torch.float64) / 2 for name in program.buffers}
    module = program.build(size, parameter_guide=lambda model: lambda: None)
    space = space_of(module.priors, {}, probit=True)
    values, log_jacobian = space.split(torch.tensor([0.0, 1.5], dtype=torch.float64))
    assert values["x_probs"].numpy() == pytest.approx(stats.norm.cdf([0.0, 1.5]))
    assert float(log_jacobian) == pytest.approx(stats.norm.logpdf([0.0, 1.5]).sum())
