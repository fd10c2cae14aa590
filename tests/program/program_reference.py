"""What a model says of one row, from its statements alone: scipy's densities, sums over levels, dense normal algebra.

Slow, plain, and without a line of the compiler: the oracle that programs are held to. A row is a mapping from
variables to values; the parameters are those that the model names.
"""

from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any

import numpy as np
from scipy import special, stats

from latentprob.spec.component import Sum
from latentprob.spec.distributions import Distribution
from latentprob.spec.maps import Dot, Linear, PerFeature, PerLevel, Shared, Table, Translation
from latentprob.spec.model import Model, argument, is_predictor, terms
from latentprob.spec.sites import free_parameters

Values = Mapping[str, Any]
DISCRETE = ("Bernoulli", "Categorical")


def kind(model: Model, name: str) -> str:
    """The name of the distribution of a variable."""
    return type(model[name]).__name__


def levels(model: Model, name: str) -> int:
    """The number of levels of a discrete variable."""
    return 2 if kind(model, name) == "Bernoulli" else model[name].size  # type: ignore[attr-defined]


def known(model: Model, parameters: Values, name: str, which: str, part: Any, piece: str) -> Any:
    """The value of the free parameter behind a term."""
    for free in free_parameters(model):
        same = free.source == part or (isinstance(part, Distribution) and free.prior == part)
        if same and (free.variable, free.parameter, free.part) == (name, which, piece):
            return parameters[free.name]
    return None


def read(parameters: Values, row: Values, what: str) -> np.ndarray:
    """What a name, or a lookup such as u[user], holds in a row."""
    name, _, column = what.rstrip("]").partition("[")
    return np.asarray(parameters[name][int(row[column])] if column else row[name])


def term(model: Model, parameters: Values, row: Values, name: str, which: str, part: Any) -> Any:
    """One term of an argument, as in the language's definition."""
    if isinstance(part, str):
        found = read(parameters, row, part)
        return found if not model.is_level(name) else found[0]
    if isinstance(part, (Dot, Translation)):
        factors = [read(parameters, row, getattr(part, field)) for field in part.reads() if getattr(part, field)]
        return (
            np.prod(factors, 0).sum() if isinstance(part, Dot) else -((factors[0] + factors[1] - factors[2]) ** 2).sum()
        )
    if isinstance(part, PerLevel):
        intercept = known(model, parameters, name, which, part, "intercept")
        levels = known(model, parameters, name, which, part, "levels")[int(row[part.parent])]
        return levels + (0 if intercept is None else intercept)
    if isinstance(part, Linear):
        at = () if part.by is None else (int(row[part.by]),)
        weights = known(model, parameters, name, which, part, "weights")[at]
        intercept = known(model, parameters, name, which, part, "intercept")
        return (0 if intercept is None else intercept[at]) + np.tensordot(
            read(parameters, row, part.parent), weights, 1
        )
    if isinstance(part, Table):
        table = known(model, parameters, name, which, part, "value")
        weights = np.asarray(row[part.parent])
        return table[int(weights)] if model.is_level(part.parent) or not weights.ndim else weights @ table
    if isinstance(part, (PerFeature, Shared, Distribution)):
        return known(model, parameters, name, which, part, "value")
    return np.asarray(part, float)


def parameter(model: Model, parameters: Values, row: Values, name: str, which: str) -> Any:
    """A parameter of a variable in one row, on its own scale."""
    value = argument(model, name, which)
    if value is None:
        return None
    summed = sum(term(model, parameters, row, name, which, part) for part in terms(value))
    domain = model[name].parameters[which]
    linked = is_predictor(value) or isinstance(value, Sum)
    return np.exp(summed) if linked and domain == "positive" else summed


def covariance(model: Model, parameters: Values, row: Values, name: str) -> np.ndarray:
    """The covariance of a Normal or MultivariateNormal, (D, D), or a number for each or all features."""
    given = {which: parameter(model, parameters, row, name, which) for which in model[name].parameters}
    if kind(model, name) == "Normal":
        ways = {"scale": lambda s: s**2, "variance": lambda v: v, "precision": lambda p: 1 / p}
        return next(way(given[which]) for which, way in ways.items() if given[which] is not None)
    if given["correlation"] is not None:
        scale = np.broadcast_to(given["scale"], given["correlation"].shape[:1])
        return given["correlation"] * np.outer(scale, scale)
    ways = {"covariance": lambda m: m, "precision": np.linalg.inv, "scale_tril": lambda m: m @ m.T}
    return next(way(given[which]) for which, way in ways.items() if given[which] is not None)


def log_density(model: Model, parameters: Values, row: Values, name: str) -> float:
    """log p(the seen cells of a variable given its parents), nats."""
    value, seen = np.asarray(row[name]), np.asarray(row.get(f"{name}_seen", True))
    given = {which: parameter(model, parameters, row, name, which) for which in model[name].parameters}
    if kind(model, name) == "MultivariateNormal":
        seen = np.broadcast_to(seen, value.shape)
        loc, root = np.broadcast_to(given["loc"], value.shape), covariance(model, parameters, row, name)
        law = stats.multivariate_normal
        return law.logpdf(value[seen], loc[seen], root[np.ix_(seen, seen)]) if seen.any() else 0.0
    if kind(model, name) == "Categorical":
        logits = np.log(given["probs"]) if given["logits"] is None else given["logits"]
        table = np.broadcast_to(logits - special.logsumexp(logits, -1, keepdims=True), (*value.shape, logits.shape[-1]))
        return float((np.take_along_axis(table, value[..., None], -1)[..., 0] * seen).sum())
    if kind(model, name) == "Dirichlet":
        return float(stats.dirichlet(given["concentration"]).logpdf(value / value.sum())) if seen.all() else 0.0
    if kind(model, name) == "Multinomial":
        probs = special.softmax(given["logits"]) if given["probs"] is None else given["probs"]
        return float(stats.multinomial(int(value.sum()), probs / probs.sum()).logpmf(value)) if seen.all() else 0.0
    probs = given.get("probs") if given.get("logits") is None else special.expit(given["logits"])
    cells = {
        "Normal": lambda: stats.norm(given["loc"], np.sqrt(covariance(model, parameters, row, name))).logpdf(value),
        "StudentT": lambda: stats.t(given["df"], given["loc"], given["scale"]).logpdf(value),
        "LogNormal": lambda: stats.lognorm(given["scale"], scale=np.exp(given["loc"])).logpdf(value),
        "Gamma": lambda: stats.gamma(given["concentration"], scale=1 / given["rate"]).logpdf(value),
        "Exponential": lambda: stats.expon(scale=1 / given["rate"]).logpdf(value),
        "Beta": lambda: stats.beta(given["concentration1"], given["concentration0"]).logpdf(value),
        "Bernoulli": lambda: stats.bernoulli(probs).logpmf(value),
        "Poisson": lambda: stats.poisson(given["rate"]).logpmf(value),
        # probs is the probability of what is counted; scipy counts the failures
        "NegativeBinomial": lambda: stats.nbinom(given["total_count"], 1 - probs).logpmf(value),
    }[kind(model, name)]()
    return float(np.where(seen, cells, 0).sum())


def level_settings(
    model: Model, row: Values, hidden: tuple[str, ...]
) -> Iterator[tuple[tuple[int, ...], dict[str, Any]]]:
    """Every setting of the hidden levels that agrees with the labels of this row."""
    ways = [[int(row[name])] if bool(row.get(f"{name}_seen", False)) else range(levels(model, name)) for name in hidden]
    for setting in product(*ways):
        shown = {f"{name}_seen": True for name in hidden}  # under a setting, all is known
        yield setting, {**row, **shown, **dict(zip(hidden, setting, strict=True))}


def sizes(model: Model, normal: tuple[str, ...]) -> list[int]:
    """Lengths of the normal latents."""
    return [model[name].size or 1 for name in normal]  # type: ignore[attr-defined]


def with_latents(model: Model, row: Values, normal: tuple[str, ...], vector: np.ndarray) -> dict[str, Any]:
    """The row with values of the normal latents, given end to end."""
    cuts = np.cumsum(sizes(model, normal))[:-1]
    return {**row, **dict(zip(normal, np.split(vector, cuts), strict=True))}


def moments(model: Model, parameters: Values, row: Values, names: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Mean and covariance of normal variables, end to end, given their parents in the row."""
    mean, blocks = [], []
    for name in names:
        size = np.size(row[name])
        spread = np.asarray(covariance(model, parameters, row, name))
        mean.append(np.broadcast_to(parameter(model, parameters, row, name, "loc"), (size,)))
        blocks.append(spread if spread.ndim == 2 else np.diag(np.broadcast_to(spread, (size,))))
    whole = np.zeros((sum(map(len, blocks)),) * 2)
    at = 0
    for block in blocks:
        whole[at : at + len(block), at : at + len(block)] = block
        at += len(block)
    return np.concatenate(mean), whole


def joint_normal(model: Model, parameters: Values, row: Values, normal: tuple[str, ...]) -> tuple[Any, ...]:
    """Density of the seen cells of the children of normal latents, the moments of their belief, and the children."""
    children = [name for name in model if set(model.parents(name)) & set(normal)]
    size = sum(sizes(model, normal))
    zero = with_latents(model, row, normal, np.zeros(size))
    prior, spread = moments(model, parameters, zero, list(normal))
    rest, noise = moments(model, parameters, zero, children)
    units = [with_latents(model, row, normal, unit) for unit in np.eye(size)]
    weights = np.stack([moments(model, parameters, unit, children)[0] - rest for unit in units], 1)
    values = np.concatenate([row[name] for name in children])
    seen = np.concatenate([np.broadcast_to(row.get(f"{name}_seen", True), np.shape(row[name])) for name in children])
    weights, noise = weights[seen], noise[np.ix_(seen, seen)]
    center, whole = (rest[seen] + weights @ prior), weights @ spread @ weights.T + noise
    density = stats.multivariate_normal.logpdf(values[seen], center, whole, allow_singular=False) if seen.any() else 0.0
    gain = np.linalg.solve(whole, weights @ spread).T
    return density, prior + gain @ (values[seen] - center), spread - gain @ weights @ spread, children


def row_answers(
    model: Model, parameters: Values, row: Values, hidden: tuple[str, ...], normal: tuple[str, ...]
) -> dict[tuple[int, ...], tuple[float, Any, Any]]:
    """For each setting of the hidden levels: log p(row, levels), and mean and covariance of the normal latents."""
    found = {}
    for setting, full in level_settings(model, row, hidden):
        log, mean, spread, children = 0.0, None, None, []
        if normal:
            log, mean, spread, children = joint_normal(model, parameters, full, normal)
        rest = [name for name in model if name not in (*normal, *children, *model.factors)]
        found[setting] = (log + sum(log_density(model, parameters, full, name) for name in rest), mean, spread)
    return found
