"""fit -> Fit: the only place that knows the order of things."""

from collections.abc import Hashable, Mapping, Sequence
from functools import cached_property
from html import escape
from importlib.metadata import version
from pathlib import Path
from typing import Any

import arviz_stats
import numpy as np
import pandas as pd
import pyro
import torch
import xarray as xr

from latentprob import inference as methods
from latentprob.data import Values, read, statistics
from latentprob.diagnostics import Diagnosis
from latentprob.diagnostics import diagnose as diagnosis
from latentprob.errors import DataError, FileError, InferenceError, LatentprobError, ModelError, NotAvailable
from latentprob.files import archive
from latentprob.inference import NUTS, SVI, Draws
from latentprob.inference.problem import Problem
from latentprob.posterior import criteria, density, latent, predict, simulate as simulation
from latentprob.posterior.align import align
from latentprob.posterior.given import at_values
from latentprob.posterior.package import posterior
from latentprob.posterior.prior import prior_table
from latentprob.posterior.result import Result, batch, restored
from latentprob.posterior.stored import from_archive, to_archive
from latentprob.posterior.summary import summary
from latentprob.posterior.tree import tree
from latentprob.program import Program, compile
from latentprob.spec.model import Model
