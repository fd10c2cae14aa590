"""A normal approximation at a mode: the inverse of the observed information."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from latentprob.inference.gauge import Gauge

FLAT = 1e-4  # of the curvature that a coordinate has by itself: below it a direction counts as flat
BLOCK = 16  # Hessian rows at once: bounds memory to that many backward passes


@dataclass(frozen=True)
class Laplace:
    """A normal law of the free coordinates around a mode.

    mode: (P,). scale_tril: (F, F) over the free coordinates, covariance = scale_tril @ scale_tril.T.
    conditional: (P,) standard deviations given all others: those of the best mean-field normal.
    flat: how many directions are flat. gauge: which coordinates are free; all of them where it is None.
    """

    mode: Tensor
    scale_tril: Tensor
    conditional: Tensor
    flat: int
    gauge: Gauge | None = None

    @property
    def everywhere(self) -> Tensor:
        """The factor (P, P), with the conditional standard deviations for what is held."""
        if self.gauge is None:
            return self.scale_tril
        free = self.gauge.free
        found = self.conditional.diag()
        found[free[:, None], free] = self.scale_tril
        return found


def laplace(density: Callable[[Tensor], Tensor], mode: Tensor, gauge: Gauge | None = None) -> Laplace:
    """The approximation at the mode of a log density; flat directions get the curvature of their coordinates."""

    def within(vector: Tensor) -> Tensor:
        return density(vector) if gauge is None else density(vector) + gauge.log_volume(vector)

    information = -hessian(within, mode)
    diagonal = information.diagonal()
    typical = diagonal[diagonal > 0].median() if (diagonal > 0).any() else torch.ones_like(diagonal[0])
    unit = torch.where(diagonal > FLAT * typical, diagonal, typical).rsqrt()
    free = torch.arange(len(mode)) if gauge is None else gauge.free
    own = unit[free]
    values, vectors = torch.linalg.eigh(own[:, None] * information[free[:, None], free] * own)
    flat = values < FLAT
    root = (own[:, None] * vectors) * torch.where(flat, 1.0, values).rsqrt()
    # QR of the transpose is the Cholesky factor of root @ root.T without forming it
    upper = torch.linalg.qr(root.mT).R
    scale_tril = (upper * upper.diagonal().sign()[:, None]).mT
    # What the gauge adds to the density moves the mode a little: one step of Newton's.
    step = scale_tril @ (scale_tril.mT @ torch.func.grad(within)(mode)[free])
    centre = mode if gauge is None else mode.index_add(0, free, step)
    return Laplace(centre, scale_tril, unit, int(flat.sum()), gauge)


def hessian(density: Callable[[Tensor], Tensor], at: Tensor) -> Tensor:
    """Second derivatives (P, P) of a density at a vector (P,)."""
    derivative = torch.func.grad(density)
    with torch.no_grad():
        rows = torch.func.jacrev(derivative, chunk_size=BLOCK)(at)
    return 0.5 * (rows + rows.mT)
