"""The data of the references; `reference_values` is made importable by the tests."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_iris, load_wine

import latentprob as lp

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

# Seven pathologists on 118 slides: how often each pattern of answers occurred (Agresti, 2002; R's poLCA::carcinoma).
CARCINOMA = {
    "0000000": 34, "0000100": 2, "0100000": 6, "0100001": 1, "0100100": 4, "0100101": 5, "1000000": 2,
    "1010101": 1, "1100000": 2, "1100001": 1, "1100100": 2, "1100101": 7, "1100111": 1, "1101001": 1,
    "1101101": 2, "1101111": 3, "1110101": 13, "1110111": 5, "1111101": 10, "1111111": 16,
}  # fmt: skip


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
        "carcinoma": np.array([[int(a) for a in answers] for answers, n in CARCINOMA.items() for _ in range(n)]),
        "school": school[[f"x{i}" for i in range(1, 10)]],
        "iris": load_iris().data,
        "wine": standardized(load_wine().data),
        "attitude": standardized(pd.read_csv(HERE / "attitude.csv")),
        "arrests": standardized(pd.read_csv(HERE / "us_arrests.csv", index_col="state")),
        "ruspini": pd.read_csv(HERE / "ruspini.csv"),
        "low_dim_gauss_mix": {"x": pd.read_csv(HERE / "low_dim_gauss_mix.csv")["y"]},
    }
