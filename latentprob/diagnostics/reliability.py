"""How far the numbers can be trusted: the leave-one-out estimate, and the guide's draws."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import xarray as xr
from arviz_stats.base import array_stats

from latentprob.diagnostics.convergence import stochastic
from latentprob.diagnostics.findings import Finding

PARETO_K_MAX = 0.7  # Vehtari et al. (2024), JMLR 25(72)
PARETO_K_RAW_MAX = 0.36  # 1 - 0.8^2: p/q of normals with sd ratio r has a tail of index 1 - r^2; 0.8 is "within 20 %"
VEHTARI_2024 = "Vehtari et al. (2024), JMLR 25(72)"
YAO_2018 = "Yao et al. (2018), ICML: k of the guide's importance weights"


def reliability(
    posterior: xr.Dataset, sample_stats: xr.Dataset, pareto_k: np.ndarray | None, attrs: Mapping[str, Any]
) -> Iterator[Finding]:
    """Findings on importance weights: of each row left out, and of the guide as a whole."""
    draws = posterior.sizes.get("chain", 1) * posterior.sizes.get("draw", 1)
    if pareto_k is not None:
        yield left_out_rows(np.asarray(pareto_k), draws)
    if attrs.get("method") == "svi" and stochastic(posterior):
        yield guide_width(guide_pareto_k(sample_stats, attrs), bool(attrs.get("refined", False)))


def k_limit(draws: int) -> float:
    """Largest Pareto k that this many draws can smooth, at most 0.7 (equation 13 of Vehtari et al., 2024)."""
    return min(1 - 1 / np.log10(draws), PARETO_K_MAX) if draws > 10 else 0.0


def left_out_rows(pareto_k: np.ndarray, draws: int) -> Finding:
    """Rows whose leave-one-out density cannot be had from these draws."""
    limit, largest = k_limit(draws), float(np.max(pareto_k))
    bad = int((pareto_k > limit).sum())
    sentence = f"Pareto k of leave-one-out is at most {largest:.2f}"
    if not bad:
        return Finding("LOO", "ok", sentence, largest, limit, source=VEHTARI_2024)
    row = int(np.argmax(pareto_k))
    sentence += f" (row {row}); above {limit:.2f} in {bad} of {len(pareto_k)} rows"
    remedy = "look at these rows, take more draws, or use a held-out score: fit.score(new rows)"
    return Finding("LOO", "warn", sentence, largest, limit, remedy, VEHTARI_2024)


def guide_pareto_k(sample_stats: xr.Dataset, attrs: Mapping[str, Any]) -> float | None:
    """Pareto k of the guide: as recorded, else from the densities of its draws; the largest over chains."""
    if np.isfinite(recorded := attrs.get("pareto_k", np.nan)):
        return float(recorded)
    if "log_p" not in sample_stats or "log_q" not in sample_stats:
        return None
    ratio = sample_stats["log_q"].values - sample_stats["log_p"].values  # psislw takes the negative log weights
    _, k = array_stats.psislw(ratio, r_eff=1, axis=-1)
    return float(np.max(k))


def guide_width(k: float | None, refined: bool) -> Finding:
    """Whether the posterior sds are those of the model or only of the guide.

    Draws that were not reweighted are held to the k at which a normal guide has 0.8 of a normal posterior's sd.
    """
    limit = PARETO_K_MAX if refined else PARETO_K_RAW_MAX
    source = YAO_2018 if refined else f"{YAO_2018}; a normal guide of sd ratio r has k = 1 - r^2"
    if k is None:
        sentence = "whether the guide fits the posterior was not measured: the sds may be too narrow"
        return Finding("guide", "warn", sentence, float("nan"), limit, _remedy(refined), source)
    if k > limit:
        sentence = f"the guide misses the posterior (Pareto k {k:.2f}): the sds may be too narrow"
        return Finding("guide", "warn", sentence, k, limit, _remedy(refined), source)
    how = "the draws were reweighted to the posterior" if refined else "the guide is near the posterior"
    return Finding("guide", "ok", f"{how} (Pareto k {k:.2f})", k, limit, source=source)


def _remedy(refined: bool) -> str:
    richer = 'guide="full", or NUTS where the data are small'
    return f"take {richer}" if refined else f"refine the draws (refine=True); or {richer}"
