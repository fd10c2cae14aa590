"""Planted faults are found, clean fits are not accused; the numbers come from closed forms."""

import numpy as np
import pytest
import xarray as xr
from scipy.stats import norm

from latentprob.diagnostics import QUESTIONS, Diagnosis, Evidence, Finding, diagnose
from latentprob.diagnostics.aggregate import mmd
from latentprob.diagnostics.convergence import best_bound, tail_trend
from latentprob.diagnostics.reliability import guide_pareto_k, k_limit
from latentprob.errors import NotAvailable
from latentprob.posterior.replicates import Replicated

STEPS, CHAINS, DRAWS, ROWS = 200, 4, 250, 60


def posterior(chains: int = CHAINS, shift: float = 0.0, **extra: np.ndarray) -> xr.Dataset:
    """Independent normal draws of loc, (chain, draw, feature); the last chain is shifted by `shift` sds."""
    loc = np.random.default_rng(1).normal(size=(chains, DRAWS, 3))
    loc[-1] += shift
    fixed = {name: (("chain", "draw"), values) for name, values in extra.items()}
    return xr.Dataset({"x_loc": (("chain", "draw", "feature"), loc), **fixed})


def bounds(
    rise: float = 0.0, noise: float = 0.3, restarts: int = CHAINS, kept: int | None = None, low: tuple[float, ...] = ()
) -> xr.Dataset:
    """A bound that has climbed to -100 and gains `rise` nats over its last fifth."""
    steps = np.arange(STEPS)
    tail = np.clip((steps - 0.8 * STEPS) / (0.2 * STEPS - 1), 0, None) * rise
    line = -100 - 500 * np.exp(-steps / 8) + tail
    bound = line + noise * np.random.default_rng(2).normal(size=(restarts, STEPS))
    flags = np.arange(restarts) < (restarts if kept is None else kept)
    score = -100.0 - np.array(low or (0,) * restarts)
    return xr.Dataset({"bound": (("restart", "step"), bound), "score": ("restart", score), "kept": ("restart", flags)})


def steps(*bound: float) -> xr.Dataset:
    return xr.Dataset({"bound": (("restart", "step"), np.array([bound]))})


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
    return diagnose(Evidence(**given))


def by_row(*values: float, rows: int = ROWS) -> xr.DataArray:
    """Values of the first rows, 0.1 in the others."""
    return xr.DataArray(np.r_[values, np.full(rows - len(values), 0.1)], {"row": [f"r{i}" for i in range(rows)]}, "row")


def ranks(power: float, rows: int = 500) -> dict[str, xr.DataArray]:
    """Ranks (row, feature) of cells: uniform for power 1; gathered at 0 for larger ones."""
    u = np.random.default_rng(7).random((rows, 2)) ** np.array([1, power])
    return {"x": xr.DataArray(u, {"feature": ["a", "b"]}, ("row", "feature"))}


def replicated(shift: float, spread: float = 1.0) -> dict[str, Replicated]:
    """A statistic of two features beside 200 replicates of it, and ranks spread by a factor around 1/2."""
    drawn = np.random.default_rng(8).normal(size=(200, 2))
    observed = xr.DataArray([0.0, shift], {"feature": ["a", "b"]}, "feature")
    pit = (0.5 + spread * (ranks(1)["x"] - 0.5)).clip(0, 1)
    return {
        "x": Replicated(
            {"variance": observed},
            {"variance": observed.copy(data=drawn[0]).expand_dims(replicate=200).copy(data=drawn)},
            pit,
        )
    }


def twins(share: float) -> dict[str, xr.Dataset]:
    """Half of the rows of component 0, the others shared by 1 and 2."""
    weights = np.zeros((ROWS, 3))
    weights[::2, 0], weights[1::2, 1], weights[1::2, 2] = 1, 1 - share, share
    return {"c": xr.Dataset({"probs": (("row", "c_level"), weights)}, {"c_level": range(3)})}


normals = np.random.default_rng(9).normal(size=(2, 200, 2))
multinomial = np.random.default_rng(10).multinomial(100, [0.3, 0.7], size=200) / 100


slow_walk = np.cumsum(np.random.default_rng(6).normal(size=(CHAINS, DRAWS)), axis=1)
nan_draws = np.full((CHAINS, DRAWS), np.nan)
POINT = {"method": "point", "steps": 30}
SVI, NUTS, ASCENT = {"method": "svi"}, {"method": "nuts"}, {"method": "natural_gradient"}
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
    "restarts, three of four": (
        "restarts",
        "ok",
        "restart 3 by",
        lambda: run(sample_stats=bounds(low=(0, 0, 0, 9), kept=3)),
    ),
    "restarts, three modes": (
        "restarts",
        "warn",
        "of 3 that were found; restart 3 by 49.",
        lambda: run(sample_stats=bounds(low=(0, 9, 9, 49), kept=1)),
    ),
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
    "LOO, clean": ("LOO", "ok", "0.10", lambda: run(pareto_k=by_row(), posterior=posterior())),
    "LOO, one heavy row": ("LOO", "warn", "(row r1)", lambda: run(pareto_k=by_row(0.3, 0.9), posterior=posterior())),
    "LOO, of some rows": (
        "LOO",
        "ok",
        "of 60 rows judged",
        lambda: run(pareto_k=by_row(), posterior=posterior(), rows=90),
    ),
    "LOO-PIT, uniform": ("LOO-PIT of x", "ok", "uniform", lambda: run(pit=ranks(1))),
    "LOO-PIT, skew": ("LOO-PIT of x", "warn", "at b", lambda: run(pit=ranks(1.5))),
    "replicates, alike": ("variances of x", "ok", "replicated", lambda: run(replicated=replicated(1))),
    "replicates, apart": ("variances of x", "warn", "of b lies 6.8 sds above", lambda: run(replicated=replicated(7))),
    "coverage, right": ("coverage of x", "ok", "intervals", lambda: run(replicated=replicated(0))),
    "coverage, too wide": ("coverage of x", "warn", "intervals", lambda: run(replicated=replicated(0, 0.9))),
    "coverage, of cells that levels were fitted to": (
        "coverage of x",
        "ok",
        "the levels of user were fitted to them",
        lambda: run(replicated=replicated(0, 0.6), levels=("user",)),
    ),
    "coverage, of no use": ("coverage of x", "fail", "intervals", lambda: run(replicated=replicated(0, 0.6))),
    "last change, small": ("last change", "ok", "0.1 nats", lambda: run(sample_stats=steps(-5.1, -5), attrs=ASCENT)),
    "last change, large": ("last change", "warn", "3 nats", lambda: run(sample_stats=steps(-8, -5), attrs=ASCENT)),
    "gradient, noise": ("gradient", "ok", "0.10", lambda: run(attrs={"gradient_signal": 0.1})),
    "gradient, climbing": ("gradient", "warn", "5.00", lambda: run(attrs={"gradient_signal": 5.0})),
    "components, twins": ("duplicates of c", "warn", "1 and 2", lambda: run(latents=twins(0.4))),
    "components, apart": ("duplicates of c", "ok", "overlap", lambda: run(latents=twins(0.0))),
    "labels, in place": ("labels of c", "ok", "same in all", lambda: run(moved={"c": 0.01}, latents=probs(0.5, 0.5))),
    "labels, switched": ("labels of c", "fail", "25%", lambda: run(moved={"c": 0.25}, latents=probs(0.5, 0.5))),
    "labels, of few draws": ("labels of c", "warn", "5%", lambda: run(moved={"c": 0.05}, latents=probs(0.5, 0.5))),
    "rotation, of a chain": ("rotation of z", "fail", "turned", lambda: run(moved={"z": 0.25}, latents=means(1, 1))),
    "prior, met": ("prior of z", "ok", "chance", lambda: run(aggregates={"z": tuple(normals)})),
    "prior, missed": ("prior of z", "warn", "simulated", lambda: run(aggregates={"z": (2 * normals[0], normals[1])})),
    "shares, met": ("prior of c", "ok", "0.0", lambda: run(level_shares={"c": (np.array([0.3, 0.7]), multinomial)})),
    "shares, missed": (
        "prior of c",
        "warn",
        "0.2",
        lambda: run(level_shares={"c": (np.array([0.5, 0.5]), multinomial)}),
    ),
    "spike": ("spikes", "fail", "x_scale", lambda: run(spikes=("x_scale",))),
    "row beliefs, good": ("row beliefs", "ok", "1 of 60", lambda: run(row_k=by_row(0.9))),
    "row beliefs, off": ("row beliefs", "warn", "row r1", lambda: run(row_k=by_row(*[0.8, 0.9] * 4))),
    "gap, small": ("amortization gap", "ok", "row r0", lambda: run(gap=by_row(3))),
    "gap, large": ("amortization gap", "warn", "sample of 60 of 900", lambda: run(gap=by_row(*[3] * 20), rows=900)),
    "gap, closed form": ("amortization gap", "ok", "exact", lambda: run(closed=("c",))),
    "guide, near": (
        "guide",
        "ok",
        "near",
        lambda: run(posterior=posterior(), attrs=SVI, sample_stats=log_ratios(0.95)),
    ),
    "guide, raw and too narrow": (
        "guide",
        "warn",
        "too narrow or too wide",
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
    (finding,) = run(pareto_k=by_row(*[0.9] * ROWS), posterior=xr.Dataset(coords={"draw": range(4000)})).findings
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
    finding = run(latents=probs(0.9, 0.1))["components of c"]
    assert finding.value == pytest.approx(0.9**-0.9 * 0.1**-0.1)


FINDINGS = {
    level: Finding("Does it predict?", f"the {level} check", level, "a <b> sentence", 1.0, 2.0, "do this")
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
    assert str(diagnosis).startswith(f"{verdict}\n\nDoes it predict?\n")
    assert list(diagnosis.table["level"]) == levels
    assert "a &lt;b&gt; sentence" in diagnosis._repr_html_()
    assert diagnosis._repr_html_().count("<h3>") == 1


def test_findings_stand_under_their_question_in_order() -> None:
    findings = [Finding(question, question[:3], "ok", "said", 1.0) for question in reversed(QUESTIONS)]
    diagnosis = Diagnosis(tuple(findings))
    assert [question for question, _ in diagnosis.by_question()] == list(QUESTIONS)
    assert list(diagnosis.table.columns[:3]) == ["question", "name", "level"]
    assert str(diagnosis).index(QUESTIONS[0]) < str(diagnosis).index(QUESTIONS[3])
    assert diagnosis["Are"].question == QUESTIONS[2]


def test_a_finding_that_is_not_there_is_asked_for() -> None:
    with pytest.raises(NotAvailable, match=r"no finding 'LOO'; there are bound"):
        Diagnosis((Finding(QUESTIONS[0], "bound", "ok", "said", 1.0),))["LOO"]


def test_rows_are_listed_worst_first() -> None:
    (finding,) = run(row_k=by_row(0.2, 0.9, 0.5)).findings
    assert list(finding.details["row"].values[:3]) == ["r1", "r2", "r0"]


def test_mmd_of_shifted_normals_is_that_of_theory() -> None:
    x, y = np.random.default_rng(0).normal(size=(2, 1500, 1))
    value, limit = mmd(x, y + 1)
    width = np.median((np.concatenate([x, y + 1]) - np.concatenate([x, y + 1]).T) ** 2)
    same, other = np.sqrt(width / (width + 4)), np.sqrt(width / (width + 4)) * np.exp(-1 / (width + 4))
    assert value == pytest.approx(2 * (same - other), abs=0.03)  # E k of normals: exp(-d^2 / w) under N(mu, 2)
    assert limit < value


def test_mmd_alarms_no_more_often_than_it_says() -> None:
    rng = np.random.default_rng(1)
    alarms = [value > limit for value, limit in (mmd(*rng.normal(size=(2, 60, 2))) for _ in range(100))]
    assert sum(alarms) <= 5  # of 100 at 1 %: more has a probability of 0.0005


def test_cells_of_series_are_not_judged_as_if_they_were_independent():
    rows = {finding.name for finding in run(replicated=replicated(0.0, spread=0.2)).findings}
    steps = {finding.name for finding in run(replicated=replicated(0.0, spread=0.2), series=True).findings}
    assert rows - steps == {"coverage of x"}
