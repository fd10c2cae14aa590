"""First guesses of the latents, row by row: k-means++ for levels; Isomap or principal axes for a normal latent."""

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.special import expit, logit
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import BayesianGaussianMixture
from torch import nn

from latentprob.inference.manifold import unrolled, unrolls
from latentprob.inference.parts import factored, is_weighed, patterned
from latentprob.inference.problem import Problem
from latentprob.spec.component import lookup
from latentprob.spec.distributions import Categorical, Dirichlet, Distribution, MultivariateNormal
from latentprob.spec.maps import Linear, Table
from latentprob.spec.model import Model
from latentprob.spec.structure import places, reads

START_ROWS = 5_000  # rows that starts are made from
LLOYD = 10  # iterations of k-means in even restarts; odd ones keep to the first, for k-means may miss the best mode
EMPTYING = 500  # iterations of coordinate ascent: components die slowly
LEVEL_SPREAD = 0.6  # of the values that a factor's levels start with
JITTER = 0.5  # noise on the factors' scores in all restarts but the first

Array = np.ndarray


@dataclass(frozen=True)
class Guess:
    """A value of each variable for some rows: (N, D) numbers, or shares of the levels, (N, L) or (N, D, L)."""

    values: dict[str, Array]
    weights: Array
    rows: Array  # their places in the data
    how: dict[str, str] = field(default_factory=dict)  # what the guess of each latent was made by
    notes: tuple[str, ...] = ()  # what was tried in vain

    def groups(self, name: str | None) -> Array:
        """Weights of the rows in each group, (G, N): one a level of `name`, or all in one."""
        return self.weights[None] if name is None else self.values[name].T * self.weights


def first_guess(problem: Problem, module: nn.Module, rng: np.random.Generator, restart: int) -> Guess:
    """The data, with a first guess of every latent."""
    model, rows = problem.program.model, _some(problem, rng)
    batch = {name: value.cpu().numpy()[rows] for name, value in problem.batch.items()}
    weights = np.ones(len(rows)) if problem.weights is None else problem.weights.cpu().double().numpy()[rows]
    told_apart = {*model, *(name for name in model.inputs if not model.is_level(name)), *grouped(model)}
    values = {name: _shown(module, model, name, y) for name, y in batch.items() if name in told_apart}
    seen = [name for name in model if name in values and not model.is_level(name)]
    features = np.concatenate([_features(model[name], values[name]) for name in seen], axis=1) if seen else None
    features = _standard(np.zeros((len(rows), 1)) if features is None else features)
    how: dict[str, str] = {}
    notes: list[str] = []
    for name in (*problem.program.plan, *model.embedded):
        if model.is_level(name):
            known = batch.get(f"{name}_seen")
            if known is None and is_sparse(model[name]):
                values[name], how[name] = _emptied(model, name, features, rng), "coordinate ascent"
                continue
            how[name] = "k-means++"
            values[name] = _levels(
                module, name, features, values.get(name), known, weights, rng, 1 if restart % 2 else LLOYD
            )
    residual = features - _between(features, [values[n] for n in problem.program.plan if model.is_level(n)])
    for name in (*problem.program.plan, *model.embedded):
        if not model.is_level(name):
            nested = any(model.is_level(parent) for parent in model.parents(name))
            own = features if nested else residual
            if is_weighed(model, name):
                values[name] = factored(problem, name, values, rng, first=restart == 0)
                how[name] = "non-negative factorization"
                continue
            jitter, alone = JITTER * (restart > 0), patterned(problem, name, values)
            if alone is not None:
                values[name], how[name] = _moved(alone, rng, jitter), "axes of the pattern"
                continue
            values[name], how[name], note = _scores(problem, name, own, rng, jitter)
            notes += note
    values |= _levels_of_factors(module, model, batch, rng)
    return Guess(values, weights, rows, how, tuple(notes))


def grouped(model: Model) -> set[str]:
    """The variables whose levels have values of their own in a table or in the weights of a Linear."""
    parts = [part for name, law in model.statements.items() for _, part in places(law, name)]
    tables = {part.parent for part in parts if isinstance(part, Table)}
    return tables | {part.by for part in parts if isinstance(part, Linear) and part.by is not None}


def _levels_of_factors(
    module: nn.Module, model: Model, batch: Mapping[str, Array], rng: np.random.Generator
) -> dict[str, Array]:
    """Values of each factor's levels (L, Z), by name, and of each row's level (N, Z), by the lookup; noise alone."""
    found: dict[str, Array] = {}
    for name, factor in model.factors.items():
        noise = LEVEL_SPREAD * rng.standard_normal((getattr(module, f"{factor}_size"), getattr(module, f"{name}_size")))
        found[name] = UNREAL.get(model[name].support, np.asarray)(noise)
    for read in (read for law in model.statements.values() for read in reads(law)):
        name, column = lookup(read)
        if column is not None:
            found[read] = found[name][batch[column]]
    return found


def _some(problem: Problem, rng: np.random.Generator) -> Array:
    """Places of at most START_ROWS rows; of series, the first ones."""
    if problem.rows <= START_ROWS or problem.together:
        return np.arange(min(problem.rows, START_ROWS))
    return np.sort(rng.choice(problem.rows, START_ROWS, replace=False))


def _shown(module: nn.Module, model: Model, name: str, y: Array) -> Array:
    """Observed values; levels as shares of one and zero."""
    if model.is_level(name):
        return np.eye(getattr(module, f"{name}_size"))[y]
    if isinstance(model.statements.get(name), Categorical):
        return np.eye(getattr(module, f"{name}_levels"))[y]
    return np.asarray(y, float)


# Real numbers as values, by support.
UNREAL: dict[str, Callable[[Array], Array]] = {"positive": np.exp, "unit": expit}
# Values as real numbers that a Euclidean distance can judge, by support.
REAL: dict[str, Callable[[Array], Array]] = {
    "positive": np.log,
    "count": np.log1p,
    "unit": lambda y: logit(np.clip(y, 0.01, 0.99)),
}


def _features(law: Distribution, y: Array) -> Array:
    """Real features (N, F) of a variable."""
    return REAL.get(law.support, np.asarray)(y).reshape(len(y), -1)


def _standard(y: Array) -> Array:
    spread = y.std(0)
    return (y - y.mean(0)) / np.where(spread > 0, spread, 1.0)


def _levels(
    module: nn.Module,
    name: str,
    features: Array,
    shown: Array | None,
    known: Array | None,
    weights: Array,
    rng: np.random.Generator,
    iterations: int,
) -> Array:
    """Shares of the levels (N, L), by k-means++ and a few iterations of Lloyd; labels that are known stay."""
    size = getattr(module, f"{name}_size")
    init: Any = "k-means++"
    if shown is not None and known is not None and (shown[known].sum(0) > 0).all():
        init = np.stack([features[known & (shown[:, level] > 0)].mean(0) for level in range(size)])
    size_now = min(size, len(np.unique(features, axis=0)))
    if size_now < size:
        init = "k-means++"
    means = KMeans(size_now, init=init, n_init=1, max_iter=iterations, random_state=int(rng.integers(2**31)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        found = np.eye(size)[means.fit_predict(features, sample_weight=weights)]
    return found if shown is None or known is None else np.where(known[:, None], shown, found)


def is_sparse(law: Distribution) -> bool:
    """Whether the prior of the levels' probabilities would rather have some of them at zero."""
    prior = getattr(law, "probs", None)
    return isinstance(prior, Dirichlet) and float(np.max(prior.concentration)) < 1


def _emptied(model: Model, name: str, features: Array, rng: np.random.Generator) -> Array:
    """Shares of the levels (N, L) under a sparse prior, by coordinate ascent, which empties what is not needed.

    A mode found from L groups would keep them all.
    """
    law: Any = model[name]
    joint = any(isinstance(model[child], MultivariateNormal) for child in model.children(name))
    size = min(law.size, len(np.unique(features, axis=0)))
    means = BayesianGaussianMixture(
        n_components=size,
        covariance_type="full" if joint else "diag",
        weight_concentration_prior_type="dirichlet_distribution",
        weight_concentration_prior=float(np.mean(law.probs.concentration)),
        max_iter=EMPTYING,
        random_state=int(rng.integers(2**31)),
    )
    found = np.zeros((len(features), law.size))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        found[:, :size] = means.fit(features).predict_proba(features)
    return found


def _between(features: Array, shares: list[Array]) -> Array:
    """The part of the features that the groups' means say."""
    fitted = np.zeros_like(features)
    for share in shares:
        counts = np.maximum(share.sum(0), 1e-12)
        fitted = fitted + share @ ((share.T @ (features - fitted)) / counts[:, None])
    return fitted


def _scores(
    problem: Problem, name: str, features: Array, rng: np.random.Generator, jitter: float
) -> tuple[Array, str, list[str]]:
    """Scores (N, Z) of unit variance, how they were made, and what was tried in vain."""
    size = getattr(problem.program.model[name], "size", None) or 1
    found, failed = unrolled(name, features, size) if unrolls(problem.program, name) else (None, [])
    how = "principal axes" if found is None else "isomap"
    if found is None:
        found = _principal(features, size, rng)
    return _moved(found, rng, jitter), how, failed


def _moved(scores: Array, rng: np.random.Generator, jitter: float) -> Array:
    return _standard(scores + jitter * rng.standard_normal(scores.shape))


def _principal(features: Array, size: int, rng: np.random.Generator) -> Array:
    """Principal scores (N, Z) of unit variance; more dims than the data have are noise."""
    axes = min(size, *features.shape)
    found = rng.standard_normal((len(features), size)) * 0.1
    found[:, :axes] = _standard(PCA(axes).fit_transform(features))
    return found
