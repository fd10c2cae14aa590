"""Results at known parameter values, and the closed forms that they are held to."""

from dataclasses import replace

import numpy as np
import pandas as pd
from scipy.special import logsumexp
from scipy.stats import multivariate_normal

from latentprob.fitting import Fit, condition
from latentprob.spec.model import Model

MIXTURE = Model("c ~ Categorical(size=2)\nx ~ MultivariateNormal(loc=Table(c), covariance=Table(c))")
FACTORS = Model("z ~ Normal(0, 1, size=2)\nx ~ Normal(loc=Linear(z), scale=PerFeature())")
BOTH = Model("c ~ Categorical(size=2)\nz ~ Normal(0, 1, size=2)\nx ~ Normal(loc=Linear(z, by=c), scale=PerFeature())")
LABELS = ["a", "b", "d"]


def table(seed: int = 0, rows: int = 40) -> pd.DataFrame:
    """Rows of three correlated features, with labels."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, 2)) @ rng.normal(size=(2, 3)) + 0.5 * rng.normal(size=(rows, 3))
    index = pd.Index([f"p{i}" for i in range(rows)], name="person")
    return pd.DataFrame(x, columns=LABELS, index=index)


def with_gaps(frame: pd.DataFrame, seed: int = 1) -> pd.DataFrame:
    """The table with a fifth of its cells hidden, one in each row left."""
    hidden = np.random.default_rng(seed).random(frame.shape) < 0.2
    hidden[hidden.all(axis=1), 0] = False
    return frame.mask(hidden)


def mixture_values(seed: int = 2) -> dict[str, np.ndarray]:
    """Parameters of MIXTURE."""
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(2, 3, 3))
    covariance = root @ root.mT + 0.5 * np.eye(3)
    return {"c_probs": np.array([0.3, 0.7]), "x_loc": rng.normal(size=(2, 3)), "x_covariance": covariance}


def factor_values(seed: int = 3, levels: tuple[int, ...] = ()) -> dict[str, np.ndarray]:
    """Parameters of FACTORS; with levels=(2,), of BOTH."""
    rng = np.random.default_rng(seed)
    found = {
        "x_loc_weights": rng.normal(size=(*levels, 2, 3)),
        "x_loc_intercept": rng.normal(size=(*levels, 3)),
        "x_scale": rng.uniform(0.3, 1, size=3),
    }
    return found | ({"c_probs": np.array([0.4, 0.6])} if levels else {})


def at_draws(model: Model, draws: list[dict[str, np.ndarray]], data: pd.DataFrame, chains: int = 1) -> Fit:
    """A fit whose posterior consists of the given draws."""
    fits = [condition(model, values, data) for values in draws]
    stacked = {
        name: np.stack([f.result.draws.parameters[name][0, 0] for f in fits])
        for name in fits[0].result.draws.parameters
    }
    shaped = {name: array.reshape(chains, -1, *array.shape[1:]) for name, array in stacked.items()}
    return Fit(replace(fits[0].result, draws=replace(fits[0].result.draws, parameters=shaped)), None, 0)


def factor_belief(x: np.ndarray, values: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Mean and covariance of p(z | seen cells of one row), by conditioning the joint normal."""
    seen = ~np.isnan(x)
    weights, scale = values["x_loc_weights"][:, seen], values["x_scale"][seen]
    inside = np.linalg.inv(weights.T @ weights + np.diag(scale**2))
    gain = weights @ inside
    return gain @ (x - values["x_loc_intercept"])[seen], np.eye(2) - gain @ weights.T


def factor_density(x: np.ndarray, values: dict[str, np.ndarray]) -> float:
    """log p(seen cells of one row)."""
    seen = ~np.isnan(x)
    weights, scale = values["x_loc_weights"][:, seen], values["x_scale"][seen]
    covariance = weights.T @ weights + np.diag(scale**2)
    return float(multivariate_normal(values["x_loc_intercept"][seen], covariance).logpdf(x[seen]))


def level(values: dict[str, np.ndarray], c: int) -> dict[str, np.ndarray]:
    """The parameters of one level of BOTH."""
    return {n: v[c] if n in ("x_loc_weights", "x_loc_intercept") else v for n, v in values.items()}


def both_weights(x: np.ndarray, values: dict[str, np.ndarray]) -> np.ndarray:
    """p(c | seen cells of one row) in BOTH."""
    log = np.array([np.log(values["c_probs"][c]) + factor_density(x, level(values, c)) for c in range(2)])
    return np.exp(log - logsumexp(log))


def mixture_weights(x: np.ndarray, values: dict[str, np.ndarray]) -> np.ndarray:
    """p(c | seen cells of one row) in MIXTURE."""
    seen = ~np.isnan(x)
    log = [
        np.log(p) + multivariate_normal(loc[seen], cov[np.ix_(seen, seen)]).logpdf(x[seen])
        for p, loc, cov in zip(values["c_probs"], values["x_loc"], values["x_covariance"], strict=True)
    ]
    return np.exp(np.array(log) - logsumexp(log))
