"""Simulated rows and means against the laws of the model."""

import numpy as np
import pytest
import torch
from program_cases import CLOSED, DRAWN, HELD, PARTLY, ROWS, Case, cases
from program_reference import parameter
from scipy import special, stats

from latentprob.errors import InferenceError
from latentprob.program import compile, evaluate
from latentprob.spec.model import Model

MANY = 20_000
MODERATE = {
    "normal": ("x ~ Normal(loc=[1, -2], scale=[0.5, 2])", stats.norm([1, -2], [0.5, 2])),
    "student": ("x ~ StudentT(df=8, loc=[1, -2], scale=[0.5, 2])", stats.t(8, [1, -2], [0.5, 2])),
    "lognormal": (
        "x ~ LogNormal(loc=[0.1, -0.2], scale=[0.5, 0.4])",
        stats.lognorm([0.5, 0.4], scale=np.exp([0.1, -0.2])),
    ),
    "gamma": ("x ~ Gamma(concentration=[2, 3], rate=[1, 4])", stats.gamma([2, 3], scale=[1, 0.25])),
    "exponential": ("x ~ Exponential(rate=[1, 4])", stats.expon(scale=[1, 0.25])),
    "beta": ("x ~ Beta([2, 3], [1, 4])", stats.beta([2, 3], [1, 4])),
    "bernoulli": ("x ~ Bernoulli(probs=[0.2, 0.7])", stats.bernoulli([0.2, 0.7])),
    "bernoulli, logits": ("x ~ Bernoulli(logits=[0.2, -0.7])", stats.bernoulli(special.expit([0.2, -0.7]))),
    "poisson": ("x ~ Poisson(rate=[1, 4])", stats.poisson([1, 4])),
    "negative binomial": (
        "x ~ NegativeBinomial(total_count=[3, 5], probs=[0.2, 0.6])",
        stats.nbinom([3, 5], [0.8, 0.4]),
    ),
}


def rows_like(program, columns: dict[str, int], count: int = MANY):
    """A batch that only says how many rows and columns there are."""
    return {name: torch.ones(count, size, dtype=program.dtype) for name, size in columns.items()}


@pytest.mark.parametrize(("text", "law"), MODERATE.values(), ids=MODERATE)
def test_simulated_moments(text, law):
    program = compile(Model(text))
    module = program.build({"x_center": torch.full((2,), 0.5), "x_spread": torch.ones(2)})
    x = evaluate.draw_rows(module, rows_like(program, {"x": 2}), {}, seed=0)["x"][0].numpy()
    error = law.std() / MANY**0.5
    assert (np.abs(x.mean(0) - law.mean()) < 4.5 * error).all()
    np.testing.assert_allclose(x.std(0), law.std(), rtol=0.06)
    means = evaluate.means(module, rows_like(program, {"x": 2}, 3), {}, {})["x"]
    np.testing.assert_allclose(means[0], np.broadcast_to(law.mean(), (3, 2)), rtol=1e-6)


def test_simulated_mixture_of_factors():
    """Mean and covariance of the rows of each component, and the shares of the components."""
    case = Case("c ~ Categorical(size=2)\nz ~ Normal(0, 1, size=2)\nx ~ Normal(loc=Linear(z, by=c), scale=0.3)")
    draws = case.draws(1)
    found = evaluate.draw_rows(case.module, rows_like(case.program, {"x": 4}), draws, seed=1)
    assert {name: value.shape[2:] for name, value in found.items()} == {"c": (), "z": (2,), "x": (4,)}
    parameters = case.parameters(draws, 0)
    for level in range(2):
        x = found["x"][0][found["c"][0] == level].numpy()
        assert abs(len(x) / MANY - parameters["c_probs"][level]) < 4.5 * 0.5 / MANY**0.5
        weights = parameters["x_loc_weights"][level]
        covariance = weights.T @ weights + 0.09 * np.eye(4)
        error = np.sqrt(np.diag(covariance) / len(x))
        assert (np.abs(x.mean(0) - parameters["x_loc_intercept"][level]) < 4.5 * error).all()
        np.testing.assert_allclose(np.cov(x.T), covariance, atol=0.06 * np.diag(covariance).max())


def test_simulated_covariance():
    case = Case(CLOSED["covariance, known"])
    found = evaluate.draw_rows(case.module, rows_like(case.program, {"x": 4}), case.draws(1), seed=1)
    residual = found["x"][0] - case.draws(1)["x_loc"][0][found["c"][0]]
    known = np.array(case.model["x"].covariance)
    np.testing.assert_allclose(np.cov(residual.numpy().T), known, atol=0.06)


def test_same_seed_same_rows_and_the_global_state_stays():
    case = Case(CLOSED["factors"])
    batch, draws = rows_like(case.program, {"x": 4}, 9), case.draws()
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    first = evaluate.draw_rows(case.module, batch, draws, seed=3)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert torch.equal(first["x"], evaluate.draw_rows(case.module, batch, draws, seed=3)["x"])
    assert not torch.equal(first["x"], evaluate.draw_rows(case.module, batch, draws, seed=4)["x"])


ALL = {**cases({**CLOSED, **DRAWN}), **PARTLY, **HELD}


@pytest.mark.parametrize("case", ALL.values(), ids=ALL)
def test_rows_are_complete(case):
    """One value of every variable of the model, of the shape of the data; inputs are not drawn."""
    found = evaluate.draw_rows(case.module, case.batch, case.draws(), seed=0)
    assert set(found) == ({*case.model} - {*case.model.factors}) | {*case.program.layout.residuals}
    for name in set(case.observed) & set(case.model):
        assert found[name].shape[1:] == case.batch[name].shape
    means = evaluate.means(case.module, case.batch, case.draws(), {n: found[n] for n in case.program.plan})
    childless = {name for name in case.model if not case.model.children(name)}
    assert childless <= set(means) <= set(case.observed)
    assert all(value.isfinite().all() for value in means.values())


def test_held_parents_enter_the_means():
    case = HELD["held level, factors"]
    draws = case.draws(1)
    z = {"z": torch.randn(1, ROWS, 2).double()}
    found = evaluate.means(case.module, case.batch, draws, z)["x"][0]
    parameters = case.parameters(draws, 0)
    rows = [{**row, "z": z["z"][0, n].numpy()} for n, row in enumerate(case.rows())]
    expected = [parameter(case.model, parameters, row, "x", "loc") for row in rows]
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_weights_count_rows_several_times():
    case = Case(CLOSED["normal, diagonal"])
    draws, weights = case.draws(), torch.arange(ROWS).double()
    found = evaluate.joint_log_density(case.module, case.batch, draws, weights=weights)
    prior = evaluate.joint_log_density(case.module, case.batch, draws, weights=torch.zeros(ROWS).double())
    rows = evaluate.row_log_density(case.module, case.batch, draws)
    torch.testing.assert_close(found - prior, (rows * weights).sum(-1))
    half = {"x": case.batch["x"][:3]}
    scaled = evaluate.joint_log_density(case.module, half, draws, rows=6)
    torch.testing.assert_close(scaled - prior, 2 * rows[:, :3].sum(-1))


def test_missing_parameter_is_named():
    case = Case(CLOSED["factors"])
    with pytest.raises(InferenceError, match="no value of the parameter 'x_scale'"):
        evaluate.to_sites(
            case.program, case.module, {"x_loc_intercept": torch.zeros(4), "x_loc_weights": torch.zeros(2, 4)}
        )
