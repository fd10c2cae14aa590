"""Planted faults are found, clean fits are not accused; the numbers come from closed forms."""

import numpy as np
import pytest
import xarray as xr
from scipy.stats import norm

from latentprob.diagnostics import Diagnosis, Finding, diagnose
from latentprob.diagnostics.convergence import best_bound, tail_trend
from latentprob.diagnostics.reliability import guide_pareto_k, k_limit

STEPS, CHAINS, DRAWS, ROWS = 200, 4, 250, 60


def posterior(chains: int = CHAINS, shift: float = 0.0, **extra: np.ndarray) -> xr.Dataset:
    """Independent normal draws of loc, (chain, draw, feature); the last chain is shifted by `shift` sds."""
    loc = np.random.default_rng(1).normal(size=(chains, DRAWS, 3))
    loc[-1] += shift
    fixed = {name: (("chain", "draw"), values) for name, values in extra.items()}
    return xr.Dataset({"x_loc": (("chain", "draw", "feature"), loc), **fixed})


def bounds(rise: float = 0.0, noise: float = 0.3, restarts: int = CHAINS, kept: int | None = None) -> xr.Dataset:
    """A bound that has climbed to -100 and gains `rise` nats over its last fifth."""
    steps = np.arange(STEPS)
    tail = np.clip((steps - 0.8 * STEPS) / (0.2 * STEPS - 1), 0, None) * rise
    line = -100 - 500 * np.exp(-steps / 8) + tail
    bound = line + noise * np.random.default_rng(2).normal(size=(restarts, STEPS))
    flags = np.arange(restarts) < (restarts if kept is None else kept)
    return xr.Dataset(
        {"bound": (("restart", "step"), bound), "score": ("restart", bound[:, -1]), "kept": ("restart", flags)}
    )


def log_ratios(sd: float) -> xr.Dataset:
    """log p and log q of draws of a guide Normal(0, sd) of the posterior Normal(0, 1)."""
    z = sd * np.random.default_rng(3).normal(size=(1, 20_000))
    dims = ("chain", "draw")
    return xr.Dataset({"log_p": (dims, norm.logpdf(z)), "log_q": (dims, norm.logpdf(z, scale=sd))})


def nuts(diverging: int = 0, energy: np.ndarray | None = None) -> xr.Dataset:
    flags = np.zeros((CHAINS, DRAWS), bool)
    flags.reshape(-1)[:diverging] = True
    levels = np.random.default_rng(4).normal(size=(CHAINS, DRAWS)) if energy is None else energy
    return xr.Dataset({"diverging": (("chain", "draw"), flags), "energy": (("chain", "draw"), levels)})


def probs(*weights: float) -> dict[str, xr.Dataset]:
    """Every row has the same responsibilities."""
    return {
        "c": xr.Dataset({"probs": (("row", "c_level"), np.tile(weights, (ROWS, 1)))}, {"c_level": range(len(weights))})
    }


def means(*sds: float) -> dict[str, xr.Dataset]:
    """Belief means with the given sd over rows in each dim."""
    values = np.random.default_rng(5).normal(size=(ROWS, len(sds)))
    values = (values - values.mean(axis=0)) / values.std(axis=0) * sds
    return {"z": xr.Dataset({"loc": (("row", "z_dim"), values), "scale": (("row", "z_dim"), np.ones_like(values))})}


def run(**given: object) -> Diagnosis:
    """A diagnosis with nothing in it but what is given."""
    blank = {"posterior": xr.Dataset(), "sample_stats": xr.Dataset(), "latents": {}, "pareto_k": None, "attrs": {}}
    return diagnose(**{**blank, **given})


def heavy_rows() -> np.ndarray:
    k = np.full(ROWS, 0.1)
    k[17] = 0.9
    return k


slow_walk = np.cumsum(np.random.default_rng(6).normal(size=(CHAINS, DRAWS)), axis=1)
nan_draws = np.full((CHAINS, DRAWS), np.nan)
POINT = {"method": "point", "steps": 30}
SVI, NUTS = {"method": "svi"}, {"method": "nuts"}
REFINED = {**SVI, "refined": True}

CASES = {
    "bound, settled": ("bound", "ok", "settled", lambda: run(sample_stats=bounds(), attrs={"settled": True})),
    "bound, budget ended, flat": (
        "bound",
        "warn",
        "budget",
        lambda: run(sample_stats=bounds(), attrs={"settled": False}),
    ),
    "bound, budget ended, rising": (
        "bound",
        "fail",
        "budget",
        lambda: run(sample_stats=bounds(9), attrs={"settled": False}),
    ),
    "bound, settled, counts its steps": (
        "bound",
        "ok",
        "after 1,200 steps",
        lambda: run(sample_stats=bounds(9), attrs={"settled": True, "steps": 1200}),
    ),
    "restarts, three of four": ("restarts", "ok", "set aside", lambda: run(sample_stats=bounds(kept=3))),
    "restarts, a spike": (
        "restarts",
        "warn",
        "2 collapsed on single points",
        lambda: run(sample_stats=bounds(kept=1), attrs={"spikes": 2}),
    ),
    "restarts of a point estimate": (
        "restarts",
        "ok",
        "3 of 4 restarts",
        lambda: run(sample_stats=bounds(kept=1), attrs={**POINT, "settled": True, "agree": 3}),
    ),
    "optimum, reached": ("optimum", "ok", "in 30 steps", lambda: run(attrs={**POINT, "settled": True})),
    "optimum, not reached": ("optimum", "warn", "after 30 steps", lambda: run(attrs={**POINT, "settled": False})),
    "restarts, all": ("restarts", "ok", "4 of 4", lambda: run(sample_stats=bounds())),
    "restarts, one of four": ("restarts", "warn", "1 of 4", lambda: run(sample_stats=bounds(kept=1))),
    "R-hat, clean": ("R-hat", "ok", "over 4 chains", lambda: run(posterior=posterior())),
    "R-hat, a chain a bit off": ("R-hat", "warn", "x_loc", lambda: run(posterior=posterior(shift=0.6))),
    "R-hat, a chain elsewhere": ("R-hat", "fail", "x_loc", lambda: run(posterior=posterior(shift=4))),
    "R-hat, one chain": (
        "R-hat",
        "ok",
        "nothing is known of other optima",
        lambda: run(posterior=posterior(1), attrs=SVI),
    ),
    "R-hat, point estimates left out": (
        "R-hat",
        "ok",
        "x_loc",
        lambda: run(posterior=posterior(x_scale=np.repeat(np.arange(4.0)[:, None], DRAWS, axis=1))),
    ),
    "R-hat, too few draws": ("R-hat", "warn", "too few", lambda: run(posterior=posterior().isel(draw=slice(3)))),
    "guide, too few draws": (
        "guide",
        "warn",
        "not measured",
        lambda: run(posterior=posterior(), attrs=SVI, sample_stats=log_ratios(0.9).isel(draw=slice(20))),
    ),
    "draws, not finite": (
        "draws",
        "fail",
        "1000 values of x_scale",
        lambda: run(posterior=posterior(x_scale=nan_draws)),
    ),
    "ESS, independent draws": ("effective sample size", "ok", "draws", lambda: run(posterior=posterior(), attrs=NUTS)),
    "ESS, a random walk": (
        "effective sample size",
        "warn",
        "walk",
        lambda: run(posterior=posterior(walk=slow_walk), attrs=NUTS),
    ),
    "divergences, none": ("divergences", "ok", "no transition", lambda: run(sample_stats=nuts())),
    "divergences, three": ("divergences", "warn", "3 of 1000", lambda: run(sample_stats=nuts(3))),
    "divergences, many": ("divergences", "fail", "30 of 1000", lambda: run(sample_stats=nuts(30))),
    "E-BFMI, independent energies": ("E-BFMI", "ok", "E-BFMI", lambda: run(sample_stats=nuts())),
    "E-BFMI, a random walk": ("E-BFMI", "warn", "E-BFMI", lambda: run(sample_stats=nuts(energy=slow_walk))),
    "components, all used": ("components of c", "ok", "2.0 of 2", lambda: run(latents=probs(0.5, 0.5))),
    "components, one empty": ("components of c", "warn", "without rows: 2", lambda: run(latents=probs(0.5, 0.5, 0))),
    "dims, all active": ("dims of z", "ok", "2 of 2", lambda: run(latents=means(1, 0.2))),
    "dims, one idle": ("dims of z", "warn", "1 of 2", lambda: run(latents=means(1, 0.05))),
    "dims, collapsed": ("dims of z", "fail", "0 of 2", lambda: run(latents=means(0.05, 0.05))),
    "floors": ("floors", "warn", "x_scale", lambda: run(attrs={"floor_binds": "x_scale"})),
    "LOO, clean": ("LOO", "ok", "0.10", lambda: run(pareto_k=np.full(ROWS, 0.1), posterior=posterior())),
    "LOO, one heavy row": ("LOO", "warn", "row 17", lambda: run(pareto_k=heavy_rows(), posterior=posterior())),
    "guide, near": (
        "guide",
        "ok",
        "near",
        lambda: run(posterior=posterior(), attrs=SVI, sample_stats=log_ratios(0.95)),
    ),
    "guide, raw and too narrow": (
        "guide",
        "warn",
        "too narrow",
        lambda: run(posterior=posterior(), attrs=SVI, sample_stats=log_ratios(0.7)),
    ),
    "guide, not measured": ("guide", "warn", "not measured", lambda: run(posterior=posterior(), attrs=SVI)),
    "guide, refined": (
        "guide",
        "ok",
        "reweighted",
        lambda: run(posterior=posterior(), attrs={**REFINED, "pareto_k": 0.6}),
    ),
    "guide, refined in vain": (
        "guide",
        "warn",
        "too narrow",
        lambda: run(posterior=posterior(), attrs={**REFINED, "pareto_k": 0.8}),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_finding(case: str) -> None:
    name, level, words, make = CASES[case]
    found = {finding.name: finding for finding in make().findings}
    assert found[name].level == level, found[name]
    assert words in found[name].sentence
    assert bool(found[name].remedy) == (level != "ok")


def test_raw_draws_are_judged_by_their_own_densities_when_the_reweighting_failed() -> None:
    attrs = {**SVI, "refined": False, "pareto_k": 0.9}
    (_, finding) = run(posterior=posterior(), sample_stats=log_ratios(0.95), attrs=attrs).findings
    assert (finding.name, finding.level) == ("guide", "ok")
    (_, finding) = run(posterior=posterior(), sample_stats=log_ratios(0.5), attrs=attrs).findings
    assert finding.level == "warn"
    assert "refine" not in finding.remedy


def test_many_heavy_rows_are_not_called_outliers() -> None:
    (finding,) = run(pareto_k=np.full(ROWS, 0.9), posterior=xr.Dataset(coords={"draw": range(4000)})).findings
    assert "60 of 60" in finding.sentence
    assert "no outliers" in finding.remedy


def test_nothing_to_judge_gives_no_finding() -> None:
    assert run().findings == ()
    assert run().verdict.startswith("Nothing was checked")


def test_point_estimates_are_not_judged_as_draws() -> None:
    assert run(posterior=posterior(x_scale=np.ones((CHAINS, DRAWS)))[["x_scale"]], attrs=SVI).findings == ()


def test_nuts_has_no_guide_to_judge() -> None:
    names = {finding.name for finding in run(posterior=posterior(), sample_stats=nuts(), attrs=NUTS).findings}
    assert names == {"R-hat", "effective sample size", "divergences", "E-BFMI"}


def test_broken_bound_fails_whatever_the_stop_rule_said() -> None:
    stats = bounds(restarts=1)
    stats["bound"][0, 150] = np.inf
    (finding,) = run(sample_stats=stats, attrs={"settled": True}).findings
    assert finding.level == "fail"
    assert "from record 150 on" in finding.sentence


def test_trend_of_a_straight_line() -> None:
    rise, noise = tail_trend(np.arange(100.0))
    assert rise == pytest.approx(19)  # twenty records, nineteen steps of one nat
    assert noise == pytest.approx(0, abs=1e-6)


def test_bound_is_that_of_the_best_restart_up_to_its_end() -> None:
    bound = np.array([[-9.0, -8.0, -7.0], [-5.0, -4.0, np.nan]])
    stats = xr.Dataset({"bound": (("restart", "step"), bound), "score": ("restart", [-7.0, -4.0])})
    assert best_bound(stats).tolist() == [-5, -4]


@pytest.mark.parametrize("sd", [0.9, 0.7, 0.5])
def test_pareto_k_of_a_narrow_normal_guide(sd: float) -> None:
    assert guide_pareto_k(log_ratios(sd), {}) == pytest.approx(1 - sd**2, abs=0.15)


def test_limit_of_k_by_draws() -> None:
    assert k_limit(100) == pytest.approx(0.5)  # 1 - 1 / log10(100)
    assert k_limit(10_000) == 0.7


def test_effective_components_of_uneven_weights() -> None:
    (finding,) = run(latents=probs(0.9, 0.1)).findings
    assert finding.value == pytest.approx(0.9**-0.9 * 0.1**-0.1)


FINDINGS = {
    level: Finding(f"the {level} check", level, "a <b> sentence", 1.0, 2.0, "do this")
    for level in ("ok", "warn", "fail")
}


@pytest.mark.parametrize(
    ("levels", "ok", "verdict"),
    [
        (["ok"], True, "No objection: 1 check passed."),
        (["ok", "warn"], True, "Usable with care: the warn check needs a look."),
        (["ok", "warn", "fail"], False, "Do not rely on this fit: the fail check fails."),
    ],
)
def test_verdict(levels: list[str], ok: bool, verdict: str) -> None:
    diagnosis = Diagnosis(tuple(FINDINGS[level] for level in levels))
    assert diagnosis.ok is ok
    assert diagnosis.verdict == verdict
    assert str(diagnosis).startswith(verdict)
    assert list(diagnosis.table["level"]) == levels
    assert "a &lt;b&gt; sentence" in diagnosis._repr_html_()
