"""A captured graph says what Pyro says."""

import numpy as np
import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro.infer.autoguide import AutoDelta
from pyro.nn import PyroModule
from torch import nn

from latentprob.errors import InferenceError
from latentprob.inference import capture
from latentprob.inference.capture import COMPILE, Density, Noise, captured, compiled, value_and_gradient
from latentprob.inference.problem import isolated
from latentprob.inference.unconstrain import space_of

MIXTURE = "c ~ Categorical(size=2)\nx ~ Normal(loc=Table(c), scale=Table(c))"


class Small(PyroModule):
    def marginal(self, x, rows):
        probs = pyro.sample("probs", dist.Dirichlet(torch.ones(3, dtype=torch.float64)))
        scale = pyro.sample("scale", dist.Gamma(torch.tensor(2.0, dtype=torch.float64), 1.0))
        loc = pyro.sample("loc", dist.Normal(torch.zeros(2, dtype=torch.float64), 5.0).to_event(1))
        with pyro.plate("row", rows, subsample=x):
            pyro.sample("x", dist.Normal(loc + probs[0], scale).to_event(1), obs=x)


X = torch.as_tensor(np.random.default_rng(0).normal(size=(6, 2)))
ONES = torch.ones(6, dtype=torch.float64)


def small(rows=6):
    module = Small()
    return Density(module, space_of(lambda: module.marginal(X, 6), {}), rows)


def test_split_and_join_are_inverse_and_the_jacobian_is_right():
    with isolated(0):
        space = small().space
        vector = torch.linspace(-1, 1, space.size, dtype=torch.float64)
        values, log_jacobian = space.split(vector)
        assert torch.allclose(space.join(values), vector)
        assert values["probs"].sum() == pytest.approx(1.0)

        def free(v):
            found = space.split(v)[0]
            return torch.cat([found["probs"][:2], found["scale"][None], found["loc"]])

        jacobian = torch.func.jacrev(free)(vector)
    assert torch.linalg.slogdet(jacobian).logabsdet == pytest.approx(log_jacobian.item())


def test_the_captured_density_is_the_sum_of_its_parts_with_its_gradient():
    weights = torch.arange(1.0, 7.0, dtype=torch.float64)
    with isolated(0):
        density = small()
        vector = density.space.start + 0.3
        value, gradient = value_and_gradient(density, {"x": X}, weights)(vector)
        values, log_jacobian = density.space.split(vector)
    each = torch.distributions.Normal(values["loc"] + values["probs"][0], values["scale"]).log_prob(X).sum(1)
    prior = (
        torch.distributions.Gamma(2.0, 1.0).log_prob(values["scale"])
        + torch.distributions.Normal(0.0, 5.0).log_prob(values["loc"]).sum()
        + torch.distributions.Dirichlet(torch.ones(3)).log_prob(values["probs"])
    )
    assert value == pytest.approx(((each * weights).sum() + prior + log_jacobian).item())
    step = 1e-6 * torch.eye(density.space.size, dtype=torch.float64)
    with isolated(0):
        slope = [(density(vector + e, {"x": X}, weights) - density(vector - e, {"x": X}, weights)) / 2e-6 for e in step]
    assert torch.allclose(gradient, torch.stack(slope), atol=1e-5)


def test_some_rows_stand_for_all():
    with isolated(0):
        density = small(rows=12)
        part = density(density.space.start, {"x": X}, ONES)
        whole = density(density.space.start, {"x": torch.cat([X, X])}, torch.cat([ONES, ONES]))
    assert part == pytest.approx(whole.item())


def test_noise_counts_then_gives():
    with Noise() as count:
        assert torch.equal(torch.empty(2, 3).normal_(), torch.zeros(2, 3))
    assert count.used == 6
    noise = torch.arange(6.0)
    with Noise(noise):
        first, second = torch.empty(2).normal_(), torch.distributions.Normal(torch.ones(4), 2.0).rsample()
    assert first.tolist() == [0, 1]
    assert second.tolist() == [5, 7, 9, 11]


def test_dropout_takes_its_noise_from_the_graph_and_keeps_the_mean():
    noise = torch.randn(20_000, generator=torch.Generator().manual_seed(0))
    with Noise(noise):
        y = nn.functional.dropout(torch.ones(20_000), 0.3, True)
    assert (y == 0).double().mean() == pytest.approx(0.3, abs=0.02)
    assert y.mean() == pytest.approx(1.0, abs=0.03)


def test_random_numbers_outside_of_the_seed_are_refused():
    with pytest.raises(InferenceError, match=r"rand.*not under the seed"):
        captured(lambda x: x + torch.rand(3), torch.zeros(3))


@pytest.fixture
def slow_and_fast(monkeypatch):
    """A graph, and a stand-in for what inductor makes of it, which is told apart by its sign."""
    graph = captured(lambda x: x + 1, torch.zeros(3))
    monkeypatch.setattr(capture, "fast", lambda graph: lambda x: -graph(x))
    return graph, len(graph.graph.nodes)


def test_a_budget_that_fits_seldom_use_up_is_compiled_late(slow_and_fast):
    graph, _ = slow_and_fast
    run = capture.Late(graph, 2)
    assert [run(torch.zeros(3))[0].item() for _ in range(4)] == [1, 1, -1, -1]


RUNS = {
    "certain": (1 + COMPILE, None, True, -1),
    "uncertain": (1 + COMPILE, None, False, 1),
    "few": (1, None, True, 1),
    "few, but wanted": (1, True, False, -1),
    "not wanted": (1 + COMPILE, False, True, 1),
}


@pytest.mark.parametrize(("runs", "wanted", "certain", "sign"), RUNS.values(), ids=RUNS)
def test_what_the_first_run_is_made_by(slow_and_fast, monkeypatch, runs, wanted, certain, sign):
    graph, _ = slow_and_fast
    monkeypatch.setattr(capture.shutil, "which", lambda name: name)
    assert compiled(graph, runs, wanted, certain)(torch.zeros(3))[0] == sign


def test_a_late_compilation_waits_for_half_of_what_pays(slow_and_fast, monkeypatch):
    graph, operations = slow_and_fast
    monkeypatch.setattr(capture.shutil, "which", lambda name: name)
    assert compiled(graph, 1 + COMPILE, None, certain=False).left == COMPILE // (2 * operations)


def test_one_graph_for_all_restarts_says_what_pyro_says(problem, two_groups):
    from latentprob.inference import guides
    from latentprob.inference.bound import Restarts, Step
    from latentprob.inference.capture import Loss, noise_count
    from latentprob.inference.loop import Rows

    at = problem(MIXTURE, two_groups)
    with isolated(0):
        probe = at.build(AutoDelta)
        space = space_of(probe.priors, {})
        losses = []
        for shift in (0.0, 0.5):
            values = space.split(space.start + shift)[0]
            losses.append(Loss(at.ready(guides.factory("full", space, values)), at.rows))
        restarts = Restarts.of(losses, [{}, {}])
        generator = torch.Generator().manual_seed(1)
        step = Step(restarts, at, Rows(at.rows, at.rows, generator), 1, generator)
        noise = torch.randn(step.shape, generator=torch.Generator().manual_seed(7), dtype=torch.float64)
        step._noise = lambda: noise
        gradients, found = step(restarts.start())
        batch, weights = at.arguments()
        for restart, loss in enumerate(losses):
            assert noise_count(loss, batch, weights) == noise.shape[-1]
            with Noise(noise[restart, 0]):
                value = loss(batch, weights)
            value.backward()
            assert found[restart] == pytest.approx(value.item())
            for name, parameter in loss.named_parameters():
                assert torch.allclose(gradients[name][restart], parameter.grad, atol=1e-8), name


def test_a_bernoulli_is_captured_in_a_few_operations():
    x, logits = torch.tensor([0.0, 1.0, 0.3]), torch.tensor([-3.0, 60.0, 0.5], dtype=torch.float64)

    def loss(at):
        return torch.nn.functional.binary_cross_entropy_with_logits(at, x.double(), reduction="none").view(3).sum()

    graph = captured(torch.func.grad_and_value(loss), logits)
    gradient, value = graph(logits)
    wanted, pull = torch.func.vjp(loss, logits)
    assert torch.allclose(value, wanted)
    assert torch.allclose(gradient, pull(torch.ones_like(wanted))[0])
    assert len(graph.graph.nodes) < 15
