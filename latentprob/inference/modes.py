"""Where each restart of a closed-form density begins: its mode, and the normal approximation there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from latentprob.inference.capture import Density, value_and_gradient
from latentprob.inference.gauge import turned
from latentprob.inference.laplace import Laplace, laplace
from latentprob.inference.optimize import maximize
from latentprob.inference.problem import rows_of
from latentprob.spec.model import Model

HESSIAN = 400  # global numbers up to which the Hessian at the mode is computed
MODE_ROWS = 5_000  # rows on which the mode is sought; the steps that follow see all
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
    """The mode that each start leads to, rotations of factors taken out, with its scales."""
    rows = _some(len(weights), MODE_ROWS)
    batch, weights = rows_of(batch, rows), weights[rows]
    evaluate = value_and_gradient(density, batch, weights)
    found = []
    for start in starts:
        vector = maximize(evaluate, density.space.join(start)).vector
        vector, gauge = turned(model, tuple(batch), density.space, vector)
        if density.space.size <= HESSIAN:
            near = laplace(lambda v: density(v, batch, weights), vector, gauge)
            found.append(Place(vector, near.conditional, near))
        else:
            found.append(Place(vector, _scales(density, vector, batch, weights), None))
    return found


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
