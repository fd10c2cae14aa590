"""Which restarts count: scores, those set aside, and spikes that must not win."""

from collections.abc import Mapping, Sequence

import numpy as np

from latentprob.errors import InferenceError

SET_ASIDE = 3.0  # nats: a mode with less than exp(-3) = 5 % of the best one's evidence
NOISE = 4.0  # standard errors: a difference that Monte Carlo noise does not make


def kept(score: np.ndarray, error: np.ndarray, spiked: np.ndarray) -> np.ndarray:
    """Which restarts are not clearly below the best, (restart,); spiked ones only where all are."""
    allowed = np.isfinite(score) & (~spiked if not spiked.all() else True)
    if not allowed.any():
        allowed = np.isfinite(score)
    if not allowed.any():
        raise InferenceError(
            "every restart ended without a finite bound; look for extreme values in the data, "
            "give tighter priors, or a smaller learning_rate"
        )
    best = np.argmax(np.where(allowed, score, -np.inf))
    margin = np.maximum(SET_ASIDE, NOISE * np.hypot(error, error[best]))
    return allowed & (score >= score[best] - margin)


def only(keep: np.ndarray, chosen: Sequence[int]) -> np.ndarray:
    """Those of the kept restarts (restart,) that were chosen, by their places among them."""
    found = np.zeros_like(keep)
    found[np.flatnonzero(keep)[list(chosen)]] = True
    return found


def best(score: np.ndarray, keep: np.ndarray) -> int:
    """The best restart among those kept."""
    return int(np.argmax(np.where(keep, score, -np.inf)))


def gathered(draws: Sequence[Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Chains of draws as arrays with the chain in front."""
    return {name: np.stack([chain[name] for chain in draws]) for name in draws[0]}
