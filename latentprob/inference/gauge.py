"""Rotations of factors, taken out before a normal approximation is made.

A model with z ~ Normal(0, 1) under a linear map is the same for weights W, (Z, D), and QW with any rotation Q, so its
density is flat along the rotations. By W = QR with a triangular R on Z pivot features,

    integral of f(W) dW  =  constant * integral of f(R) prod_k |R_kk|^(Z - k) dR,   k = 1, ..., Z,

for any f that does not change under rotation (Muirhead, 1982, theorem 2.1.13): the entries below the diagonal are held
at zero, and the product enters the density.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.linalg import qr
from torch import Tensor

from latentprob.inference.unconstrain import Space
from latentprob.spec.model import Model
from latentprob.spec.sites import free_parameters
from latentprob.spec.symmetry import loadings_of, symmetry


@dataclass(frozen=True)
class Gauge:
    """The coordinates of a vector (P,) that are free, and the diagonal entries (M,) with their powers."""

    free: Tensor
    diagonal: Tensor
    powers: Tensor

    @classmethod
    def none(cls, size: int) -> "Gauge":
        """No coordinate held."""
        index = torch.arange(size)
        return cls(index, index[:0], torch.zeros(0))

    def log_volume(self, vector: Tensor) -> Tensor:
        """Log of the product of powers of the diagonal entries, at vectors (..., P); (...)."""
        entries = vector[..., self.diagonal]
        return (self.powers.to(vector) * entries.abs().log()).sum(-1)

    def whole(self, free: Tensor, size: int) -> Tensor:
        """Vectors (..., P) of their free coordinates (..., F)."""
        zeros = free.new_zeros(*free.shape[:-1], size)
        return zeros.index_copy(-1, self.free.to(free.device), free)


def turned(model: Model, observed: Sequence[str], space: Space, vector: Tensor) -> tuple[Tensor, Gauge]:
    """The vector (P,) with its weights rotated to triangles, and what that holds."""
    found = vector.detach().cpu().double().numpy().copy()
    held: list[int] = []
    diagonal: list[int] = []
    powers: list[int] = []
    for block, moves in _blocks(model, observed, space):
        weights, pivots, turn = _triangle(found[block])
        found[block] = weights
        if moves is not None:
            found[moves] = turn @ found[moves] @ turn.T
        size = len(block)
        held += [block[k, pivots[j]] for j in range(size) for k in range(j + 1, size)]
        diagonal += [block[j, pivots[j]] for j in range(size)]
        powers += [size - 1 - j for j in range(size)]
    free = np.setdiff1d(np.arange(len(found)), held)
    found[held] = 0.0
    gauge = Gauge(torch.as_tensor(free), torch.as_tensor(diagonal, dtype=torch.long), torch.as_tensor(powers))
    return torch.as_tensor(found).to(vector), gauge


def _triangle(weights: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weights (Z, M) whose Z pivot columns are upper triangular with a positive diagonal, those columns, the turn."""
    rotation, upper, order = qr(weights, mode="economic", pivoting=True)
    pivots = order[: len(weights)]
    signs = np.where(np.diagonal(upper) < 0, -1.0, 1.0)
    turn = signs[:, None] * rotation.T
    return turn @ weights, pivots, turn


def _blocks(model: Model, observed: Sequence[str], space: Space) -> list[tuple[np.ndarray, np.ndarray | None]]:
    """Where the weights of each rotation lie in a vector, (Z, M): one block a latent, or one a level of `by`.

    And the matrix (Z, Z) that moves a state space, which turns with its weights.
    """
    places = {part.name: index.numpy() for part, index in space.places()}
    blocks: list[tuple[np.ndarray, np.ndarray | None]] = []
    for name in model:
        loadings = loadings_of(model, name)
        if not loadings or "rotation" not in symmetry(model, observed, name):
            continue
        common = {f"{free.name}_mean" for free in loadings if free.pooled}
        loadings = (*loadings, *(free for free in free_parameters(model) if free.name in common))
        parts = [places[free.name] for free in loadings]
        if len(loadings) == 1 and loadings[0].axes[0] != name:
            blocks += [(level.reshape(level.shape[0], -1), None) for level in parts[0]]
            continue
        firsts = [np.moveaxis(part, free.axes.index(name), 0) for part, free in zip(parts, loadings, strict=True)]
        moves = places.get(f"{name}_transition") if model[name].ordered else None
        blocks.append((np.concatenate([first.reshape(len(first), -1) for first in firsts], axis=1), moves))
    return [block for block in blocks if 1 < block[0].shape[0] <= block[0].shape[1]]
