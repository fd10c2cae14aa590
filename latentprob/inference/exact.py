"""Deterministic models whose optimum is known: principal components and k-means, by scikit-learn's solvers."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import singledispatch
from typing import Any, Literal

import numpy as np
import torch
from pydantic import Field
from pyro.infer.autoguide import AutoDelta
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA

from latentprob.errors import InferenceError
from latentprob.inference.problem import Attrs, Draws, Problem, isolated
from latentprob.inference.settings import Settings
from latentprob.program import Program, evaluate
from latentprob.program.defaults import FLOOR
from latentprob.spec.distributions import Normal
from latentprob.spec.maps import Linear, Nearest, Shared, Spread, Table

Array = np.ndarray
Values = dict[str, Array]
KNOWN = (int, float, tuple, Spread)  # scales that are not estimated

SOLVES = (
    "Exact solves principal components, z = Linear(x, size=2) with x ~ Normal(loc=Linear(z), scale=Shared()), and "
    "k-means, c = Nearest(x, size=3) with x ~ Normal(loc=Table(c), scale=Shared()), both without priors "
    "(model.point()) and without gaps; Spread() or a number may stand for the scale"
)


class Exact(Settings):
    r"""The known optimum of a deterministic model: principal components and k-means, by scikit-learn.

    Of k-means the best of `restarts` starts, as `sklearn.cluster.KMeans(n_init=restarts, random_state=seed)` finds it.

    >>> import latentprob as lp
    >>> model = lp.Model("c = Nearest(x, size=2)\nx ~ Normal(loc=Table(c), scale=Shared())").point()
    >>> lp.fit(model, {"x": [0.0, 0.5, 4.0, 4.5]}, lp.Exact()).posterior["x_loc"].values.ravel().round(6).tolist()
    [0.25, 4.25]
    """

    restarts: int = Field(default=20, ge=1, description="starts of k-means, of which the best is kept, from 1")
    start: Literal["k-means++", "random"] = Field(
        default="k-means++", description='where k-means starts: "k-means++", or "random" rows'
    )

    def run(self, problem: Problem, seed: int = 0, progress: bool | None = None) -> Draws:
        """Solve; the answer as one draw of one chain."""
        begin, case = time.perf_counter(), case_of(problem.program)
        if case is None:
            embedded = ", ".join(problem.program.model.embedded)
            why = f"{embedded} is of another kind" if embedded else "this model is stochastic"
            raise InferenceError(f"{SOLVES}; {why}. Use lp.SVI(), which fits any model")
        values = case.solve(problem, case, self, seed)
        found = {name: value[None, None] for name, value in values.items()}
        stats = {"score": np.array([_objective(problem, values)]), "kept": np.array([True])}
        binds = case.free_scale is not None and values[case.free_scale] <= _floor(problem, case) * (1 + 1e-9)
        attrs: Attrs = {
            "method": "exact",
            "settled": True,
            "bound": float(stats["score"][0]),
            "floor_binds": case.free_scale if binds and case.free_scale else "",
            "seed": seed,
            "seconds": time.perf_counter() - begin,
        }
        return Draws(found, {}, {}, stats, attrs)


@dataclass(frozen=True)
class Case:
    """A deterministic variable and the observed one that it encodes, of a kind that is solved.

    free_scale: the site of the estimated scale; None where it is known.
    """

    embedded: str
    observed: str
    size: int
    scale: Any
    solve: Callable[[Problem, "Case", Exact, int], Values]

    @property
    def free_scale(self) -> str | None:
        return f"{self.observed}_scale" if isinstance(self.scale, Shared) else None


def solves(program: Program) -> bool:
    """Whether a program is one that Exact solves."""
    return case_of(program) is not None


def case_of(program: Program) -> Case | None:
    """The program as a case; None where its optimum is not known."""
    model = program.model
    if len(model.embedded) != 1 or len(model) != 2 or model.inputs or program.missing:
        return None
    embedded = model.embedded[0]
    observed = next(name for name in model if name != embedded)
    law = model[observed]
    known = isinstance(law, Normal) and (isinstance(law.scale, KNOWN) or law.scale == Shared(prior="point"))
    solve = solver(model[embedded], law.loc) if known else None
    return None if solve is None else Case(embedded, observed, model[embedded].size, law.scale, solve)


@singledispatch
def solver(part: Any, loc: Any) -> Callable[[Problem, Case, Exact, int], Values] | None:
    """What solves for a deterministic variable and the location that reads it; None where nothing does."""
    return None


@solver.register
def _(part: Linear, loc: Any) -> Callable[[Problem, Case, Exact, int], Values] | None:
    free = isinstance(loc, Linear) and all(each == "point" for p in (part, loc) for each in (p.weights, p.intercept))
    return _principal if free and part.by is None and loc.by is None else None


@solver.register
def _(part: Nearest, loc: Any) -> Callable[[Problem, Case, Exact, int], Values] | None:
    return _means if isinstance(loc, Table) and loc.per_feature and loc.prior == "point" else None


def _principal(problem: Problem, case: Case, settings: Exact, seed: int) -> Values:
    """Principal components: scores z, (N, Z), along the orthonormal axes of x in units of the scale (Pearson, 1901)."""
    if problem.weights is not None:
        raise InferenceError("Exact: principal components take no weights; leave them out, or use lp.SVI()")
    x, units = _data(problem, case)
    if case.size > min(x.shape):
        raise InferenceError(
            f"{case.embedded} has size {case.size}, and {x.shape[0]} rows of {x.shape[1]} features have "
            f"{min(x.shape)} principal components; write a size of at most {min(x.shape)}"
        )
    found = PCA(case.size, svd_solver="full").fit(x / units)
    mean, weights = found.mean_ * units, found.components_.T / units[:, None]
    center = problem.buffers[f"{case.observed}_center"].cpu().numpy()
    values = {
        f"{case.embedded}_weights": weights,
        f"{case.embedded}_intercept": (center - mean) @ weights,
        f"{case.observed}_loc_weights": found.components_ * units,
        f"{case.observed}_loc_intercept": mean,
    }
    fitted = found.inverse_transform(found.transform(x / units)) * units
    return values | _scale(problem, case, float(((x - fitted) ** 2).mean()))


def _means(problem: Problem, case: Case, settings: Exact, seed: int) -> Values:
    """k-means: centres, (K, D), of least within-cluster sum of squares in units of the scale (Lloyd, 1982)."""
    x, units = _data(problem, case)
    if case.size > len(x):
        raise InferenceError(f"{case.embedded} has size {case.size}, and the data {len(x)} rows; write a smaller size")
    weights = None if problem.weights is None else problem.weights.cpu().numpy()
    means = KMeans(case.size, init=settings.start, n_init=settings.restarts, random_state=seed)
    means.fit(x / units, sample_weight=weights)
    centers = means.cluster_centers_ * units
    errors = ((x - centers[means.labels_]) ** 2).mean(1)
    return {f"{case.observed}_loc": centers} | _scale(problem, case, float(np.average(errors, weights=weights)))


def _data(problem: Problem, case: Case) -> tuple[Array, Array]:
    """The rows x, (N, D), and the unit in which each feature is measured, (D,)."""
    x = problem.batch[case.observed].cpu().double().numpy()
    if isinstance(case.scale, Spread):
        return x, problem.buffers[f"{case.observed}_spread"].cpu().double().numpy()
    return x, np.broadcast_to(np.asarray(case.scale, float) if isinstance(case.scale, tuple) else 1.0, x.shape[1])


def _scale(problem: Problem, case: Case, variance: float) -> Values:
    """The scale of highest density where it is free, on its bound at least."""
    if case.free_scale is None:
        return {}
    return {case.free_scale: np.asarray(max(variance**0.5, _floor(problem, case)))}


def _floor(problem: Problem, case: Case) -> float:
    return FLOOR * float(problem.buffers[f"{case.observed}_spread"].mean())


def _objective(problem: Problem, values: Mapping[str, Array]) -> float:
    """The log density of all rows given their embedding, nats."""
    with isolated(0):
        module = problem.build(AutoDelta)
    batch, weights = problem.arguments()
    draws = {name: torch.as_tensor(value).to(weights)[None] for name, value in values.items()}
    return float(evaluate.joint_log_density(module, batch, draws, weights=weights))
