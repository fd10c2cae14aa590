"""lp.NaturalGradient: its bound, its draws, what it refuses."""

import numpy as np
import pytest
from scipy import stats
from scipy.special import betaln, digamma, gammaln, logsumexp, multigammaln
from sklearn.mixture import BayesianGaussianMixture

import latentprob as lp
from latentprob.errors import InferenceError
from latentprob.inference import chosen
from latentprob.inference.natural import NaturalGradient, supports
from latentprob.spec.model import Model

RNG = np.random.default_rng(2)
QUICK = NaturalGradient(restarts=2, draws=500, refine=False)


def test_every_family_is_fitted(problem, case):
    text, data = case
    found = QUICK.run(problem(text, data), seed=1, progress=False)
    log_ratio = found.stats["log_p"] - found.stats["log_q"]
    evidence = logsumexp(log_ratio) - np.log(log_ratio.size)
    assert found.attrs["method"] == "natural_gradient"
    assert found.attrs["settled"]
    # the mean-field bound lies below the collapsed one of its draws, and that below the evidence
    assert found.attrs["bound"] < log_ratio.mean() + 4 * log_ratio.std() / log_ratio.size**0.5 + 1e-6
    assert found.attrs["bound"] < evidence + 1e-6
    assert all(np.isfinite(draws).all() for draws in found.parameters.values())
    assert (np.diff(found.stats["bound"], axis=1) >= 0).all()


BITS = (RNG.random((40, 1)) < 0.3).astype(float)
COUNTS = RNG.poisson(4.0, (25, 1)).astype(float)
REAL = RNG.normal(3.0, 2.0, (30, 1))


def _beta():
    a, b = 2 + BITS.sum(), 3 + (1 - BITS).sum()
    return betaln(a, b) - betaln(2, 3), stats.beta(a, b)


def _gamma():
    a, b = 2 + COUNTS.sum(), 0.5 + len(COUNTS)
    evidence = 2 * np.log(0.5) - gammaln(2) + gammaln(a) - a * np.log(b) - gammaln(COUNTS + 1).sum()
    return evidence, stats.gamma(a, scale=1 / b)


def _normal():
    covariance = 4.0 * np.eye(30) + 100.0
    variance = 1 / (1 / 100 + 30 / 4)
    law = stats.norm(variance * REAL.sum() / 4, variance**0.5)
    return stats.multivariate_normal(np.zeros(30), covariance).logpdf(REAL[:, 0]), law


CLOSED = {
    "beta-bernoulli": ("x ~ Bernoulli(probs=PerFeature(prior=Beta(2, 3)))", BITS, "x_probs", _beta),
    "gamma-poisson": ("x ~ Poisson(rate=PerFeature(prior=Gamma(2, 0.5)))", COUNTS, "x_rate", _gamma),
    "normal mean": ("x ~ Normal(loc=PerFeature(prior=Normal(0, 10)), scale=2)", REAL, "x_loc", _normal),
}


@pytest.mark.parametrize("name", CLOSED)
def test_without_a_latent_posterior_and_evidence_are_exact(problem, name):
    text, data, site, closed = CLOSED[name]
    evidence, law = closed()
    found = NaturalGradient(draws=4000, refine=False).run(problem(text, data), seed=0, progress=False)
    assert found.attrs["bound"] == pytest.approx(evidence, abs=1e-8)
    assert stats.kstest(found.parameters[site].ravel(), law.cdf).pvalue > 1e-3
    # the posterior is exact: every draw says the evidence
    np.testing.assert_allclose(found.stats["log_p"] - found.stats["log_q"], evidence, atol=1e-8)


def test_a_full_normal_alone_has_its_evidence(problem):
    x = RNG.normal(size=(20, 2)) @ np.array([[1.0, 0.4], [0.0, 2.0]]) + 3
    text = "x ~ MultivariateNormal(loc=PerFeature(), covariance=Shared(prior=NormalWishart(1, 0.5, 5, 2)))"
    found = NaturalGradient(draws=2000).run(problem(text, {"x": x}), seed=0, progress=False)
    kappa, df, root = 0.5 + 20, 5.0 + 20, np.eye(2) / 2
    center = x.mean(0)
    scatter = (x - center).T @ (x - center) + 0.5 * 20 / kappa * np.outer(center - 1, center - 1)
    # Murphy (2007), Conjugate Bayesian analysis of the Gaussian distribution, equation 266
    evidence = -20 * np.log(np.pi) + multigammaln(df / 2, 2) - multigammaln(2.5, 2) + np.log(0.5 / kappa)
    evidence += 2.5 * np.linalg.slogdet(root)[1] - df / 2 * np.linalg.slogdet(root + scatter)[1]
    assert found.attrs["bound"] == pytest.approx(evidence, abs=1e-8)
    wanted = (root + scatter) / (df - 3)
    np.testing.assert_allclose(found.parameters["x_covariance"].mean((0, 1)), wanted, rtol=0.1, atol=0.1)


def test_the_bound_and_the_optimum_are_those_of_sklearn(problem):
    """BayesianGaussianMixture under the same priors; its own lower bound leaves out constants."""
    x = np.concatenate([RNG.normal(size=(150, 2)), [3, 2] + RNG.normal(size=(100, 2)) * [0.5, 1.5]])
    text = "c ~ Categorical(size=2)\nx ~ MultivariateNormal(loc=Table(c), covariance=Table(c))"
    made = problem(text, {"x": x})
    center, spread = (made.buffers[f"x_{name}"].numpy() for name in ("center", "spread"))
    peer = BayesianGaussianMixture(
        n_components=2,
        weight_concentration_prior_type="dirichlet_distribution",
        weight_concentration_prior=1.0,
        mean_prior=center,
        mean_precision_prior=0.01,
        degrees_of_freedom_prior=5,
        covariance_prior=0.2 * np.diag(spread**2),
        tol=1e-12,
        max_iter=5000,
        reg_covar=0,
        random_state=0,
    ).fit(x)
    found = NaturalGradient(restarts=2, draws=4000, refine=False).run(made, seed=0, progress=False)
    order = np.argsort(peer.means_[:, 0])
    loc = found.parameters["x_loc"][0].mean(0)
    mine = np.argsort(loc[:, 0])
    np.testing.assert_allclose(loc[mine], peer.means_[order], atol=0.02)
    np.testing.assert_allclose(found.parameters["c_probs"][0].mean(0)[mine], peer.weights_[order], atol=0.01)
    assert found.attrs["bound"] == pytest.approx(_mean_field_bound(x, peer), abs=1e-3)


def _mean_field_bound(x, peer):
    """The mean-field bound at a fitted BayesianGaussianMixture, in NumPy, from Bishop (2006), section 10.2.2."""
    size, levels = x.shape[1], len(peer.means_)
    alpha, kappa, df = peer.weight_concentration_, peer.mean_precision_, peer.degrees_of_freedom_
    log_pi = digamma(alpha) - digamma(alpha.sum())
    precision = peer.precisions_
    log_det = np.array([digamma(0.5 * (df[k] - np.arange(size))).sum() for k in range(levels)])
    inverse_scale = df[:, None, None] * peer.covariances_
    log_det += size * np.log(2) - np.linalg.slogdet(inverse_scale)[1]
    away = x[:, None] - peer.means_
    distance = np.einsum("nki,kij,nkj->nk", away, precision, away) + size / kappa
    rows = logsumexp(log_pi + 0.5 * log_det - 0.5 * size * np.log(2 * np.pi) - 0.5 * distance, axis=1).sum()

    def wishart_constant(df, inverse):
        return 0.5 * df * np.linalg.slogdet(inverse)[1] - 0.5 * df * size * np.log(2) - multigammaln(0.5 * df, size)

    found = rows + gammaln(levels) - gammaln(alpha.sum()) + gammaln(alpha).sum() - ((alpha - 1) * log_pi).sum()
    for k in range(levels):
        ratio = 0.01 / kappa[k]
        shift = peer.means_[k] - peer.mean_prior_
        normal = 0.5 * (size * (ratio - 1 - np.log(ratio)) + 0.01 * shift @ precision[k] @ shift)
        prior = wishart_constant(5.0, peer.covariance_prior_) - wishart_constant(df[k], inverse_scale[k])
        trace = np.trace((peer.covariance_prior_ - inverse_scale[k]) @ precision[k])
        found += -normal + prior + 0.5 * (5.0 - df[k]) * log_det[k] - 0.5 * trace
    return found


def test_a_bound_of_svi_with_collapsed_latents_is_higher(problem, two_groups):
    made = problem("c ~ Categorical(size=2)\nx ~ Normal(loc=Table(c), scale=Table(c))", two_groups)
    mine = NaturalGradient(refine=False).run(made, seed=0, progress=False)
    theirs = lp.SVI(restarts=2, steps=600, refine=False, guide="full", compile=False).run(made, seed=0, progress=False)
    assert theirs.attrs["bound"] - 2.5 < mine.attrs["bound"] < theirs.attrs["bound"] + 0.05


def test_minibatches_end_where_all_rows_do(problem):
    x = np.concatenate([RNG.normal(-2, 1, (900, 1)), RNG.normal(2, 0.7, (1500, 1))])
    made = problem("c ~ Categorical(size=2)\nx ~ Normal(loc=Table(c), scale=Table(c))", {"x": RNG.permutation(x)})
    whole = NaturalGradient(restarts=1, refine=False, draws=10).run(made, seed=0, progress=False)
    parts = NaturalGradient(restarts=1, refine=False, draws=10, epochs=3, batch=200).run(made, seed=0, progress=False)
    assert parts.attrs["bound"] == pytest.approx(whole.attrs["bound"], abs=0.05)
    assert parts.stats["bound"][0, 0] > whole.stats["bound"][0, 0]


def test_weights_count_rows(problem):
    text = "c ~ Categorical(size=2)\nx ~ Poisson(rate=Table(c))"
    x = RNG.poisson(np.repeat([2.0, 9.0], 40))[:, None].astype(float)
    doubled = QUICK.run(problem(text, {"x": np.concatenate([x, x])}), seed=0, progress=False)
    weighted = problem(text, {"x": x}, weights=np.full(len(x), 2.0))
    assert doubled.attrs["bound"] == pytest.approx(QUICK.run(weighted, seed=0, progress=False).attrs["bound"], abs=0.01)


def test_known_labels_are_kept(problem):
    c = np.repeat([0.0, 1.0], 50)
    x = RNG.normal(size=(100, 1)) + 0.3 * c[:, None]
    some = np.where(np.arange(100) % 5 == 0, np.nan, c)
    text = "c ~ Categorical(size=2)\nx ~ Normal(loc=Table(c), scale=Shared())"
    for labels in (c, some):
        found = QUICK.run(problem(text, {"c": labels, "x": x}), seed=0, progress=False)
        loc = found.parameters["x_loc"][0].mean(0)[:, 0]
        np.testing.assert_allclose(loc, [x[labels == k].mean() for k in (0, 1)], atol=0.1)


def test_a_budget_that_ends_first_is_said(problem, two_groups):
    made = problem("c ~ Categorical(size=2)\nx ~ Normal(loc=Table(c), scale=Table(c))", two_groups)
    found = NaturalGradient(steps=2, refine=False, draws=10).run(made, seed=0, progress=False)
    assert not found.attrs["settled"]
    assert found.attrs["steps"] == 2


def test_a_seed_gives_the_same_numbers(problem, two_groups):
    made = problem("c ~ Categorical(size=2)\nx ~ Normal(loc=Table(c), scale=Table(c))", two_groups)
    one, two = (QUICK.run(made, seed=3, progress=False) for _ in range(2))
    for name, draws in one.parameters.items():
        np.testing.assert_array_equal(draws, two.parameters[name])


def test_refinement_widens_what_is_too_narrow(problem):
    x = np.concatenate([RNG.normal(0, 1, (150, 1)), RNG.normal(3.5, 1, (150, 1))])
    made = problem("c ~ Categorical(size=2)\nx ~ Normal(loc=Table(c), scale=Shared())", {"x": x})
    found = NaturalGradient(restarts=1).run(made, seed=0, progress=False)
    narrow = NaturalGradient(restarts=1, refine=False).run(made, seed=0, progress=False)
    assert found.attrs["refined"]
    assert found.attrs["pareto_k"] < 0.5
    assert "pareto_k" not in narrow.attrs
    assert found.parameters["x_loc"].std() > 0
    wide, tight = (np.sort(run.parameters["x_loc"][0, :, :, 0], axis=1).std(0) for run in (found, narrow))
    assert (wide > 1.1 * tight).all()


REFUSED = {
    "network": "z ~ Normal(0, 1, size=2)\nx ~ Bernoulli(logits=MLP(z))",
    "student": "c ~ Categorical(size=2)\nx ~ StudentT(loc=Table(c), scale=Table(c))",
    "half-normal": "c ~ Categorical(size=2)\nx ~ Normal(loc=Table(c), scale=Table(c, prior=HalfNormal(1)))",
    "two levels": "c ~ Categorical(size=2)\nd ~ Categorical(size=2)\nx ~ Poisson(rate=Table(c) + Table(d))",
    "laplace": "z ~ Normal(0, 1)\nx ~ Normal(loc=Linear(z, weights=Laplace(0, 1)), scale=Shared())",
    "point": 'c ~ Categorical(size=2)\nx ~ Poisson(rate=Table(c, prior="point"))',
}


@pytest.mark.parametrize("name", REFUSED)
def test_other_structure_is_refused_and_goes_to_svi(problem, name):
    x = (
        (RNG.random((20, 2)) < 0.5).astype(float)
        if name in ("network", "point", "two levels")
        else RNG.normal(size=(20, 2))
    )
    made = problem(REFUSED[name], {"x": x})
    assert not supports(made.program)
    assert isinstance(chosen(made.program), lp.SVI)
    with pytest.raises(InferenceError, match=r"conjugate structure.*use SVI"):
        NaturalGradient().run(made)


def test_it_is_the_default_where_the_structure_allows_it(two_groups):
    fit = lp.fit(Model("c ~ Categorical(size=2)\nx ~ Normal(loc=Table(c), scale=Table(c))"), two_groups, progress=False)
    assert isinstance(fit.inference, lp.NaturalGradient)
    assert fit.attrs["method"] == "natural_gradient"
    names = {finding.name for finding in fit.diagnose().findings}
    assert {"bound", "restarts", "guide"} <= names


def test_an_unknown_setting_is_named():
    with pytest.raises(InferenceError, match="did you mean 'epochs'"):
        NaturalGradient(epoch=3)
