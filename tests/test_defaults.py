"""Every model in `models/` is fitted at default settings, on real data, without an objection that stops a reader."""

import re

import networkx as nx
import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_diabetes, load_digits, load_iris

import latentprob as lp


def iris():
    return load_iris().data


def factors():
    return lp.datasets.load("holzinger_swineford").filter(like="x").to_numpy()


def counts():
    return lp.datasets.load("earthquakes")[["count"]].to_numpy()


def bits(rows=None, columns=slice(None)):
    return (load_digits().data[:rows, columns] > 7).astype(float)


def inks():
    """How dark the pixels of two rows of each digit are, whole numbers from 0."""
    found = load_digits().data[:80, 18:30]
    return found[:, found.std(0) > 1]


def views():
    """Diabetes patients: what was measured of their bodies and blood; sex, and whether the disease went on far."""
    patients = load_diabetes(as_frame=True, scaled=False)
    after = pd.DataFrame({"female": patients.data["sex"] > 1, "far": patients.target > patients.target.median()})
    return {"x": patients.data.drop(columns=["sex", "s4"])[:150], "y": after.astype(float)[:150]}


def judges():
    """Ratings of judges by their traits, a row a rating."""
    ratings = lp.datasets.load("judges")
    row, column = np.indices(ratings.shape)
    values = {"user": row.ravel(), "item": ratings.columns[column.ravel()], "rating": ratings.to_numpy().ravel()}
    return pd.DataFrame(values)


def acquaintances():
    """Who of a karate club knows whom; every pair of persons once."""
    known = nx.to_numpy_array(nx.karate_club_graph(), weight=None)
    head, tail = np.triu_indices(len(known), 1)
    return pd.DataFrame({"head": head, "relation": "knows", "tail": tail, "holds": known[head, tail]})


def words():
    tokens = re.findall("[a-z]+", load_iris().DESCR.lower())
    return lp.datasets.word_pairs(tokens, window=2, negatives=3, least=3)


def eruptions():
    """Eruptions of the geyser, in their order."""
    return lp.datasets.load("faithful").to_numpy()


DATA = {
    "gaussian_mixture": iris,
    "student_mixture": iris,
    "poisson_mixture": counts,
    "latent_class": lambda: bits(400, slice(18, 30)),
    "factor_analysis": factors,
    "ppca": iris,
    "mixture_of_factor_analysers": iris,
    "vae": lambda: bits(600),
    "mixture_vae": lambda: bits(600),
    "gplvm": lambda: iris()[:, :3],
    "kmeans": iris,
    "pca": iris,
    "autoencoder": lambda: bits(300),
    "matrix_factorization": judges,
    "item_response": lambda: {"y": bits(400, slice(18, 30))},
    "relational": acquaintances,
    "word_embedding": words,
    "topics": inks,
    "poisson_factorization": inks,
    "multi_view": views,
    "hidden_markov": counts,
    "gaussian_hidden_markov": eruptions,
    "state_space": lambda: eruptions()[:100],
}
RUN = ("bound", "optimum", "draws", "R-hat")  # did the run end where it should


@pytest.mark.slow
@pytest.mark.parametrize("name", lp.models.names())
def test_defaults_fit_every_model(name):
    data = DATA[name]()
    fit = lp.fit(
        lp.Model.read(lp.models.path(name)), {"x": data} if isinstance(data, np.ndarray) else data, progress=False
    )
    observed = fit.tree["observed_data"].to_dataset().data_vars.values()
    blocks = (
        [data] if isinstance(data, np.ndarray) else [np.asarray(block).reshape(len(block), -1) for block in observed]
    )
    assert fit.attrs.get("settled", True) or fit.model.is_objective  # an autoencoder never stops improving
    assert [found.sentence for found in fit.diagnose().findings if found.name in RUN and found.level == "fail"] == []
    assert all(np.isfinite(draws).all() for draws in fit.posterior.data_vars.values())
    if fit.model.is_objective:
        assert ((fit.reconstruct()["x"].values - data) ** 2).mean() < 0.5 * data.var(0).mean()
    else:
        assert fit.score() > sum(map(alone, blocks))


def alone(x):
    """Nats a row of features that are independent, under the laws with their means and variances."""
    if set(np.unique(x)) == {0.0, 1.0}:
        p = x.mean(0).clip(1e-3, 1 - 1e-3)
        return float((p * np.log(p) + (1 - p) * np.log1p(-p)).sum())
    return float(-0.5 * np.log(2 * np.pi * np.e * x.var(0)).sum())
