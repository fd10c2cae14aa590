"""First guesses where the structure says more than principal axes: shares, positive factors, factors with a pattern."""

import warnings
from typing import Any

import numpy as np
from sklearn.decomposition import NMF, PCA, non_negative_factorization
from sklearn.exceptions import ConvergenceWarning

from latentprob.inference.problem import Problem
from latentprob.program import patterns
from latentprob.spec.distributions import Bernoulli, Distribution, Multinomial, Poisson
from latentprob.spec.model import Model, argument, terms
from latentprob.spec.sites import Free, free_parameters
from latentprob.spec.structure import mixes

Array = np.ndarray
ROUNDS = 200  # of multiplicative updates
SMOOTH = 0.01  # of the mean, added to what must stay above zero
KL: dict[str, Any] = {"beta_loss": "kullback-leibler", "solver": "mu", "max_iter": ROUNDS}


def is_weighed(model: Model, name: str) -> bool:
    """Whether the rows of a table are weighed by a variable."""
    return any(_weighs(model, name, child) for child in model.children(name))


def _weighs(model: Model, name: str, child: str) -> bool:
    found = [term for p in model[child].parameters for term in terms(argument(model, child, p))]
    return any(mixes(model.statements, term) and term.parent == name for term in found)


def factored(problem: Problem, name: str, values: dict[str, Array], rng: np.random.Generator, first: bool) -> Array:
    """Shares or positive factors (N, K) by non-negative factorization of what reads them.

    Lee and Seung (2001), NeurIPS 13, for the Kullback-Leibler divergence, the deviance of Poisson counts. The first
    restart begins at singular vectors, the others at random.
    """
    model, law = problem.program.model, problem.program.model[name]
    children = [child for child in model.children(name) if child in values and _weighs(model, name, child)]
    y = np.concatenate([values[child] - min(0.0, values[child].min()) for child in children], axis=1)
    size = law.size or 1
    init = "nndsvda" if first and size <= min(y.shape) else "random"
    factorization = NMF(size, init=init, random_state=int(rng.integers(2**31)), **KL)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        weights = factorization.fit_transform(y) * factorization.components_.sum(1)
    weights = weights + SMOOTH * weights.mean(axis=1, keepdims=True) + 1e-12
    if law.support == "simplex":
        return np.asarray(weights / weights.sum(axis=1, keepdims=True))
    return np.asarray(weights / weights.mean(axis=0))


def table(free: Free, law: Distribution, z: Array, y: Array) -> Array | None:
    """The table (K, D) whose rows, weighed by z (N, K), come nearest to y (N, D); None where groups must do."""
    if not isinstance(law, (Bernoulli, Multinomial, Poisson)) or free.parameter not in ("rate", "probs"):
        return None
    weights = z * y.sum(axis=1, keepdims=True) if isinstance(law, Multinomial) else z
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        found, _, _ = non_negative_factorization(y.T, H=weights.T.copy(), n_components=z.shape[1], update_H=False, **KL)
    usual = np.maximum(y.mean(axis=0), SMOOTH * y.mean())  # of a feature that is never counted, above zero too
    value = found.T + SMOOTH * usual / np.maximum(weights.sum(axis=1).mean(), 1e-12)
    if isinstance(law, Multinomial):
        return np.asarray(value / value.sum(axis=1, keepdims=True))
    return np.asarray(np.clip(value, SMOOTH, 1 - SMOOTH) if isinstance(law, Bernoulli) else value)


def patterned(problem: Problem, name: str, values: dict[str, Array]) -> Array | None:
    """Scores (N, Z), each the first principal axis of what its factor loads on; None where `name` has no pattern."""
    frees = [f for f in free_parameters(problem.program.model) if f.pattern is not None and f.source.parent == name]
    parts: list[list[Array]] = []
    for free in frees:
        y, mask = values[free.variable], problem.buffers[patterns.buffer(free)].cpu().numpy() > 0
        parts.append([y[:, row] / y[:, row].std(axis=0) for row in mask])
    if not parts:
        return None
    return np.concatenate([PCA(1).fit_transform(np.concatenate(own, axis=1)) for own in zip(*parts, strict=True)], 1)
