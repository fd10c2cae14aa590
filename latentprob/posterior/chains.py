"""Paths of hidden chains: draws of them, and the most probable one."""

import torch
from torch import Tensor
from torch.distributions import Categorical

from latentprob.program.chains import Parts, follow, scan
from latentprob.program.states import through

TINY = 1e-300  # what a probability of zero counts as: a logarithm is finite


def paths(later: Tensor) -> Tensor:
    """Draws (S, N) of the levels of chains, each step given the one behind it.

    later: probabilities (S, N, K, K) of a step's level given that of the next and the data so far. Every step draws
    where each level of the next would lead, and the maps are followed from the end.
    """
    return _from_the_end(Categorical(probs=later).sample())


def _from_the_end(maps: Tensor) -> Tensor:
    """Levels (S, N) that maps (S, N, K) from the level of the next step lead to."""
    draws, rows, size = maps.shape
    return follow(maps.reshape(draws * rows, size).flip(0).mT).flip(0).reshape(draws, rows)


def state_paths(maps: Tensor, locs: Tensor, covariances: Tensor) -> Tensor:
    """Draws (S, N, Z) of the states of state spaces, each step given the one behind it.

    maps (S, N, Z, Z), locs (S, N, Z), covariances (S, N, Z, Z): of a state given the next one and the data so far.
    """
    values, vectors = torch.linalg.eigh(covariances)  # which may be singular, as where a state is known
    noise = torch.randn_like(locs) * values.clamp_min(0).sqrt()
    drawn = locs + (vectors @ noise[..., None])[..., 0]
    parts = [part.flatten(0, 1).flip(0).movedim(0, -1) for part in (maps, drawn, 0 * maps)]
    return through(parts)[0].mT.flip(0).reshape(locs.shape)


def best_path(probs: Tensor, pairs: Tensor, first: Tensor) -> Tensor:
    """The most probable path (N,) of a chain: Viterbi's, in log2 N rounds.

    probs (N, K) are the probabilities of each step's level; pairs (N, K, K) those of the levels of the step before and
    of this one together, given the data; first (N,) marks where a series starts. Given the data a chain is one of
    these transitions, so the path is exact for known parameters.
    """
    logs, start = (pairs + TINY).log(), (probs + TINY).log()
    moves = logs - torch.cat([start[:1], start[:-1]])[..., None]
    moves = torch.where(first[:, None, None], start[:, None], moves).movedim(0, -1)
    before = scan([moves], [torch.zeros_like(start[0])], _compose, _step)
    scores = _step(before, [moves])[0]
    behind = scores[:, None] + moves.roll(-1, -1)  # (K, K of the next, N)
    maps = torch.where(first.roll(-1), scores.argmax(0), behind.argmax(0))
    return _from_the_end(maps.mT[None])[0]


def _compose(left: Parts, right: Parts) -> list[Tensor]:
    """Products of matrices (K, K, N) in which a sum is a maximum and a product a sum; left comes first."""
    found = left[0][:, :1] + right[0][:1]
    for level in range(1, len(found)):
        found = torch.maximum(found, left[0][:, level, None] + right[0][level])
    return [found - found.amax((0, 1))]


def _step(state: Parts, moves: Parts) -> list[Tensor]:
    """Log probabilities (K, N) of the best paths after moves (K, K, N), up to a constant."""
    moved = (state[0][:, None] + moves[0]).amax(0)
    return [moved - moved.amax(0)]
