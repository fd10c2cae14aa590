"""What a page tells of a fit."""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd
import xarray as xr

from latentprob.diagnostics import Diagnosis, Evidence
from latentprob.posterior.result import Result


@dataclass(frozen=True)
class Record:
    """A fit and what was found of it.

    priors: the law of every parameter with its numbers.
    summary: the parameters, a row a number. method: the inference with its settings, as it would be written.
    versions: of the libraries, by name.
    """

    result: Result
    tree: xr.DataTree
    evidence: Evidence
    diagnosis: Diagnosis
    priors: pd.DataFrame
    summary: pd.DataFrame
    method: str
    seed: int
    versions: Mapping[str, str]
