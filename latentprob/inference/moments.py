"""Parameters of a law from weighted rows: what a start needs, by the method of moments. Numpy."""

from collections.abc import Callable
from functools import singledispatch

import numpy as np
from scipy.special import logit

from latentprob.spec import distributions as spec
from latentprob.spec.component import Map
from latentprob.spec.distributions import Distribution
from latentprob.spec.dynamics import LinearDynamics, Markov
from latentprob.spec.maps import Linear

Array = np.ndarray
DEGREES = 8.0  # of freedom at which a Student-t starts
CLIP = 0.02  # probabilities start that far from 0 and 1
FLOOR = 1e-3  # of the variance of all rows: no group starts narrower


@singledispatch
def moments(law: Distribution, y: Array, residual: Array, weights: Array) -> dict[str, Array]:
    """Each parameter, per feature, of rows y (N, D) that count by weights (N,).

    residual: what the location leaves of y, (N, D).
    """
    raise TypeError(f"no start for {type(law).__name__}")


@moments.register(spec.Normal)
@moments.register(spec.LogNormal)
def _(law: Distribution, y: Array, residual: Array, weights: Array) -> dict[str, Array]:
    variance = _variance(residual, weights)
    return {"scale": np.sqrt(variance), "variance": variance, "precision": 1 / variance}


@moments.register
def _(law: spec.StudentT, y: Array, residual: Array, weights: Array) -> dict[str, Array]:
    scale = np.sqrt(_variance(residual, weights) * (DEGREES - 2) / DEGREES)
    return {"df": np.full(y.shape[1], DEGREES), "scale": scale}


@moments.register
def _(law: spec.MultivariateNormal, y: Array, residual: Array, weights: Array) -> dict[str, Array]:
    covariance = (residual * weights[:, None]).T @ residual / weights.sum()
    covariance = covariance + FLOOR * np.diag(_variance(residual, weights))
    scale = np.sqrt(covariance.diagonal())
    return {
        "covariance": covariance,
        "precision": np.linalg.inv(covariance),
        "scale_tril": np.linalg.cholesky(covariance),
        "scale": scale,
        "correlation": covariance / np.outer(scale, scale),
    }


@moments.register
def _(law: spec.Gamma, y: Array, residual: Array, weights: Array) -> dict[str, Array]:
    center, variance = mean(y, weights), spread(y, weights)
    return {"concentration": center**2 / variance, "rate": center / variance}


@moments.register
def _(law: spec.Exponential, y: Array, residual: Array, weights: Array) -> dict[str, Array]:
    return {"rate": 1 / mean(y, weights)}


@moments.register
def _(law: spec.Beta, y: Array, residual: Array, weights: Array) -> dict[str, Array]:
    center = np.clip(mean(y, weights), CLIP, 1 - CLIP)
    total = np.maximum(center * (1 - center) / spread(y, weights) - 1, 1.0)
    return {"concentration1": center * total, "concentration0": (1 - center) * total}


@moments.register
def _(law: spec.Poisson, y: Array, residual: Array, weights: Array) -> dict[str, Array]:
    return {"rate": np.maximum(mean(y, weights), CLIP)}


@moments.register
def _(law: spec.Multinomial, y: Array, residual: Array, weights: Array) -> dict[str, Array]:
    counts = mean(y, weights)
    probs = (counts + CLIP * counts.mean()) / (counts.sum() * (1 + CLIP))
    return {"probs": probs, "logits": np.log(probs)}


@moments.register
def _(law: spec.Dirichlet, y: Array, residual: Array, weights: Array) -> dict[str, Array]:
    center, variance = mean(y, weights), spread(y, weights)
    total = np.maximum(np.mean(center * (1 - center) / variance) - 1, 1.0)
    return {"concentration": center * total}


@moments.register
def _(law: spec.NegativeBinomial, y: Array, residual: Array, weights: Array) -> dict[str, Array]:
    center = np.maximum(mean(y, weights), CLIP)
    total = center**2 / np.maximum(spread(y, weights) - center, 0.1 * center)
    probs = center / (center + total)
    return {"total_count": total, "probs": probs, "logits": logit(probs)}


@moments.register
def _(law: spec.Bernoulli, y: Array, residual: Array, weights: Array) -> dict[str, Array]:
    probs = np.clip(mean(y, weights), CLIP, 1 - CLIP)
    return {"probs": probs, "logits": logit(probs)}


@moments.register
def _(law: spec.Categorical, y: Array, residual: Array, weights: Array) -> dict[str, Array]:
    probs = np.maximum(mean(y, weights), CLIP)
    probs = probs / probs.sum(-1, keepdims=True)
    return {"probs": probs, "logits": np.log(probs)}


@moments.register
def _(law: Markov, y: Array, residual: Array, weights: Array) -> dict[str, Array]:
    """Half of what follows what, half the same level again: k-means tells levels apart that overlap, and flips."""
    initial = np.maximum(mean(y, weights), CLIP)
    moves = y[:-1].T @ y[1:] + CLIP
    return {
        "initial": initial / initial.sum(),
        "transition": 0.5 * moves / moves.sum(1, keepdims=True)
        + 0.5 * (1 - CLIP) * np.eye(len(moves))
        + 0.5 * CLIP / len(moves),
    }


@moments.register
def _(law: LinearDynamics, y: Array, residual: Array, weights: Array) -> dict[str, Array]:
    """Least squares of each state on the one before it."""
    inner = y[:-1].T @ y[:-1] + CLIP * len(y) * np.eye(y.shape[1])
    transition = np.linalg.solve(inner, y[:-1].T @ y[1:]).T
    left = np.sqrt(np.mean((y[1:] - y[:-1] @ transition.T) ** 2, axis=0)) + CLIP
    return {"transition": transition, "scale": left, "initial": np.ones_like(left)}


def _variance(residual: Array, weights: Array) -> Array:
    return np.maximum(mean(residual**2, weights), FLOOR * np.maximum(mean(residual**2, np.ones(len(residual))), 1e-12))


def mean(y: Array, weights: Array) -> Array:
    """Weighted mean of the rows of y, (N, ...)."""
    return np.tensordot(weights, y, 1) / weights.sum()


def spread(y: Array, weights: Array) -> Array:
    """Weighted variance of the rows of y, (N, ...)."""
    return mean((y - mean(y, weights)) ** 2, weights) + 1e-12


# What a predictor predicts for one row: the parameter under its link, softened so that it is finite.
LINKED: dict[tuple[type[Distribution] | type[Map], str], Callable[[Array], Array]] = {
    (Linear, "value"): lambda y: y,
    (spec.Normal, "loc"): lambda y: y,
    (spec.MultivariateNormal, "loc"): lambda y: y,
    (spec.StudentT, "loc"): lambda y: y,
    (spec.LogNormal, "loc"): np.log,
    (spec.Bernoulli, "logits"): lambda y: logit(0.1 + 0.8 * y),
    (spec.Categorical, "logits"): lambda y: np.log(0.05 + 0.9 * y),
    (spec.Poisson, "rate"): lambda y: np.log(y + 0.5),
    (spec.Multinomial, "logits"): lambda y: np.log((y + 0.5) / (y + 0.5).sum(1, keepdims=True)),
    (spec.Exponential, "rate"): lambda y: -np.log(y),
}
