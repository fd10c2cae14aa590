"""Do the restarts agree: how many modes they found, and which lie below the best."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from latentprob.diagnostics.findings import ENDED, Finding

KEPT_MIN = 0.5  # below, the best optimum was met by a minority of the starts
APART = 3.0  # nats between two modes: the lower one has less than exp(-3) = 5 % of the other's evidence
APART_POINT = 0.01  # nats between two optima of a likelihood, which are found exactly
NOISE = 4.0  # standard errors of the scores that are no difference
NAMED = 5  # restarts that are named one by one


def restarts(sample_stats: xr.Dataset, attrs: Mapping[str, Any]) -> Finding:
    """Share of the restarts in the best mode, how many modes there are, and how far the others lie below."""
    score, kept = sample_stats["score"].values, sample_stats["kept"].values.astype(bool)
    best = float(score[kept].max()) if kept.any() and np.isfinite(score[kept]).any() else float(np.nanmax(score))
    agree, count = int(attrs.get("agree", kept.sum())), len(score)
    share = agree / count
    sentence = f"{agree} of {count} restarts reached the best optimum"
    if share < 1:
        errors = sample_stats["score_error"].values if "score_error" in sample_stats else np.zeros(count)
        apart = APART_POINT if attrs.get("method") == "point" else APART
        sentence += f" of {modes(score, errors, apart)} that were found; {_below(score, best, apart)}set aside"
    if spikes := int(attrs.get("spikes", attrs.get("at_floor", 0))):
        sentence += f"; {spikes} collapsed on single points"
    details = xr.DataArray(score - best, dims="restart", name="score below the best, nats")
    source = "modes lie 3 nats apart, beyond the noise of their bounds"
    if share >= KEPT_MIN:
        return Finding(ENDED, "restarts", "ok", sentence, share, KEPT_MIN, "", source, details)
    remedy = "try more restarts: a better optimum may still be unseen"
    return Finding(ENDED, "restarts", "warn", sentence, share, KEPT_MIN, remedy, source, details)


def modes(score: np.ndarray, error: np.ndarray, apart: float) -> int:
    """How many groups the scores (R,) of restarts fall into, gaps of `apart` nats and beyond their noise between."""
    order = np.argsort(score[np.isfinite(score)])
    ordered, noise = score[np.isfinite(score)][order], error[np.isfinite(score)][order]
    return 1 + int((np.diff(ordered) > np.maximum(apart, NOISE * np.hypot(noise[1:], noise[:-1]))).sum())


def _below(score: np.ndarray, best: float, apart: float) -> str:
    """The restarts below the best, worst first, by number."""
    low = [int(r) for r in np.argsort(score) if score[r] < best - apart]
    if not low:
        return "the others were "
    named = ", ".join(f"{r} by {best - score[r]:,.1f} nats" for r in low[:NAMED])
    more = f" and {len(low) - NAMED} more" if len(low) > NAMED else ""
    return f"restart {named}{more} below it, "
