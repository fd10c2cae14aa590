"""The data of the references."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_iris, load_wine

import latentprob as lp

HERE = Path(__file__).parent


def standardized(values):
    """Columns of mean 0 and mean square 1."""
    return (values - values.mean(axis=0)) / np.std(np.asarray(values), axis=0)


@pytest.fixture(scope="session")
def reference_data() -> dict[str, object]:
    """Data sets by name, each as the references were computed on it."""
    faithful = lp.datasets.load("faithful")
    school = lp.datasets.load("holzinger_swineford")
    return {
        "faithful": faithful,
        "faithful, standardized": standardized(faithful),
        "eruptions": {"x": faithful["eruptions"]},
        "waiting": {"x": faithful["waiting"]},
        "galaxies": {"x": lp.datasets.load("galaxies")["velocity"]},
        "earthquakes": {"x": lp.datasets.load("earthquakes")["count"]},
        "school": school[[f"x{i}" for i in range(1, 10)]],
        "iris": load_iris().data,
        "wine": standardized(load_wine().data),
        "attitude": standardized(pd.read_csv(HERE / "attitude.csv")),
        "low_dim_gauss_mix": {"x": pd.read_csv(HERE / "low_dim_gauss_mix.csv")["y"]},
    }
