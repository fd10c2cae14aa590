"""Where restarts begin: k-means++ for the levels of a discrete latent, principal axes for a normal one.

Latents get a first guess row by row; every parameter then follows from it by moments and least squares.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from torch import Tensor, nn

from latentprob.inference.moments import LINKED, mean, moments
from latentprob.inference.problem import Problem
from latentprob.program.evaluate import to_sites
from latentprob.spec.distributions import Bernoulli
from latentprob.spec.maps import Linear, Table
from latentprob.spec.sites import Free, free_parameters

START_ROWS = 5_000  # rows that starts are made from
LLOYD = 10  # iterations: enough to settle, too few to bring all restarts to one place
SHRINK = 2.0  # rows of the overall average that each group's average is mixed with
BACKFIT = 3  # rounds over the terms of a sum
JITTER = 0.5  # noise on the factors' scores in all restarts but the first

Array = np.ndarray


@dataclass(frozen=True)
class Guess:
    """A value of each variable for some rows: (N, D) numbers, or shares of the levels, (N, L) or (N, D, L)."""

    values: dict[str, Array]
    weights: Array

    def groups(self, name: str | None) -> Array:
        """Weights of the rows in each group, (G, N): one a level of `name`, or all in one."""
        return self.weights[None] if name is None else self.values[name].T * self.weights


def starts(problem: Problem, module: nn.Module, count: int, seed: int) -> list[dict[str, Tensor]]:
    """Values of the Pyro sites for each restart."""
    found = []
    for restart in range(count):
        guess = _guess(problem, module, np.random.default_rng([seed, restart]), restart)
        found.append(to_sites(problem.program, module, parameters(problem, guess)))
    return found


def parameters(problem: Problem, guess: Guess) -> dict[str, Array]:
    """Every free parameter at a guess of the latents."""
    found: dict[str, Array] = {}
    free = free_parameters(problem.program.model)
    for name in problem.program.model:
        own = [f for f in free if f.variable == name]
        linked = [f for f in own if _is_linked(problem, f)]
        fitted = {p: _backfit([f for f in linked if f.parameter == p], problem, guess, found) for p in _names(linked)}
        y = guess.values[name]
        residual = LINKED[type(problem.program.model[name]), "loc"](y) - fitted["loc"] if "loc" in fitted else y
        for f in own:
            if f.name not in found:
                found[f.name] = _by_moments(f, problem, guess, y, residual)
    return found


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
        if not getattr(free.source, "per_feature", True) or free.axes[-1:] != (free.variable,) and value.ndim == 2:
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
