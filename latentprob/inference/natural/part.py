"""What the engine asks of a component: a statement's statistics, and the posterior of its parameters.

Everything about a component is linear in the statistics T(x) of a row: its expected log density given level k is
E[eta_k] . T(x), and its natural parameters are those of the prior plus expected sums of T(x). Restarts stand in front:
R restarts, K levels, P statistics, n rows of a block, S draws.
"""

from collections.abc import Mapping
from typing import Protocol

import torch
from torch import Tensor

from latentprob.inference.natural.laws import chosen

Natural = tuple[Tensor, ...]
Moments = Mapping[str, Tensor]
Values = Mapping[str, Tensor]
Batch = Mapping[str, Tensor]


class Part(Protocol):
    """One statement. A natural parameter is affine in the sums of statistics; `prior` has no restart axis."""

    @property
    def width(self) -> int:
        """The number of statistics of a row."""
        ...

    @property
    def prior(self) -> Natural:
        """The prior's natural parameters."""
        ...

    def fill(self, out: Tensor, batch: Batch) -> None:
        """The statistics of the rows of a block, into out (P, n)."""
        ...

    def totals(self, batch: Batch, shares: Tensor) -> Tensor:
        """Sums of the statistics (K, P) of rows that count by shares (K, n)."""
        ...

    def base(self, batch: Batch, weights: Tensor) -> Tensor:
        """The part of the log density of all rows that no parameter reads, nats."""
        ...

    def moments(self, natural: Natural) -> Moments:
        """Expectations under the posterior, (R, ...)."""
        ...

    def at(self, values: Values) -> Moments:
        """The same at values of the parameters, (S, ...)."""
        ...

    def coefficients(self, moments: Moments) -> tuple[Tensor, Tensor]:
        """E[eta]: a constant (R, K), and what multiplies the statistics, (R, K, P)."""
        ...

    def divergence(self, natural: Natural, moments: Moments) -> Tensor:
        """KL(posterior || prior), (R,), nats."""
        ...

    def target(self, natural: Natural, counts: Tensor, sums: Tensor) -> Natural:
        """The natural parameters that maximize the bound for expected counts (R, K) and sums (R, K, P)."""
        ...

    def draw(self, natural: Natural, draws: int) -> Values:
        """Draws (S, ...) of one restart's posterior, whose restart axis has been taken."""
        ...

    def log_density(self, natural: Natural, values: Values) -> Tensor:
        """Log density (S,) of values, nats, in the component's own units."""
        ...

    def parameters(self, values: Values) -> dict[str, Tensor]:
        """The user's parameters (S, ...), in the units of the data."""
        ...


def reduced(cells: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Sums of cells (R, K, D) over the axes that a parameter of this shape, (1 or K, 1 or D), does not tell apart."""
    for axis, size in zip((-2, -1), shape, strict=True):
        if size == 1 and cells.shape[axis] > 1:
            cells = cells.sum(axis, keepdim=True)
    return cells


def total(values: Tensor) -> Tensor:
    """The sum over all axes but the first."""
    return values.reshape(len(values), -1).sum(1)


def filled(part: Part, batch: Batch, shares: Tensor) -> Tensor:
    """Sums of the statistics (K, P), by filling them in."""
    out = shares.new_empty(part.width, shares.shape[1])
    part.fill(out, batch)
    return shares @ out.T


def quadratic(x: Tensor, shares: Tensor) -> Tensor:
    """Sums (K, P) of columns x (D, n) and the products of `outer` that count by shares (K, n)."""
    return torch.cat([shares @ x.T, chosen(torch.stack([(x * share) @ x.T for share in shares]))], 1)
