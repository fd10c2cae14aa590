"""Deterministic variables in the program: their values and densities against numpy, and what is refused."""

import numpy as np
import pytest
import torch
from program_cases import EMBEDDED, Case
from scipy import stats

from latentprob.errors import ModelError
from latentprob.program import compile, evaluate
from latentprob.spec.model import Model


def values(text: str) -> tuple[Case, dict[str, torch.Tensor], dict[str, np.ndarray], dict[str, np.ndarray]]:
    """A case, draws of its parameters, the first draw, and the data as arrays."""
    case = Case(text)
    draws = case.draws()
    first = {name: value[0].double().numpy() for name, value in draws.items()}
    return case, draws, first, {name: value.double().numpy() for name, value in case.batch.items()}


@pytest.mark.parametrize("name", [name for name in EMBEDDED if "point" not in EMBEDDED[name]])
def test_the_density_is_finite_and_has_a_gradient(name):
    case = Case(EMBEDDED[name])
    assert evaluate.row_log_density(case.module, case.batch, case.draws()).isfinite().all()
    assert case.program.plan == {}


def test_a_linear_map_reads_the_data_from_their_centre():
    case, draws, one, data = values(EMBEDDED["linear"])
    z = one["z_intercept"] + (data["x"] - case.buffers["x_center"].numpy()) @ one["z_weights"]
    loc = one["x_loc_intercept"] + z @ one["x_loc_weights"]
    np.testing.assert_allclose(evaluate.embeddings(case.module, case.batch, draws)["z"][0], z)
    expected = stats.norm(loc, one["x_scale"]).logpdf(data["x"]).sum(axis=1)
    np.testing.assert_allclose(evaluate.row_log_density(case.module, case.batch, draws)[0], expected)


def test_a_network_reads_standardized_data():
    case = Case(EMBEDDED["two steps"])
    x, buffers = case.batch["x"], {n: v.float() for n, v in case.buffers.items()}
    with torch.no_grad():
        h = case.module.h_encoder((x - buffers["x_center"]) / buffers["x_spread"])
    torch.testing.assert_close(evaluate.embeddings(case.module, case.batch, case.draws())["h"][0], h)


@pytest.mark.parametrize("name", ["nearest rates", "nearest, covariance", "nearest, heavy tails"])
def test_the_nearest_level_is_the_one_of_highest_density(name):
    case, draws, one, data = values(EMBEDDED[name])
    laws = {
        "nearest rates": lambda k: stats.poisson(one["x_rate"][k]).logpmf(data["x"]).sum(axis=1),
        "nearest, covariance": lambda k: stats.multivariate_normal(
            one["x_loc"][k], evaluate.derived(case.module, draws)["x_covariance"][0, k].numpy()
        ).logpdf(data["x"]),
        "nearest, heavy tails": lambda k: stats.t(4, one["x_loc"][k], one["x_scale"]).logpdf(data["x"]).sum(axis=1),
    }
    logs = np.stack([laws[name](k) for k in range(case.levels("c"))], axis=1)
    np.testing.assert_array_equal(evaluate.embeddings(case.module, case.batch, draws)["c"][0], logs.argmax(axis=1))
    density = evaluate.row_log_density(case.module, case.batch, draws)[0]
    np.testing.assert_allclose(density, logs.max(axis=1), rtol=1e-6)


def test_the_nearest_centre_is_that_of_least_distance_in_units_of_the_spread():
    case = Case("c = Nearest(x, size=3)\nx ~ Normal(loc=Table(c), scale=Spread())")
    draws = case.draws()
    units = (case.batch["x"][:, None] - draws["x_loc"][0]) / case.buffers["x_spread"]
    nearest = units.square().sum(-1).argmin(-1)
    torch.testing.assert_close(evaluate.embeddings(case.module, case.batch, draws)["c"][0], nearest)


REFUSED = {
    "beside a hidden one": (
        "z = Linear(x, size=2)\nu ~ Normal(0, 1)\nx ~ Normal(loc=Linear(z) + Linear(u), scale=1)",
        ["x"],
        [],
        "u is hidden, and the model has deterministic ones: a model has random or deterministic variables",
    ),
    "of a hidden one": (
        "u ~ Normal(0, 1)\nz = Linear(u, size=2)\nx ~ Normal(loc=Linear(z), scale=1)",
        ["x"],
        [],
        r"u is hidden, and z = Linear\(u, size=2\) reads it",
    ),
    "observed": (
        "z = Linear(x, size=2)\nx ~ Normal(loc=Linear(z), scale=1)",
        ["x", "z"],
        [],
        r"z = Linear\(x, size=2\) is computed, not observed; leave z out of the data",
    ),
    "gaps": (
        "z = Linear(x, size=2)\nx ~ Normal(loc=Linear(z), scale=1)",
        ["x"],
        ["x"],
        "'x' has gaps and other variables depend on it",
    ),
    "spread of a hidden one": (
        "z ~ Normal(0, scale=Spread())\nx ~ Normal(loc=Linear(z), scale=1)",
        ["x"],
        [],
        r"z is hidden, and scale=Spread\(\) is its standard deviation in the data",
    ),
}


@pytest.mark.parametrize(("text", "observed", "missing", "message"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_computed_is_refused(text, observed, missing, message):
    with pytest.raises(ModelError, match=message):
        compile(Model(text), observed, missing)
