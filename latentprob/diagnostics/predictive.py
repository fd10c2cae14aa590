"""Does it predict: rows left out, and data sets that the fitted model draws beside the data."""

from collections.abc import Iterator

import numpy as np
import xarray as xr
from scipy.stats import kstwo, norm, pearson3, skew

from latentprob.diagnostics.evidence import Evidence
from latentprob.diagnostics.findings import PREDICTS, Finding, Level
from latentprob.diagnostics.reliability import VEHTARI_2024, k_limit
from latentprob.posterior.replicates import Replicated

ALPHA = 0.01  # probability of an alarm by one check where the model holds, shared among features (Bonferroni)
INTERVALS = (0.5, 0.9)  # predictive intervals whose coverage is counted
COVERAGE_FAIL = 0.1  # of the cells: intervals off by more are of no use
GELMAN = (
    "Gelman, Meng and Stern (1996), Statistica Sinica 6; 1 % of alarms, by Pearson's law of the replicates' skewness"
)
VEHTARI_2017 = "Vehtari, Gelman and Gabry (2017), Stat. Comput. 27; Kolmogorov's limit at 1 %"
WORDS = {
    "mean": "means",
    "variance": "variances",
    "skewness": "skewness",
    "extremes": "extremes",
    "zeros": "zeros",
    "correlations": "correlations",
}
REMEDIES = {
    "mean": "let the location depend on what is left out: an input, another component or dim",
    "variance": "take a law whose spread is free: NegativeBinomial for counts, a scale for each feature or component",
    "skewness": "take a law of that shape: LogNormal or Gamma for positive cells, StudentT, or more components",
    "extremes": "take a law with heavier tails, such as StudentT or NegativeBinomial, and look at the extreme rows",
    "zeros": "take NegativeBinomial, or a component of its own for the zeros",
    "correlations": "take more dims or components, or a law with a covariance",
}


def predictive(evidence: Evidence) -> Iterator[Finding]:
    """Findings on rows left out and on replicated data."""
    if evidence.pareto_k is not None:
        draws = evidence.posterior.sizes.get("chain", 1) * evidence.posterior.sizes.get("draw", 1)
        yield left_out_rows(evidence.pareto_k, draws, evidence.rows)
    for name, pit in evidence.pit.items():
        yield left_out_ranks(name, pit)
    for name, replicated in evidence.replicated.items():
        yield from replicates(name, replicated)
        if not evidence.series:
            yield coverage(name, replicated.pit, evidence.levels)


def left_out_rows(pareto_k: xr.DataArray, draws: int, rows: int | None = None) -> Finding:
    """Rows whose leave-one-out density cannot be had from these draws; `rows` is how many there are in all."""
    limit, (dim,) = k_limit(draws), pareto_k.dims
    worst = pareto_k.isel({dim: np.argsort(-pareto_k.values, kind="stable")})
    largest, row = float(worst[0]), worst[dim].values[0] if dim in worst.coords else int(np.argmax(pareto_k.values))
    judged = (
        f" of {len(pareto_k):,} rows judged, the least probable ones among them" if (rows or 0) > len(pareto_k) else ""
    )
    bad = int((pareto_k > limit).sum())
    sentence = f"Pareto k of leave-one-out is at most {largest:.2f}"
    if not bad:
        return Finding(PREDICTS, "LOO", "ok", sentence + judged, largest, limit, source=VEHTARI_2024, details=worst)
    sentence += f" (row {row}); above {limit:.2f} in {bad:,} of {len(pareto_k):,} rows"
    sentence += " judged, the least probable ones among them" if judged else ""
    remedy = "look at these rows, take more draws, or use a held-out score: fit.score(new rows)"
    if bad > len(pareto_k) / 2:
        remedy = "so many rows are no outliers, the draws are off: mend what the other findings name, or use NUTS"
    return Finding(PREDICTS, "LOO", "warn", sentence, largest, limit, remedy, VEHTARI_2024, worst)


def left_out_ranks(name: str, pit: xr.DataArray) -> Finding:
    """Whether the ranks of the cells under the posterior without their row are uniform; the worst feature."""
    features = _by_feature(pit)
    found = {label: _distance(u) for label, u in features.items()}
    limits = {label: float(kstwo.isf(ALPHA / len(features), len(u))) for label, u in features.items()}
    label = max(found, key=lambda each: found[each] / limits[each])
    value, limit = found[label], limits[label]
    what, which = f"LOO-PIT of {name}", f", at {label}" if len(features) > 1 else ""
    details = xr.DataArray(list(found.values()), {"feature": list(found)}, "feature", "distance")
    sentence = f"ranks of the cells under the posterior without their row lie {value:.3f} from uniform at most{which}"
    if value <= limit:
        return Finding(PREDICTS, what, "ok", sentence, value, limit, "", VEHTARI_2017, details)
    remedy = "the law of this variable has another shape than its cells: see the checks of its moments"
    return Finding(PREDICTS, what, "warn", sentence, value, limit, remedy, VEHTARI_2017, details)


def _by_feature(pit: xr.DataArray) -> dict[str, np.ndarray]:
    """Ranks of the seen cells by the label of their feature."""
    dims = pit.dims[1:]
    if not dims:
        return {str(pit.name): pit.values[~np.isnan(pit.values)]}
    columns = {str(label): pit.isel({dims[0]: i}).values for i, label in enumerate(pit[dims[0]].values)}
    return {label: u[~np.isnan(u)] for label, u in columns.items() if not np.isnan(u).all()}


def _distance(u: np.ndarray) -> float:
    """Kolmogorov's distance of numbers from the uniform law on (0, 1)."""
    steps, ordered = np.arange(len(u) + 1) / len(u), np.sort(u)
    return float(max((steps[1:] - ordered).max(), (ordered - steps[:-1]).max()))


def replicates(name: str, found: Replicated) -> Iterator[Finding]:
    """One finding a statistic: the feature on which data and replicates differ most, in replicates' sds."""
    for which, observed in found.observed.items():
        drawn = found.replicated[which].values
        spread = drawn.std(axis=0)
        usable = np.isfinite(observed.values) & (spread > 0)
        if usable.any():
            z = (observed.values[usable] - drawn[:, usable].mean(axis=0)) / spread[usable]
            limits = _limits(z, skew(drawn[:, usable]))
            labels = observed["feature"].values[usable]
            yield _judged(name, which, xr.DataArray(z, {"feature": labels}, "feature", which), limits)


def _limits(z: np.ndarray, skewness: np.ndarray) -> np.ndarray:
    """How far each statistic (D,) may lie: as under a normal law, and farther on the side of a longer tail."""
    return pearson3.isf(ALPHA / (2 * len(z)), np.maximum(np.sign(z) * skewness, 0))


def _judged(name: str, which: str, z: xr.DataArray, limits: np.ndarray) -> Finding:
    at = int((np.abs(z.values) / limits).argmax())
    value, limit, label = float(z.values[at]), float(limits[at]), str(z["feature"].values[at])
    where = f" of {label}" if len(z) > 1 else ""
    what, direction = f"{WORDS[which]} of {name}", "above" if value > 0 else "below"
    noun, those = ("correlation", "that") if which == "correlations" else (which, "those")
    verb = "lie" if noun in ("extremes", "zeros") else "lies"
    sentence = f"the {noun}{where} {verb} {abs(value):.1f} sds {direction} {those} of replicated data"
    if abs(value) <= limit:
        return Finding(PREDICTS, what, "ok", sentence, value, limit, "", GELMAN, z)
    return Finding(PREDICTS, what, "warn", sentence, value, limit, REMEDIES[which], GELMAN, z)


def coverage(name: str, pit: xr.DataArray, levels: tuple[str, ...] = ()) -> Finding:
    """Share of the cells within their central predictive intervals; the feature that is off most.

    levels: factors whose levels were fitted to these cells, few to each: more of them lie inside than of new ones.
    """
    features = _by_feature(pit)
    checks = len(features) * len(INTERVALS)
    rows = [
        (label, p, float((abs(u - 0.5) < p / 2).mean()), len(u)) for label, u in features.items() for p in INTERVALS
    ]
    off = [abs(share - p) / np.sqrt(p * (1 - p) / n) for _, p, share, n in rows]
    label, p, share, n = rows[int(np.argmax(off))]
    limit = float(norm.isf(ALPHA / (2 * checks)) * np.sqrt(p * (1 - p) / n))
    where = f" of {label}" if len(features) > 1 else ""
    sentence = f"{share:.0%} of the cells{where} lie within their {p:.0%} predictive intervals"
    details = xr.DataArray(
        np.array([r[2] for r in rows]).reshape(-1, len(INTERVALS)),
        {"feature": list(features), "interval": list(INTERVALS)},
        ("feature", "interval"),
        "coverage",
    )
    source = "binomial limit at 1 % in all"
    if abs(share - p) <= limit:
        return Finding(PREDICTS, f"coverage of {name}", "ok", sentence, share - p, limit, "", source, details)
    if share > p and levels:
        sentence += f"; more than of new cells, for the levels of {' and '.join(levels)} were fitted to them"
        return Finding(PREDICTS, f"coverage of {name}", "ok", sentence, share - p, limit, "", source, details)
    level: Level = "fail" if abs(share - p) > COVERAGE_FAIL else "warn"
    wide = "wider" if share < p else "narrower"
    remedy = f"take a law that can be {wide} here: see the checks of variances, zeros and extremes"
    return Finding(PREDICTS, f"coverage of {name}", level, sentence, share - p, limit, remedy, source, details)
