"""Where each restart of a closed-form density begins: its mode, and the normal approximation there."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from latentprob.inference.capture import Density, captured, value_and_gradient
from latentprob.inference.gauge import turned
from latentprob.inference.laplace import Laplace, laplace
from latentprob.inference.optimize import maximize
from latentprob.inference.problem import rows_of
from latentprob.spec.model import Model
from latentprob.spec.sites import free_parameters

Evaluate = Callable[[Tensor], tuple[Tensor, Tensor]]

HESSIAN = 400  # global numbers up to which the Hessian at the mode is computed
MODE_ROWS = 5_000  # rows on which the mode is sought; the steps that follow see all
PROBES = 64  # random sums of gradients: scales right to an eighth
SCORE_ROWS = 2_000  # rows whose gradients stand for the information where there is no Hessian


@dataclass(frozen=True)
class Place:
    """A point of the space (P,), scales around it (P,), and the approximation there where one was made."""

    vector: Tensor
    scales: Tensor
    laplace: Laplace | None


def places(
    batch: Mapping[str, Tensor],
    weights: Tensor,
    density: Density,
    starts: Sequence[Mapping[str, Tensor]],
    model: Model,
) -> list[Place]:
    """The mode that each start leads to, rotations of factors taken out, with its scales.

    What the levels of a factor are pooled by stays where it starts: their joint density has no mode in it.
    """
    if not has_levels(model):
        # of series the first rows: what lies amid a chain says little without what is before
        rows = _some(len(weights), MODE_ROWS) if model.axis is None else torch.arange(min(len(weights), MODE_ROWS))
        batch, weights = rows_of(batch, rows), weights[rows]
    evaluate = _held(value_and_gradient(density, batch, weights), density, model)
    found = []
    for start in starts:
        vector = maximize(evaluate, density.space.join(start)).vector
        vector, gauge = turned(model, tuple(batch), density.space, vector)
        if density.space.size <= HESSIAN:
            near = laplace(lambda v: density(v, batch, weights), vector, gauge)
            found.append(Place(vector, near.conditional, near))
        else:
            scales = _probed if has_levels(model) else _scales
            found.append(Place(vector, scales(density, vector, batch, weights), None))
    return found


def has_levels(model: Model) -> bool:
    """Whether some parameters are told of by few rows each."""
    return any(free.part == "levels" or free.pooled for free in free_parameters(model))


def _held(evaluate: Evaluate, density: Density, model: Model) -> Evaluate:
    """The density with a gradient of 0 along what levels are pooled by."""
    frees = free_parameters(model)
    pooling = [f.name for f in frees if f.part == "scale" or (f.variable in model.factors and f.part != "levels")]
    if not pooling:
        return evaluate
    free = torch.ones_like(density.space.start)
    for part, at in density.space.places():
        if part.name in pooling or any(part.name.startswith(f"{name}_") for name in pooling):
            free[at.reshape(-1)] = 0

    def held(vector: Tensor) -> tuple[Tensor, Tensor]:
        value, gradient = evaluate(vector)
        return value, gradient * free

    return held


def _probed(density: Density, vector: Tensor, batch: Mapping[str, Tensor], weights: Tensor) -> Tensor:
    """`_scales` from sums of the rows' gradients under random signs, whose mean square is the sum of their squares."""
    generator = torch.Generator(vector.device)
    generator.manual_seed(0)
    gradient = captured(torch.func.grad(density), vector, batch, weights)
    prior = gradient(vector, batch, torch.zeros_like(weights))
    squared = torch.zeros_like(vector)
    for _ in range(PROBES):
        signs = torch.randint(0, 2, weights.shape, generator=generator, device=vector.device) * 2 - 1
        squared += (gradient(vector, batch, weights.sqrt() * signs) - prior).square() / PROBES
    return (squared + density.space.spread**-2).rsqrt()


def _scales(density: Density, vector: Tensor, batch: Mapping[str, Tensor], weights: Tensor) -> Tensor:
    """Conditional standard deviations (P,) from the rows' squared gradients and the priors' spreads."""
    rows = _some(len(weights), SCORE_ROWS)

    def gradient(row: Mapping[str, Tensor], weight: Tensor) -> Tensor:
        one = {name: value[None] for name, value in row.items()}
        return torch.func.grad(density)(vector, one, weight[None])

    squared = torch.vmap(gradient, chunk_size=256)(rows_of(batch, rows), weights[rows]).square().mean(0)
    return (squared / density.rows + density.space.spread**-2).rsqrt()


def _some(rows: int, most: int) -> Tensor:
    """At most so many rows, evenly spaced."""
    return torch.linspace(0, rows - 1, min(rows, most)).round().long()
