"""Passes over the rows: the collapsed bound of a block, and its gradient, the expected sums of statistics.

The expected log density of row n in level k is E[eta_k] . T(x_n), all components' statistics end to end. The bound of
the rows, sum_n log sum_k exp(E[eta_k] . T(x_n)), is a function of E[eta] whose gradient is sum_n r_nk T(x_n): two
matrix products a block. Blocks stay in the cache.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from latentprob.inference.natural.part import Natural, Part
from latentprob.inference.problem import rows_of

CACHE = 2**18  # numbers of a block's statistics: 2 MB
BLOCK = (64, 2048)  # rows of a block, at least and at most


@dataclass(frozen=True)
class Engine:
    """The components of a model and all rows of its data.

    batch: (N, D) of each variable; weights: (N,). known: (N,) the level of each row, -1 where it is hidden; None where
    all are.
    """

    parts: Sequence[Part]
    levels: int
    batch: Mapping[str, Tensor]
    weights: Tensor
    known: Tensor | None

    @cached_property
    def width(self) -> int:
        """Statistics of a row, the constant one included."""
        return 1 + sum(part.width for part in self.parts)

    @cached_property
    def block(self) -> int:
        """Rows of a block."""
        return min(max(CACHE // self.width, BLOCK[0]), BLOCK[1])

    @cached_property
    def base(self) -> Tensor:
        """What no parameter reads of the rows' log density, nats."""
        return sum((part.base(self.batch, self.weights) for part in self.parts), self.weights.new_zeros(()))

    @cached_property
    def fixed(self) -> Tensor | None:
        """Sums of the statistics (K, P) where the level of every row is known, or there is one."""
        if self.levels > 1 and (self.known is None or bool((self.known < 0).any())):
            return None
        known = torch.zeros_like(self.weights, dtype=torch.long) if self.known is None else self.known
        found = self.weights.new_zeros(self.levels, self.width)
        for start in range(0, len(self.weights), FIXED_BLOCK):
            rows = slice(start, start + FIXED_BLOCK)
            shares = torch.nn.functional.one_hot(known[rows], self.levels).T * self.weights[rows]
            found += self.sums(rows_of(self.batch, rows), shares)
        return found

    def sums(self, batch: Mapping[str, Tensor], shares: Tensor) -> Tensor:
        """Sums of the statistics (K, P) of rows that count by shares (K, n)."""
        each = [part.totals(batch, shares) for part in self.parts]
        return torch.cat([shares.sum(1, keepdim=True), *each], 1)

    def coefficients(self, moments: Sequence[Mapping[str, Tensor]]) -> Tensor:
        """E[eta] of all components, (R, K, P)."""
        each = [part.coefficients(found) for part, found in zip(self.parts, moments, strict=True)]
        restarts = max(len(constant) for constant, _ in each)
        constant = torch.stack([constant.expand(restarts, self.levels) for constant, _ in each]).sum(0)
        return torch.cat([constant[..., None], *(slopes.expand(restarts, -1, -1) for _, slopes in each)], -1)

    def rows(self, eta: Tensor, index: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """The bound (R,) of some rows or all, without `base`, and the expected sums of their statistics (R, K, P)."""
        if self.fixed is not None and index is None:
            return (eta * self.fixed).sum((1, 2)), self.fixed.expand_as(eta)
        restarts = len(eta)
        flat, sums = eta.reshape(-1, self.width), eta.new_zeros(restarts * self.levels, self.width)
        bound, scratch = self.weights.new_zeros(restarts), eta.new_empty(self.width, self.block)
        scratch[0] = 1
        count = len(self.weights) if index is None else len(index)
        for start in range(0, count, self.block):
            rows = slice(start, start + self.block) if index is None else index[start : start + self.block]
            statistics = self._fill(scratch, rows)
            logits = (flat @ statistics).view(restarts, self.levels, -1)
            self._restrict(logits, rows)
            top = logits.amax(1, keepdim=True)
            shares = logits.sub_(top).exp_()
            norm = shares.sum(1, keepdim=True)
            shares.mul_(self.weights[rows].to(eta.dtype) / norm)
            bound += (norm.log_().add_(top))[:, 0].to(bound) @ self.weights[rows]
            sums.addmm_(shares.view(restarts * self.levels, -1), statistics.T)
        return bound, sums.view_as(eta)

    def log_density(self, eta: Tensor) -> Tensor:
        """The log density (R,) of all rows at given parameters, nats."""
        return self.rows(eta)[0] + self.base

    def _fill(self, scratch: Tensor, rows: slice | Tensor) -> Tensor:
        batch = rows_of(self.batch, rows)
        count = len(next(iter(batch.values())))
        statistics, at = scratch[:, :count], 1
        for part in self.parts:
            part.fill(statistics[at : at + part.width], batch)
            at += part.width
        return statistics

    def _restrict(self, logits: Tensor, rows: slice | Tensor) -> None:
        """Rows of a known level have no other."""
        if self.known is not None:
            known = self.known[rows]
            other = torch.arange(self.levels, device=known.device)[:, None] != known
            logits.masked_fill_(other & (known >= 0), -torch.inf)

    def split(self, sums: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Counts (R, K) and sums (R, K, P) for each component."""
        pieces = sums[..., 1:].split([part.width for part in self.parts], -1)
        return [(sums[..., 0], piece) for piece in pieces]

    def target(self, naturals: Sequence[Natural], sums: Tensor) -> list[Natural]:
        """Natural parameters that maximize the bound for these expected sums."""
        pieces = zip(self.parts, naturals, self.split(sums), strict=True)
        return [part.target(natural, *piece) for part, natural, piece in pieces]

    def evaluate(self, naturals: Sequence[Natural], coarse: bool = False) -> tuple[Tensor, list[Natural]]:
        """The bound (R,) of all rows, nats, and where one step of coordinate ascent leads.

        coarse: with half the digits, in half the time.
        """
        moments = [part.moments(natural) for part, natural in zip(self.parts, naturals, strict=True)]
        eta = self.coefficients(moments)
        bound, sums = (value.to(eta) for value in self.rows(eta.float() if coarse else eta))
        together = zip(self.parts, naturals, moments, strict=True)
        divergence = sum(part.divergence(natural, found) for part, natural, found in together)
        return bound + self.base - divergence, self.target(naturals, sums)


FIXED_BLOCK = 4096  # rows of a block where sums are taken once
