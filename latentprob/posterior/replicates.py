"""The data beside data sets that the fitted model draws: statistics, and the rank of every cell (Gelman et al., 1996).

Replicates are drawn and summed up one by one: no array of rows x draws x features is made.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import xarray as xr

from latentprob.posterior.matching import Array
from latentprob.posterior.package import by_row
from latentprob.posterior.result import Result
from latentprob.posterior.rows import at_rows, sampled_rows
from latentprob.posterior.simulate import replicate

REPLICATES = 200  # data sets
ROWS = 1_000  # of each, at most
PAIRED_FEATURES = 100  # features whose correlations are looked at, the first ones

Statistic = Callable[[Array], Array]


@dataclass(frozen=True)
class Replicated:
    """One observed variable beside its replicates.

    observed: each statistic of the data, by feature or pair of features. replicated: the same with a dim `replicate`.
    pit: (row, feature), the rank of each cell among its replicates, in (0, 1), uniform under the model.
    """

    observed: Mapping[str, xr.DataArray]
    replicated: Mapping[str, xr.DataArray]
    pit: xr.DataArray


def mean(x: Array) -> Array:
    """Means (D,) of cells (N, D), gaps left out."""
    return np.nanmean(x, axis=0)


def variance(x: Array) -> Array:
    """Logarithms of the variances, (D,)."""
    return np.log(np.nanvar(x, axis=0))


def skewness(x: Array) -> Array:
    """Third standardized moments, (D,)."""
    return np.nanmean(_standardized(x) ** 3, axis=0)


def extremes(x: Array) -> Array:
    """Logarithms of the largest distance from the mean, in standard deviations, (D,)."""
    return np.log(np.nanmax(np.abs(_standardized(x)), axis=0))


def zeros(x: Array) -> Array:
    """Shares of zeros, (D,)."""
    return np.nanmean(np.where(np.isnan(x), np.nan, x == 0), axis=0)


def correlations(x: Array) -> Array:
    """Correlations (D (D - 1) / 2,) of pairs of features, over the rows in which both are seen."""
    unit = _standardized(x[:, :PAIRED_FEATURES])
    seen = (~np.isnan(unit)).astype(float)
    filled = np.nan_to_num(unit)
    pairs = np.triu_indices(unit.shape[1], 1)
    return (filled.T @ filled)[pairs] / np.maximum((seen.T @ seen)[pairs], 1)


def _standardized(x: Array) -> Array:
    spread = np.nanstd(x, axis=0)
    return np.divide(x - np.nanmean(x, axis=0), spread, out=np.zeros_like(x), where=spread > 0)


STATISTICS: dict[str, dict[str, Statistic]] = {  # by where the cells lie
    "real": {"mean": mean, "variance": variance, "skewness": skewness, "extremes": extremes},
    "count": {"mean": mean, "variance": variance, "zeros": zeros, "extremes": extremes},
    "binary": {"mean": mean},
}
CONTINUOUS = ("positive", "unit", "interval", "simplex")  # looked at as the reals


def statistics_of(support: str, features: int) -> dict[str, Statistic]:
    """What is compared of a variable with this support; none of a level, whose numbers are names."""
    found = dict(STATISTICS.get("real" if support in CONTINUOUS else support, {}))
    if found and features > 1:
        found["correlations"] = correlations
    return found


@dataclass
class Tally:
    """Statistics of the data and of replicates as they come, and how often a cell lies above and beside them."""

    cells: Array
    statistics: Mapping[str, Statistic]
    replicated: dict[str, list[Array]] = field(default_factory=dict)
    below: Array = field(init=False)
    ties: Array = field(init=False)
    count: int = 0

    def __post_init__(self) -> None:
        self.below, self.ties = np.zeros(self.cells.shape, np.int32), np.zeros(self.cells.shape, np.int32)

    def add(self, drawn: Array) -> None:
        """One replicate (N, D), with the gaps of the data."""
        self.count += 1
        self.below += drawn < self.cells
        self.ties += drawn == self.cells
        gaps = np.isnan(self.cells)
        kept = np.where(gaps, np.nan, drawn) if gaps.any() else drawn
        for name, statistic in self.statistics.items():
            self.replicated.setdefault(name, []).append(quietly(statistic, kept))

    def pit(self, rng: np.random.Generator) -> Array:
        """Ranks (N, D) in (0, 1), ties broken at random."""
        found = (self.below + rng.random(self.cells.shape) * (self.ties + 1)) / (self.count + 1)
        return np.where(np.isnan(self.cells), np.nan, found)


def quietly(statistic: Statistic, x: Array) -> Array:
    """A statistic; not a number, and no warning, of a feature that is constant or has no cell."""
    with np.errstate(divide="ignore", invalid="ignore"):
        found = statistic(x)
    return np.where(np.isfinite(found), found, np.nan)


@dataclass(frozen=True)
class Replicates:
    """Every observed variable of numbers beside its replicates; shares (R, K) of the levels of discrete latents."""

    variables: Mapping[str, Replicated]
    shares: Mapping[str, Array]


def replicates(result: Result, seed: int = 0) -> Replicates:
    """Data sets that the fitted model draws: as many rows as the data have, or a random sample of them."""
    some = at_rows(result, sampled_rows(result, ROWS, seed))
    names = [name for name, site in some.sites.items() if site.role == "observed" and _numbers(some, name)]
    tallies = {name: Tally(_cells(some, name), _statistics(some, name)) for name in names}
    levels = {n: len(some.level_labels(n)) for n, role in some.program.plan.items() if role == "sum"}
    shares: dict[str, list[Array]] = {name: [] for name in levels}
    rng = np.random.default_rng(seed)
    index = np.linspace(0, np.prod(some.shape) - 1, REPLICATES).round().astype(int)
    rows = np.arange(len(some.values.rows))
    for draw in index:
        drawn = replicate(some, np.array([draw]), rows, rng)
        for name, tally in tallies.items():
            tally.add(drawn[name][0].reshape(tally.cells.shape))
        for name, size in levels.items():
            shares[name].append(np.bincount(drawn[name].ravel().astype(int), minlength=size) / len(rows))
    variables = {name: _named(some, name, tally, rng) for name, tally in tallies.items()}
    return Replicates(variables, {name: np.stack(each) for name, each in shares.items()})


def _numbers(result: Result, name: str) -> bool:
    return bool(statistics_of(result.model[name].support, 1)) and not result.labels(name)


def _statistics(result: Result, name: str) -> dict[str, Statistic]:
    return statistics_of(result.model[name].support, int(np.prod(result.sites[name].shape)))


def _cells(result: Result, name: str) -> Array:
    """The data of a variable (N, D), gaps as NaN."""
    array = np.asarray(result.values.arrays[name], float)
    seen = result.values.seen.get(name)
    array = array if seen is None else np.where(seen, array, np.nan)
    return array.reshape(len(array), -1)


def _named(result: Result, name: str, tally: Tally, rng: np.random.Generator) -> Replicated:
    site = result.sites[name]
    features = [str(label) for label in (site.labels[-1] if site.shown else (name,))]
    pairs = [
        f"{features[i]}, {features[j]}"
        for i, j in zip(*np.triu_indices(min(len(features), PAIRED_FEATURES), 1), strict=True)
    ]
    observed, replicated = {}, {}
    for which, draws in tally.replicated.items():
        coords = {"feature": pairs if which == "correlations" else features}
        value = quietly(tally.statistics[which], tally.cells)
        observed[which] = xr.DataArray(value, dims="feature", coords=coords, name=which)
        replicated[which] = xr.DataArray(np.stack(draws), dims=("replicate", "feature"), coords=coords, name=which)
    pit = by_row(site, tally.pit(rng).reshape(-1, *site.shape), result.values)
    return Replicated(observed, replicated, pit)
