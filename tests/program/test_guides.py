"""Guides and encoders: bounds and gradients are finite, and importance weighting stays below what it estimates."""

from dataclasses import replace

import numpy as np
import pyro
import pytest
import torch
from program_cases import CLOSED, DRAWN, HELD, PARTLY, ROWS, SHIPPED, Case, cases
from pyro import poutine
from pyro.infer import Trace_ELBO
from torch.fx.experimental.proxy_tensor import make_fx

from latentprob.program import evaluate

ENCODED = cases({**DRAWN, **{name: SHIPPED[name] for name in ("vae", "mixture_vae", "gplvm")}})
OPENED = {
    name: replace(Case(CLOSED[name]), collapse=False)
    for name in ("factors", "factors by level", "factors, correlated", "two factors of one child")
}
ALL = {**ENCODED, **OPENED, **cases(CLOSED), **PARTLY, **HELD}


def bound(case: Case) -> torch.Tensor:
    """log p(rows, parameters, latents) - log q of one draw of the guide: one term of the ELBO."""
    with evaluate.quiet():
        guide = poutine.trace(case.module.guide).get_trace(**case.batch, rows=ROWS)
        model = poutine.trace(poutine.replay(case.module.marginal, trace=guide)).get_trace(**case.batch, rows=ROWS)
        return model.log_prob_sum() - guide.log_prob_sum()


@pytest.mark.parametrize("case", ALL.values(), ids=ALL)
def test_bound_and_gradients_are_finite(case):
    case = replace(case)
    torch.manual_seed(0)
    value = bound(case)
    assert torch.isfinite(value)
    parameters = dict(case.module.named_parameters())
    gradients = torch.autograd.grad(value, list(parameters.values()), allow_unused=True) if parameters else ()
    for name, gradient in zip(parameters, gradients, strict=True):
        assert gradient is not None, f"{name} has no part in the bound"
        assert gradient.isfinite().all(), name
    assert bool(parameters) == bool(case.program.site_axes or case.program.layout.draw)


@pytest.mark.parametrize("case", ALL.values(), ids=ALL)
def test_pyro_accepts_the_shapes(case):
    """Pyro's own validation, which the library switches off and a user of the text has on."""
    case = replace(case)
    with pyro.validation_enabled(True), pyro.get_param_store().scope():
        pyro.clear_param_store()
        loss = Trace_ELBO().loss(case.module.marginal, case.module.guide, **case.batch, rows=ROWS)
        trace = poutine.trace(case.module.model).get_trace(**case.batch, rows=ROWS)
    trace.compute_log_prob()
    assert np.isfinite(loss)
    assert set(case.model) <= set(trace.nodes)


@pytest.mark.parametrize("name", [*OPENED])
def test_importance_weighting_stays_below_the_exact_density(name):
    """E log mean w <= log p(x), and log mean w nears it with particles."""
    opened, exact = OPENED[name], Case(OPENED[name].text)
    draws = exact.draws(1)
    torch.manual_seed(0)
    truth = evaluate.row_log_density(exact.module, exact.batch, draws)[0]
    laws = evaluate.encode(opened.module, opened.batch)
    single = {name: value.float() for name, value in draws.items()}
    gaps = [float((weights(opened, single, laws, count) - truth).mean()) for count in (1, 2000)]
    assert gaps[0] < gaps[1] < 0.05


def weights(case: Case, draws, laws, count: int) -> torch.Tensor:
    """log mean of the importance weights of `count` draws, (N,), averaged over 20 repetitions."""
    many = {name: value.expand(20 * count, *value.shape[1:]) for name, value in draws.items()}
    drawn = {name: law.sample((20 * count,)) for name, law in laws.items()}
    log_q = sum(law.log_prob(drawn[name]) for name, law in laws.items())
    logs = evaluate.row_log_density(case.module, case.batch, many, drawn) - log_q
    return (logs.unflatten(0, (20, count)).logsumexp(1) - np.log(count)).mean(0).double()


@pytest.mark.parametrize("name", ["gamma latent", "beta latent", "lognormal latent", "vae"])
def test_encoder_draws_inside_the_support(name):
    case = ENCODED[name]
    draws = evaluate.encode(case.module, case.batch)["z"].sample((50,))
    assert draws.shape == (50, ROWS, case.model["z"].size or 1)
    assert case.model["z"].support == "real" or (draws > 0).all()
    assert case.model["z"].support != "unit" or (draws < 1).all()


def test_belief_of_a_level_given_what_is_drawn():
    """c given z in a mixture VAE: Bayes' rule over the components of the latent space."""
    case = Case(SHIPPED["mixture_vae"])
    draws = case.draws(1)
    z = {"z": torch.randn(1, ROWS, 8)}
    found = evaluate.beliefs(case.module, case.batch, draws, z)["c_probs"][0]
    components = torch.distributions.Normal(draws["z_loc"][0], draws["z_scale"][0])
    logs = draws["c_probs"][0].log() + components.log_prob(z["z"][0][:, None]).sum(-1)
    torch.testing.assert_close(found, logs.softmax(-1))


CAPTURED = {
    name: ALL[name]
    for name in (
        "mixture_vae",
        "categorical network, gaps",
        "partly labelled, factors",
        "two levels, mvn",
        "two factors in a row, gaps",
        "poisson, gaps",
    )
}


@pytest.mark.parametrize("case", CAPTURED.values(), ids=CAPTURED)
def test_marginal_can_be_captured_under_vmap(case):
    """What SVI does: the density of several draws at once, as one graph of plain tensor operations."""
    draws = case.draws(3)
    drawn = {name: law.sample((3,)) for name, law in evaluate.encode(case.module, case.batch).items()}

    def rows(values, local):
        return evaluate.row_log_density(case.module, case.batch, values, local)

    graph = make_fx(rows)(draws, drawn)
    torch.testing.assert_close(graph(draws, drawn), rows(draws, drawn))
