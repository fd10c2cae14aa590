"""Simulation-based calibration (Talts et al., 2018; Modrák et al., 2023)."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from arviz_stats.ecdf_utils import ecdf_pit
from matplotlib.axes import Axes

from latentprob.data import read
from latentprob.errors import InferenceError, NotAvailable
from latentprob.inference import SVI
from latentprob.inference.progress import Progress
from latentprob.plots.calibration import calibration as plot
from latentprob.posterior.imagined import Features
from latentprob.spec.model import Model
from latentprob.spec.sites import free_parameters
from latentprob.studies.simulations import Record, Task
from latentprob.studies.workers import Records, cores, run

RANKED = 99  # draws that the truth is ranked among: ranks 0 to 99
BAND = 0.95  # probability that all curves of a calibrated inference stay inside
SIMULATIONS_MIN = 5  # below, the bands say nothing
TRIALS, TRIALS_BEYOND = 1000, 20  # uniform samples that the bands are made from: at least, and that leave them
FAILED_MAX = 0.01  # share of failed simulations: beyond, what is left is a selection
Z_MIN = 2.0  # standard errors by which mean or spread of the ranks say in which direction they are off


@dataclass(frozen=True)
class Calibration:
    """Ranks of the true values among draws of the posterior: uniform where the inference is right.

    ranks: (simulation, quantity), 0 to `draws`. failed: reason by number of the simulation.
    unsettled: simulations whose fit had not settled. dependent: those whose chain held fewer independent draws
    than `draws`.

    >>> low = Calibration(pd.DataFrame({"x_loc": [3, 0, 12, 7, 1, 9, 0, 2]}), draws=99)
    >>> low.ok, low.direction
    (False, 'too high')
    """

    ranks: pd.DataFrame
    draws: int
    seed: int = 0
    failed: Mapping[int, str] = field(default_factory=dict)
    unsettled: tuple[int, ...] = ()
    dependent: tuple[int, ...] = ()

    @property
    def simulations(self) -> int:
        """How many were run, failed ones among them."""
        return len(self.ranks) + len(self.failed)

    @cached_property
    def pit(self) -> pd.DataFrame:
        """The ranks as numbers in (0, 1), uniform under calibration: each is spread over its cell at random."""
        noise = np.random.default_rng(self.seed).random(self.ranks.shape)
        return (self.ranks + noise) / (self.draws + 1)

    @cached_property
    def curves(self) -> xr.Dataset:
        """`difference` (quantity, fraction) of the ranks' distribution function to the uniform one, with `lower` and
        `upper` (fraction): bands that hold all curves at all points with probability 0.95 under calibration
        (Säilynoja, Bürkner and Vehtari, 2022; shared among the quantities by Bonferroni's inequality).
        """
        points, low, high = _bands(*self.pit.shape)
        ordered = np.sort(self.pit.to_numpy(), axis=0).T
        lines = np.array([np.searchsorted(u, points, side="right") for u in ordered]) / len(self.pit)
        found = {"difference": (("quantity", "fraction"), lines - points)}
        bands = {"lower": ("fraction", low - points), "upper": ("fraction", high - points)}
        return xr.Dataset({**found, **bands}, {"quantity": list(self.pit), "fraction": points})

    @cached_property
    def table(self) -> pd.DataFrame:
        """One row a quantity: whether it stays inside the bands, by how far it leaves them, in which direction.

        mean and sd of `pit`: 0.5 and 0.289 under calibration.
        """
        beyond = np.maximum(self.curves["lower"] - self.curves["difference"], 0)
        beyond = np.maximum(beyond, self.curves["difference"] - self.curves["upper"]).max("fraction").to_series()
        found = pd.DataFrame({"inside": beyond <= 0, "excess": beyond, "mean": self.pit.mean(), "sd": self.pit.std()})
        found["direction"] = ["" if i else direction(self.pit[name]) for name, i in found["inside"].items()]
        return found.rename_axis("quantity")

    @property
    def ok(self) -> bool:
        """Whether all quantities stay inside the bands, and simulations enough came to an end."""
        return bool(self.table["inside"].all()) and len(self.failed) <= FAILED_MAX * self.simulations

    @property
    def direction(self) -> str:
        """How the posterior is off where it is off most: "too narrow", "too wide", "too low", "too high" or ""."""
        return str(self.table["direction"][self.table["excess"].idxmax()])

    @property
    def verdict(self) -> str:
        """The ranks in one sentence, and what stands beside them."""
        return " ".join([self._judged(), *self._asides()])

    def _judged(self) -> str:
        outside = self.table[~self.table["inside"]].sort_values("excess", ascending=False)
        tried = f"{len(self.ranks)} simulations"
        if outside.empty:
            return f"Calibrated as far as {tried} can tell: the ranks of all {len(self.table)} quantities are uniform."
        kinds = Counter(each for each in outside["direction"] if each)
        why = " and ".join(kind for kind, _ in kinds.most_common(2)) or "wrong in shape"
        return (
            f"Not calibrated: the posterior is {why}. In {tried} the ranks of {len(outside)} of {len(self.table)} "
            f"quantities are not uniform, {outside.index[0]} least so."
        )

    def _asides(self) -> list[str]:
        told = []
        if self.failed:
            number, reason = next(iter(self.failed.items()))
            told.append(f"{len(self.failed)} of {self.simulations} simulations failed (number {number}: {reason}).")
        if self.unsettled:
            told.append(f"In {len(self.unsettled)} the fit had not settled: a larger budget may change the ranks.")
        if self.dependent:
            told.append(
                f"In {len(self.dependent)} the chains held fewer than {self.draws} independent draws, which makes "
                "ranks gather at both ends: take more draws."
            )
        return told

    def plot(self, **look: Any) -> Axes:
        """The curves of all quantities with their bands."""
        return plot(self.curves, **look)

    def __repr__(self) -> str:
        shown = self.table.sort_values("excess", ascending=False, kind="stable")
        return f"{self.verdict}\n{shown.round(3).to_string()}"

    def _repr_html_(self) -> str:
        shown = self.table.sort_values("excess", ascending=False, kind="stable")
        return f"<p><b>{escape(self.verdict)}</b></p>{shown.round(3).to_html()}"


@lru_cache
def _bands(simulations: int, quantities: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points in (0, 1), and between what a distribution function of uniform numbers lies there."""
    tail = (1 - BAND) / quantities
    uniform = np.linspace(0, 1, simulations)  # the bands depend on how many there are alone
    points, _, low, high = ecdf_pit(uniform, 1 - tail, max(TRIALS, round(TRIALS_BEYOND / tail)))
    return points, low, high


def direction(pit: pd.Series) -> str:
    """How a posterior is off, by the moments of the ranks that differ most from those of a uniform law."""
    u = pit.to_numpy() - 0.5
    shift = u.mean() * np.sqrt(12 * len(u))  # in standard errors; Var u = 1/12
    spread = (u.var() - 1 / 12) * np.sqrt(180 * len(u))  # around their mean: a shift alone is no spread
    if max(abs(shift), abs(spread)) < Z_MIN:
        return ""
    if abs(spread) >= abs(shift):
        return "too narrow" if spread > 0 else "too wide"
    return "too low" if shift > 0 else "too high"


def calibrate(
    model: Model,
    rows: int,
    simulations: int = 100,
    inference: Any = None,
    seed: int = 0,
    *,
    data: Any = None,
    features: Features = None,
    processes: int | None = None,
    folder: str | Path | None = None,
    progress: bool | None = None,
) -> Calibration:
    r"""Simulation-based calibration: whether posteriors of this model, by this inference, are as wide as they say.

    Again and again parameters are drawn from the priors, `rows` rows from the model, and the inference is run on them.
    Where it is right, the true values rank uniformly among the draws of the posterior (Talts et al., 2018). Ranked
    are the parameters, the latents of a few rows, and log densities (Modrák et al., 2023), all in a form that neither
    the labels of components nor rotations of factors can change.

    data: a table on whose centres and spreads the priors stand, and that holds the inputs and the gaps; without it,
        centre 0 and spread 1. These numbers are the same for all simulations. features: how many features the
        observed variables have, where no size= says it.
    processes: how many simulations run at once; None is one a core, 1 runs them in this process. A script that uses
        more has to call this under `if __name__ == "__main__":`.
    folder: keeps what was done; the same call goes on from there after an interruption, or with more simulations.

    >>> import latentprob as lp
    >>> model = lp.Model("x ~ Normal(loc=Shared(prior=Normal(0, 1)), scale=1, size=1)")
    >>> found = lp.calibrate(model, 10, 5, lp.SVI(steps=1, restarts=1, draws=50, refine=True), processes=1)
    >>> found.ranks.shape, found.ok
    ((5, 3), True)
    """
    method = SVI() if inference is None else inference
    values = None if data is None else read(model, data)
    task = Task(model, rows, method, seed, min(RANKED, method.draws), values, features)
    _check(task, simulations, processes)
    records = Records(folder, task)
    done = records.found(range(simulations))
    left = sorted(set(range(simulations)) - {record.number for record in done})
    with Progress(simulations, "calibrate", progress) as bar:
        bar.bar.update(len(done))

        def keep(record: Record) -> None:
            records.keep(record)
            done.append(record)
            bar.tick()

        run(task, left, cores() if processes is None else processes, keep)
    return _summed(sorted(done, key=lambda record: record.number), task)


def _check(task: Task, simulations: int, processes: int | None) -> None:
    """Refuse what no simulation could do, before any is run."""
    if simulations < SIMULATIONS_MIN:
        raise InferenceError(
            f"simulations={simulations}: {SIMULATIONS_MIN} at least; 100 show what is coarsely wrong, 1000 more"
        )
    if processes is not None and processes < 1:
        raise InferenceError(f"processes={processes}: one at least")
    points = [free.name for free in free_parameters(task.model) if free.prior == "point"]
    if points:
        raise NotAvailable(
            f"calibration draws true values from the priors, and {points[0]} is a point estimate without one; "
            "give it a prior, or take the model as it was before model.point()"
        )
    task.world(0)


def _summed(records: list[Record], task: Task) -> Calibration:
    good = [record for record in records if not record.failed]
    failed = {record.number: record.failed for record in records if record.failed}
    if len(good) < SIMULATIONS_MIN:
        number, reason = next(iter(failed.items()))
        raise InferenceError(f"{len(failed)} of {len(records)} simulations failed; number {number}: {reason}")
    ranks = pd.DataFrame([r.ranks for r in good], index=pd.Index([r.number for r in good], name="simulation"))
    return Calibration(
        ranks,
        task.draws,
        task.seed,
        failed,
        tuple(r.number for r in good if not r.settled),
        tuple(r.number for r in good if r.ess is not None and r.ess < task.draws),
    )
