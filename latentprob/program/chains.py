"""Chains of levels in parallel: N steps in log2 N rounds of batched products, series one behind the other.

A program carries these functions along, so they need torch, pyro and each other alone, and lines of at most 88 columns
that no formatter would join. Time is the last axis. `first`, (N,), marks where a series starts: there the move of a
step has equal rows, the initial law, so that a product through it says nothing of what lies before. Probabilities are
scaled in every round; a move of probability 0 counts as 1e-100, so that no product vanishes and gradients are finite.

Prefix sums of what is associative: Blelloch (1990). Hidden Markov models: Hassan, Särkkä and García-Fernández (2021),
IEEE Transactions on Signal Processing 69.
"""

from collections.abc import Callable, Sequence
from typing import Any

import pyro.distributions as dist
import torch
from torch import Tensor
from torch.distributions import constraints

from latentprob.program.carry import carried

Parts = Sequence[Tensor]
Rule = Callable[[Parts, Parts], list[Tensor]]


def scan(elements: Parts, state: Parts, compose: Rule, step: Rule) -> list[Tensor]:
    """The states in front of each of N elements: state, step(state, first element), ...

    elements are tensors (..., N), state tensors (...). Neighbours are composed, the states
    in front of the pairs are found, then those amid the pairs: log2 N rounds.
    """
    size = elements[0].shape[-1]
    if size == 1:
        return [value[..., None] for value in state]
    left = [element[..., 0 : size - 1 : 2] for element in elements]
    pairs = compose(left, [element[..., 1::2] for element in elements])
    if size % 2:
        ends = [element[..., -1:] for element in elements]
        both = zip(pairs, ends, strict=True)
        pairs = [torch.cat([pair, end], -1) for pair, end in both]
    before = scan(pairs, state, compose, step)
    front = [value[..., : size // 2] for value in before]
    amid = step(front, left)
    both = zip(front, amid, strict=True)
    woven = [torch.stack(values, -1).flatten(-2) for values in both]
    if size % 2:
        ends = [value[..., -1:] for value in before]
        both = zip(woven, ends, strict=True)
        woven = [torch.cat([value, end], -1) for value, end in both]
    return woven


def compose_moves(left: Parts, right: Parts) -> list[Tensor]:
    """Products of matrices (K, K, N), scaled; left comes first."""
    rows, columns = left[0].unbind(1), right[0].unbind(0)
    product = rows[0][:, None] * columns[0]
    for row, column in zip(rows[1:], columns[1:], strict=True):
        product = product + row[:, None] * column
    return [product / product.detach().amax((0, 1))]


def step_levels(state: Parts, moves: Parts) -> list[Tensor]:
    """Probabilities (K, N) after moves (K, K, N)."""
    moved = (state[0][:, None] * moves[0]).sum(0)
    return [moved / moved.sum(0)]


def chain_filter(log_x: Tensor, first: Tensor, initial: Tensor, transition: Tensor) -> tuple[Tensor, Tensor]:
    """Probabilities (N, K) of levels given the data so far; log p(step | before), (N,).

    log_x is (N, K), the log density of each row in each level.
    """
    top = log_x.detach().amax(-1)
    shares = (log_x - top[:, None]).double().exp().mT
    initial, transition = initial.double() + 1e-100, transition.double() + 1e-100
    moves = torch.where(first, initial[:, None], transition[..., None]) * shares
    uniform = torch.full_like(initial, 1 / len(initial))
    (before,) = scan([moves], [uniform], compose_moves, step_levels)
    joint = torch.where(first, initial[:, None], transition.mT @ before) * shares
    total = joint.sum(0)
    return (joint / total).mT.to(log_x), total.log().to(log_x) + top


def chain_log_prob(log_x: Tensor, first: Tensor, initial: Tensor, transition: Tensor) -> Tensor:
    """log p(step | the steps before it in its series), (N,), levels summed out.

    log_x is (N, K), the log density of each row in each level.
    """
    return chain_filter(log_x, first, initial, transition)[1]


def chain_belief(log_x: Tensor, first: Tensor, initial: Tensor, transition: Tensor) -> tuple[Tensor, Tensor]:
    """Probabilities (N, K) of levels given all data of their series.

    And of levels given the level a step later and the data so far, (N, K later, K).
    """
    filtered = chain_filter(log_x, first, initial, transition)[0].double().mT
    joint = filtered * (transition.double() + 1e-100).mT[..., None]
    later = joint / joint.sum(1, keepdim=True)
    later = torch.where(first.roll(-1), filtered, later)
    uniform = torch.full_like(filtered[:, 0], 1 / len(filtered))
    moves = [later.flip(-1)]
    behind = scan(moves, [uniform], compose_moves, step_levels)
    probs = step_levels(behind, moves)[0].flip(-1)
    return probs.mT.to(log_x), later.movedim(-1, 0).to(log_x)


def stationary(transition: Tensor) -> Tensor:
    """The law (K,) that transitions (K, K) leave as it is."""
    eye = torch.eye(len(transition), dtype=transition.dtype, device=transition.device)
    return torch.linalg.solve((eye - transition + 1).mT, torch.ones_like(transition[0]))


def compose_maps(left: Parts, right: Parts) -> list[Tensor]:
    """Maps of levels (K, N), one behind the other; left comes first."""
    return [right[0].gather(0, left[0])]


def step_maps(state: Parts, maps: Parts) -> list[Tensor]:
    """Levels (N,) after maps (K, N)."""
    return [maps[0].gather(0, state[0][None])[0]]


def follow(maps: Tensor) -> Tensor:
    """The levels (N,) that maps (K, N) lead to, the first of which is constant."""
    before = scan([maps], [maps[0, 0]], compose_maps, step_maps)
    return step_maps(before, [maps])[0]


class Chain(dist.TorchDistribution):
    """Levels (N,): each of transition[the level before], or of initial where first."""

    def __init__(self, initial: Tensor, transition: Tensor, first: Tensor):
        self.initial, self.transition, self.first = initial, transition, first
        super().__init__(first.shape, validate_args=False)

    @property
    def arg_constraints(self) -> dict[str, constraints.Constraint]:
        return {}

    @property
    def support(self) -> constraints.Constraint:
        return constraints.integer_interval(0, len(self.initial) - 1)

    def log_prob(self, value: Tensor) -> Tensor:
        """log p(level | the level before), (N,)."""
        moved = self.transition.log()[value.roll(1), value]
        return torch.where(self.first, self.initial.log()[value], moved)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        """Draws where every level would lead at every step, and follows."""
        laws = torch.where(self.first[:, None, None], self.initial, self.transition)
        return follow(dist.Categorical(laws).sample().mT)


CARRIED = {
    "scan": carried(scan),
    "chain_filter": carried(compose_moves, step_levels, chain_filter),
    "chain_log_prob": carried(chain_log_prob),
    "chain_belief": carried(chain_belief),
    "stationary": carried(stationary),
    "Chain": carried(compose_maps, step_maps, follow, Chain),
}
