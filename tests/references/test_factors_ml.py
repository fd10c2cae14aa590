"""Factor analysis and principal components by maximum likelihood: factanal, scikit-learn, closed forms."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
import pytest
from scipy.stats import chi2

import latentprob as lp

FACTORS = "z ~ Normal(0, 1, size={size})\nx ~ Normal(loc=Linear(z), scale=PerFeature())"
PRINCIPAL = "z ~ Normal(0, 1, size={size})\nx ~ Normal(loc=Linear(z), scale=Shared())"
NATS = 1e-3  # of a total log-likelihood

# R's datasets::ability.cov: sample covariances (divisor n - 1) of general, picture, blocks, maze, reading, vocab.
ABILITY_ROWS = 112
ABILITY = np.array(
    [
        [24.641, 5.991, 33.520, 6.023, 20.755, 29.701],
        [5.991, 6.700, 18.137, 1.782, 4.936, 7.204],
        [33.520, 18.137, 149.831, 19.424, 31.430, 50.753],
        [6.023, 1.782, 19.424, 12.711, 4.757, 9.075],
        [20.755, 4.936, 31.430, 4.757, 52.604, 66.762],
        [29.701, 7.204, 50.753, 9.075, 66.762, 135.292],
    ]
)


@dataclass(frozen=True)
class Factors:
    """log_likelihood: of the raw data, nats. shared: loadings @ loadings.T of the standardized data, (D, D)."""

    data: str
    size: int
    log_likelihood: float
    df: int
    shared: list[list[float]]


CASES = {
    # fa_ability_efa2_ml: R's factanal; two factors as in its manual: uniquenesses .455 .589 .218 .769 .052 .334.
    "ability, 1 factor": Factors(
        "ability",
        1,
        -2056.35301146,
        18,
        [
            [0.465401, 0.261935, 0.342337, 0.204516, 0.597963, 0.578973],
            [0.261935, 0.147421, 0.192673, 0.115105, 0.336543, 0.325855],
            [0.342337, 0.192673, 0.251814, 0.150436, 0.439846, 0.425877],
            [0.204516, 0.115105, 0.150436, 0.089872, 0.262769, 0.254423],
            [0.597963, 0.336543, 0.439846, 0.262769, 0.768284, 0.743884],
            [0.578973, 0.325855, 0.425877, 0.254423, 0.743884, 0.720259],
        ],
    ),
    "ability, 2 factors": Factors(
        "ability",
        2,
        -2020.39066162,
        23,
        [
            [0.544776, 0.415721, 0.570103, 0.308408, 0.576543, 0.514125],
            [0.415721, 0.410668, 0.566594, 0.307669, 0.262421, 0.262214],
            [0.570103, 0.566594, 0.78182, 0.424573, 0.353372, 0.354825],
            [0.308408, 0.307669, 0.424573, 0.230579, 0.18896, 0.190335],
            [0.576543, 0.262421, 0.353372, 0.18896, 0.947548, 0.791367],
            [0.514125, 0.262214, 0.354825, 0.190335, 0.791367, 0.666412],
        ],
    ),
    # fa_hs1939_efa_ml: R's factanal.
    "school, 1 factor": Factors(
        "school",
        1,
        -3851.22424542,
        27,
        [
            [0.191793, 0.096525, 0.097565, 0.371235, 0.368357, 0.36703, 0.079036, 0.088106, 0.134361],
            [0.096525, 0.048579, 0.049102, 0.186834, 0.185386, 0.184718, 0.039777, 0.044342, 0.067621],
            [0.097565, 0.049102, 0.049631, 0.188847, 0.187383, 0.186708, 0.040206, 0.04482, 0.06835],
            [0.371235, 0.186834, 0.188847, 0.718563, 0.712993, 0.710424, 0.152983, 0.170538, 0.26007],
            [0.368357, 0.185386, 0.187383, 0.712993, 0.707465, 0.704916, 0.151797, 0.169216, 0.258054],
            [0.36703, 0.184718, 0.186708, 0.710424, 0.704916, 0.702377, 0.15125, 0.168607, 0.257124],
            [0.079036, 0.039777, 0.040206, 0.152983, 0.151797, 0.15125, 0.03257, 0.036308, 0.055369],
            [0.088106, 0.044342, 0.04482, 0.170538, 0.169216, 0.168607, 0.036308, 0.040474, 0.061723],
            [0.134361, 0.067621, 0.06835, 0.26007, 0.258054, 0.257124, 0.055369, 0.061723, 0.094127],
        ],
    ),
    "school, 3 factors": Factors(
        "school",
        3,
        -3706.54053304,
        42,
        [
            [0.487472, 0.32976, 0.441721, 0.346913, 0.306246, 0.36763, 0.085216, 0.22218, 0.368848],
            [0.32976, 0.251264, 0.324428, 0.164671, 0.12994, 0.185376, -0.044654, 0.065617, 0.198741],
            [0.441721, 0.324428, 0.457226, 0.150202, 0.098258, 0.179289, 0.045591, 0.201335, 0.341983],
            [0.346913, 0.164671, 0.150202, 0.720807, 0.735263, 0.706295, 0.131605, 0.138691, 0.227718],
            [0.306246, 0.12994, 0.098258, 0.735263, 0.757123, 0.716237, 0.135164, 0.122353, 0.196303],
            [0.36763, 0.185376, 0.179289, 0.706295, 0.716237, 0.694784, 0.118659, 0.137711, 0.238119],
            [0.085216, -0.044654, 0.045591, 0.131605, 0.135164, 0.118659, 0.497791, 0.48625, 0.346847],
            [0.22218, 0.065617, 0.201335, 0.138691, 0.122353, 0.137711, 0.48625, 0.53145, 0.443748],
            [0.368848, 0.198741, 0.341983, 0.227718, 0.196303, 0.238119, 0.346847, 0.443748, 0.456753],
        ],
    ),
}

# fa_wine_ml: scikit-learn's FactorAnalysis, tol 1e-10, on standardized wine; noise variances of the features.
WINE = {
    1: (
        -2894.2703,
        [
            0.93838978,
            0.81756214,
            0.99124705,
            0.86000422,
            0.95433627,
            0.21978341,
            0.049519029,
            0.69216419,
            0.55731754,
            0.96779125,
            0.68663347,
            0.34932643,
            0.73559451,
        ],
    ),
    2: (
        -2747.1911,
        [
            0.46644246,
            0.76319469,
            0.89500601,
            0.84197973,
            0.85664437,
            0.19758721,
            0.078277028,
            0.68570353,
            0.55524773,
            0.16516839,
            0.49408838,
            0.24283739,
            0.4690377,
        ],
    ),
    3: (
        -2684.2845,
        [
            0.38750624,
            0.72653033,
            0.52162554,
            0.072868272,
            0.8372181,
            0.19864273,
            0.068935779,
            0.65772832,
            0.55514016,
            0.24614056,
            0.50254106,
            0.25187512,
            0.38409001,
        ],
    ),
}

# ppca_set_A: the closed form of Tipping and Bishop (1999). Data, factors: log-likelihood, variance of the noise, and
# eigenvalues of weights.T @ weights.
PPCA = {
    ("wine", 1): (-3026.7951, 0.69117915, [4.0146711]),
    ("wine", 2): (-2875.6363, 0.527016, [4.1788343, 1.9699577]),
    ("wine", 3): (-2794.919, 0.4351104, [4.2707398, 2.0618633, 1.0109616]),
    ("iris", 1): (-470.66946, 0.11413908, [4.0859143]),
    ("iris", 2): (-404.96278, 0.050682148, [4.1493713, 0.1903708]),
}


def rows_of_covariance(covariance: np.ndarray, rows: int) -> np.ndarray:
    """Rows (rows, D) whose mean is 0 and whose sample covariance (divisor rows - 1) is exactly `covariance`."""
    x = np.random.default_rng(0).normal(size=(rows, len(covariance)))
    x -= x.mean(axis=0)
    return x @ np.linalg.inv(np.linalg.cholesky(np.cov(x.T))).T @ np.linalg.cholesky(covariance).T


@pytest.fixture(scope="module")
def data(reference_data) -> dict[str, np.ndarray]:
    found = {name: np.asarray(reference_data[name], float) for name in ("school", "wine", "iris")}
    return found | {"ability": rows_of_covariance(ABILITY, ABILITY_ROWS)}


@pytest.fixture(scope="module")
def fitted(data) -> Callable[[str, str, int], lp.Fit]:
    return cache(lambda text, name, size: lp.fit(lp.Model(text.format(size=size)).point(), data[name]))


def parts(fit: lp.Fit) -> tuple[np.ndarray, np.ndarray]:
    """weights.T @ weights (D, D), and variances of the noise (D,) or ()."""
    weights, scale = (fit.posterior[name].values[0, 0] for name in ("x_loc_weights", "x_scale"))
    return weights.T @ weights, scale**2


@pytest.mark.parametrize("name", CASES)
def test_default_settings_reach_the_highest_likelihood(name: str, fitted) -> None:
    case = CASES[name]
    found = fitted(FACTORS, case.data, case.size).information()
    assert found["log_likelihood"] == pytest.approx(case.log_likelihood, abs=NATS)
    assert found["df"] == case.df


@pytest.mark.parametrize("name", CASES)
def test_uniquenesses_and_shared_variances_are_those_of_factanal(name: str, fitted) -> None:
    case = CASES[name]
    shared, noise = parts(fitted(FACTORS, case.data, case.size))
    sd = np.sqrt(shared.diagonal() + noise)
    np.testing.assert_allclose(noise / sd**2, 1 - np.diagonal(case.shared), atol=1e-4)
    np.testing.assert_allclose(shared / np.outer(sd, sd), case.shared, atol=1e-4)


@pytest.mark.parametrize("name", CASES)
def test_the_reference_parameters_have_the_reference_likelihood(name: str, data) -> None:
    case = CASES[name]
    x, shared = data[case.data], np.array(case.shared)
    values, vectors = np.linalg.eigh(shared)
    loadings = (vectors * np.sqrt(np.maximum(values, 0)))[:, -case.size :]
    fit = lp.condition(
        lp.Model(FACTORS.format(size=case.size)),
        {
            "x_loc_intercept": x.mean(axis=0),
            "x_loc_weights": (x.std(axis=0)[:, None] * loadings).T,
            "x_scale": x.std(axis=0) * np.sqrt(1 - shared.diagonal()),
        },
        x,
    )
    assert float(fit.log_likelihood().sum()) == pytest.approx(case.log_likelihood, abs=NATS)


def test_the_test_of_fit_in_the_manual_of_factanal(fitted, data) -> None:
    # fa_ability_efa2_ml: Bartlett's chi-square 6.11 on 4 degrees of freedom, p = .191.
    rows, features = data["ability"].shape
    _, determinant = np.linalg.slogdet(np.cov(data["ability"].T, ddof=0))
    saturated = -rows / 2 * (features * np.log(2 * np.pi) + determinant + features)
    discrepancy = 2 * (saturated - fitted(FACTORS, "ability", 2).information()["log_likelihood"]) / rows
    statistic = (rows - 1 - (2 * features + 5) / 6 - 2 * 2 / 3) * discrepancy
    assert statistic == pytest.approx(6.1066, abs=1e-3)
    assert chi2.sf(statistic, 4) == pytest.approx(0.19132, abs=1e-4)


@pytest.mark.parametrize("size", WINE)
def test_factors_of_standardized_wine_agree_with_scikit_learn(size: int, fitted) -> None:
    log_likelihood, noise = WINE[size]
    fit = fitted(FACTORS, "wine", size)
    assert fit.information()["log_likelihood"] == pytest.approx(log_likelihood, abs=NATS)
    np.testing.assert_allclose(parts(fit)[1], noise, atol=5e-5)


@pytest.mark.parametrize(("name", "size"), PPCA)
def test_principal_components_reach_the_closed_form(name: str, size: int, fitted) -> None:
    log_likelihood, variance, eigenvalues = PPCA[name, size]
    fit = fitted(PRINCIPAL, name, size)
    shared, noise = parts(fit)
    assert fit.information()["log_likelihood"] == pytest.approx(log_likelihood, abs=NATS)
    assert noise == pytest.approx(variance, rel=1e-5)
    np.testing.assert_allclose(np.linalg.eigvalsh(shared)[::-1][:size], eigenvalues, rtol=1e-5)


@pytest.mark.parametrize(("name", "size"), PPCA)
def test_the_closed_form_has_the_reference_likelihood(name: str, size: int, data) -> None:
    log_likelihood, variance, eigenvalues = PPCA[name, size]
    x = data[name]
    axes = np.linalg.eigh(np.cov(x.T, ddof=0))[1][:, ::-1][:, :size]
    values = {
        "x_loc_intercept": x.mean(axis=0),
        "x_loc_weights": (axes * np.sqrt(eigenvalues)).T,
        "x_scale": np.sqrt(variance),
    }
    fit = lp.condition(lp.Model(PRINCIPAL.format(size=size)), values, x)
    assert float(fit.log_likelihood().sum()) == pytest.approx(log_likelihood, abs=NATS)
