"""A one-factor model under an encoder whose belief is known, and how far it is from the exact one."""

import numpy as np
import pandas as pd
import torch

from latentprob.fitting import Fit, condition
from latentprob.posterior.result import Result, restored
from latentprob.program import compile
from latentprob.spec.model import Model

ONE = Model("z ~ Normal(0, 1)\nx ~ Normal(loc=Linear(z), scale=PerFeature())")
WEIGHTS, INTERCEPT, SCALE = np.array([1.0, -0.5, 2.0]), np.array([0.1, 0.2, 0.3]), np.array([1.0, 0.5, 0.8])
VALUES = {"x_loc_weights": [WEIGHTS], "x_loc_intercept": INTERCEPT, "x_scale": SCALE}
VARIANCE = 1 / (1 + (WEIGHTS**2 / SCALE**2).sum())  # of the exact belief, of every row


def exact_loc(x: np.ndarray) -> np.ndarray:
    """Mean (N,) of the exact belief of rows (N, 3)."""
    return VARIANCE * (x - INTERCEPT) @ (WEIGHTS / SCALE**2)


def encoder_fit(x: pd.DataFrame, shift: float = 0.0, ratio: float = 1.0) -> Fit:
    """The model with z drawn; the encoder's belief lies `shift` exact sds off, its sd is `ratio` of the exact one."""
    exact = condition(ONE, VALUES, x).result
    program = compile(ONE, ("x",), collapse=False)
    module = restored(program, exact.statistics, {}, {})
    gain = VARIANCE * WEIGHTS / SCALE**2
    center, spread = exact.statistics["x_center"], exact.statistics["x_spread"]
    layer = module.z_encoder[-1]
    with torch.no_grad():
        layer.weight[0] = torch.as_tensor(gain * spread)
        layer.bias[0] = float(gain @ (center - INTERCEPT)) + shift * np.sqrt(VARIANCE)
        layer.weight[1], layer.bias[1] = 0.0, 0.5 * np.log(VARIANCE) + np.log(ratio)
    return Fit(Result(ONE, program, module, exact.values, exact.statistics, exact.draws), None, 0)
