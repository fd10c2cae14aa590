"""Did the run end where it should: the bound, the restarts, the chains."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import xarray as xr
from arviz_stats import bfmi, ess, rhat
from scipy.stats import linregress

from latentprob.diagnostics.evidence import Evidence
from latentprob.diagnostics.findings import ENDED, Finding, Level
from latentprob.diagnostics.restarts import restarts

BOUND_TAIL = 0.2  # share of the run over which trend and noise are measured
# Nats over that tail; a log Bayes factor below 1 is "not worth more than a bare mention", Kass and Raftery (1995).
BOUND_RISE_MAX = 1.0
RHAT_MAX = 1.01  # Vehtari et al. (2021), Bayesian Analysis 16(2)
RHAT_FAIL = 1.1  # Gelman et al. (2013), Bayesian Data Analysis, 3rd ed., 11.4
ESS_PER_CHAIN_MIN = 100  # Vehtari et al. (2021): 400 for four chains
BFMI_MIN = 0.3  # Betancourt (2016), arXiv:1604.00695; the limit of Stan's diagnose
DIVERGENT_SHARE_FAIL = 0.01  # any divergence warns: Betancourt (2017), arXiv:1701.02434
SIGNAL_MAX = 1.0  # squared gradient over its variance in one step: above, steps are still climbs and not noise
MCCANDLISH_2018 = "McCandlish et al. (2018), arXiv:1812.06162: the gradient noise scale"
VEHTARI_2021 = "Vehtari et al. (2021), Bayesian Analysis 16(2)"
ENTRIES, SEED = 500, 0  # of a parameter whose R-hat and effective sample size are computed
DIMS = ["chain", "draw"]


def convergence(evidence: Evidence) -> Iterator[Finding]:
    """Findings on the run of the optimizer or the sampler."""
    posterior, sample_stats, attrs = evidence.posterior, evidence.sample_stats, evidence.attrs
    if "bound" in sample_stats and "settled" in attrs:
        yield bound_settled(sample_stats, bool(attrs["settled"]), attrs.get("steps"), attrs.get("budget"))
    elif attrs.get("method") == "point" and "settled" in attrs:
        yield optimum(bool(attrs["settled"]), int(attrs["steps"]))
    if attrs.get("method") == "natural_gradient" and "bound" in sample_stats:
        yield from last_change(best_bound(sample_stats))
    if (signal := attrs.get("gradient_signal")) is not None:
        yield gradient(float(signal))
    if sample_stats.sizes.get("restart", 1) > 1 and "kept" in sample_stats:
        yield restarts(sample_stats, attrs)
    if (missing := not_finite(posterior)) is not None:
        yield missing
    elif moving := stochastic(posterior):
        some = entries(posterior[moving])
        yield chains_agree(some, str(attrs.get("method", "")))
        if attrs.get("method") == "nuts":
            yield enough_draws(some)
    if "diverging" in sample_stats:
        yield divergences(sample_stats["diverging"].values)
    if "energy" in sample_stats:
        yield energy(sample_stats)


def bound_settled(
    sample_stats: xr.Dataset, settled: bool, steps: int | None = None, budget: int | None = None
) -> Finding:
    """Whether the stop rule ended the run; if not, the trend of the best restart's bound at the end, and its noise."""
    bound = best_bound(sample_stats)
    if not np.isfinite(bound).all():
        step = int(np.flatnonzero(~np.isfinite(bound))[0])
        return Finding(
            ENDED,
            "bound",
            "fail",
            f"the bound is not a finite number from record {step} on",
            float(bound[step]),
            remedy="take a smaller learning rate, or standardize wild columns",
        )
    rise, noise = tail_trend(bound)
    spent = f" after {steps:,} steps" if steps else ""
    spent += f" of a budget of {budget:,}" if steps and budget else ""
    if settled:  # a rise within the last fifth, before the rule held, is none of its business
        return Finding(ENDED, "bound", "ok", f"the bound settled{spent}", rise)
    limit = max(BOUND_RISE_MAX, 2 * noise)
    end = f"over the last fifth of the run it changed by {rise:+.2f} nats, give or take {2 * noise:.2f}"
    return Finding(
        ENDED,
        "bound",
        "fail" if rise > limit else "warn",
        f"the budget of steps ended before the bound had settled: {end}",
        rise,
        limit,
        "give the fit more steps",
        "Kass and Raftery (1995)",
    )


def optimum(settled: bool, steps: int) -> Finding:
    """Whether the maximization of a likelihood met its tolerance."""
    if settled:
        return Finding(ENDED, "optimum", "ok", f"the likelihood has a maximum here, reached in {steps:,} steps", steps)
    sentence = f"the likelihood was still rising after {steps:,} steps"
    return Finding(
        ENDED, "optimum", "warn", sentence, steps, remedy="take fewer components or factors: flat directions are slow"
    )


def best_bound(sample_stats: xr.Dataset) -> np.ndarray:
    """The recorded bound, (steps,), of the restart that ended highest, nats."""
    bound = sample_stats["bound"].values.reshape(-1, sample_stats["bound"].shape[-1])
    best = int(np.nanargmax(sample_stats["score"].values)) if "score" in sample_stats and len(bound) > 1 else 0
    recorded = bound[best]
    ended = np.flatnonzero(~np.isnan(recorded))
    return recorded[: ended[-1] + 1] if len(ended) else recorded[:1]


def tail_trend(bound: np.ndarray) -> tuple[float, float]:
    """Rise of the bound over its last fifth by a straight line, and the standard error of that rise, nats."""
    tail = bound[-max(3, round(BOUND_TAIL * len(bound))) :]
    if len(tail) < 3:
        return 0.0, 0.0
    line = linregress(np.arange(len(tail)), tail)
    return float(line.slope * (len(tail) - 1)), float(line.stderr * (len(tail) - 1))


def last_change(bound: np.ndarray) -> Iterator[Finding]:
    """What the last step of coordinate ascent, whose gradient is its change, still gained, nats."""
    if len(bound) < 2 or not np.isfinite(bound[-2:]).all():
        return
    value = float(bound[-1] - bound[-2])
    sentence, source = f"the last step changed the bound by {value:.2g} nats", "Kass and Raftery (1995)"
    if abs(value) <= BOUND_RISE_MAX:
        yield Finding(ENDED, "last change", "ok", sentence, value, BOUND_RISE_MAX, source=source)
        return
    remedy = "give the fit more steps: the bound was still being climbed"
    yield Finding(ENDED, "last change", "warn", sentence, value, BOUND_RISE_MAX, remedy, source)


def gradient(signal: float) -> Finding:
    """Whether what was left of the gradient at the end drowns in its noise."""
    sentence = f"the squared gradient at the end is {signal:.2f} of its noise in one step"
    if signal <= SIGNAL_MAX:
        return Finding(ENDED, "gradient", "ok", sentence, signal, SIGNAL_MAX, source=MCCANDLISH_2018)
    remedy = "give the fit more steps: the bound was still being climbed"
    return Finding(ENDED, "gradient", "warn", sentence, signal, SIGNAL_MAX, remedy, MCCANDLISH_2018)


def not_finite(posterior: xr.Dataset) -> Finding | None:
    """A parameter with draws that are no finite numbers."""
    counts = {name: int((~np.isfinite(draws.values)).sum()) for name, draws in posterior.data_vars.items()}
    name = max(counts, key=lambda n: counts[n], default=None)
    if name is None or not counts[name]:
        return None
    return Finding(
        ENDED,
        "draws",
        "fail",
        f"{counts[name]} values of {name} are not finite",
        counts[name],
        0,
        "fit again; check the data's scale",
    )


def stochastic(posterior: xr.Dataset) -> list[str]:
    """Parameters that vary from draw to draw, point estimates left out."""
    variables = posterior.data_vars.items()
    return [str(name) for name, draws in variables if bool((draws.max("draw") > draws.min("draw")).any())]


def entries(posterior: xr.Dataset) -> xr.Dataset:
    """The parameters, of large ones a random sample of their entries: each takes ArviZ a millisecond."""
    rng, found = np.random.default_rng(SEED), {}
    for name, draws in posterior.data_vars.items():
        flat = draws.values.reshape(*draws.shape[:2], -1)
        picked = rng.choice(flat.shape[2], ENTRIES, replace=False) if flat.shape[2] > ENTRIES else slice(None)
        found[name] = ((*DIMS, f"{name}_entry"), flat[:, :, picked])
    return xr.Dataset(found)


def chains_agree(posterior: xr.Dataset, method: str) -> Finding:
    """R-hat of the parameters on which chains agree least."""
    single = posterior.sizes["chain"] == 1
    with np.errstate(invalid="ignore", divide="ignore"):  # of a constant entry, such as the diagonal of a correlation
        found = rhat(halves(posterior) if single else posterior, sample_dims=DIMS)
    name, value = extreme(found, np.nanmax)
    if np.isnan(value):
        few = f"{posterior.sizes['draw']} draws of a chain are too few for R-hat"
        return Finding(ENDED, "R-hat", "warn", few, value, RHAT_MAX, "take more draws", VEHTARI_2021)
    level: Level = "ok" if value <= RHAT_MAX else "warn" if value <= RHAT_FAIL else "fail"
    what = "R-hat between the halves of the one chain" if single else f"R-hat over {posterior.sizes['chain']} chains"
    sentence = f"{what} is at most {value:.3f}, at {name}"
    if single and method != "nuts":
        sentence += "; with one restart nothing is known of other optima"
    remedy = (
        "draw longer chains, after more warmup"
        if method == "nuts"
        else "give the fit more steps, then look at the parameter named"
    )
    return Finding(ENDED, "R-hat", level, sentence, value, RHAT_MAX, "" if level == "ok" else remedy, VEHTARI_2021)


def halves(posterior: xr.Dataset) -> xr.Dataset:
    """One chain as two, its first and its second half: ArviZ gives no R-hat of a single chain."""
    half = posterior.sizes["draw"] // 2
    parts = [posterior.isel(draw=slice(start, start + half)).drop_vars(DIMS, errors="ignore") for start in (0, half)]
    return xr.concat(parts, dim="chain")


def enough_draws(posterior: xr.Dataset) -> Finding:
    """The smallest effective sample size, of the bulk and the tails."""
    found = [extreme(ess(posterior, sample_dims=DIMS, method=method), np.nanmin) for method in ("bulk", "tail")]
    name, value = min(found, key=lambda pair: pair[1])
    limit = ESS_PER_CHAIN_MIN * posterior.sizes["chain"]
    enough = value >= limit
    draws = posterior.sizes["chain"] * posterior.sizes["draw"]
    sentence = f"the smallest effective sample size is {value:.0f} of {draws} draws, at {name}"
    return Finding(
        ENDED,
        "effective sample size",
        "ok" if enough else "warn",
        sentence,
        value,
        limit,
        "" if enough else "take more draws",
        VEHTARI_2021,
    )


def extreme(values: xr.Dataset, pick: Callable[[np.ndarray], Any]) -> tuple[str, float]:
    """The variable with the largest or smallest value, and that value; constant entries, NaN, do not count."""
    found = {str(name): float(pick(v.values)) for name, v in values.data_vars.items() if not np.isnan(v.values).all()}
    if not found:
        return "any parameter", float("nan")
    best = float(pick(np.array(list(found.values()))))
    return next(name for name, value in found.items() if value == best), best


def divergences(diverging: np.ndarray) -> Finding:
    """Transitions of NUTS that left the typical set."""
    count, share = int(np.sum(diverging)), float(np.mean(diverging))
    level: Level = "ok" if count == 0 else "warn" if share <= DIVERGENT_SHARE_FAIL else "fail"
    remedy = "" if count == 0 else "raise the target acceptance rate; a tighter prior on the scales often helps"
    sentence = f"{count} of {np.size(diverging)} transitions diverged" if count else "no transition diverged"
    return Finding(ENDED, "divergences", level, sentence, count, 0, remedy, "Betancourt (2017), arXiv:1701.02434")


def energy(sample_stats: xr.Dataset) -> Finding:
    """The smallest E-BFMI of the chains: whether NUTS moved through the energies."""
    value = float(bfmi(sample_stats[["energy"]])["energy"].min())
    enough = value >= BFMI_MIN
    remedy = "" if enough else "take more warmup, or a tighter prior on the scales"
    source = "Betancourt (2016), arXiv:1604.00695"
    return Finding(
        ENDED,
        "E-BFMI",
        "ok" if enough else "warn",
        f"the smallest E-BFMI of a chain is {value:.2f}",
        value,
        BFMI_MIN,
        remedy,
        source,
    )
