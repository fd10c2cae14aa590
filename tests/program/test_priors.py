"""Priors against scipy, site by site; matrices by the density that their factors imply."""

import numpy as np
import pytest
import torch
from program_cases import CLOSED, TEXTS, Case, cases, site_values
from pyro import poutine
from scipy import stats
from scipy.special import multigammaln

from latentprob.program import evaluate
from latentprob.program.defaults import LOC_SHARE, LOC_WIDTH, SCALE_RATE, SCALE_SHAPE, WISHART_DF

X = "x ~ Normal(loc=PerFeature(), scale=PerFeature())"


def site_log_probs(case: Case) -> tuple[dict[str, float], dict[str, np.ndarray]]:
    """Log density of each site of the parameters at one draw, and the parameters."""
    draws = case.draws(1)
    with evaluate.quiet():
        trace = poutine.trace(poutine.condition(case.module.priors, {k: v[0] for k, v in draws.items()})).get_trace()
    trace.compute_log_prob()
    found = {name: float(trace.nodes[name]["log_prob_sum"]) for name in draws}
    return found, case.parameters(draws, 0)


def inverse_gamma_root(scale, spread):
    """A scale whose inverse square is Gamma(SCALE_SHAPE, SCALE_RATE * spread^2)."""
    law = stats.gamma(SCALE_SHAPE, scale=1 / (SCALE_RATE * spread**2))
    return law.logpdf(scale**-2) + np.log(2 * scale**-3)


DEFAULTS = {
    "dirichlet": (CLOSED["normal, diagonal"], "c_probs", lambda v, p, b: stats.dirichlet(np.ones(3)).logpdf(v)),
    "conjugate loc": (
        CLOSED["normal, diagonal"],
        "x_loc",
        lambda v, p, b: stats.norm(b["x_center"], LOC_SHARE * p["x_scale"]).logpdf(v),
    ),
    "scale": (CLOSED["normal, diagonal"], "x_scale", lambda v, p, b: inverse_gamma_root(v, b["x_spread"])),
    "loc under one variance a level": (
        CLOSED["variance"],
        "x_loc",
        lambda v, p, b: stats.norm(b["x_center"], LOC_SHARE * p["x_variance"][:, None] ** 0.5).logpdf(v),
    ),
    "variance": (
        CLOSED["variance"],
        "x_variance",
        lambda v, p, b: stats.invgamma(SCALE_SHAPE, scale=SCALE_RATE * b["x_spread"].mean() ** 2).logpdf(v),
    ),
    "precision": (
        CLOSED["precision"],
        "x_precision",
        lambda v, p, b: stats.gamma(SCALE_SHAPE, scale=1 / (SCALE_RATE * b["x_spread"] ** 2)).logpdf(v),
    ),
    "loc of known scale": (
        CLOSED["known scale"],
        "x_loc",
        lambda v, p, b: stats.norm(b["x_center"].mean(), LOC_WIDTH * b["x_spread"].mean()).logpdf(v),
    ),
    "intercept": (
        CLOSED["factors"],
        "x_loc_intercept",
        lambda v, p, b: stats.norm(b["x_center"], LOC_WIDTH * b["x_spread"]).logpdf(v),
    ),
    "weights": (
        CLOSED["factors"],
        "x_loc_weights",
        lambda v, p, b: stats.norm(0, LOC_WIDTH * b["x_spread"]).logpdf(v),
    ),
    "weights of an input": (
        CLOSED["regression"],
        "x_loc_weights",
        lambda v, p, b: stats.norm(0, LOC_WIDTH * b["x_spread"] / b["w_spread"][:, None]).logpdf(v),
    ),
    "weights of an input by level": (
        CLOSED["mixture of experts"],
        "x_loc_weights",
        lambda v, p, b: stats.norm(0, LOC_WIDTH * b["x_spread"] / b["w_spread"][:, None]).logpdf(v),
    ),
    "logits": (
        CLOSED["bernoulli, logits"],
        "x_logits",
        lambda v, p, b: stats.norm(np.log(b["x_center"] / (1 - b["x_center"])), LOC_WIDTH).logpdf(v),
    ),
    "log rates": (
        CLOSED["poisson, regression"],
        "x_rate_intercept",
        lambda v, p, b: stats.norm(np.log(b["x_center"]), LOC_WIDTH).logpdf(v),
    ),
    "probability": (CLOSED["bernoulli"], "x_probs", lambda v, p, b: stats.beta(1, 1).logpdf(v)),
    "rate": (CLOSED["poisson"], "x_rate", lambda v, p, b: stats.gamma(1, scale=b["x_center"]).logpdf(v)),
    "rate of an exponential": (
        CLOSED["exponential"],
        "x_rate",
        lambda v, p, b: stats.gamma(1, scale=1 / b["x_center"]).logpdf(v),
    ),
    "concentration": (
        CLOSED["gamma"],
        "x_concentration",
        lambda v, p, b: stats.halfcauchy(scale=(b["x_center"] / b["x_spread"]) ** 2).logpdf(v),
    ),
    "df": (CLOSED["student"], "x_df", lambda v, p, b: stats.gamma(2, scale=10).logpdf(v)),
    "table of probabilities": (
        CLOSED["level under level"],
        "d_probs",
        lambda v, p, b: np.array([stats.dirichlet(np.ones(3)).logpdf(row) for row in v]),
    ),
}
WRITTEN = {
    "Normal": ("loc", "Normal(1, 2)", stats.norm(1, 2)),
    "Normal, variance": ("loc", "Normal(1, variance=4)", stats.norm(1, 2)),
    "Normal, precision": ("loc", "Normal(1, precision=0.25)", stats.norm(1, 2)),
    "Normal, lists": ("loc", "Normal([0, 1, 2, 3], [1, 2, 3, 4])", stats.norm([0, 1, 2, 3], [1, 2, 3, 4])),
    "StudentT": ("loc", "StudentT(3, 1, 2)", stats.t(3, 1, 2)),
    "Laplace": ("loc", "Laplace(1, 2)", stats.laplace(1, 2)),
    "Uniform": ("loc", "Uniform(-1, 3)", stats.uniform(-1, 4)),
    "HalfNormal": ("scale", "HalfNormal(2)", stats.halfnorm(scale=2)),
    "HalfCauchy": ("scale", "HalfCauchy(2)", stats.halfcauchy(scale=2)),
    "Gamma": ("scale", "Gamma(3, 2)", stats.gamma(3, scale=0.5)),
    "Exponential": ("scale", "Exponential(2)", stats.expon(scale=0.5)),
    "LogNormal": ("scale", "LogNormal(0.5, 0.3)", stats.lognorm(0.3, scale=np.exp(0.5))),
    "InverseGamma": ("scale", "InverseGamma(3, 2)", stats.invgamma(3, scale=2)),
    "Beta": ("scale", "Beta(2, 3)", stats.beta(2, 3)),
}


@pytest.mark.parametrize(("text", "name", "law"), DEFAULTS.values(), ids=DEFAULTS)
def test_default_prior(text, name, law):
    case = Case(text)
    found, parameters = site_log_probs(case)
    buffers = {key: value.numpy() for key, value in case.buffers.items()}
    value = parameters[name]
    assert found[name] == pytest.approx(np.broadcast_to(law(value, parameters, buffers), batch(value, name)).sum())


def batch(value, name):
    """The shape of the draws in a value: a vector of probabilities is one draw."""
    return value.shape[:-1] if name in ("c_probs", "d_probs") else value.shape


@pytest.mark.parametrize(("which", "prior", "law"), WRITTEN.values(), ids=WRITTEN)
def test_written_prior(which, prior, law):
    case = Case(X.replace(f"{which}=PerFeature()", f"{which}=PerFeature(prior={prior})"))
    found, parameters = site_log_probs(case)
    assert found[f"x_{which}"] == pytest.approx(law.logpdf(parameters[f"x_{which}"]).sum())


def test_written_dirichlet():
    case = Case(CLOSED["user priors"])
    found, parameters = site_log_probs(case)
    assert found["c_probs"] == pytest.approx(stats.dirichlet([1, 2, 3]).logpdf(parameters["c_probs"]))


def wishart_log_density(precision, df, scale):
    """log Wishart(precision; df, scale)."""
    size = len(precision)
    log = (df - size - 1) / 2 * np.linalg.slogdet(precision)[1] - np.trace(np.linalg.solve(scale, precision)) / 2
    return log - df * size / 2 * np.log(2) - df / 2 * np.linalg.slogdet(scale)[1] - multigammaln(df / 2, size)


MATRICES = {
    "default": ("covariance=Shared()", None, None),
    "wishart, number": ("covariance=Shared(prior=Wishart(6, 0.2))", 6.0, 0.2 * np.eye(4)),
    "wishart, list": ("covariance=Shared(prior=Wishart(6, [1, 2, 3, 4]))", 6.0, np.diag([1.0, 2, 3, 4])),
    "wishart, matrix": (
        "covariance=Shared(prior=Wishart(6, [[1, 0.5, 0, 0], [0.5, 2, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]))",
        6.0,
        np.array([[1, 0.5, 0, 0], [0.5, 2, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]),
    ),
    "precision": ("precision=Shared(prior=Wishart(6, 0.2))", 6.0, 0.2 * np.eye(4)),
    "scale_tril": ("scale_tril=Shared()", None, None),
}


def wishart_of(case: Case, df, scale):
    """Degrees of freedom and scale of the precision's Wishart law; the default's where none are given."""
    spread = case.buffers["x_spread"].numpy()
    return (df or WISHART_DF + len(spread), np.diag(1 / (2 * SCALE_RATE * spread**2)) if scale is None else scale)


@pytest.mark.parametrize(("argument", "df", "scale"), MATRICES.values(), ids=MATRICES)
def test_bartlett_factors_make_an_inverse_wishart(argument, df, scale):
    """The factors' density, times the Jacobian of the covariance's Cholesky factor by them, is scipy's invwishart."""
    case = Case(f"x ~ MultivariateNormal(loc=PerFeature(), {argument})")
    df, scale = wishart_of(case, df, scale)
    which = argument.split("=")[0]
    factors = (f"x_{which}_diagonal", f"x_{which}_above")
    found, _ = site_log_probs(case)
    values = {name: value[0] for name, value in case.draws(1).items()}
    flat = torch.cat([values[name] for name in factors])
    size = len(values[factors[0]])

    def lower(vector):
        given = dict(zip(factors, vector.split([size, len(vector) - size]), strict=True))
        _, tril = evaluate.parameters_of(case.module, {**values, **given})
        covariance = tril @ tril.mT
        return covariance[tuple(torch.tril_indices(size, size))]

    with evaluate.quiet():
        jacobian = torch.autograd.functional.jacobian(lower, flat)
        covariance = np.zeros((size, size))
        covariance[np.tril_indices(size)] = lower(flat).detach().numpy()
    covariance = covariance + np.tril(covariance, -1).T
    expected = stats.invwishart(df, np.linalg.inv(scale)).logpdf(covariance)
    log_jacobian = np.linalg.slogdet(jacobian.numpy())[1]
    assert found[factors[0]] + found[factors[1]] == pytest.approx(expected + log_jacobian, abs=1e-8)


def test_bartlett_moments():
    """E of an inverse Wishart is the inverse scale over df - D - 1."""
    case = Case("x ~ MultivariateNormal(loc=PerFeature(), covariance=Shared(prior=Wishart(12, 0.2)))")
    draws = case.draws(4000)
    covariance = evaluate.derived(case.module, draws)["x_covariance"]
    error = covariance.std(0) / 4000**0.5
    assert ((covariance.mean(0) - torch.eye(4) * 5 / (12 - 4 - 1)).abs() < 4.5 * error).all()


def test_normal_wishart():
    case = Case(
        "x ~ MultivariateNormal(loc=PerFeature(), "
        "covariance=Shared(prior=NormalWishart([0, 1, 2, 3], 4, 10, [1, 2, 3, 4])))"
    )
    found, parameters = site_log_probs(case)
    law = stats.multivariate_normal([0, 1, 2, 3], parameters["x_covariance"] / 4)
    assert found["x_loc"] == pytest.approx(law.logpdf(parameters["x_loc"]))


def test_default_location_of_a_multivariate_normal():
    case = Case(CLOSED["covariance"])
    found, parameters = site_log_probs(case)
    center = case.buffers["x_center"].numpy()
    pairs = zip(parameters["x_loc"], parameters["x_covariance"], strict=True)
    laws = [stats.multivariate_normal(center, LOC_SHARE**2 * root).logpdf(loc) for loc, root in pairs]
    assert found["x_loc"] == pytest.approx(sum(laws))


def test_lkj():
    case = Case(CLOSED["scale and correlation"])
    found, parameters = site_log_probs(case)
    tril = torch.linalg.cholesky(torch.as_tensor(parameters["x_correlation"]))
    law = torch.distributions.LKJCholesky(4, 2.0)
    assert found["x_correlation_tril"] == pytest.approx(float(law.log_prob(tril).sum()))


INVERTIBLE = cases(TEXTS, {"": ()})


@pytest.mark.parametrize("case", INVERTIBLE.values(), ids=INVERTIBLE)
def test_to_sites_undoes_derived(case):
    draws = case.draws()
    back = evaluate.to_sites(case.program, case.module, evaluate.derived(case.module, draws)) if draws else {}
    assert set(back) == set(draws)
    for name, value in draws.items():
        torch.testing.assert_close(back[name], value, rtol=1e-6, atol=1e-4 if value.dtype == torch.float32 else 1e-7)


@pytest.mark.parametrize("case", INVERTIBLE.values(), ids=INVERTIBLE)
def test_site_axes_and_dtype(case):
    values = site_values(case.module) if case.program.site_axes else {}
    for name, value in values.items():
        assert value.dtype == case.program.dtype
        assert len(case.program.site_axes[name]) == value.dim()
    for name, value in case.parameters(case.draws(1), 0).items():
        assert len(case.program.site_axes[name]) == value.ndim
    assert set(case.parameters(case.draws(1), 0)) == set(case.program.site_axes)
