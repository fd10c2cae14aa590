"""A stochastic model beside its deterministic twin, on the same rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from html import escape
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from latentprob.data import Values, read, statistics
from latentprob.errors import DataError, InferenceError, NotAvailable
from latentprob.fitting import Fit, fitted
from latentprob.inference import SVI, Exact
from latentprob.inference.exact import solves
from latentprob.inference.progress import Progress
from latentprob.plots.comparison import comparison as plot
from latentprob.posterior.result import count
from latentprob.program import compile
from latentprob.spec.model import Model
from latentprob.studies.metrics import METRICS, Study
from latentprob.studies.spaces import Array, Side, features, refits, taken

HELD_OUT = 0.2  # share of the rows
BOOTSTRAPS = 5  # the digits' VAE and its twin are refitted in a few minutes
ROWS_MIN = 10


@dataclass(frozen=True)
class Comparison:
    r"""The latent space of a model beside the embedding space of its twin.

    table: a row a metric, `stochastic` (the belief), `deterministic` (the point), and a sentence that says what the
    number is, or why there is none. A number about the pair stands in both columns. Definitions and sources are in the
    docstrings of `latentprob.studies.metrics`.

    >>> import latentprob as lp
    >>> model = lp.Model("z ~ Normal(0, 1)\nx ~ Normal(loc=Linear(z), scale=Shared())")
    >>> rows = lp.simulate(model, rows=60, seed=3, features=4)["x"].values
    >>> found = lp.compare(model, rows, bootstraps=2, progress=False)
    >>> bool(found.table.loc["CKA between the two", "stochastic"] > 0.99)
    True
    """

    stochastic: Fit
    deterministic: Fit
    table: pd.DataFrame
    study: Study = field(repr=False)

    @cached_property
    def spaces(self) -> dict[str, Array]:
        """Points (N, 2) and (N, 2) of the fitted rows on common axes, and the belief's sds; or rows with levels."""
        belief, point = self.study.belief.space, self.study.point.space.nearest_to(self.study.belief.space)
        if belief.levels is not None and point.levels is not None:
            x, _ = features(self.deterministic.result, self.study.child, self.study.point.values)
            flat = _wide((x - x.mean(axis=0)) @ _principal(x))
            return {"belief": flat, "point": flat, "probs": belief.points, "levels": point.levels}
        axes, scale = _principal(belief.points), belief.scale
        found = {"belief": _wide(belief.points @ axes), "point": _wide(point.points @ axes)}
        return found | ({} if scale is None else {"scale": _wide(np.sqrt(scale**2 @ axes**2))})

    @cached_property
    def rows(self) -> pd.DataFrame:
        """Of each fitted row the `width` of its belief, and how far its embedding wanders over refits, `wander`.

        Width is the sd over all dims, of a level the entropy in nats. Wandering is a root mean square distance in the
        units of the embedding; of a level, how often it changes.
        """
        values, belief = self.study.point.values, self.study.belief.space
        return pd.DataFrame({"width": belief.width, "wander": self.study.point.spread}, index=values.rows)

    def plot(self, **look: Any) -> Figure:
        """Embedding and beliefs side by side on common axes, the same rows marked."""
        return plot(self.spaces, name=self.study.name, labels=self.study.labels, **look)

    def __repr__(self) -> str:
        wide = max(map(len, self.table.index))
        lines = [f"{'':{wide}}  stochastic  deterministic"]
        for name, stochastic, deterministic, sentence in self.table.itertuples():
            lines.append(f"{name:{wide}}  {_shown(stochastic):>10}  {_shown(deterministic):>13}  {sentence}")
        return "\n".join([f"{self.study.name}: a belief beside a point", *lines])

    def _repr_html_(self) -> str:
        told = "".join(f"<pre>{escape(str(fit.model))}</pre>" for fit in (self.stochastic, self.deterministic))
        return f"{told}{self.table.to_html(float_format=lambda value: f'{value:.3g}', na_rep='—')}"


def _shown(value: float) -> str:
    return "—" if np.isnan(value) else f"{value:.3g}"


def _principal(points: Array) -> Array:
    """The two axes (Z, 2) along which points vary most; the only one where there is one."""
    _, _, axes = np.linalg.svd(points - points.mean(axis=0), full_matrices=False)
    return axes[:2].T if points.shape[1] > 2 else np.eye(points.shape[1])


def _wide(points: Array) -> Array:
    """Points of one dim with a second one that is zero."""
    return points if points.shape[1] > 1 else np.column_stack([points, np.zeros(len(points))])


def compare(
    model: Model,
    data: Any,
    holdout: Any = None,
    labels: Sequence[Any] | None = None,
    seed: int = 0,
    *,
    inference: Any = None,
    bootstraps: int = BOOTSTRAPS,
    observed: Mapping[str, Any] | None = None,
    progress: bool | None = None,
) -> Comparison:
    r"""Fit a model and its deterministic twin to the same rows, and measure both representations.

    holdout: the share of the rows that no fit sees (a fifth, if left out), or a table of such rows.
    labels: of each row of the data, for the probe and the agreement; no fit sees them.
    inference: the method for the model, and for a twin that has no known optimum; None lets the structure choose. A
        network's twin trains for as many steps as the network did.
    bootstraps: refits of both to rows drawn with replacement, on which the questions of stability rest.

    >>> import latentprob as lp
    >>> model = lp.Model("c ~ Categorical(size=2)\nx ~ Normal(loc=Table(c), scale=Shared())")
    >>> found = lp.compare(model, lp.datasets.load("faithful"), bootstraps=2, progress=False)
    >>> bool(found.table.loc["disagreement", "stochastic"] < 0.05)
    True
    """
    twin = model.deterministic()
    if model.factors:
        raise NotAvailable(
            f"compare: it sets side by side what two fits say of rows, and {' and '.join(model.factors)} hold levels "
            "of factors; fit the model and model.deterministic(), and ask both for their embedding"
        )
    name = twin.embedded[0]
    if bootstraps < 2:
        raise InferenceError(f"bootstraps={bootstraps}: two refits at least tell how far rows wander")
    values = read(model, data, observed)
    if name in values.schema:
        raise DataError(f"{name} is in the data: what is seen has no belief to compare. Leave its column out")
    fitted_rows, held, own = _split(model, values, holdout, labels, seed)
    numbers = statistics(model, fitted_rows)
    exact = solves(compile(twin, values.schema.observed, values.schema.missing))
    with Progress(2 * (1 + bootstraps), "fits", progress) as bar:

        def side(each: Model, method: Any) -> Side:
            fit = fitted(each, fitted_rows, numbers, method, seed, progress=False)
            bar.tick()
            return Side(fit, name, refits(fit, seed, bootstraps, bar.tick))

        belief = side(model, inference)
        point = side(twin, Exact() if exact else _alike(inference, belief.fit))
    study = Study(belief, point, name, twin.children(name)[0], held, own, seed)
    table = pd.DataFrame([metric(study) for metric in METRICS]).set_index("name").rename_axis("metric")
    return Comparison(belief.fit, point.fit, table, study)


def _alike(inference: Any, fit: Fit) -> Any:
    """The method of a twin without a known optimum: as many gradient steps as the model took, if it took such.

    An autoencoder has no prior that holds it back: trained to its end it repeats the fitted rows and loses others.
    """
    method = SVI() if inference is None else inference
    if not isinstance(method, SVI) or method.steps is not None or fit.attrs["method"] != "svi":
        return method
    return method.changed(steps=int(fit.attrs["steps"]))


def _split(
    model: Model, values: Values, holdout: Any, labels: Sequence[Any] | None, seed: int
) -> tuple[Values, Values, Array | None]:
    """The rows that are fitted, those that are held out, and the labels of the first."""
    rows = count(values)
    given = None if labels is None else np.asarray(labels)
    if given is not None and given.shape != (rows,):
        raise DataError(f"labels have the shape {given.shape}, and one for each of the {rows} rows is needed")
    if given is not None and pd.isna(given).any():
        raise DataError(f"row {values.rows[int(np.argmax(pd.isna(given)))]!r} has no label; label all rows, or drop it")
    if holdout is not None and not isinstance(holdout, (int, float)):
        return values, read(model, holdout, like=values.schema), given
    share = HELD_OUT if holdout is None else float(holdout)
    kept = rows - round(share * rows)
    if not 0 < share < 1 or kept < ROWS_MIN or kept == rows:
        raise DataError(
            f"holdout={holdout} of {rows} rows leaves {kept} to fit: a share between 0 and 1 is taken, "
            f"that leaves {ROWS_MIN} rows at least, or a table of other rows"
        )
    order = np.random.default_rng(seed).permutation(rows)
    first, rest = np.sort(order[:kept]), np.sort(order[kept:])
    return taken(values, first), taken(values, rest), None if given is None else given[first]
