"""The size of a latent: fits of several, held against each other."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from html import escape
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from sklearn.metrics import adjusted_rand_score

from latentprob.data import read
from latentprob.diagnostics.reliability import k_limit
from latentprob.errors import DataError, ModelError
from latentprob.fitting import Fit, fit
from latentprob.inference import SVI
from latentprob.inference.progress import Progress
from latentprob.plots.selection import selection as plot
from latentprob.posterior import latent
from latentprob.posterior.result import Result
from latentprob.spec.model import Model
from latentprob.spec.symmetry import exchangeable
from latentprob.studies.sizes import check_sized, resized

PARTITION_DRAWS = 100  # of each restart, for its partition and for the number of occupied levels
BAD_MAX = 0.1  # share of rows of too high a Pareto k, up to which LOO can be relied on to order sizes
RULE = "the one-standard-error rule of Breiman et al. (1984), on marginal LOO"


@dataclass(frozen=True)
class Selection:
    r"""Fits of one model with several sizes of the latent `name`.

    fits: by size. elpd: (row, size) leave-one-out log densities, nats; without columns where there are no posteriors.
    table: a row a size.

        elpd, se            leave-one-out log density of all rows, marginal over latents, and its standard error; nats
        difference, difference_se      to the size of highest elpd, row by row
        bad_k               rows whose Pareto k is too high for the estimate to be relied on
        bound               of the best restart, nats; log K! is added where K levels may change places, for one mode
                            leaves the others out (Bishop, 2006, section 10.2.4)
        BIC, ICL            of the maximum-likelihood fit, where the likelihood has a closed form; lower is better
        kept, stability     restarts that ended with the best, and mean adjusted Rand index of their partitions
        occupied            levels that hold a row, on average over the posterior
        settled             whether the fit ended before its budget

    >>> import latentprob as lp
    >>> model = lp.Model("c ~ Categorical(size=2)\nx ~ Poisson(rate=Table(c))").point()
    >>> lp.select(model, {"x": [0, 1, 0, 2, 1, 30, 33, 28, 35]}, c=[1, 2]).table["occupied"].tolist()
    [1.0, 2.0]
    """

    name: str
    fits: Mapping[int, Fit]
    table: pd.DataFrame
    elpd: pd.DataFrame

    @property
    def sizes(self) -> list[int]:
        """The sizes that were fitted."""
        return list(self.fits)

    @cached_property
    def unreliable(self) -> list[int]:
        """Sizes whose leave-one-out estimate has too high a Pareto k in over a tenth of the rows."""
        if "elpd" not in self.table:
            return []
        return [int(size) for size in self.table.index[self.table["bad_k"] > BAD_MAX * len(self.elpd)]]

    @property
    def _by_loo(self) -> bool:
        """Whether LOO decides: where it is reliable for all sizes, or nothing else is there."""
        return "elpd" in self.table and not (self.unreliable and "BIC" in self.table)

    @cached_property
    def best(self) -> int:
        """The smallest size whose elpd lies within one standard error of the highest.

        Where there is no LOO, or it is unreliable for some size and so cannot order them, the size of lowest BIC.
        """
        if self._by_loo:
            near = -self.table["difference"] <= self.table["difference_se"]
            return int(near.index[near].min())
        return int(self.table["BIC"].idxmin())

    @property
    def fit(self) -> Fit:
        """The fit of the recommended size."""
        return self.fits[self.best]

    @property
    def recommendation(self) -> str:
        """The recommended size with its reason, and what speaks against it."""
        return " ".join([self._reason(), *self._others(), *self._doubts()])

    def _reason(self) -> str:
        if not self._by_loo:
            why = "cannot be relied on for all sizes" if self.unreliable else "is there for posteriors alone"
            return f"{self.name}={self.best}: the lowest BIC; leave-one-out {why}."
        top = int(self.table["elpd"].idxmax())
        if self.best == top:
            return f"{self.name}={self.best}: the highest elpd, and no smaller size within one standard error ({RULE})."
        line = self.table.loc[self.best]
        return (
            f"{self.name}={self.best}: the smallest size within one standard error of the highest elpd, that of {top}, "
            f"which is {-line['difference']:.1f} nats higher (standard error {line['difference_se']:.1f}; {RULE})."
        )

    def _others(self) -> list[str]:
        criteria = [name for name in ("BIC", "ICL") if name in self.table]
        chosen = {name: int(self.table[name].idxmin()) for name in criteria}
        return [f"{' and '.join(f'{name} takes {size}' for name, size in chosen.items())}."] if chosen else []

    def _doubts(self) -> list[str]:
        told = []
        if "bad_k" in self.table and (bad := self.table["bad_k"][self.table["bad_k"] > 0]).any():
            sizes = ", ".join(f"{size} ({count} rows)" for size, count in bad.items())
            told.append(f"Pareto k is too high for leave-one-out at the sizes {sizes}: NUTS may give better draws.")
        if not self.table["settled"].all():
            sizes = ", ".join(str(size) for size in self.table.index[~self.table["settled"]])
            told.append(f"The fit of {sizes} had not settled: take a larger budget.")
        if self.best == max(self.sizes) and len(self.sizes) > 1:
            told.append("It is the largest that was tried: try larger ones.")
        return told

    def plot(self, **look: Any) -> Axes:
        """The criteria by size."""
        return plot(self.table, self.best, name=self.name, **look)

    def __repr__(self) -> str:
        return f"{self.recommendation}\n{self.table.round(2).to_string()}"

    def _repr_html_(self) -> str:
        return f"<p><b>{escape(self.recommendation)}</b></p>{self.table.round(2).to_html()}"


def select(
    model: Model,
    data: Any,
    *,
    inference: Any = None,
    seed: int = 0,
    observed: Mapping[str, Any] | None = None,
    progress: bool | None = None,
    **sizes: Iterable[int],
) -> Selection:
    r"""Fit a model with several sizes of one latent, named by keyword: `c=range(1, 7)`.

    The smallest size is recommended whose marginal leave-one-out log density lies within one standard error of the
    highest; where Pareto k says that this cannot be relied on for some size, the one of lowest BIC. Beside them stand
    the bound, ICL, and how far restarts agree. Of a discrete latent, size 1 is the model without it.

    One fit can also find the number of components: give a mixture more than it needs and a sparse prior,
    `c ~ Categorical(probs=Dirichlet(0.01), size=8)`, and the posterior empties what is not needed (Rousseau and
    Mengersen, 2011); `occupied` counts what is left. The probabilities of empty levels spread over many orders of
    magnitude: `SVI(guide="normal", particles=16)` follows them better than one particle does.

    >>> import latentprob as lp
    >>> model = lp.Model("c ~ Categorical(size=2)\nx ~ Poisson(rate=Table(c))")
    >>> found = lp.select(model, {"x": [0, 1, 0, 2, 1, 30, 33, 28, 35]}, c=[1, 2], inference=lp.SVI(steps=100))
    >>> found.best
    2
    """
    name, tried = _asked(model, sizes)
    values = read(model, data, observed)
    if name in values.schema:
        raise DataError(f"{name} is in the data: its size is known. Choose the size of a latent variable")
    method, fits, points = SVI() if inference is None else inference, {}, {}
    with Progress(len(tried), f"sizes of {name}", progress) as bar:
        for size in tried:
            changed = resized(model, name, size)
            fits[size] = fit(changed, data, method, seed=seed, progress=False, observed=observed)
            if _has_likelihood(fits[size].result):
                point = changed.point()
                same = point == changed
                points[size] = (
                    fits[size] if same else fit(point, data, SVI(), seed=seed, progress=False, observed=observed)
                )
            bar.tick()
    elpd, loo = _left_out(fits)
    elpd.index = values.rows if len(elpd) else elpd.index
    lines = {size: {**loo.get(size, {}), **_criteria(name, fits[size], points.get(size))} for size in tried}
    table = pd.DataFrame(lines).T.rename_axis(name)
    return Selection(name, fits, table.infer_objects(), elpd)


def _asked(model: Model, sizes: Mapping[str, Iterable[int]]) -> tuple[str, list[int]]:
    if len(sizes) != 1:
        found = f"found {', '.join(sizes)}" if sizes else "found none"
        raise ModelError(f"select takes the sizes of one variable, such as c=range(1, 7); {found}")
    name, wanted = next(iter(sizes.items()))
    check_sized(model, name)
    tried = sorted(set(wanted))
    if not tried or tried[0] < 1 or any(size % 1 for size in tried):
        raise ModelError(f"{name}={tried}: sizes are whole numbers from 1, such as {name}=range(1, 7)")
    return name, [int(size) for size in tried]


def _has_likelihood(result: Result) -> bool:
    """Whether maximum likelihood has a value: no latent without closed form, no networks."""
    return not result.drawn and not any(p.requires_grad for p in result.module.parameters())


def _left_out(fits: Mapping[int, Fit]) -> tuple[pd.DataFrame, dict[int, dict[str, Any]]]:
    """Leave-one-out log densities (row, size), and what they come to by size."""
    found = {size: each.loo() for size, each in fits.items() if not each.result.is_point}
    if not found:
        return pd.DataFrame(), {}
    elpd = pd.DataFrame({size: np.asarray(each.elpd_i).ravel() for size, each in found.items()})
    top = elpd.sum().idxmax()
    lines = {}
    for size, each in found.items():
        apart = elpd[size] - elpd[top]
        draws = math.prod(fits[size].result.shape)
        lines[size] = {
            "elpd": float(each.elpd),
            "se": float(each.se),
            "difference": float(apart.sum()),
            "difference_se": float(math.sqrt(len(apart)) * apart.std(ddof=0)),
            "bad_k": int((np.asarray(each.pareto_k) > k_limit(draws)).sum()),
        }
    return elpd, lines


def _criteria(name: str, found: Fit, point: Fit | None) -> dict[str, Any]:
    """What else speaks for or against a size."""
    result = found.result
    line: dict[str, Any] = {}
    if "bound" in found.attrs:
        line["bound"] = found.bound + sum(
            math.lgamma(len(result.level_labels(each)) + 1) for each in exchangeable(result.model, result.values.schema)
        )
    if point is not None:
        line |= {key: value for key, value in point.information().items() if key in ("BIC", "ICL")}
    kept = result.draws.stats.get("kept")
    if kept is not None:
        line["kept"] = f"{int(kept.sum())} of {len(kept)}"
    if name not in result.model:  # of the one level that is left all rows are certain
        line |= {"ICL": line["BIC"]} if point is not None else {}
        line["occupied"] = 1.0
    elif result.model.is_level(name):
        line |= {"stability": stability(result, name), "occupied": occupied(found, name)}
    line["settled"] = bool(found.attrs.get("settled", True))
    return line


def stability(result: Result, name: str) -> float:
    """Mean adjusted Rand index of the partitions of the rows by two restarts; NaN where one was kept."""
    chains, length = result.shape
    if chains < 2:
        return math.nan
    some = np.linspace(0, length - 1, min(length, PARTITION_DRAWS)).round().astype(int)
    partitions = []
    for chain in range(chains):
        draws = {site: array[[chain]][:, some] for site, array in result.draws.parameters.items()}
        latents = {site: array[[chain]][:, some] for site, array in result.draws.latents.items()}
        alone = replace(result, draws=replace(result.draws, parameters=draws, latents=latents))
        partitions.append(latent.latent(alone, name, alone.values)["probs"].values.argmax(axis=1))
    return float(np.mean([adjusted_rand_score(a, b) for a, b in combinations(partitions, 2)]))


def occupied(found: Fit, name: str) -> float:
    """How many levels hold a row, on average over the posterior."""
    drawn = found.sample_latent(name, PARTITION_DRAWS).values
    return float(np.mean([len(np.unique(row)) for row in drawn]))
