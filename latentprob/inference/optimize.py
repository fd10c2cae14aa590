"""The mode of a captured log density: L-BFGS on all rows."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from scipy.optimize import minimize
from torch import Tensor

STEPS = 2000
MEMORY = 30  # pairs kept by L-BFGS: evaluations cost far more than the update


@dataclass(frozen=True)
class Mode:
    """Where a log density is highest, (P,), and its value there, nats."""

    vector: Tensor
    value: float
    steps: int
    settled: bool


def maximize(
    density: Callable[[Tensor], tuple[Tensor, Tensor]], start: Tensor, tolerance: float = 1e-12, steps: int = STEPS
) -> Mode:
    """The mode that L-BFGS reaches from a start; `tolerance` is the relative gain at which it stops."""

    def objective(x: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = density(torch.from_numpy(x).to(start))
        if not torch.isfinite(value):
            return np.inf, np.zeros_like(x)
        return -value.item(), np.nan_to_num(-gradient.double().cpu().numpy())

    options = {"maxiter": steps, "maxfun": 2 * steps, "maxcor": MEMORY, "ftol": tolerance, "gtol": 1e-6}
    with torch.no_grad():
        found = minimize(objective, start.double().cpu().numpy(), jac=True, method="L-BFGS-B", options=options)
    return Mode(torch.from_numpy(found.x).to(start), -float(found.fun), int(found.nit), bool(found.status == 0))
