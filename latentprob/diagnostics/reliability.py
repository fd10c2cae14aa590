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
PARETO_DRAWS_MIN = 25  # a fifth of the draws is the tail, and five are the least that a tail is fitted to
VEHTARI_2024 = "Vehtari et al. (2024), JMLR 25(72)"
RICHER = {  # what has wider posteriors, by method
    "svi": 'take guide="full", or NUTS where the data are small',
    "natural_gradient": 'take SVI(guide="full"), or NUTS where the data are small',
}
YAO_2018 = "Yao et al. (2018), ICML: k of the guide's importance weights"


def reliability(
    posterior: xr.Dataset, sample_stats: xr.Dataset, pareto_k: np.ndarray | None, attrs: Mapping[str, Any]
) -> Iterator[Finding]:
    """Findings on importance weights: of each row left out, and of the guide as a whole."""
    draws = posterior.sizes.get("chain", 1) * posterior.sizes.get("draw", 1)
    if pareto_k is not None:
        yield left_out_rows(np.asarray(pareto_k), draws)
    if attrs.get("method") in RICHER and stochastic(posterior):
        tried = "pareto_k" in attrs
        richer = RICHER[str(attrs["method"])]
        yield guide_width(guide_pareto_k(sample_stats, attrs), bool(attrs.get("refined", False)), tried, richer)


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
    if bad > len(pareto_k) / 2:
        remedy = "so many rows are no outliers, the draws are off: mend what the other findings name, or use NUTS"
    return Finding("LOO", "warn", sentence, largest, limit, remedy, VEHTARI_2024)


def guide_pareto_k(sample_stats: xr.Dataset, attrs: Mapping[str, Any]) -> float | None:
    """Pareto k of the draws that are there; the largest over chains.

    Reweighted draws have the k that was recorded with them; raw ones that of their own densities.
    """
    recorded = float(attrs["pareto_k"]) if np.isfinite(attrs.get("pareto_k", np.nan)) else None
    raw = "log_p" in sample_stats and "log_q" in sample_stats and sample_stats["log_p"].shape[-1] >= PARETO_DRAWS_MIN
    if attrs.get("refined") or not raw:
        return recorded
    ratio = sample_stats["log_q"].values - sample_stats["log_p"].values  # psislw takes the negative log weights
    _, k = array_stats.psislw(ratio, r_eff=1, axis=-1)
    return float(np.max(k))


def guide_width(k: float | None, refined: bool, tried: bool, richer: str) -> Finding:
    """Whether the posterior sds are those of the model or only of the guide.

    Draws that were not reweighted are held to the k at which a normal guide has 0.8 of a normal posterior's sd.
    """
    limit = PARETO_K_MAX if refined else PARETO_K_RAW_MAX
    source = YAO_2018 if refined else f"{YAO_2018}; a normal guide of sd ratio r has k = 1 - r^2"
    if k is not None and k <= limit:
        how = "the draws were reweighted to the posterior" if refined else "the guide is near the posterior"
        return Finding("guide", "ok", f"{how} (Pareto k {k:.2f})", k, limit, source=source)
    missed = (
        "whether the guide fits the posterior was not measured"
        if k is None
        else f"the guide misses the posterior (Pareto k {k:.2f})"
    )
    remedy = richer if tried else f"let the draws be reweighted, refine=True; else {richer}"
    return Finding(
        "guide",
        "warn",
        f"{missed}: do not rely on the sds, they may be too narrow",
        float("nan") if k is None else k,
        limit,
        remedy,
        source,
    )
