"""s ~ Markov(initial, transition): expected levels and moves of all steps, by one sweep up and two down.

Products of moves are taken in pairs, pairs of pairs, and so on; what lies in front of a step, and behind it, then
comes down the same tree, so that the work of the products is done once. Blocks of steps stay in the cache.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import torch
from torch import Tensor
from torch.distributions import Dirichlet

from latentprob.inference.natural.engine import Engine
from latentprob.inference.natural.laws import dirichlet_divergence, mean_log
from latentprob.inference.natural.part import Batch, Moments, Natural, Values, total
from latentprob.inference.natural.priors import Priors
from latentprob.program.chains import chain_log_prob

CELLS = 2_000_000  # numbers of the moves of all draws that are held at once
BLOCK = 8192  # steps of a tree
TINY = 1e-100  # what a move of probability zero counts as, as in the program
IMPOSSIBLE = -1e3  # its logarithm, where it is multiplied by a count of zero


@dataclass(frozen=True)
class Moves:
    """The law of a chain: its statistics are the levels that series start in, and the moves from level to level."""

    name: str
    levels: int
    known: Mapping[str, Tensor]
    prior: Natural

    @property
    def width(self) -> int:
        return 1 + self.levels

    def fill(self, out: Tensor, batch: Batch) -> None:
        out.zero_()

    def totals(self, batch: Batch, shares: Tensor) -> Tensor:
        """Of rows one behind the other whose levels have these shares: half what follows what, half staying."""
        moves = shares[:, :-1] @ shares[:, 1:].T
        stay = torch.diag(shares.sum(1))
        return torch.cat([shares.mean(1, keepdim=True), 0.5 * (moves + stay)], 1)

    def base(self, batch: Batch, weights: Tensor) -> Tensor:
        return weights.new_zeros(())

    def moments(self, natural: Natural) -> Moments:
        free = dict(zip((part for part in PARTS if part not in self.known), natural, strict=True))
        return {part: mean_log(free[part]) if part in free else _log(self.known[part])[None] for part in PARTS}

    def at(self, values: Values) -> Moments:
        return {part: _log(values[part]) if part in values else _log(self.known[part])[None] for part in PARTS}

    def coefficients(self, moments: Moments) -> tuple[Tensor, Tensor]:
        restarts = max(len(moments[part]) for part in PARTS)
        initial, transition = (moments[part].expand(restarts, *moments[part].shape[1:]) for part in PARTS)
        return torch.zeros_like(initial), torch.cat([initial[..., None], transition], -1)

    def divergence(self, natural: Natural, moments: Moments) -> Tensor:
        found = [total(dirichlet_divergence(own, prior)) for own, prior in zip(natural, self.prior, strict=True)]
        return torch.stack(found).sum(0) if found else moments[PARTS[0]].new_zeros(1)

    def target(self, natural: Natural, counts: Tensor, sums: Tensor) -> Natural:
        found = {"initial": sums[..., 0], "transition": sums[..., 1:]}
        free = [part for part in PARTS if part not in self.known]
        return tuple(prior + found[part] for part, prior in zip(free, self.prior, strict=True))

    def draw(self, natural: Natural, draws: int) -> Values:
        free = [part for part in PARTS if part not in self.known]
        laws = zip(free, natural, strict=True)
        return {part: Dirichlet(own).sample((draws,)).clamp_min(torch.finfo(own.dtype).tiny) for part, own in laws}

    def log_density(self, natural: Natural, values: Values) -> Tensor:
        pairs = zip(natural, values.values(), strict=True)
        found = [total(Dirichlet(own).log_prob(value)[:, None]) for own, value in pairs]
        return torch.stack(found).sum(0) if found else next(iter(self.known.values())).new_zeros(())

    def parameters(self, values: Values) -> dict[str, Tensor]:
        return {f"{self.name}_{part}": value for part, value in values.items()}


PARTS = ("initial", "transition")


def _log(probs: Tensor) -> Tensor:
    return probs.log().clamp_min(IMPOSSIBLE)


def moves(law: Any, name: str, priors: Priors, size: int, like: Tensor) -> Moves:
    """The component of a chain."""
    free = {part: priors.free(name, part) for part in PARTS}
    words = {"initial": like.new_full((size,), 1 / size)}  # the only word that is conjugate: "uniform"
    known = {
        part: words[part] if isinstance(getattr(law, part), str) else priors.buffer(f"{name}_{part}").to(like)
        for part in PARTS
        if free[part] is None
    }
    laws = (priors.law(free[part].name, Dirichlet) for part in PARTS if free[part] is not None)
    return Moves(name, size, known, tuple(found.concentration for found in laws))


@dataclass(frozen=True)
class Chained(Engine):
    """The engine of a hidden chain. first: (N,) where series start."""

    first: Tensor = field(kw_only=True)

    @classmethod
    def of(cls, engine: Engine, first: Tensor) -> Self:
        """The engine with rows that are steps of series."""
        own = {name: getattr(engine, name) for name in ("parts", "levels", "batch", "weights", "known")}
        return cls(**own, first=first)

    @property
    def together(self) -> bool:
        """Whether rows are steps of series: the first ones may be taken for all."""
        return True

    @property
    def work(self) -> int:
        """Products of a pass over the rows."""
        return len(self.weights) * self.levels * (self.width + 4 * self.levels**2)

    def rows(self, eta: Tensor, index: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """The bound (R,) of all rows, without `base`, and the expected sums of their statistics (R, K, P).

        index: the first rows, in their order.
        """
        found = [self._expected(one, logits) for one, logits in zip(eta, self._logits(eta, index), strict=True)]
        shares = torch.stack([each.shares for each in found]).to(eta)
        sums, at = self.weights.new_zeros(len(eta) * self.levels, self.width), 0
        for weights, statistics, _ in self._blocks(eta, index):
            own = shares[..., at : at + len(weights)] * weights.to(eta)
            sums += own.flatten(0, 1) @ statistics.T
            at += len(weights)
        sums = sums.view_as(eta)
        sums[..., -self.levels - 1 :] += torch.stack([each.moves for each in found])
        return torch.stack([each.log_prob for each in found]) @ self.weights[:at], sums

    def log_density(self, eta: Tensor) -> Tensor:
        """The log density (R,) of all rows at given parameters, nats."""
        laws = eta[..., -self.levels - 1 :].exp()

        def one(logits: Tensor, law: Tensor) -> Tensor:
            return chain_log_prob(logits.mT, self.first, law[:, 0], law[:, 1:]) @ self.weights

        most = max(1, CELLS // (len(self.weights) * self.levels**2))
        return torch.vmap(one, chunk_size=most)(self._logits(eta), laws) + self.base

    def _logits(self, eta: Tensor, index: Tensor | None = None) -> Tensor:
        """The log density of rows in each level, (R, K, N)."""
        plain = eta.clone()
        plain[..., -self.levels - 1 :] = 0
        return torch.cat([logits for *_, logits in self._blocks(plain, index)], -1)

    def _expected(self, eta: Tensor, logits: Tensor) -> "Expected":
        laws, count = eta.double()[:, -self.levels - 1 :].exp(), logits.shape[-1]
        return expected(logits.double(), self.first[:count], laws[:, 0], laws[:, 1:], self.weights[:count])


@dataclass(frozen=True)
class Expected:
    """log p of each step given those before it (N,), probabilities (K, N) of levels, expected starts and moves."""

    log_prob: Tensor
    shares: Tensor
    moves: Tensor


def expected(logits: Tensor, first: Tensor, initial: Tensor, transition: Tensor, weights: Tensor) -> Expected:
    """What is expected of a chain whose rows have log densities (K, N); starts and moves together are (K, 1 + K)."""
    top = logits.amax(0)
    seen = (logits - top).exp_()
    initial, transition = initial[:, None] + TINY, transition[..., None] + TINY
    trees, front, behind = [], torch.empty_like(seen), torch.empty_like(seen)
    blocks = [slice(at, at + BLOCK) for at in range(0, seen.shape[1], BLOCK)]
    for rows in blocks:
        trees.append(tree(torch.where(first[rows], initial, transition) * seen[:, rows]))
    state = torch.full_like(initial, 1 / len(initial))
    for rows, levels in zip(blocks, trees, strict=True):
        front[:, rows], state = in_front(levels, state)
    state = torch.full_like(initial, 1 / len(initial))
    for rows, levels in zip(reversed(blocks), reversed(trees), strict=True):
        behind[:, rows], state = in_the_back(levels, state)
    joint = torch.where(first, initial, transition[..., 0].T @ front).mul_(seen)
    norm = joint.sum(0)
    shares = joint.mul_(behind)
    both = shares.sum(0)
    shares /= both
    said = seen.mul_(behind).mul_(torch.where(first, 0.0, weights / both))
    counts = transition[..., 0] * (front @ said.T)
    starts = (shares[:, first] * weights[first]).sum(1, keepdim=True)
    return Expected(norm.log_().add_(top), shares, torch.cat([starts, counts], 1))


def tree(moves: Tensor) -> list[Tensor]:
    """Products of moves (K, K, n), of pairs of them, and so on up to one; each up to a factor."""
    found = [moves]
    while (size := moves.shape[-1]) > 1:
        left, right = moves[..., 0 : size - 1 : 2], moves[..., 1::2]
        product = left[:, 0, None] * right[0]
        for level in range(1, len(moves)):
            product.addcmul_(left[:, level, None], right[level])
        product /= product.amax((0, 1))
        moves = torch.cat([product, moves[..., -1:]], -1) if size % 2 else product
        found.append(moves)
    return found


def in_front(levels: Sequence[Tensor], state: Tensor) -> tuple[Tensor, Tensor]:
    """Probabilities (K, n) in front of each step, and behind the last; state: (K, 1) in front of the first."""
    found = state
    for moves in reversed(levels[:-1]):
        size = moves.shape[-1]
        amid = (found[:, None, : size // 2] * moves[..., 0 : size - 1 : 2]).sum(0)
        woven = found.new_empty(len(found), size)
        woven[:, 0::2], woven[:, 1::2] = found, amid.div_(amid.sum(0))
        found = woven
    last = levels[-1][..., 0].T @ state
    return found, last / last.sum()


def in_the_back(levels: Sequence[Tensor], state: Tensor) -> tuple[Tensor, Tensor]:
    """What (K, n) the steps behind each one say of its level, and all of them of the one in front; up to factors."""
    found = state
    for moves in reversed(levels[:-1]):
        size = moves.shape[-1]
        half = size // 2
        amid = (moves[..., 1::2] * found[:, :half]).sum(1)
        woven = found.new_empty(len(found), size)
        woven[:, 0 : 2 * half : 2], woven[:, 1::2] = amid.div_(amid.sum(0)), found[:, :half]
        woven[:, 2 * half :] = found[:, half:]
        found = woven
    first = levels[-1][..., 0] @ state
    return found, first / first.sum()
