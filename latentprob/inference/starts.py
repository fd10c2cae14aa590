"""Where restarts begin: k-means++ for the levels of a discrete latent, principal axes for a normal one.

Latents get a first guess row by row; every parameter then follows from it by moments and least squares.
"""

import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import logit
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import BayesianGaussianMixture
from torch import Tensor, nn

from latentprob.inference.moments import LINKED, mean, moments
from latentprob.inference.problem import Problem
from latentprob.program.evaluate import to_sites
from latentprob.spec.distributions import Categorical, Dirichlet, Distribution, MultivariateNormal
from latentprob.spec.maps import Linear, Table
from latentprob.spec.model import Model
from latentprob.spec.sites import Free, free_parameters

START_ROWS = 5_000  # rows that starts are made from
LLOYD = 10  # iterations of k-means in even restarts; odd ones keep to the first, for k-means may miss the best mode
EMPTYING = 500  # iterations of coordinate ascent: components die slowly
SHRINK = 2.0  # rows of the overall average that each group's average is mixed with
BACKFIT = 3  # rounds over the terms of a sum
JITTER = 0.5  # noise on the factors' scores in all restarts but the first

Array = np.ndarray


@dataclass(frozen=True)
class Guess:
    """A value of each variable for some rows: (N, D) numbers, or shares of the levels, (N, L) or (N, D, L)."""

    values: dict[str, Array]
    weights: Array
    rows: Array  # their places in the data

    def groups(self, name: str | None) -> Array:
        """Weights of the rows in each group, (G, N): one a level of `name`, or all in one."""
        return self.weights[None] if name is None else self.values[name].T * self.weights


def starts(problem: Problem, module: nn.Module, restarts: Iterable[int], seed: int) -> list[dict[str, Tensor]]:
    """Values of the Pyro sites for each of these restarts, by its number."""
    found = []
    for restart in restarts:
        guess = first_guess(problem, module, np.random.default_rng([seed, restart]), restart)
        found.append(to_sites(problem.program, module, parameters(problem, guess)))
    return found


def first_guess(problem: Problem, module: nn.Module, rng: np.random.Generator, restart: int) -> Guess:
    """The data, with a first guess of every latent."""
    model, rows = problem.program.model, _some(problem.rows, rng)
    batch = {name: value.cpu().numpy()[rows] for name, value in problem.batch.items()}
    weights = np.ones(len(rows)) if problem.weights is None else problem.weights.cpu().double().numpy()[rows]
    values = {name: _shown(module, model, name, y) for name, y in batch.items() if name in (*model, *model.inputs)}
    seen = [name for name in model if name in values and not model.is_level(name)]
    features = np.concatenate([_features(model[name], values[name]) for name in seen], axis=1) if seen else None
    features = _standard(np.zeros((len(rows), 1)) if features is None else features)
    for name in problem.program.plan:
        if model.is_level(name):
            known = batch.get(f"{name}_seen")
            if known is None and _is_sparse(model[name]):
                values[name] = _emptied(model, name, features, rng)
                continue
            values[name] = _levels(
                module, name, features, values.get(name), known, weights, rng, 1 if restart % 2 else LLOYD
            )
    residual = features - _between(features, [values[n] for n in problem.program.plan if model.is_level(n)])
    for name in problem.program.plan:
        if not model.is_level(name):
            nested = any(model.is_level(parent) for parent in model.parents(name))
            values[name] = _scores(model[name], features if nested else residual, rng, JITTER * (restart > 0))
    return Guess(values, weights, rows)


def _some(rows: int, rng: np.random.Generator) -> Array:
    return np.arange(rows) if rows <= START_ROWS else np.sort(rng.choice(rows, START_ROWS, replace=False))


def _shown(module: nn.Module, model: Model, name: str, y: Array) -> Array:
    """Observed values; levels as shares of one and zero."""
    if model.is_level(name):
        return np.eye(getattr(module, f"{name}_size"))[y]
    if isinstance(model.statements.get(name), Categorical):
        return np.eye(getattr(module, f"{name}_levels"))[y]
    return np.asarray(y, float)


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


def _is_sparse(law: Distribution) -> bool:
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


def _given_shares(law: Any, shares: Array, weights: Array) -> Array:
    """Mean of the levels' probabilities (L,) given shares (N, L): an empty level must not start with rows to keep."""
    counts = law.probs.concentration + weights @ shares
    return np.asarray(counts / counts.sum())


def _between(features: Array, shares: list[Array]) -> Array:
    """The part of the features that the groups' means say."""
    fitted = np.zeros_like(features)
    for share in shares:
        counts = np.maximum(share.sum(0), 1e-12)
        fitted = fitted + share @ ((share.T @ (features - fitted)) / counts[:, None])
    return fitted


def _scores(law: Distribution, features: Array, rng: np.random.Generator, jitter: float) -> Array:
    """Principal scores (N, Z) of unit variance; more dims than the data have are noise."""
    size = law.size or 1  # type: ignore[attr-defined]
    axes = min(size, *features.shape)
    found = rng.standard_normal((len(features), size)) * 0.1
    found[:, :axes] = _standard(PCA(axes).fit_transform(features))
    return _standard(found + jitter * rng.standard_normal(found.shape))


def parameters(problem: Problem, guess: Guess) -> dict[str, Array]:
    """Every free parameter at a guess of the latents."""
    found: dict[str, Array] = {}
    free = free_parameters(problem.program.model)
    for name in problem.program.model:
        own = [f for f in free if f.variable == name]
        linked = [f for f in own if _is_linked(problem, f)]
        fitted = {p: _backfit([f for f in linked if f.parameter == p], problem, guess, found) for p in _names(linked)}
        y = guess.values[name]
        residual = _residual(problem.program.model[name], y, fitted.get("loc"))
        if problem.program.model.is_level(name) and _is_sparse(problem.program.model[name]):
            found[f"{name}_probs"] = _given_shares(problem.program.model[name], y, guess.weights)
        for f in own:
            if f.name not in found:
                found[f.name] = _by_moments(f, problem, guess, y, residual)
    return found


def _residual(law: Distribution, y: Array, fitted: Array | None) -> Array:
    """What the location leaves of y: a known or a fitted one, else the mean."""
    if (type(law), "loc") not in LINKED:
        return y
    y = LINKED[type(law), "loc"](y)
    known = getattr(law, "loc", None)
    if fitted is None:
        fitted = np.asarray(known, float) if isinstance(known, (int, float, tuple)) else y.mean(0)
    return np.asarray(y - fitted)


def _names(free: list[Free]) -> list[str]:
    return list(dict.fromkeys(f.parameter for f in free))


def _is_linked(problem: Problem, free: Free) -> bool:
    kind = type(problem.program.model[free.variable])
    return (kind, free.parameter) in LINKED and (free.predictor or free.parameter == "loc")


def _backfit(terms: list[Free], problem: Problem, guess: Guess, found: dict[str, Array]) -> Array:
    """Least squares for the terms of one linked parameter, one after the other; their sum, row by row."""
    kind = type(problem.program.model[terms[0].variable])
    target = LINKED[kind, terms[0].parameter](guess.values[terms[0].variable])
    parts = {f.name: np.zeros_like(target) for f in terms}
    for _ in range(BACKFIT):
        for f in terms:
            left = target - sum(part for name, part in parts.items() if name != f.name)
            found[f.name], parts[f.name] = _term(f, left, guess)
    return np.asarray(sum(parts.values()))


def _term(free: Free, y: Array, guess: Guess) -> tuple[Array, Array]:
    """One term's value, and what it says of each row, by weighted least squares on y (N, D)."""
    grouped = _group(free)
    groups = guess.groups(grouped)
    share = np.ones((len(y), 1)) if grouped is None else guess.values[grouped]
    if free.part == "weights":
        z = guess.values[free.source.parent]
        value = np.stack([_least_squares(z, y, weights) for weights in groups])
        rows = np.einsum("ng,nz,gz...->n...", share, z.reshape(len(y), -1), value)
    else:
        value = _shrunk([mean(y, weights) for weights in groups], mean(y, guess.weights), groups)
        if value.ndim == 2 and free.axes[-1:] != (free.variable,):  # shared by the features
            value = np.broadcast_to(value.mean(1, keepdims=True), value.shape)
        rows = np.tensordot(share, value, 1)
    return _shaped(free, value, grouped), rows


def _least_squares(z: Array, y: Array, weights: Array) -> Array:
    """Weights (Z, D) of centred z (N, Z) for y (N, D), with a little ridge."""
    z = z.reshape(len(z), -1)
    z = z - mean(z, weights)
    inner = (z * weights[:, None]).T @ z
    ridge = (1e-6 + SHRINK / len(z)) * np.eye(len(inner)) * max(np.trace(inner) / len(inner), 1e-12)
    outer = np.tensordot((z * weights[:, None]).T, y - mean(y, weights), 1)
    return np.linalg.solve(inner + ridge, outer.reshape(len(inner), -1)).reshape(outer.shape)


def _by_moments(free: Free, problem: Problem, guess: Guess, y: Array, residual: Array) -> Array:
    """A parameter that no predictor reaches, group by group; under a link it starts without its predictors."""
    law, grouped = problem.program.model[free.variable], _group(free)
    whole = moments(law, y, residual, guess.weights)
    if free.parameter not in whole:
        raise TypeError(f"no start for {free.name}")
    if free.part == "weights":
        z = guess.values[free.source.parent].reshape(len(y), -1).shape[1]
        return np.zeros((*([len(guess.groups(grouped))] if grouped else []), z, *whole[free.parameter].shape))
    groups = guess.groups(grouped)
    each = []
    for weights in groups:
        mixed = weights + SHRINK * guess.weights / guess.weights.sum()
        each.append(moments(law, y, residual, mixed)[free.parameter])
    value = np.stack(each)
    if free.predictor and law.parameters[free.parameter] == "positive":
        value = np.log(value)
    return _shaped(free, value, grouped)


def _shrunk(each: list[Array], whole: Array, groups: Array) -> Array:
    share = SHRINK / (groups.sum(1) + SHRINK)
    return np.stack([(1 - s) * value + s * whole for s, value in zip(share, each, strict=True)])


def _group(free: Free) -> str | None:
    """The variable whose levels have values of their own."""
    if isinstance(free.source, Table):
        return free.source.parent
    return free.source.by if isinstance(free.source, Linear) else None


def _shaped(free: Free, value: Array, grouped: str | None) -> Array:
    """A value (G, ...) in the axes of the parameter: averaged over what it does not tell apart."""
    value = value if grouped else value[0]
    ends = len(free.axes)
    while value.ndim > ends:  # shared by the features, which stand behind the groups
        value = value.mean(1 if grouped else 0)
    return value
