"""fit -> Fit: the only place that knows the order of things."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import cached_property
from html import escape
from importlib.metadata import version
from pathlib import Path
from platform import python_version
from typing import Any

import numpy as np
import pandas as pd
import torch
import xarray as xr

from latentprob import inference as methods
from latentprob.data import Values, read, statistics
from latentprob.diagnostics import Diagnosis, Evidence, gathered
from latentprob.diagnostics import diagnose as judge
from latentprob.errors import DataError, InferenceError, ModelError, NotAvailable
from latentprob.files import archive
from latentprob.files.whole import replacing
from latentprob.inference import chosen
from latentprob.inference.problem import Problem
from latentprob.posterior import criteria, density, latent, predict, refining
from latentprob.posterior import forecast as forecasts
from latentprob.posterior import simulate as simulation
from latentprob.posterior.align import align
from latentprob.posterior.beliefs import PARTICLES
from latentprob.posterior.fit_measures import fit_measures
from latentprob.posterior.given import at_values
from latentprob.posterior.imagined import imagined
from latentprob.posterior.levels import for_levels
from latentprob.posterior.new_rows import for_rows
from latentprob.posterior.prior import prior_table
from latentprob.posterior.result import Result, batch, restored
from latentprob.posterior.stored import from_archive, to_archive
from latentprob.posterior.summary import summary
from latentprob.posterior.tree import tree
from latentprob.program import Program, compile
from latentprob.report import Record, page
from latentprob.spec.model import Model
from latentprob.spec.sites import sites

VERSIONS = ("latentprob", "torch", "pyro-ppl", "numpy", "xarray", "arviz-stats")

Modules = Mapping[str, torch.nn.Module]


def fit(
    model: Model,
    data: Any,
    inference: Any = None,
    *,
    seed: int = 0,
    weights: Any = None,
    device: str | None = None,
    progress: bool | None = None,
    observed: Mapping[str, Sequence[Hashable]] | None = None,
    modules: Modules | None = None,
) -> "Fit":
    r"""Fit a model to data.

    data: a table (pandas, xarray, numpy, torch), or a mapping from variables to arrays. NaN is a hidden cell.
    inference: the method with its settings, such as `SVI(restarts=8)` or `NUTS()`; None lets the structure choose:
        `NaturalGradient()` for conjugate models, else `SVI()`.
    weights: how often each row counts, (N,). device: "cpu", or "cuda".
    observed: the columns of a table that form a variable, where their names do not say it.
    modules: torch modules that `Module(z, name=...)` of the model names.

    >>> import latentprob as lp
    >>> model = lp.Model("c ~ Categorical(size=2)\nx ~ Poisson(rate=Table(c))")
    >>> fit = lp.fit(model, {"x": [0, 1, 0, 9, 8, 11]}, lp.SVI(steps=200))
    >>> fit.latent("c")["probs"].dims
    ('row', 'c_level')
    """
    place = _device(device)
    values = read(_model(model), data, observed)
    numbers = statistics(model, values)
    return fitted(model, values, numbers, inference, seed, _weights(weights, values), place, modules, progress)


def fitted(
    model: Model,
    values: Values,
    numbers: Mapping[str, np.ndarray],
    method: Any,
    seed: int,
    weights: np.ndarray | None = None,
    device: str = "cpu",
    modules: Modules | None = None,
    progress: bool | None = None,
) -> "Fit":
    """Fit a model to values that were read, its priors on the centres and spreads `numbers`."""
    program = compile(model, values.schema.observed, values.schema.missing, collapse=getattr(method, "collapse", True))
    method = chosen(program) if method is None else method
    problem = Problem(
        program,
        {name: torch.as_tensor(numbers[name]) for name in program.buffers},
        batch(program, values, device),
        len(values.rows),
        None if weights is None else torch.as_tensor(weights, dtype=program.dtype),
        torch.device(device),
        dict(modules or {}),
    )
    draws = method.run(problem, seed, progress)

    def result() -> Result:
        aligned = align(program, draws, values.schema)
        module = restored(program, numbers, draws.state, modules or {}, device)
        return Result(model, program, module, values, numbers, aligned.draws, aligned.frames, weights, device)

    return Fit(result, method, seed)


def condition(
    model: Model,
    parameters: Mapping[str, Any],
    data: Any,
    *,
    weights: Any = None,
    observed: Mapping[str, Sequence[Hashable]] | None = None,
) -> "Fit":
    r"""A fit at given parameter values: exact beliefs of the latents, and the likelihood.

    parameters: a value of every parameter by name, in the order of the dims that `summary()` shows.

    >>> import latentprob as lp
    >>> model = lp.Model("c ~ Categorical(size=2)\nx ~ Poisson(rate=Table(c))")
    >>> known = lp.condition(model, {"c_probs": [0.5, 0.5], "x_rate": [1.0, 10.0]}, {"x": [0, 12]})
    >>> known.embedding("c").values.tolist()
    [0, 1]
    """
    values = read(_model(model), data, observed)
    numbers = statistics(model, values)
    program = compile(model, values.schema.observed, values.schema.missing)
    if open_ends := [name for name, role in program.plan.items() if role == "draw"]:
        raise InferenceError(
            f"no closed form reaches the belief of {', '.join(open_ends)}: parameter values alone do not give it. "
            "Use lp.fit, whose encoder is fitted to the data"
        )
    module = restored(program, numbers, {}, {})
    draws = at_values(program, module, parameters, sites(model, values.schema))
    return Fit(Result(model, program, module, values, numbers, draws, {}, _weights(weights, values)), None, 0)


def simulate(
    model: Model,
    rows: int,
    seed: int = 0,
    *,
    data: Any = None,
    features: Mapping[str, int | Sequence[Hashable]] | int | None = None,
) -> xr.Dataset:
    r"""A data set of `rows` rows from the prior predictive: one draw of the parameters, which stand beside the rows.

    data: a table on whose centres and spreads the priors stand, and that holds the inputs; without it, centre 0 and
        spread 1. features: how many features the observed variables have (or their labels), where no size= says it.

    >>> import latentprob as lp
    >>> model = lp.Model("c ~ Categorical(size=2)\nx ~ Normal(loc=Table(c), scale=1)")
    >>> lp.simulate(model, rows=5, seed=1, features=3)["x"].shape
    (5, 3)
    """
    return imagined(_model(model), rows, seed, None if data is None else read(model, data), features)


def load(path: str | Path, *, modules: Modules | None = None) -> "Fit":
    """The fit in a folder that `Fit.save` wrote. modules: the torch modules that its model names.

    >>> import latentprob as lp, pathlib, tempfile
    >>> model = lp.Model("x ~ Normal(loc=PerFeature(), scale=1)")
    >>> known = lp.condition(model, {"x_loc": [0.0]}, {"x": [0.5, -1.0, 2.0]})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     known.save(pathlib.Path(folder) / "known")
    ...     lp.load(pathlib.Path(folder) / "known").score() == known.score()
    True
    """
    found = archive.read(path)
    record = found.facts["inference"]
    method = None if record is None else getattr(methods, record["method"])(**record["settings"])
    return Fit(from_archive(found, modules or {}), method, found.facts["seed"])


def _model(model: Any) -> Model:
    if not isinstance(model, Model):
        raise ModelError(f"a model is expected, found {type(model).__name__}; make one of statements by lp.Model(text)")
    return model


def _device(device: str | None) -> str:
    if device is not None and torch.device(device).type == "cuda" and not torch.cuda.is_available():
        raise InferenceError(f"device={device!r}: this machine has no CUDA device; leave device out to use the CPU")
    return device or "cpu"


def _weights(weights: Any, values: Values) -> np.ndarray | None:
    """Weights (N,) as floats, checked."""
    if weights is None:
        return None
    found, rows = np.asarray(weights, float), len(values.rows)
    if found.shape != (rows,):
        raise DataError(f"weights have the shape {found.shape}, and one number for each of the {rows} rows is needed")
    wrong = ~np.isfinite(found) | (found < 0)
    if wrong.any():
        place = int(np.argmax(wrong))
        raise DataError(
            f"the weight of row {values.rows[place]!r} is {found[place]}: weights are finite and not negative. "
            "A weight of 0 leaves a row out"
        )
    if values.series is not None and (np.diff(found)[~values.series.first[1:]] != 0).any():
        raise DataError(
            "weights differ within a series, whose steps have one density together: give all its rows one weight"
        )
    if not found.any():
        raise DataError("all weights are 0: no row counts. Give at least two rows a weight above 0")
    return found


class Fit:
    r"""A fitted model: what is believed of its parameters and latents, and how far that can be trusted.

    Each question is answered for the fitted rows, or for new ones: `data=None` means the fitted rows.

    >>> import latentprob as lp
    >>> model = lp.Model("c ~ Categorical(size=2)\nx ~ Poisson(rate=Table(c))")
    >>> known = lp.condition(model, {"c_probs": [0.5, 0.5], "x_rate": [1.0, 10.0]}, {"x": [0, 12]})
    >>> known.latent("c")["probs"].round(3).values.tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """

    def __init__(self, result: Result | Callable[[], Result], inference: Any, seed: int) -> None:
        self._result = result
        self.inference = inference
        self.seed = seed

    @cached_property
    def result(self) -> Result:
        """All that questions are answered from; symmetries are resolved when the first is asked."""
        return self._result() if callable(self._result) else self._result

    @property
    def model(self) -> Model:
        """The statements."""
        return self.result.model

    @property
    def program(self) -> Program:
        """The compiled program; its `source` is the code that ran."""
        return self.result.program

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences on what was decided while the data were read, and where a start was not the one wished for."""
        found = self.attrs.get("start_notes")
        return (*self.result.values.notes, *([found] if found else []))

    @property
    def attrs(self) -> dict[str, Any]:
        """How the run went: method, steps, settled, what was aligned."""
        return dict(self.result.draws.attrs)

    @cached_property
    def tree(self) -> xr.DataTree:
        """All results in ArviZ's groups; costly ones are computed at first access."""
        return tree(self.result)

    @property
    def posterior(self) -> xr.Dataset:
        """Draws of the parameters, in the data's units."""
        return self.tree["posterior"].to_dataset()

    def latent(self, name: str, data: Any = None) -> xr.Dataset:
        """The belief of a latent in each row: `loc` and `scale` (and `covariance`), or `probs`."""
        result, values = self._asked(data)
        return latent.latent(result, name, values)

    def sample_latent(self, name: str, draws: int = 100, data: Any = None, seed: int = 0) -> xr.DataArray:
        """Draws (draw, row, ...) of the belief, each under its own draw of the parameters."""
        result, values = self._asked(data)
        return latent.sample_latent(result, name, draws, values, seed)

    def embedding(self, name: str, data: Any = None) -> xr.DataArray:
        """One point a row: the mean of the belief; of a discrete latent, the most probable level."""
        result, values = self._asked(data)
        return latent.embedding(result, name, values)

    def log_likelihood(self, data: Any = None, particles: int = PARTICLES) -> xr.DataArray:
        """Log density (chain, draw, row), marginal over the latents, nats."""
        result, values = self._asked(data)
        return density.log_likelihood(result, values, particles)

    def score(self, data: Any = None, particles: int = PARTICLES) -> float:
        """Mean over rows of the log posterior predictive density, nats a row."""
        result, values = self._asked(data)
        return density.score(result, values, particles)

    def reconstruct(self, data: Any = None) -> xr.Dataset:
        """E[x given z(x)]: each row as the model sees it at its point in the latent space."""
        result, values = self._asked(data)
        return predict.reconstruct(result, values)

    def impute(self, data: Any = None) -> xr.Dataset:
        r"""The rows with hidden cells filled by their expectation given the seen ones.

        New rows may lack one of several blocks that share latents: it is predicted from the others.

        >>> import latentprob as lp
        >>> model = lp.Model("z ~ Normal(0, 1)\nx ~ Normal(loc=z, scale=1)\ny ~ Normal(loc=z, scale=1)")
        >>> lp.condition(model, {}, {"x": [0, 2], "y": [1, 2]}).impute({"x": [3.0]})["y"].values.round(3).tolist()
        [1.5]
        """
        result, values = self._asked(data)
        return predict.impute(result, values)

    def simulate(self, rows: int, seed: int = 0) -> xr.Dataset:
        """New rows from the posterior predictive, latents included; each under its own draw of the parameters."""
        return simulation.simulate(self.result, rows, seed)

    def forecast(self, steps: int, draws: int = 1000, seed: int = 0) -> xr.Dataset:
        r"""Draws (draw, step, ...) of the steps that follow each series: posterior predictive, hidden states included.

        >>> import latentprob as lp
        >>> model = lp.Model("s[time] ~ Markov(size=2)\nx ~ Poisson(rate=Table(s))")
        >>> values = {"s_initial": [0.5, 0.5], "s_transition": [[0.9, 0.1], [0.1, 0.9]], "x_rate": [1.0, 10.0]}
        >>> ahead = lp.condition(model, values, {"x": [0, 2, 1, 9, 12, 8]}).forecast(steps=3, draws=500)
        >>> dict(ahead["x"].sizes), ahead["s"].mean("draw").round(1).values.tolist()
        ({'draw': 500, 'step': 3}, [0.9, 0.8, 0.8])
        """
        return forecasts.forecast(self.result, steps, draws, seed)

    def summary(self) -> pd.DataFrame:
        """Parameters with mean, sd, equal-tailed interval, R-hat, effective sample sizes and Monte Carlo errors."""
        return summary(self.posterior)

    @cached_property
    def priors(self) -> pd.DataFrame:
        """The prior of every parameter, with its numbers."""
        return prior_table(self.program, self.result.statistics)

    @property
    def bound(self) -> float:
        """The final bound of the best restart, nats; of a point fit, the log-likelihood."""
        found = self.attrs.get("bound")
        if found is None:
            raise NotAvailable(
                f"the bound: {self.attrs.get('method', 'this method')} has none; score() gives the density of rows"
            )
        return float(found)

    def information(self) -> pd.Series:
        """Log-likelihood, df, AIC, BIC (and ICL) of a point fit; lower criteria are better."""
        return criteria.information(self.result)

    def fit_measures(self) -> pd.Series:
        r"""Chi-square, CFI, TLI, RMSEA, SRMR of a point fit under which rows are normal, as lavaan defines them.

        >>> import latentprob as lp
        >>> model = lp.Model("z ~ Normal(0, 1)\nx ~ Normal(loc=Linear(z), scale=PerFeature())")
        >>> fit = lp.fit(model.point(), lp.datasets.load("holzinger_swineford")[["x1", "x2", "x3", "x4"]])
        >>> fit.fit_measures().round(2)[["chi_square", "df"]].to_dict()
        {'chi_square': 11.8, 'df': 2.0}
        """
        return fit_measures(self.result)

    def loo(self) -> Any:
        """ArviZ's leave-one-out estimate on the marginal likelihood, with Pareto k of each row."""
        return density.loo(self.result, self.tree)

    def diagnose(self) -> Diagnosis:
        """What can be believed of this fit: findings and a verdict."""
        return judge(self._evidence)

    @cached_property
    def _evidence(self) -> Evidence:
        return gathered(self.result, self.posterior, self.tree["sample_stats"].to_dataset())

    def refine(self, rows: Any = None) -> "Fit":
        r"""The fit with the encoder's beliefs of some rows refined, each by itself; parameters stay as they are.

        rows: labels of rows; None means those whose refinement gains more than 0.5 nats.

        >>> import latentprob as lp
        >>> model = lp.Model("z ~ Normal(0, 1)\nx ~ Bernoulli(logits=MLP(z, hidden=[4]))")
        >>> fit = lp.fit(model, {"x": [[0, 0, 1], [1, 1, 0], [1, 0, 1]]}, lp.SVI(steps=20), progress=False)
        >>> fit.refine([0, 2]).attrs["rows_refined"]
        2
        """
        return Fit(refining.refined(self.result, rows), self.inference, self.seed)

    def report(self, path: str | Path) -> None:
        r"""Write one HTML page that tells the fit: verdict, model, findings, figures, parameters. It needs no network.

        >>> import latentprob as lp, pathlib, tempfile
        >>> model = lp.Model("c ~ Categorical(size=2)\nx ~ Poisson(rate=Table(c))")
        >>> known = lp.condition(model, {"c_probs": [0.5, 0.5], "x_rate": [1.0, 10.0]}, {"x": [0, 12, 1, 9]})
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     known.report(pathlib.Path(folder) / "report.html")
        ...     "<h2>Findings</h2>" in (pathlib.Path(folder) / "report.html").read_text(encoding="utf-8")
        True
        """
        with replacing(path) as made:
            made.write_text(page(self._record()), encoding="utf-8")

    def _record(self) -> Record:
        versions = {"python": python_version(), **{name: version(name) for name in VERSIONS}}
        told = self._method(), self.seed, versions
        return Record(self.result, self.tree, self._evidence, self.diagnose(), self.priors, self.summary(), *told)

    def _method(self) -> str:
        return "given parameter values" if self.inference is None else repr(self.inference)

    def save(self, path: str | Path) -> None:
        """Write the fit to a folder without pickle; `lp.load(path)` reads it."""
        settings = self.inference.model_dump() if self.inference is not None else {}
        method = None if self.inference is None else {"method": type(self.inference).__name__, "settings": settings}
        versions = {name: version(name) for name in VERSIONS}
        archive.write(path, to_archive(self.result, {"versions": versions, "seed": self.seed, "inference": method}))

    def _asked(self, data: Any) -> tuple[Result, Values]:
        """The fitted rows, or new ones, with the result that can answer for them."""
        if data is None:
            return self.result, self.result.values
        values = read(self.model, data, like=self.result.values.schema)
        return for_levels(for_rows(self.result, values), values), values

    def __repr__(self) -> str:
        lines = "\n".join(f"    {line}" for line in str(self.model).splitlines())
        return "\n".join([f"Fit of\n{lines}", *self._told()])

    def _repr_html_(self) -> str:
        told = "".join(f"<li>{escape(line)}</li>" for line in self._told())
        return f"<p><b>Fit</b></p><pre>{escape(str(self.model))}</pre><ul>{told}</ul>"

    def _told(self) -> list[str]:
        """What a person holds, line by line."""
        schema, (chains, draws) = self.result.values.schema, self.result.shape
        shapes = (f"{name} {self.result.values.arrays[name].shape}" for name in schema.observed)
        method = self._method() + ("" if self.inference is None else f", seed {self.seed}")
        told = [f"to {len(self.result.values.rows)} rows of {', '.join(shapes)}", f"by {method}"]
        told.append("a point estimate" if self.result.is_point else f"{chains} chains of {draws} draws")
        if "bound" in self.attrs:
            settled = "settled" if self.attrs.get("settled") else "NOT settled when the budget ended"
            told.append(f"bound {self.bound:.2f} nats, {settled}")
        if "aligned" in self.attrs:
            told.append(f"aligned {self.attrs['aligned']}")
        told += self.notes
        return [*told, "ask: latent, embedding, score, summary, diagnose, report, refine, simulate, impute, tree"]
