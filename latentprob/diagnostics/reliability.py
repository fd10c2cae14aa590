"""Is the approximation good: the guide's draws of the parameters, and the encoder's beliefs of the rows."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import xarray as xr

from latentprob.diagnostics.convergence import stochastic
from latentprob.diagnostics.evidence import Evidence
from latentprob.diagnostics.findings import APPROXIMATION, Finding
from latentprob.inference.importance import PARETO_K_MAX
from latentprob.posterior.importance import pareto_k

PARETO_K_RAW_MAX = 0.36  # 1 - 0.8^2: p/q of normals with sd ratio r has a tail of index 1 - r^2; 0.8 is "within 20 %"
PARETO_DRAWS_MIN = 25  # a fifth of the draws is the tail, and five are the least that a tail is fitted to
ROWS_MAX = 0.1  # share of rows with a belief that is off, from which on it is the encoder and not the rows
GAP_MAX = 0.5  # nats: KL between normal beliefs one sd apart
VEHTARI_2024 = "Vehtari et al. (2024), JMLR 25(72)"
RICHER = {  # what has wider posteriors, by method
    "svi": 'take guide="full", or NUTS where the data are small',
    "natural_gradient": 'take SVI(guide="full"), or NUTS where the data are small',
}
YAO_2018 = "Yao et al. (2018), ICML: k of the guide's importance weights"
CREMER_2018 = "Cremer, Li and Duvenaud (2018), ICML; 0.5 nats: normal beliefs one sd apart"


def reliability(evidence: Evidence) -> Iterator[Finding]:
    """Findings on importance weights: of the guide as a whole, and of the beliefs row by row."""
    attrs = evidence.attrs
    if attrs.get("method") in RICHER and stochastic(evidence.posterior):
        k = guide_pareto_k(evidence.sample_stats, attrs)
        yield guide_width(k, bool(attrs.get("refined", False)), "pareto_k" in attrs, richer(attrs))
    if evidence.row_k is not None:
        yield row_beliefs(evidence.row_k)
    if evidence.gap is not None:
        yield amortization(evidence.gap, evidence.rows)
    elif evidence.closed:
        yield exact(evidence.closed)


def richer(attrs: Mapping[str, Any]) -> str:
    """What to take instead of the guide that was taken."""
    if attrs.get("guide") == "full":
        return "take NUTS where the data are small"
    return RICHER[str(attrs["method"])]


def k_limit(draws: int) -> float:
    """Largest Pareto k that this many draws can smooth, at most 0.7 (equation 13 of Vehtari et al., 2024)."""
    return min(1 - 1 / np.log10(draws), PARETO_K_MAX) if draws > 10 else 0.0


def guide_pareto_k(sample_stats: xr.Dataset, attrs: Mapping[str, Any]) -> float | None:
    """Pareto k of the draws that are there; the largest over chains.

    Reweighted draws have the k that was recorded with them; raw ones that of their own densities.
    """
    recorded = float(attrs["pareto_k"]) if np.isfinite(attrs.get("pareto_k", np.nan)) else None
    raw = "log_p" in sample_stats and "log_q" in sample_stats and sample_stats["log_p"].shape[-1] >= PARETO_DRAWS_MIN
    if attrs.get("refined") or not raw:
        return recorded
    return float(pareto_k((sample_stats["log_p"] - sample_stats["log_q"]).values).max())


def guide_width(k: float | None, refined: bool, tried: bool, richer: str) -> Finding:
    """Whether the posterior sds are those of the model or only of the guide.

    Draws that were not reweighted are held to the k at which a normal guide has 0.8 of a normal posterior's sd.
    """
    limit = PARETO_K_MAX if refined else PARETO_K_RAW_MAX
    source = YAO_2018 if refined else f"{YAO_2018}; a normal guide of sd ratio r has k = 1 - r^2"
    if k is not None and k <= limit:
        how = "the draws were reweighted to the posterior" if refined else "the guide is near the posterior"
        return Finding(APPROXIMATION, "guide", "ok", f"{how} (Pareto k {k:.2f})", k, limit, source=source)
    missed = (
        "whether the guide fits the posterior was not measured"
        if k is None
        else f"the guide misses the posterior (Pareto k {k:.2f})"
    )
    remedy = richer if tried else f"let the draws be reweighted, refine=True; else {richer}"
    return Finding(
        APPROXIMATION,
        "guide",
        "warn",
        f"{missed}: sds and intervals may be too narrow or too wide",
        float("nan") if k is None else k,
        limit,
        remedy,
        source,
    )


def row_beliefs(k: xr.DataArray) -> Finding:
    """Rows whose belief, by the encoder, is far from p(z given x): share above the limit of Pareto k; worst first."""
    worst = _worst_first(k)
    bad = int((worst > PARETO_K_MAX).sum())
    share = bad / len(worst)
    sentence = f"beliefs of {bad:,} of {len(k):,} rows miss p(z given x)"
    sentence += (
        f": Pareto k is above {PARETO_K_MAX}, at most {float(worst[0]):.2f} (row {_label(worst)})" if bad else ""
    )
    source = f"{VEHTARI_2024}; {ROWS_MAX:.0%} of the rows"
    if share <= ROWS_MAX:
        return Finding(APPROXIMATION, "row beliefs", "ok", sentence, share, ROWS_MAX, "", source, worst)
    remedy = "refine those of single rows, fit.refine(); of all: a larger encoder, more steps, fewer dims of the latent"
    return Finding(APPROXIMATION, "row beliefs", "warn", sentence, share, ROWS_MAX, remedy, source, worst)


def amortization(gap: xr.DataArray, rows: int | None = None) -> Finding:
    """What rows gain when their belief alone is refined, nats: what the encoder leaves; worst first."""
    worst, value = _worst_first(gap), float(gap.mean())
    among = f", judged on a random sample of {len(gap):,} of {rows:,} rows" if rows and rows > len(gap) else ""
    sentence = f"refining its belief alone would gain a row {value:.2f} nats on average{among}"
    sentence += f"; at most {float(worst[0]):.2f} (row {_label(worst)})"
    if value <= GAP_MAX:
        return Finding(APPROXIMATION, "amortization gap", "ok", sentence, value, GAP_MAX, "", CREMER_2018, worst)
    remedy = (
        "the encoder is too small or was fitted too shortly: hidden=[...] wider, more steps; fit.refine() mends rows"
    )
    return Finding(APPROXIMATION, "amortization gap", "warn", sentence, value, GAP_MAX, remedy, CREMER_2018, worst)


def exact(names: tuple[str, ...]) -> Finding:
    """Beliefs in closed form have no gap."""
    sentence = f"beliefs of {', '.join(names)} are exact given the parameters: there is no gap"
    return Finding(APPROXIMATION, "amortization gap", "ok", sentence, 0.0, 0.0, source="by construction: closed forms")


def _worst_first(values: xr.DataArray) -> xr.DataArray:
    return values.isel({values.dims[0]: np.argsort(-values.values, kind="stable")})


def _label(values: xr.DataArray) -> str:
    return str(values[values.dims[0]].values[0])
