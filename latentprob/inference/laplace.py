"""A normal approximation at a mode: the inverse of the observed information."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

FLAT = 1e-4  # of the curvature that a coordinate has by itself: below it a direction is a symmetry, such as a rotation
BLOCK = 16  # Hessian rows at once: bounds memory to that many backward passes


@dataclass(frozen=True)
class Laplace:
    """Mode (P,), factor of the covariance (P, P) with covariance = factor @ factor.T, flat directions found."""

    mode: Tensor
    scale_tril: Tensor
    conditional: Tensor  # (P,) standard deviations given all others: those of the best mean-field normal
    flat: int


def laplace(density: Callable[[Tensor], Tensor], mode: Tensor) -> Laplace:
    """The approximation at the mode of a log density; flat directions get the curvature of their coordinates."""
    information = -hessian(density, mode)
    diagonal = information.diagonal()
    typical = diagonal[diagonal > 0].median() if (diagonal > 0).any() else torch.ones_like(diagonal[0])
    unit = torch.where(diagonal > FLAT * typical, diagonal, typical).rsqrt()
    values, vectors = torch.linalg.eigh(unit[:, None] * information * unit)
    flat = values < FLAT
    root = (unit[:, None] * vectors) * torch.where(flat, 1.0, values).rsqrt()
    # QR of the transpose is the Cholesky factor of root @ root.T without forming it
    upper = torch.linalg.qr(root.mT).R
    return Laplace(mode, (upper * upper.diagonal().sign()[:, None]).mT, unit, int(flat.sum()))


def hessian(density: Callable[[Tensor], Tensor], at: Tensor) -> Tensor:
    """Second derivatives (P, P) of a density at a vector (P,)."""
    derivative = torch.func.grad(density)
    with torch.no_grad():
        rows = torch.func.jacrev(derivative, chunk_size=BLOCK)(at)
    return 0.5 * (rows + rows.mT)
