"""Expected levels and moves of a chain: against the gradients of the program's own density."""

import numpy as np
import pytest
import torch
from scipy import stats

import latentprob as lp
from latentprob.inference import SVI, NaturalGradient, chosen
from latentprob.inference.natural import chains
from latentprob.program import compile
from latentprob.program.chains import chain_log_prob
from latentprob.spec.model import Model


@pytest.mark.parametrize(("rows", "size", "block"), [(1, 2, 8), (9, 3, 8), (201, 4, 16), (200, 2, 512)])
def test_what_is_expected_is_the_gradient(rows, size, block, monkeypatch):
    monkeypatch.setattr(chains, "BLOCK", block)
    rng = np.random.default_rng(rows)
    log_x = torch.as_tensor(2 * rng.normal(size=(rows, size)))
    first = torch.as_tensor(rng.random(rows) < 0.1)
    first[0] = True
    initial, moves = torch.as_tensor(rng.dirichlet(np.ones(size))), torch.as_tensor(rng.dirichlet(np.ones(size), size))
    weights = torch.ones(rows, dtype=torch.float64)
    found = chains.expected(log_x.mT.clone(), first, initial, moves, weights)
    log_prob = chain_log_prob(log_x, first, initial, moves)
    torch.testing.assert_close(found.log_prob, log_prob)
    gradients = torch.func.grad(lambda *a: chain_log_prob(a[0], first, *a[1:]).sum(), (0, 1, 2))(log_x, initial, moves)
    torch.testing.assert_close(found.shares.mT, gradients[0])
    torch.testing.assert_close(found.moves[:, 0], initial * gradients[1])
    torch.testing.assert_close(found.moves[:, 1:], moves * gradients[2])


X = np.random.default_rng(0).poisson(np.repeat([2.0, 9.0, 2.0, 9.0], 15)).astype(float)
CHAIN = "s[time] ~ Markov(size=2)\nx ~ Poisson(rate=Table(s))"


@pytest.fixture(scope="module")
def fit():
    return lp.fit(Model(CHAIN), X, lp.NaturalGradient(restarts=2, draws=400, refine=False), progress=False)


def test_the_bound_rises_and_settles(fit):
    assert fit.attrs["method"] == "natural_gradient"
    assert fit.attrs["settled"]
    assert (np.diff(fit.result.draws.stats["bound"], axis=1) > -1e-8).all()


def test_log_densities_of_draws_are_those_of_the_program(fit):
    """log p of the engine and of the program differ by no more than the same constant."""
    rows = fit.log_likelihood().sum("row").values[0]
    rate = fit.posterior["x_rate"].values[0]
    prior = stats.gamma(1, scale=X.mean()).logpdf(rate).sum(-1)  # Dirichlet(1) is flat
    assert np.ptp(fit.result.draws.stats["log_p"][0] - rows - prior) < 1e-6


def test_the_levels_are_found(fit):
    assert (fit.embedding("s").values == np.repeat([0, 1, 0, 1], 15)).mean() > 0.95
    np.testing.assert_allclose(fit.posterior["x_rate"].mean(("chain", "draw")).values.ravel(), [2, 9], rtol=0.25)


CHOSEN = {
    CHAIN: NaturalGradient,
    's[time] ~ Markov(initial="uniform", transition=[[0.9, 0.1], [0, 1]])\nx ~ Poisson(rate=Table(s))': NaturalGradient,
    's[time] ~ Markov(size=2, initial="stationary")\nx ~ Poisson(rate=Table(s))': SVI,
    "s[time] ~ Markov(size=2)\nx ~ StudentT(df=4, loc=Table(s), scale=1)": SVI,
    "z[time] ~ LinearDynamics(size=2)\nx ~ Normal(loc=Linear(z), scale=1)": SVI,
}


@pytest.mark.parametrize(("text", "method"), CHOSEN.items(), ids=range(len(CHOSEN)))
def test_the_structure_chooses(text, method):
    assert type(chosen(compile(Model(text), ["x"]))) is method


def test_known_moves_stay_as_they_are():
    model = Model('s[time] ~ Markov(initial="uniform", transition=[[0.9, 0.1], [0, 1]])\nx ~ Poisson(rate=Table(s))')
    fit = lp.fit(model, X[:30], lp.NaturalGradient(restarts=1, draws=50, refine=False), progress=False)
    assert list(fit.posterior) == ["x_rate"]
    assert (np.diff(fit.embedding("s").values) >= 0).all()  # the second level is never left
