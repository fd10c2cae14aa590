"""The data sets against values that others computed from the same data."""

import numpy as np
import pytest
from scipy import stats
from sklearn.mixture import GaussianMixture

from latentprob import datasets
from latentprob.errors import DataError

SHAPES = {
    "earthquakes": (107, ["year", "count"]),
    "faithful": (272, ["eruptions", "waiting"]),
    "galaxies": (82, ["velocity"]),
    "holzinger_swineford": (301, ["school", *(f"x{i}" for i in range(1, 10))]),
    "judges": (43, ["CONT", "INTG", "DMNR", "DILG", "CFMG", "DECI", "PREP", "FAMI", "ORAL", "WRIT", "PHYS", "RTEN"]),
    "nile": (100, ["year", "flow"]),
}


@pytest.mark.parametrize("name", datasets.names())
def test_rows_and_columns(name):
    table = datasets.load(name)
    assert (len(table), list(table)) == SHAPES[name]
    assert not table.isna().any(axis=None)


# Log-likelihoods of mclust 6.0.0: VVV,2 and EEE,3 of faithful; V,3 of galaxies, the textbooks' -203.48.
MIXTURES = [
    ("faithful", 2, "full", -1130.26396),
    ("faithful", 3, "tied", -1126.31593),
    ("galaxies", 3, "full", -203.48198),
]


@pytest.mark.parametrize(("name", "components", "covariance", "expected"), MIXTURES)
def test_mixtures_reach_the_known_likelihood(name, components, covariance, expected):
    cells = datasets.load(name).to_numpy()
    mixture = GaussianMixture(
        components, covariance_type=covariance, n_init=20, tol=1e-9, max_iter=2000, random_state=1
    )
    assert mixture.fit(cells).score(cells) * len(cells) == pytest.approx(expected, abs=0.01)


def test_earthquakes_have_the_known_likelihood():
    """One Poisson rate, Zucchini and MacDonald (2009), table 1.2: -391.9189."""
    counts = datasets.load("earthquakes")
    assert stats.poisson.logpmf(counts["count"], counts["count"].mean()).sum() == pytest.approx(-391.91893, abs=1e-4)
    assert counts["year"].tolist() == list(range(1900, 2007))


def test_holzinger_swineford_has_the_known_likelihood():
    """lavaan's tutorial: log-likelihood -3737.745 with chi-square 85.306, so -3695.092 for the saturated model."""
    table = datasets.load("holzinger_swineford")
    cells = table.drop(columns="school").to_numpy()
    covariance = np.cov(cells.T, ddof=0)
    saturated = stats.multivariate_normal(cells.mean(axis=0), covariance).logpdf(cells).sum()
    assert saturated == pytest.approx(-3737.74493 + 85.30552 / 2, abs=1e-3)
    assert table["school"].value_counts().to_dict() == {"Pasteur": 156, "Grant-White": 145}


def test_the_nile_falls_after_the_dam():
    """Cobb (1978): means of 1,097.75 up to 1898, and of 849.97 from 1899."""
    flow = datasets.load("nile").set_index("year")["flow"]
    assert (flow.loc[:1898].mean(), flow.loc[1899:].mean()) == pytest.approx((1097.75, 849.972), abs=0.01)


def test_the_corrected_galaxy():
    assert datasets.load("galaxies")["velocity"][77] == 26.96


def test_an_unknown_name():
    with pytest.raises(
        DataError, match=r"no data set 'faithfull': earthquakes, .* are there. Did you mean 'faithful'\?"
    ):
        datasets.load("faithfull")


def test_a_table_is_a_copy():
    table = datasets.load("faithful")
    table.loc[0, "waiting"] = 0
    assert datasets.load("faithful").loc[0, "waiting"] == 79
