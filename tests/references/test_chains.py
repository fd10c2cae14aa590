"""Hidden Markov models and state spaces: published maximum likelihoods, long runs of NUTS, and the Nile's level."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import latentprob as lp

HERE = Path(__file__).parent
POISSON, NORMAL = "x ~ Poisson(rate=Table(s))", "x ~ Normal(loc=Table(s), scale=Table(s))"
# hmm_poisson_earthquakes_ml (Zucchini and MacDonald, 2009; hmmlearn agrees), hmm_gauss_geyser_ml, hmm_gauss_nile_ml
# (own EM): model, data, log-likelihood, df, means of the levels.
LIKELIHOODS = {
    "earthquakes, 2, stationary": (2, "stationary", POISSON, "earthquakes", -342.31827, 4, [15.4721, 26.1254]),
    "earthquakes, 2, free start": (2, None, POISSON, "earthquakes", -341.8787, 5, [15.4208, 26.0183]),
    "earthquakes, 3, stationary": (3, "stationary", POISSON, "earthquakes", -329.46028, 9, [13.1458, 19.7210, 29.7145]),
    "earthquakes, 3, free start": (3, None, POISSON, "earthquakes", -328.52748, 11, [13.1337, 19.7132, 29.7097]),
    "geyser": (2, None, NORMAL, "geyser", -1092.3995, 7, [59.1488, 82.4759]),
    "nile": (2, None, NORMAL, "nile", -629.80446, 7, [850.7565, 1097.1525]),
}


@pytest.fixture(scope="module")
def series():
    read = {name: pd.read_csv(HERE / f"{name}.csv") for name in ("geyser", "hmm_example")} | {
        "nile": lp.datasets.load("nile")
    }
    columns = {"geyser": "waiting", "nile": "flow", "hmm_example": "y"}
    found = {name: {"x": table[columns[name]]} for name, table in read.items()}
    return {**found, "earthquakes": {"x": lp.datasets.load("earthquakes")["count"]}}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("size", "initial", "law", "data", "total", "df", "means"), LIKELIHOODS.values(), ids=LIKELIHOODS
)
def test_maximum_likelihood(series, size, initial, law, data, total, df, means):
    word = f', initial="{initial}"' if initial else ""
    model = lp.Model(f"s[time] ~ Markov(size={size}{word})\n{law}").point()
    fit = lp.fit(model, series[data], lp.SVI(restarts=4), progress=False)
    found = fit.information()
    assert total - 0.1 < found["log_likelihood"] < total + 0.01
    # the references do not count the sum of the probabilities of the first step, nor we
    assert found["df"] == df
    assert found["BIC"] == pytest.approx(df * np.log(len(series[data]["x"])) - 2 * total, abs=0.2)
    locations = next(fit.posterior[name] for name in ("x_rate", "x_loc") if name in fit.posterior)
    np.testing.assert_allclose(np.sort(locations.values.ravel()), means, rtol=0.02)


# Long runs of NUTS on the marginalized model: mean and sd of each quantity, elpd of one-step factors, log evidence.
PRIOR = "x ~ Poisson(rate=Table(s, prior=Gamma(4, 0.2)))"
POSTERIORS = {
    "bayes_hmm_poisson_K2_dirichlet_start": (
        f"s[time] ~ Markov(size=2)\n{PRIOR}",
        "earthquakes",
        {"x_rate": ([15.161182, 25.684043], [0.86951188, 1.4873567])},
        ([0.90281744, 0.85800693], [0.046395541, 0.069180755]),
        -349.01316,
        -351.14895,
    ),
    "bayes_hmm_poisson_K2_uniform_start": (
        f's[time] ~ Markov(size=2, initial="uniform")\n{PRIOR}',
        "earthquakes",
        {"x_rate": ([15.156213, 25.675191], [0.87557273, 1.4912604])},
        ([0.90272284, 0.85871471], [0.046335591, 0.068747903]),
        -349.06607,
        -351.14997,
    ),
    "pdb_hmm_example": (
        's[time] ~ Markov(size=2, initial="uniform")\nx ~ Normal(loc=Table(s, prior=Normal([[3], [10]], 1)), scale=1)',
        "hmm_example",
        {"x_loc": ([3.0215168, 8.8272819], [0.22445289, 0.11057826])},
        ([0.66664521, 0.92686741], [0.10123064, 0.028442497]),
        None,
        -173.40222,
    ),
}


@pytest.fixture(scope="module")
def posteriors(series):
    made = {}

    def fitted(name):
        if name not in made:
            made[name] = lp.fit(lp.Model(POSTERIORS[name][0]), series[POSTERIORS[name][1]], seed=1, progress=False)
        return made[name]

    return fitted


@pytest.mark.slow
@pytest.mark.parametrize("name", POSTERIORS)
def test_posteriors(posteriors, name):
    fit, (_, _, known, stay, elpd, evidence) = posteriors(name), POSTERIORS[name]
    assert fit.attrs["refined"]
    moves = fit.posterior["s_transition"].values.diagonal(axis1=-2, axis2=-1)
    drawn = {**{each: fit.posterior[each].values for each in known}, "stay": moves}
    for each, (mean, sd) in {**known, "stay": stay}.items():
        values = drawn[each].reshape(-1, 2)
        assert (np.abs(values.mean(0) - mean) < 0.15 * np.array(sd)).all(), each
        np.testing.assert_allclose(values.std(0), sd, rtol=0.1)
    if elpd is not None:
        assert fit.loo().elpd == pytest.approx(elpd, abs=0.5)
    assert evidence - np.log(2) - 3 < fit.bound < evidence + 0.1


@pytest.mark.slow
def test_smoothed_levels_of_the_earthquakes(posteriors):
    """Probabilities of the upper level in the first ten years, by NUTS."""
    probs = posteriors("bayes_hmm_poisson_K2_dirichlet_start").latent("s")["probs"].values[:10, 1]
    known = [0.00465, 0.00122, 5.4e-05, 0.00118, 0.11678, 0.95436, 0.99973, 0.99670, 0.93294, 0.99976]
    np.testing.assert_allclose(probs, known, atol=0.02)


@pytest.mark.slow
def test_viterbi_path_of_the_example(posteriors):
    """At the posterior mean of posteriordb's reference draws; it may differ in one place."""
    known = "0111111111000111111100000011110001111111110111111111111111110000011111111111111111111111111111111111"
    found = posteriors("pdb_hmm_example").embedding("s").values
    assert (found != np.array(list(known), int)).sum() <= 1


def test_level_of_the_nile(series):
    """The local level model at given variances: statsmodels' UnobservedComponents, known initial variance 1e6."""
    model = lp.Model("z[time] ~ LinearDynamics(transition=1, scale=38.5, initial=1000)\nx ~ Normal(loc=z, scale=122.8)")
    x = series["nile"]["x"].to_numpy(float) - 1000
    gaps = x.copy()
    gaps[[20, 21, 60]] = np.nan
    for values, total, last in ((x, NILE[0], NILE[1]), (gaps, NILE[2], NILE[3])):
        fit = lp.condition(model, {}, {"x": values})
        belief = fit.latent("z")
        assert float(fit.log_likelihood().sum()) == pytest.approx(total, abs=1e-6)
        np.testing.assert_allclose([float(belief[m].values.ravel()[-1]) for m in ("loc", "scale")], last, rtol=1e-6)


# log-likelihood, and mean and sd of the last level; of all years, and without three of them: statsmodels 0.15.0
NILE = (
    -640.3806034885883,
    [-201.99378153477772, 63.59568734667564],
    -622.32894948518,
    [-201.9936768802076, 63.59568734694061],
)
