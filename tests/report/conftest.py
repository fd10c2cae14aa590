"""Fits of every structure that a page treats differently; small, and made once."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import latentprob as lp
from latentprob.fitting import Fit

FITS = ("mixture", "hostile", "factors", "network", "known", "computed")
WEIGHTS = [1, 1, 2, 1, 1, 1]
HOSTILE = "<script>document.title = 'broken'</script>"


def groups(columns: list[str]) -> pd.DataFrame:
    """Two well separated groups of rows."""
    generator = np.random.default_rng(0)
    values = generator.normal(size=(60, len(columns))) + np.repeat([[-4.0], [4.0]], 30, axis=0)
    return pd.DataFrame(values, columns=columns)


@pytest.fixture(scope="session")
def mixture() -> Fit:
    model = lp.Model("c ~ Categorical(size=2)\nx ~ MultivariateNormal(loc=Table(c), covariance=Table(c))")
    return lp.fit(model, groups(["width", "height"]), lp.NaturalGradient(draws=100, restarts=2), seed=3)


@pytest.fixture(scope="session")
def hostile() -> Fit:
    """Labels of columns and rows that are HTML."""
    data = groups([HOSTILE, 'a"><img src=x onerror=alert(1)>']).set_index(pd.Index([f"<b>{i}</b>" for i in range(60)]))
    model = lp.Model("c ~ Categorical(size=2)\nx ~ Normal(loc=Table(c), scale=Table(c))")
    return lp.fit(model, data, lp.NaturalGradient(draws=100, restarts=2), observed={"x": list(data.columns)})


@pytest.fixture(scope="session")
def factors() -> Fit:
    model = lp.Model("z ~ Normal(0, 1, size=2)\nx ~ Normal(loc=Linear(z), scale=PerFeature())")
    generator = np.random.default_rng(1)
    values = generator.normal(size=(80, 2)) @ generator.normal(size=(2, 5)) + 0.3 * generator.normal(size=(80, 5))
    return lp.fit(model, pd.DataFrame(values).add_prefix("t"), lp.NaturalGradient(draws=100, restarts=2))


@pytest.fixture(scope="session")
def network() -> Fit:
    model = lp.Model("z ~ Normal(0, 1, size=3)\nx ~ Bernoulli(logits=MLP(z, hidden=[8]))")
    data = (np.random.default_rng(2).random((50, 6)) < np.linspace(0.1, 0.9, 6)).astype(float)
    return lp.fit(model, {"x": data}, lp.SVI(steps=60), progress=False)


@pytest.fixture(scope="session")
def known() -> Fit:
    """Parameters that were given, of weighted counts with a gap."""
    model = lp.Model("c ~ Categorical(size=2)\nx ~ Poisson(rate=Table(c))")
    counts = {"x": [[0, 1], [1, 0], [2, np.nan], [9, 7], [12, 11], [8, 9]]}
    return lp.condition(model, {"c_probs": [0.5, 0.5], "x_rate": [[1.0, 1.0], [10.0, 9.0]]}, counts, weights=WEIGHTS)


@pytest.fixture(scope="session")
def computed() -> Fit:
    """A variable that is computed from the data, and no density."""
    model = lp.Model("z = Linear(x, size=2)\nx ~ Normal(loc=Linear(z), scale=Shared())")
    settings = lp.SVI(steps=40, restarts=1, draws=30)
    return lp.fit(model, groups(["a", "b", "d"]), settings, progress=False)


@pytest.fixture(scope="session")
def pages(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Mapping[str, Path]:
    """The page of each fit, written once."""
    folder = tmp_path_factory.mktemp("pages")
    for name in FITS:
        request.getfixturevalue(name).report(folder / f"{name}.html")
    return {name: folder / f"{name}.html" for name in FITS}
