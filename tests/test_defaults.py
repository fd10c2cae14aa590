"""Every model in `models/` is fitted at default settings, on real data, without an objection that stops a reader."""

import numpy as np
import pytest
from sklearn.datasets import load_digits, load_iris

import latentprob as lp


def iris():
    return load_iris().data


def factors():
    return lp.datasets.load("holzinger_swineford").filter(like="x").to_numpy()


def counts():
    return lp.datasets.load("earthquakes")[["count"]].to_numpy()


def bits(rows=None, columns=slice(None)):
    return (load_digits().data[:rows, columns] > 7).astype(float)


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
}
RUN = ("bound", "optimum", "draws", "R-hat")  # did the run end where it should


@pytest.mark.slow
@pytest.mark.parametrize("name", lp.models.names())
def test_defaults_fit_every_model(name):
    x = DATA[name]()
    fit = lp.fit(lp.Model.read(lp.models.path(name)), {"x": x}, progress=False)
    assert fit.attrs.get("settled", True) or fit.model.is_objective  # an autoencoder never stops improving
    assert [found.sentence for found in fit.diagnose().findings if found.name in RUN and found.level == "fail"] == []
    assert all(np.isfinite(draws).all() for draws in fit.posterior.data_vars.values())
    if fit.model.is_objective:
        assert ((fit.reconstruct()["x"].values - x) ** 2).mean() < 0.5 * x.var(0).mean()
    else:
        assert fit.score() > alone(x)


def alone(x):
    """Nats a row of features that are independent, under the laws with their means and variances."""
    if set(np.unique(x)) == {0.0, 1.0}:
        p = x.mean(0).clip(1e-3, 1 - 1e-3)
        return float((p * np.log(p) + (1 - p) * np.log1p(-p)).sum())
    return float(-0.5 * np.log(2 * np.pi * np.e * x.var(0)).sum())
