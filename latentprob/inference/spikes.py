"""Components of a mixture that collapsed on a few points."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from latentprob.spec.model import Model
from latentprob.spec.sites import Free, free_parameters

SPIKE = 2e-3  # of the data's spread: twice the bound of a point model; narrower components hold copies of one point


def spikes(model: Model, statistics: Mapping[str, Any], draws: Mapping[str, np.ndarray]) -> list[str]:
    """The parameters in which some level of a latent is far narrower than the data, at the median of draws (S, ...).

    statistics: spreads of the data, such as "x_spread" (D,).
    """
    found = []
    for free in free_parameters(model):
        by_level = any(model.is_level(axis) for axis in free.axes)
        spread = statistics.get(f"{free.variable}_spread")
        if by_level and spread is not None and free.name in draws and free.domain in SMALLEST:
            center = np.median(draws[free.name], axis=0)
            if SMALLEST[free.domain](free, center, np.asarray(spread, float)).min() < SPIKE:
                found.append(free.name)
    return found


def _positive(free: Free, value: np.ndarray, spread: np.ndarray) -> np.ndarray:
    power = {"scale": 1.0, "variance": 0.5, "precision": -0.5}.get(free.parameter)
    if power is None:
        return np.ones(1)
    return value**power / (spread if free.axes[-1] == free.variable else spread.max())


def _covariance(free: Free, value: np.ndarray, spread: np.ndarray) -> np.ndarray:
    return np.sqrt(np.linalg.eigvalsh(value / np.outer(spread, spread))[..., 0].clip(0))


def _precision(free: Free, value: np.ndarray, spread: np.ndarray) -> np.ndarray:
    return 1 / np.sqrt(np.linalg.eigvalsh(value * np.outer(spread, spread))[..., -1])


def _tril(free: Free, value: np.ndarray, spread: np.ndarray) -> np.ndarray:
    return np.linalg.svd(value / spread[:, None], compute_uv=False)[..., -1]


SMALLEST = {"positive": _positive, "covariance": _covariance, "precision_matrix": _precision, "scale_tril": _tril}
