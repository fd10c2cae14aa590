"""How far the encoder's beliefs are from the true ones, row by row: Pareto k of importance weights.

Vehtari, Simpson, Gelman, Yao and Gabry (2024), JMLR 25(72); Yao, Vehtari, Simpson and Gelman (2018), ICML.
"""

import numpy as np
from arviz_stats.base import array_stats

from latentprob.inference.importance import PARETO_K_MAX
from latentprob.posterior.beliefs import noise
from latentprob.posterior.density import SEED, propose
from latentprob.posterior.matching import Array
from latentprob.posterior.result import BLOCK_VALUES, Result, blocks, count
from latentprob.program import evaluate

EFFICIENT = 0.9  # share of the draws of a belief that count (Kish, 1965), from which on it is as good as exact
PARTICLES = (200, 1000)  # draws of a belief, at least and at most; 1 - 1/log10(200) = 0.57 is the k they can smooth
WORK_VALUES = 2_000_000_000  # numbers that all draws of all rows may go through
TAIL_MIN, NOTHING = 5, -700.0  # weights that a tail needs; logarithm of what is nothing beside the largest
EQUAL = 1e-9  # of their size: log weights that differ by rounding alone


def pareto_k(log_weights: Array) -> Array:
    """Shape k (N,) of the tail of weights (N, S), by ArviZ; infinite where fewer than five of them are not nothing.

    Weights that are all equal have no tail, and 0.
    """
    tail = np.sort(log_weights, axis=1)[:, -tail_length(log_weights.shape[1]) :]
    equal = np.ptp(tail, axis=1) <= EQUAL * np.maximum(1, np.abs(tail).max(axis=1))
    few = tail[:, -TAIL_MIN] < tail[:, -1] + NOTHING
    found = np.where(few, np.inf, 0.0)
    if (fitted := ~equal & ~few).any():
        with np.errstate(divide="ignore", invalid="ignore"):  # of a tail that is partly nothing
            found[fitted] = array_stats.psislw(-log_weights[fitted], r_eff=1, axis=-1)[1]
    return np.where(np.isnan(found), np.inf, found)


def efficiency(log_weights: Array) -> Array:
    """Share (N,) of the draws that count under weights (N, S): (sum w)^2 / (S sum w^2) (Kish, 1965)."""
    weights = np.exp(log_weights - log_weights.max(axis=1, keepdims=True))
    return weights.mean(axis=1) ** 2 / (weights**2).mean(axis=1)


def tail_length(draws: int) -> int:
    """How many of the largest weights the tail is fitted to (Vehtari et al., 2024, appendix H)."""
    return int(np.ceil(min(0.2 * draws, 3 * np.sqrt(draws))))


def typical_draw(result: Result) -> int:
    """The place of the draw of the parameters that lies nearest to their mean, in posterior standard deviations."""
    flat = [array.reshape(len(array), -1) for array in result.flat.values()]
    if not flat:
        return 0
    draws = np.concatenate(flat, axis=1)
    spread = draws.std(axis=0)
    centred = np.divide(draws - draws.mean(axis=0), spread, out=np.zeros_like(draws), where=spread > 0)
    return int((centred**2).sum(axis=1).argmin())


def row_pareto_k(result: Result) -> Array:
    """Pareto k (N,) of the weights p(x, z) / q(z given x) of each fitted row, z drawn from its belief.

    The parameters stand at their typical draw. A belief of which nearly all draws count is as good as exact, and the
    tail of what little its weights vary by says nothing: its k counts as 0.7 at most.
    """
    found = np.empty(count(result.values))
    draws = int(np.clip(WORK_VALUES // (len(found) * result.width), *PARTICLES))
    index = np.full(draws, typical_draw(result))
    step = max(1, BLOCK_VALUES // draws)
    with noise(SEED, result.device):
        for start in range(0, len(found), step):
            some = slice(start, min(start + step, len(found)))
            weights = _log_weights(result, index, some).T
            k = pareto_k(weights)
            found[some] = np.where(efficiency(weights) > EFFICIENT, np.minimum(k, PARETO_K_MAX), k)
    return found


def _log_weights(result: Result, index: np.ndarray, rows: slice) -> Array:
    """log p(x, z) - log q(z given x), (S, N), nats."""
    found = np.empty((len(index), rows.stop - rows.start))
    for draws, inner in blocks(len(index), found.shape[1], result.width):
        some = slice(rows.start + inner.start, rows.start + inner.stop)
        batch, sites = result.batch(result.values, some), result.take(index[draws])
        drawn, log_q = propose(result, result.values, batch, some, len(index[draws]))
        weight = evaluate.row_log_density(result.module, batch, sites, drawn) - log_q
        found[draws, inner] = weight.double().cpu().numpy()
    return found
