"""A problem from a model's text and data, as a fit makes it."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from latentprob.data import read, statistics
from latentprob.inference.problem import Problem
from latentprob.program import compile
from latentprob.spec.model import Model


def make(text: str | Model, data: Any, weights: Any = None, **options: Any) -> Problem:
    model = text if isinstance(text, Model) else Model(text)
    values = read(model, data)
    program = compile(model, observed=values.schema.observed, missing=values.schema.missing, **options)

    def tensor(array: np.ndarray) -> torch.Tensor:
        found = torch.as_tensor(array)
        return found.to(program.dtype) if found.is_floating_point() else found

    batch = {name: tensor(array) for name, array in values.arrays.items()}
    batch |= {f"{name}_seen": tensor(array) for name, array in values.seen.items()}
    buffers = {name: torch.as_tensor(array) for name, array in statistics(model, values).items()}
    return Problem(program, buffers, batch, len(values.rows), None if weights is None else torch.as_tensor(weights))


@pytest.fixture
def problem() -> Callable[..., Problem]:
    return make


@pytest.fixture
def two_groups() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return pd.DataFrame({"x": np.concatenate([rng.normal(-2, 1, 60), rng.normal(2, 0.7, 90)])})
