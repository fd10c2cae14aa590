"""One engine: the bound rises, its gradient is the expected statistics, its densities are the program's."""

import numpy as np
import pytest
import torch

from latentprob.inference.natural import ascent, supports
from latentprob.inference.natural.ascent import Layout, ascend
from latentprob.inference.natural.laws import chosen, outer, packed, unpacked, width
from latentprob.inference.natural.method import drawn, prepare, sites
from latentprob.inference.problem import isolated
from latentprob.program.evaluate import row_log_density


@pytest.fixture
def setting(problem, case):
    text, data = case
    made = problem(text, data)
    assert supports(made.program)
    with isolated(0):
        yield prepare(made, 2, 0)


def test_a_step_on_all_rows_raises_the_bound(setting):
    at, bounds = setting.starts, []
    for _ in range(25):
        bound, at = setting.engine.evaluate(at)
        bounds.append(bound)
    rise = torch.stack(bounds).diff(dim=0)
    assert rise.min() > -1e-9
    assert all(value.isfinite().all() for natural in at for value in natural)


def test_the_gradient_of_the_bound_is_the_expected_statistics(setting):
    engine = setting.engine
    moments = [part.moments(natural) for part, natural in zip(engine.parts, setting.starts, strict=True)]
    eta = engine.coefficients(moments).detach().requires_grad_()
    statistics = torch.empty(engine.width, len(engine.weights), dtype=eta.dtype)
    statistics[0], at = 1, 1
    for part in engine.parts:
        part.fill(statistics[at : at + part.width], engine.batch)
        at += part.width
    bound = torch.einsum("rkp,pn->rkn", eta, statistics).logsumexp(1).sum(1)
    (gradient,) = torch.autograd.grad(bound.sum(), eta)
    found, sums = engine.rows(eta.detach())
    assert torch.allclose(found, bound.detach(), rtol=1e-10)
    assert torch.allclose(sums, gradient, rtol=1e-8, atol=1e-8 * float(gradient.abs().max()))


def test_densities_at_draws_are_those_of_the_program(setting):
    engine = setting.engine
    values = drawn(engine, setting.starts, 0, 3)
    eta = engine.coefficients([part.at(own) for part, own in zip(engine.parts, values, strict=True)])
    draws = {name: torch.as_tensor(array) for name, array in sites(setting, values).items()}
    wanted = row_log_density(setting.module, engine.batch, draws).sum(1)
    assert torch.allclose(engine.log_density(eta), wanted, rtol=1e-8)


def test_acceleration_is_there_sooner(problem, monkeypatch):
    monkeypatch.setattr(ascent, "GAIN", 1e-9)
    rng = np.random.default_rng(1)
    x = rng.normal(size=(400, 1)) + 2.2 * rng.integers(2, size=(400, 1))
    made = problem("c ~ Categorical(size=2)\nx ~ Normal(loc=Table(c), scale=Table(c))", {"x": x})
    with isolated(0), torch.no_grad():
        setting = prepare(made, 1, 0)
        layout = Layout.of(setting.starts)
        runs = [
            ascend(setting.engine, layout, layout.join(setting.starts), 5000, accelerate=on) for on in (False, True)
        ]
    top = runs[1].bounds[0, -1]
    plain, fast = (int((run.bounds[0] < top - 1e-3).sum()) for run in runs)
    assert all(run.settled for run in runs)
    assert runs[0].bounds[0, -1] == pytest.approx(top, abs=1e-4)
    assert fast < 0.5 * plain
    assert (np.diff(runs[1].bounds, axis=1) >= 0).all()


@pytest.mark.parametrize("size", [1, 3, 5, 12])
def test_products_of_columns_and_their_matrices(size):
    x = torch.arange(2.0 * size).reshape(size, 2)
    out = torch.empty(width(size), 2)
    outer(x, out)
    whole = torch.einsum("in,jn->nij", x, x)
    assert torch.equal(unpacked(out.T, size), whole)
    assert torch.equal(chosen(whole), out.T)
    matrix = torch.arange(float(size**2)).reshape(size, size)
    matrix = matrix + matrix.T
    assert torch.allclose(packed(matrix) @ out, torch.einsum("in,ij,jn->n", x, matrix, x))


def _spread(problem, columns, apart=6.0):
    rng = np.random.default_rng(4)
    x = (rng.normal(size=(3000, 2)) + apart * rng.integers(2, size=(3000, 1))) @ np.array(columns)
    return problem("c ~ Categorical(size=2)\nx ~ MultivariateNormal(loc=Table(c), covariance=Table(c))", {"x": x})


@pytest.mark.parametrize("columns", [[[1.0, 0.4], [0.0, 1.0]], [[1.0, 1.0], [0.0, 1e-6]]], ids=["round", "needle"])
def test_half_the_digits_end_where_all_of_them_do(problem, monkeypatch, columns):
    with isolated(0), torch.no_grad():
        setting = prepare(_spread(problem, columns), 1, 0)
        layout = Layout.of(setting.starts)
        vectors = layout.join(setting.starts)
        whole = ascend(setting.engine, layout, vectors, 500)
        monkeypatch.setattr(ascent, "COARSE_ROWS", 1000)
        half = ascend(setting.engine, layout, vectors, 500)
        bound, _ = setting.engine.evaluate(layout.split(half.vectors))
    assert whole.settled
    assert half.settled
    assert half.bounds[0, -1] == pytest.approx(whole.bounds[0, -1], abs=2 * ascent.LONG_GAIN * vectors.shape[1])
    assert float(bound) >= half.bounds[0, -1] - 1e-6  # the last pass had all digits
    assert (np.diff(half.bounds, axis=1) >= 0).all()


def test_growing_parts_of_the_rows_lead_near_the_optimum_of_all(problem, monkeypatch):
    monkeypatch.setattr(ascent, "PART_ROWS", 300)
    with isolated(0), torch.no_grad():
        setting = prepare(_spread(problem, [[1.0, 0.4], [0.0, 1.0]], apart=2.5), 1, 0)
        engine, layout = setting.engine, Layout.of(setting.starts)
        start = layout.join(setting.starts)
        order = torch.randperm(3000, generator=torch.Generator().manual_seed(0))
        near = ascent.growing(engine, layout, start, order)
        before, after = (engine.evaluate(layout.split(at))[0] for at in (start, near))
        top = ascend(engine, layout, start, 500).bounds[0, -1]
    assert float(after) > float(before)
    assert top - float(after) < 2 * start.shape[1]  # within a few posterior sds of every parameter
