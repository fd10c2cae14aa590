"""Passes over the rows: the collapsed bound of a block, and its gradient, the expected sums of statistics.

The expected log density of row n in level k is E[eta_k] . T(x_n), all components' statistics end to end. The bound of
the rows, sum_n log sum_k exp(E[eta_k] . T(x_n)), is a function of E[eta] whose gradient is sum_n r_nk T(x_n): two
matrix products a block. Blocks stay in the cache.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from latentprob.inference.natural.part import Natural, Part
from latentprob.inference.problem import rows_of

CACHE = 2**22  # bytes of a block's statistics and shares: 4 MB
BLOCK = (64, 4096)  # rows of a block, at least and at most


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

    @property
    def together(self) -> bool:
        """Whether rows are steps of series, of which no pass takes some here and some there."""
        return False

    @property
    def work(self) -> int:
        """Products of a pass over the rows."""
        return (1 if self.fixed is not None else len(self.weights)) * self.levels * self.width

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
        bound, sums = self.weights.new_zeros(len(eta)), self.weights.new_zeros(len(eta) * self.levels, self.width)
        for weights, statistics, logits in self._blocks(eta, index):
            shares, norm, logs = _normalized(logits)
            shares.mul_(weights.to(eta.dtype) / norm)
            bound += logs.to(bound) @ weights
            sums += shares.view(len(sums), -1) @ statistics.T
        return bound, sums.view_as(eta)

    def log_density(self, eta: Tensor) -> Tensor:
        """The log density (R,) of all rows at given parameters, nats."""
        if self.fixed is not None:
            return self.rows(eta)[0] + self.base
        found = self.weights.new_zeros(len(eta))
        for weights, _, logits in self._blocks(eta):
            found += _normalized(logits)[2].to(found) @ weights
        return found + self.base

    def _blocks(self, eta: Tensor, index: Tensor | None = None) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """Block by block: weights (n,), statistics (P, n), and the log density in each level (R, K, n)."""
        flat, count = eta.reshape(-1, self.width), len(self.weights if index is None else index)
        block = min(max(CACHE // (eta.element_size() * sum(flat.shape)), BLOCK[0]), BLOCK[1], count)
        scratch = eta.new_empty(self.width, block)
        scratch[0] = 1
        for start in range(0, count, block):
            rows = slice(start, start + block) if index is None else index[start : start + block]
            statistics = self._fill(scratch, rows)
            logits = (flat @ statistics).view(len(eta), self.levels, -1)
            self._restrict(logits, rows)
            yield self.weights[rows], statistics, logits

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

    def evaluate(
        self, naturals: Sequence[Natural], coarse: bool = False, index: Tensor | None = None
    ) -> tuple[Tensor, list[Natural]]:
        """The bound (R,) of all rows, nats, and where one step of coordinate ascent leads.

        coarse: with half the digits, in half the time. index: some rows that stand for all.
        """
        moments = [part.moments(natural) for part, natural in zip(self.parts, naturals, strict=True)]
        eta = self.coefficients(moments)
        near = eta.float() if coarse else eta
        bound, sums = self.rows(near, index)
        if coarse:  # the rounding of eta, which all rows share, is made good: the sums are the gradient
            bound = bound + ((eta - near) * sums).sum((1, 2))
        together = zip(self.parts, naturals, moments, strict=True)
        divergence = sum(part.divergence(natural, found) for part, natural, found in together)
        if index is not None:
            scale = self.weights.sum() / self.weights[index].sum()
            bound, sums = bound * scale, sums * scale
        return bound + self.base - divergence, self.target(naturals, sums)


def _normalized(logits: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Shares times norm (R, K, n), in place of the logits; norm (R, 1, n); logarithms of the sums (R, n).

    Without -inf in all levels: torch's logsumexp, which allows it, takes several times as long.
    """
    top = logits.amax(1, keepdim=True)
    shares = logits.sub_(top).exp_()
    norm = shares.sum(1, keepdim=True)
    return shares, norm, (norm.log() + top)[:, 0]


FIXED_BLOCK = 4096  # rows of a block where sums are taken once
