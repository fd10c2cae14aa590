"""Point estimates: flat laws on the parameters' domains, bounds that keep off spikes."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from program_cases import CLOSED, DRAWN, Case, cases
from pyro import poutine
from torch.distributions import constraints, transform_to

from latentprob.program import evaluate
from latentprob.program.defaults import FLOOR

POINTS = {name: replace(case, point=True) for name, case in cases({**CLOSED, **DRAWN}, {"": ()}).items()}


def inside(site, value):
    """A value of an ImproperUniform site inside its domain, from normal noise."""
    transform = transform_to(site["fn"].support)
    shape = transform.inverse_shape(site["fn"].shape())
    return transform(0.3 * torch.randn(shape, dtype=value.dtype))


def sites_of(case: Case):
    """The sites of the parameters, at values inside their domains."""
    torch.manual_seed(3)

    def drawn(site):
        if site["type"] == "sample" and site["value"] is None:
            zero = torch.zeros((), dtype=case.program.dtype)
            return inside(site, zero)
        return None

    class Fill(poutine.messenger.Messenger):
        def _pyro_sample(self, msg):
            if (value := drawn(msg)) is not None:
                msg["value"] = value

    with evaluate.quiet(), Fill():
        trace = poutine.trace(case.module.priors).get_trace()
    return {n: s for n, s in trace.nodes.items() if s["type"] == "sample" and not s["infer"].get("_deterministic")}


# Processes and levels of factors keep their law.
FLAT = {n: case for n, case in POINTS.items() if not (case.program.layout.residuals or case.model.factors)}


@pytest.mark.parametrize("case", FLAT.values(), ids=FLAT)
def test_point_sites_are_flat(case):
    sites = sites_of(case) if case.program.site_axes else {}
    assert all(type(site["fn"]).__name__ == "ImproperUniform" for site in sites.values())
    assert all(len(case.program.site_axes[name]) == site["value"].dim() for name, site in sites.items())
    draws = {name: site["value"].detach()[None] for name, site in sites.items()}
    drawn = {name: law.sample((1,)) for name, law in evaluate.encode(case.module, case.batch).items()}
    joint = evaluate.joint_log_density(case.module, case.batch, draws, drawn)
    rows = evaluate.row_log_density(case.module, case.batch, draws, drawn)
    torch.testing.assert_close(joint, rows.sum(-1))  # no prior counts
    assert rows.isfinite().all()


def test_levels_keep_their_law_where_its_parameters_are_points():
    sites = sites_of(POINTS["levels as they are"])
    assert {n for n, site in sites.items() if type(site["fn"]).__name__ != "ImproperUniform"} == {"u"}


def test_the_ridge_of_points_is_a_factor_of_the_density():
    text = "u[user] = Embedding(size=2{})\nx ~ Normal(loc=Linear(u), scale=Shared())"
    plain, ridged = Case(text.format(""), point=True), Case(text.format(", ridge=3"), point=True)
    draws = {name: site["value"].detach()[None] for name, site in sites_of(plain).items()}
    both = [evaluate.joint_log_density(case.module, case.batch, draws) for case in (plain, ridged)]
    torch.testing.assert_close(both[0] - both[1], 1.5 * draws["u"].square().sum()[None])


def test_a_process_keeps_its_law_where_its_parameters_are_points():
    sites = sites_of(POINTS["process"])
    assert {n for n, site in sites.items() if type(site["fn"]).__name__ != "ImproperUniform"} == {"x_loc_inducing"}
    assert {"x_loc_intercept", "x_loc_lengthscale", "x_loc_variance", "x_scale"} < set(sites)


@pytest.mark.parametrize("case", POINTS.values(), ids=POINTS)
def test_to_sites_undoes_derived(case):
    draws = (
        {name: site["value"].detach()[None] for name, site in sites_of(case).items()} if case.program.site_axes else {}
    )
    derived = evaluate.derived(case.module, draws)
    back = evaluate.to_sites(case.program, case.module, derived) if draws else {}
    again = evaluate.derived(case.module, back)
    assert set(back) == set(draws)
    for name in {free for free in derived if not free.endswith("_tril")}:
        torch.testing.assert_close(again[name], derived[name], rtol=1e-5, atol=1e-6)


BOUNDS = {
    "scale": (CLOSED["normal, diagonal"], "x_scale", lambda s, c: (FLOOR * s, np.inf)),
    "variance": (CLOSED["variance"], "x_variance", lambda s, c: ((FLOOR * s.mean()) ** 2, np.inf)),
    "precision": (CLOSED["precision"], "x_precision", lambda s, c: (0, (FLOOR * s) ** -2)),
    "student": (CLOSED["student"], "x_scale", lambda s, c: (FLOOR * s, np.inf)),
    "lognormal": (CLOSED["lognormal"], "x_scale", lambda s, c: (FLOOR * s, np.inf)),
    "gamma": (CLOSED["gamma"], "x_concentration", lambda s, c: (0, (c / (FLOOR * s)) ** 2)),
    "beta": (CLOSED["beta"], "x_concentration1", lambda s, c: (0, 0.25 / (FLOOR * s) ** 2)),
    "rate": (CLOSED["poisson"], "x_rate", lambda s, c: (0, np.inf)),
}


@pytest.mark.parametrize(("text", "name", "bounds"), BOUNDS.values(), ids=BOUNDS)
def test_bounds(text, name, bounds):
    case = Case(text, point=True)
    support = sites_of(case)[name]["fn"].support
    while isinstance(support, constraints.independent):
        support = support.base_constraint
    low, high = bounds(case.buffers["x_spread"].numpy(), case.buffers["x_center"].numpy())
    np.testing.assert_allclose(np.asarray(getattr(support, "lower_bound", 0.0)), low)
    np.testing.assert_allclose(np.asarray(getattr(support, "upper_bound", np.inf)), high)


def test_covariance_keeps_a_floor():
    case = Case(CLOSED["covariance"], point=True)
    draws = {
        "c_probs": torch.full((1, 3), 1 / 3),
        "x_loc": torch.zeros(1, 3, 4),
        "x_covariance_tril": torch.zeros(1, 3, 4, 4),
    }
    covariance = evaluate.derived(case.module, {name: value.double() for name, value in draws.items()})["x_covariance"]
    floor = np.diag((FLOOR * case.buffers["x_spread"].numpy()) ** 2)
    np.testing.assert_allclose(covariance[0], np.broadcast_to(floor, (3, 4, 4)), atol=1e-15)
