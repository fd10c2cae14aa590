"""Where restarts begin: a first guess of every latent, and the parameters that follow from it.

Parameters follow by moments and least squares; processes, and networks above an unrolled latent, are pretrained.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from torch import Tensor, nn

from latentprob.inference.guesses import Array, Guess, first_guess, is_sparse
from latentprob.inference.moments import LINKED, mean, moments
from latentprob.inference.parts import table
from latentprob.inference.pretrain import pretrained, wanted
from latentprob.inference.problem import Problem
from latentprob.program.evaluate import to_sites
from latentprob.spec.distributions import Distribution
from latentprob.spec.maps import Linear, Table
from latentprob.spec.sites import Free, free_parameters
from latentprob.spec.structure import mixes

SHRINK = 2.0  # rows of the overall average that each group's average is mixed with
BACKFIT = 3  # rounds over the terms of a sum
TINY = 1e-12  # a spread below it is none
POOLED = ("levels", "scale")  # parts of a PerLevel
COMMON = ("mean", "scale")  # parts of a Linear by a column
LEAST = 0.1  # of the size of what is pooled: the least scale that it starts with
LEVEL_SCALE = 0.5  # of the spread of what is predicted: what a PerLevel's levels start with
PROCESS = ("lengthscale", "variance", "inducing")  # parts of a process that pretraining finds


@dataclass(frozen=True)
class Start:
    """Where a restart begins.

    values: of the Pyro sites, by name. how: what the guesses of the latents were made by. notes: what failed.
    state: of the networks and inducing inputs, scales: of the sites around their values, where it was pretrained.
    """

    values: dict[str, Tensor]
    how: str
    notes: tuple[str, ...]
    state: dict[str, Tensor] = field(default_factory=dict)
    scales: Tensor | None = None


def starts(problem: Problem, module: nn.Module, restarts: Iterable[int], seed: int) -> list[Start]:
    """Where each of these restarts begins, by its number. module: the built program."""
    return [_start(problem, module, np.random.default_rng([seed, restart]), restart) for restart in restarts]


def _start(problem: Problem, module: nn.Module, rng: np.random.Generator, restart: int) -> Start:
    guess = first_guess(problem, module, rng, restart)
    how = ", ".join(dict.fromkeys(guess.how.values()))
    values = to_sites(problem.program, module, parameters(problem, guess))
    if not wanted(problem.program, guess):
        return Start(values, how, guess.notes)
    found = pretrained(problem, module, guess, values, rng)
    return Start(found.values, how, guess.notes, found.state, found.scales)


def parameters(problem: Problem, guess: Guess) -> dict[str, Array]:
    """Every free parameter at a guess of the latents."""
    found: dict[str, Array] = {}
    free = free_parameters(problem.program.model)
    for name in problem.program.model:
        own = [f for f in free if f.variable == name]
        if name in problem.program.model.factors:
            found |= _levels(problem, name, own, guess)
            continue
        shown, guess = guess, _centred(problem, guess) if name in problem.program.model.embedded else guess
        linked = [f for f in own if _is_linked(problem, f)]
        fitted = {p: _backfit([f for f in linked if f.parameter == p], problem, guess, found) for p in _names(linked)}
        y = guess.values[name]
        residual = _residual(problem.program.model[name], y, fitted.get("loc"))
        if problem.program.model.is_level(name) and is_sparse(problem.program.model[name]):
            found[f"{name}_probs"] = _given_shares(problem.program.model[name], y, guess.weights)
        common = [f for f in own if isinstance(f.source, Linear) and f.part in COMMON]
        for f in own:
            if f.name not in found and f not in common:
                found[f.name] = _by_moments(f, problem, guess, y, residual)
        found |= {f.name: _in_common(f, found, own) for f in common}
        guess = shown
    return found


def _levels(problem: Problem, name: str, own: list[Free], guess: Guess) -> dict[str, Array]:
    """The levels of a factor, and the parameters of their law as those of rows."""
    y = guess.values[name]
    levels = replace(guess, weights=np.ones(len(y)))
    residual = _residual(problem.program.model[name], y, None) if len(own) > 1 else y
    found = {f.name: _by_moments(f, problem, levels, y, residual) for f in own if f.name != name}
    return {**found, name: y}


def _centred(problem: Problem, guess: Guess) -> Guess:
    """The guess as deterministic variables read it: the data from their centre."""
    model, values = problem.program.model, dict(guess.values)
    for name in problem.program.observed:
        if not model.is_level(name):
            values[name] = values[name] - problem.buffers[f"{name}_center"].cpu().numpy()
    return replace(guess, values=values)


def _given_shares(law: Any, shares: Array, weights: Array) -> Array:
    """Mean of the levels' probabilities (L,) given shares (N, L): an empty level must not start with rows to keep."""
    counts = law.probs.concentration + weights @ shares
    return np.asarray(counts / counts.sum())


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
    return (
        free.part not in (*PROCESS, *POOLED, *COMMON)
        and (kind, free.parameter) in LINKED
        and (free.predictor or free.parameter in ("loc", "value"))
    )


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
    if free.part in POOLED:
        return _pooled(free, problem, y)
    if free.part in PROCESS:
        return _process(free, problem.program.model[free.variable], guess, y)
    law, grouped = problem.program.model[free.variable], _group(free)
    if mixes(problem.program.model.statements, free.source):
        found = table(free, law, guess.values[free.source.parent], y)
        if found is not None:
            return found
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


def _in_common(free: Free, found: dict[str, Array], own: list[Free]) -> Array:
    """Mean and spread of what levels start with, the spread over the axes that its parameter lacks, too."""
    levels = next(f for f in own if f.pooled and f.name == free.name.removesuffix(f"_{free.part}"))
    value = found[levels.name]
    if free.part == "mean":
        return np.asarray(value.mean(axis=0))
    over = tuple(i for i, axis in enumerate(levels.axes) if i == 0 or axis not in free.axes)
    spread = np.sqrt(((value - value.mean(axis=0)) ** 2).mean(axis=over))
    return np.maximum(spread, LEAST * (np.abs(value).mean(axis=over) + LEAST))


def _pooled(free: Free, problem: Problem, y: Array) -> Array:
    """Levels that do not differ, and a scale like a part of the spread of what is predicted."""
    law = problem.program.model[free.variable]
    target = LINKED[type(law), free.parameter](y) if (type(law), free.parameter) in LINKED else np.ones_like(y)
    spread = target.std(0)
    value = _shaped(replace(free, axes=free.axes[1:]) if free.part == "levels" else free, spread[None], None)
    if free.part == "scale":
        return np.where(value > TINY, LEVEL_SCALE * value, 1.0)
    return np.zeros((len(problem.buffers[f"{free.axes[0]}_center"]), *value.shape))


def _process(free: Free, law: Distribution, guess: Guess, y: Array) -> Array:
    """Lengthscales like the parent's spread, variances like those of what is predicted, a process of zero."""
    if free.part == "lengthscale":
        return np.maximum(guess.values[free.source.parent].reshape(len(y), -1).std(0), TINY)
    target = LINKED.get((type(law), free.parameter), np.ones_like)(y)
    if free.part == "variance":
        variance = target.var(0)
        return _shaped(free, np.where(variance > TINY, variance, 1.0)[None], None)
    shape = _shaped(replace(free, axes=free.axes[1:]), target[:1], None).shape
    return np.zeros((free.source.inducing, *shape))


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
