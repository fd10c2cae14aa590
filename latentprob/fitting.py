"""fit -> Fit: the only place that knows the order of things."""

from collections.abc import Hashable, Mapping, Sequence
from functools import cached_property
from html import escape
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
import xarray as xr

from latentprob import inference as methods
from latentprob.data import Values, read, statistics
from latentprob.diagnostics import Diagnosis
from latentprob.diagnostics import diagnose as judge
from latentprob.errors import DataError, FileError, InferenceError, ModelError, NotAvailable
from latentprob.files import archive
from latentprob.inference import SVI
from latentprob.inference.problem import Problem
from latentprob.posterior import criteria, density, latent, predict
from latentprob.posterior import simulate as simulation
from latentprob.posterior.align import align
from latentprob.posterior.beliefs import PARTICLES
from latentprob.posterior.given import at_values
from latentprob.posterior.imagined import imagined
from latentprob.posterior.prior import prior_table
from latentprob.posterior.result import Result, batch, restored
from latentprob.posterior.stored import from_archive, to_archive
from latentprob.posterior.summary import summary
from latentprob.posterior.tree import tree
from latentprob.program import Program, compile
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
    """Fit a model to data.

    data: a table (pandas, xarray, numpy, torch), or a mapping from variables to arrays. NaN is a hidden cell.
    inference: the method with its settings, such as `SVI(restarts=8)` or `NUTS()`; None is `SVI()`.
    weights: how often each row counts, (N,). device: "cpu", or "cuda".
    observed: the columns of a table that form a variable, where their names do not say it.
    modules: torch modules that `Module(z, name=...)` of the model names.

    >>> import latentprob as lp
    >>> model = lp.Model("c ~ Categorical(size=2)\\nx ~ Poisson(rate=Table(c))")
    >>> fit = lp.fit(model, {"x": [0, 1, 0, 9, 8, 11]}, lp.SVI(steps=200))
    >>> fit.latent("c")["probs"].dims
    ('row', 'c_level')
    """
    method = SVI() if inference is None else inference
    place = _device(device)
    values = read(_model(model), data, observed)
    numbers = statistics(model, values)
    program = compile(model, values.schema.observed, values.schema.missing, collapse=getattr(method, "collapse", True))
    counts = _weights(weights, values)
    problem = Problem(
        program,
        {name: torch.as_tensor(numbers[name]) for name in program.buffers},
        batch(program, values, place),
        len(values.rows),
        None if counts is None else torch.as_tensor(counts, dtype=program.dtype),
        torch.device(place),
        dict(modules or {}),
    )
    draws = method.run(problem, seed, progress)
    aligned = align(program, draws, values.schema)
    module = restored(program, numbers, draws.state, modules or {}, place)
    return Fit(Result(model, program, module, values, numbers, aligned.draws, aligned.frames, counts, place), method, seed)


def condition(
    model: Model,
    parameters: Mapping[str, Any],
    data: Any,
    *,
    weights: Any = None,
    observed: Mapping[str, Sequence[Hashable]] | None = None,
) -> "Fit":
    """A fit at given parameter values: exact beliefs of the latents, and the likelihood.

    parameters: a value of every parameter by name, in the order of the dims that `summary()` shows.
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
    """A data set of `rows` rows from the prior predictive: one draw of the parameters, which stand beside the rows.

    data: a table on whose centres and spreads the priors stand, and that holds the inputs; without it, centre 0 and
        spread 1. features: how many features the observed variables have (or their labels), where no size= says it.
    """
    return imagined(_model(model), rows, seed, None if data is None else read(model, data), features)


def load(path: str | Path, *, modules: Modules | None = None) -> "Fit":
    """The fit in a folder that `Fit.save` wrote. modules: the torch modules that its model names."""
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
    if not found.any():
        raise DataError("all weights are 0: no row counts. Give at least two rows a weight above 0")
    return found


class Fit:
    """A fitted model: what is believed of its parameters and latents, and how far that can be trusted.

    Each question is answered for the fitted rows, or for new ones: `data=None` means the fitted rows.
    """

    def __init__(self, result: Result, inference: Any, seed: int) -> None:
        self.result = result
        self.inference = inference
        self.seed = seed

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
        """Sentences on what was decided while the data were read."""
        return self.result.values.notes

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
        """The belief of a latent: `loc` and `scale` (and `covariance`), or `probs`, for each row."""
        return latent.latent(*self._asked(data, name)) if False else self._ask(latent.latent, data, name)
