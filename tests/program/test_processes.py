"""Gaussian processes against dense algebra and scikit-learn's exact regression."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from program_cases import Case
from scipy.spatial.distance import cdist
from scipy.stats import multivariate_normal
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel
from torch import Tensor

from latentprob.program import compile, evaluate
from latentprob.spec.model import Model

N, D, NOISE, SHIFT = 14, 2, 0.3, 1e-6
LENGTHS, VARIANCE, INTERCEPT = np.array([0.8, 1.5]), np.array([2.0, 0.5]), np.array([1.0, -2.0])
RNG = np.random.default_rng(4)
W, NEW = RNG.normal(size=(N, 2)), RNG.normal(size=(5, 2))
X = INTERCEPT + np.stack([np.sin(2 * W[:, 0]), W[:, 0] * W[:, 1]], 1) + NOISE * RNG.normal(size=(N, D))


def kernel(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.exp(-0.5 * cdist(a / LENGTHS, b / LENGTHS, "sqeuclidean"))


@dataclass
class Sparse:
    """The program of a process at known parameters, its whitened values `v` open; points: (M, 2)."""

    points: np.ndarray

    def __post_init__(self):
        model = Model(f"x ~ Normal(loc=GP(w, inducing={len(self.points)}), scale={NOISE})")
        program = compile(model, ["x", "w"])
        ones = {name: np.ones(2) for name in program.buffers}
        self.module = program.build(ones)
        self.module.x_loc_points.data = torch.as_tensor(self.points)

    def values(self, v: Tensor) -> dict[str, Tensor]:
        known = {"x_loc_lengthscale": LENGTHS, "x_loc_variance": VARIANCE, "x_loc_intercept": INTERCEPT}
        return {**{n: torch.as_tensor(value) for n, value in known.items()}, "x_loc_inducing": v.reshape(-1, D)}

    def bound(self, v: Tensor) -> Tensor:
        """E log p(x given v and the residual) + log p(v): quadratic in the residual, so that +1 and -1 give it."""
        batch = {"x": torch.as_tensor(X), "w": torch.as_tensor(W)}
        total = torch.distributions.Normal(0, 1).log_prob(v).sum()
        for sign in (1.0, -1.0):
            residual = torch.full((N, D), sign, dtype=torch.float64)
            with evaluate.quiet():
                trace = evaluate.marginal_trace(self.module, batch, {**self.values(v), "x_loc_residual": residual})
            total = total + 0.5 * trace.nodes["x"]["log_prob_sum"]
        return total

    def optimum(self) -> tuple[Tensor, float]:
        """The best whitened values, and the bound with them integrated out: exact, for it is quadratic in them."""
        zero = torch.zeros(len(self.points) * D, dtype=torch.float64)
        hessian = torch.autograd.functional.hessian(self.bound, zero)
        slope = torch.autograd.functional.jacobian(self.bound, zero)
        best = torch.linalg.solve(-hessian, slope)
        volume = 0.5 * len(zero) * np.log(2 * np.pi) - 0.5 * torch.linalg.slogdet(-hessian).logabsdet
        return best, float((self.bound(best) + volume).detach())


def exact() -> float:
    """log p(x) of the full process, by dense algebra."""
    whole = kernel(W, W)
    laws = (multivariate_normal(np.full(N, INTERCEPT[d]), VARIANCE[d] * whole + NOISE**2 * np.eye(N)) for d in range(D))
    return sum(law.logpdf(X[:, d]) for d, law in enumerate(laws))


def titsias(points: np.ndarray) -> float:
    """The bound of Titsias (2009), equation 9, by dense algebra."""
    cross = kernel(W, points)
    known = cross @ np.linalg.solve(kernel(points, points) + SHIFT * np.eye(len(points)), cross.T)
    total = 0.0
    for d in range(D):
        law = multivariate_normal(np.full(N, INTERCEPT[d]), VARIANCE[d] * known + NOISE**2 * np.eye(N))
        total += law.logpdf(X[:, d]) - 0.5 * VARIANCE[d] * np.trace(kernel(W, W) - known) / NOISE**2
    return total


@pytest.mark.parametrize("size", [1, 3, 6, N])
def test_the_bound_is_that_of_titsias_and_below_the_exact_density(size):
    _, found = Sparse(W[:size]).optimum()
    assert found == pytest.approx(titsias(W[:size]), abs=1e-3)
    assert found <= exact() + 1e-6


def test_the_bound_is_exact_with_inducing_inputs_at_the_inputs():
    _, found = Sparse(W).optimum()
    assert found == pytest.approx(exact(), abs=1e-3)


def test_more_inducing_inputs_give_a_better_bound():
    bounds = [Sparse(W[:size]).optimum()[1] for size in (2, 5, 9, N)]
    assert np.all(np.diff(bounds) > 0)


def test_the_predictive_mean_is_that_of_exact_regression():
    sparse = Sparse(W)
    best, _ = sparse.optimum()
    draws = {name: value[None] for name, value in sparse.values(best).items()}
    batch = {"x": torch.zeros(len(NEW), D, dtype=torch.float64), "w": torch.as_tensor(NEW)}
    found = evaluate.means(sparse.module, batch, draws, {})["x"][0].numpy()
    for d in range(D):
        law = GaussianProcessRegressor(
            ConstantKernel(VARIANCE[d], "fixed") * RBF(LENGTHS, "fixed"), alpha=NOISE**2, optimizer=None
        )
        expected = law.fit(W, X[:, d] - INTERCEPT[d]).predict(NEW) + INTERCEPT[d]
        np.testing.assert_allclose(found[:, d], expected, atol=1e-4)


def test_one_row_has_the_law_of_the_process():
    """Features and what they leave open share the prior's variance, near the inducing inputs and far from them."""
    features = compile(Model("x ~ Normal(loc=GP(w), scale=1)"), ["x", "w"]).cls.model.__globals__["process_features"]
    places = torch.as_tensor(np.concatenate([W, NEW, NEW + 50]))
    found, rest = features(places, torch.as_tensor(W[:5]), torch.as_tensor(LENGTHS))
    torch.testing.assert_close(found.square().sum(-1) + rest, torch.ones(len(places)).double())
    cross = kernel(places.numpy(), W[:5])
    tril = np.linalg.cholesky(kernel(W[:5], W[:5]) + SHIFT * np.eye(5))
    np.testing.assert_allclose(found.numpy() @ tril.T, cross, atol=1e-9)
    assert (rest[:5] < 1e-5).all()
    assert (rest[-5:] > 0.999).all()


def test_gradients_are_finite_where_inducing_inputs_coincide():
    case = Case("z ~ Normal(0, 1, size=2)\nx ~ Normal(loc=GP(z, inducing=6), scale=Shared())")
    case.module.x_loc_points.data[:] = 0.5
    draws = {name: value[0] for name, value in case.draws().items()}
    local = {
        "z": torch.full((7, 2), 0.5, dtype=torch.float64),
        "x_loc_residual": torch.zeros(7, 4, dtype=torch.float64),
    }
    with evaluate.quiet():
        trace = evaluate.marginal_trace(case.module, case.batch, {**draws, **local})
    (gradient,) = torch.autograd.grad(evaluate.row_density(trace, 7).sum(), [case.module.x_loc_points])
    assert gradient.isfinite().all()


def test_the_prior_of_a_process_is_on_the_scale_of_the_data():
    case = Case("z ~ Normal(0, 1, size=2)\nx ~ Normal(loc=GP(z, inducing=6) + Linear(w), scale=Shared())")
    draws = case.draws(400)
    spread = case.buffers["x_spread"].numpy()
    np.testing.assert_allclose(draws["x_loc_variance"].median(0).values, spread**2, rtol=0.3)
    np.testing.assert_allclose(draws["x_loc_lengthscale"].median(0).values, 1, rtol=0.3)
    assert draws["x_loc_inducing"].shape == (400, 6, 4)
    assert "x_loc_w_intercept" not in draws
    assert "x_loc_intercept" in draws
