"""The size of a latent: planted and published sizes are found, and the numbers are those of other programs."""

import re

import arviz_stats
import numpy as np
import pandas as pd
import pytest
from sklearn.decomposition import FactorAnalysis
from sklearn.mixture import GaussianMixture

import latentprob as lp
from latentprob.errors import DataError, ModelError
from latentprob.studies.sizes import resized

MIXTURE = lp.Model("c ~ Categorical(size=2)\nx ~ Normal(loc=Table(c), scale=Table(c))")
COUNTS = lp.Model("c ~ Categorical(size=2)\nx ~ Poisson(rate=Table(c))")
CENTRES = ((-4.0, 0.0), (0.0, 3.0), (4.0, 0.0))


def clusters(rows: int = 40) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return pd.DataFrame(np.concatenate([rng.normal(at, 0.7, (rows, 2)) for at in CENTRES]), columns=["a", "b"])


RESIZED = {
    "levels": (
        "c ~ Categorical(size=2)\nx ~ Normal(loc=Table(c), scale=0.5)",
        4,
        "c ~ Categorical(size=4)\nx ~ Normal(loc=Table(c), scale=0.5)",
    ),
    "one level": (
        "c ~ Categorical(probs=Dirichlet(1), size=2)\nx ~ Normal(loc=Table(c, prior=Normal(0, 1)), scale=PerFeature())",
        1,
        "x ~ Normal(loc=PerFeature(prior=Normal(0, 1)), scale=PerFeature())",
    ),
    "one level, matrices": (
        "c ~ Categorical(size=2)\nx ~ MultivariateNormal(loc=Table(c), covariance=Table(c))",
        1,
        "x ~ MultivariateNormal(loc=PerFeature(), covariance=Shared())",
    ),
    "one level, one value": (
        "c ~ Categorical(size=2)\nx ~ Normal(loc=Table(c), scale=Table(c, per_feature=False))",
        1,
        "x ~ Normal(loc=PerFeature(), scale=Shared())",
    ),
    "one level, factors by it": (
        "c ~ Categorical(size=2)\nz ~ Normal(0, 1, size=2)\nx ~ Normal(loc=Linear(z, by=c), scale=PerFeature())",
        1,
        "z ~ Normal(0, 1, size=2)\nx ~ Normal(loc=Linear(z), scale=PerFeature())",
    ),
    "one level, a sum": (
        "c ~ Categorical(size=2)\nz ~ Normal(0, 1, size=2)\nx ~ Normal(loc=Table(c) + Linear(z), scale=PerFeature())",
        1,
        "z ~ Normal(0, 1, size=2)\nx ~ Normal(loc=PerFeature() + Linear(z), scale=PerFeature())",
    ),
    "one level, a level below": (
        "c ~ Categorical(size=2)\nd ~ Categorical(probs=Table(c), size=3)\nx ~ Poisson(rate=Table(d))",
        1,
        "d ~ Categorical(probs=Shared(), size=3)\nx ~ Poisson(rate=Table(d))",
    ),
}


@pytest.mark.parametrize("case", RESIZED)
def test_a_model_of_another_size(case: str) -> None:
    text, size, wanted = RESIZED[case]
    assert resized(lp.Model(text), "c", size) == lp.Model(wanted)


def test_dims_of_a_continuous_latent() -> None:
    model = lp.Model("z ~ Normal(0, 1, size=2)\nx ~ Normal(loc=Linear(z), scale=Shared())")
    assert resized(model, "z", 1) == lp.Model("z ~ Normal(0, 1, size=1)\nx ~ Normal(loc=Linear(z), scale=Shared())")


@pytest.mark.parametrize(
    ("sizes", "error", "told"),
    [
        ({}, ModelError, "takes the sizes of one variable, such as c=range.1, 7.; found none"),
        ({"c": [1], "x": [2]}, ModelError, "found c, x"),
        ({"C": [1, 2]}, ModelError, "the model has no variable 'C'; write c=; it has c, x"),
        ({"x": [1, 2]}, ModelError, "nothing reads x: its size is that of the data"),
        ({"c": [0, 1]}, ModelError, r"c=\[0, 1\]: sizes are whole numbers from 1"),
        ({"c": []}, ModelError, r"c=\[\]: sizes are whole numbers from 1"),
    ],
)
def test_what_cannot_be_chosen_is_refused(sizes: dict, error: type[Exception], told: str) -> None:
    with pytest.raises(error, match=told):
        lp.select(COUNTS, {"x": [0, 1, 2, 9]}, **sizes)


def test_a_variable_without_size_and_one_that_is_in_the_data_are_refused() -> None:
    coin = lp.Model("b ~ Bernoulli()\nx ~ Poisson(rate=Table(b))")
    with pytest.raises(ModelError, match="leave size"):
        lp.select(coin, {"x": [0, 1, 2, 9]}, b=[2])
    with pytest.raises(DataError, match="c is in the data: its size is known"):
        lp.select(COUNTS, {"x": [0, 1, 2, 9], "c": [0, 0, 0, 1]}, c=[2, 3])


def test_a_point_model_is_chosen_by_bic() -> None:
    data = {"x": np.random.default_rng(0).poisson(np.repeat([2, 30], 30))}
    found = lp.select(COUNTS.point(), data, c=[1, 2, 3], progress=False)
    assert found.best == 2
    assert found.recommendation.startswith("c=2: the lowest BIC; leave-one-out is there for posteriors alone.")
    assert "elpd" not in found.table
    assert found.fit is found.fits[2]


@pytest.fixture(scope="module")
def three() -> lp.Selection:
    return lp.select(MIXTURE, clusters(), c=range(1, 5), inference=lp.SVI(restarts=2, draws=500), progress=False)


@pytest.mark.slow
def test_three_clusters_are_found(three: lp.Selection) -> None:
    assert three.best == 3
    assert three.table["BIC"].idxmin() == 3
    assert three.table["ICL"].idxmin() == 3
    assert three.table["bound"].idxmax() == 3
    assert three.table.loc[3, "stability"] == pytest.approx(1)
    assert three.table.loc[3, "occupied"] == pytest.approx(3)
    assert three.table.loc[1, "ICL"] == three.table.loc[1, "BIC"]


@pytest.mark.slow
@pytest.mark.parametrize("size", [1, 3])
def test_bic_is_that_of_scikit_learn(three: lp.Selection, size: int) -> None:
    data = clusters().to_numpy()
    wanted = GaussianMixture(size, covariance_type="diag", n_init=10, random_state=0, tol=1e-8, max_iter=1000).fit(data)
    assert three.table.loc[size, "BIC"] == pytest.approx(wanted.bic(data), abs=0.2)


@pytest.mark.slow
def test_differences_are_those_of_arviz(three: lp.Selection) -> None:
    wanted = arviz_stats.compare({str(size): fit.loo() for size, fit in three.fits.items()})
    for size, line in three.table.iterrows():
        assert abs(line["difference"]) == pytest.approx(abs(wanted.loc[str(size), "elpd_diff"]), abs=0.06)
        assert line["difference_se"] == pytest.approx(wanted.loc[str(size), "dse"], rel=0.01, abs=0.06)


@pytest.mark.slow
def test_a_selection_shows_itself(three: lp.Selection) -> None:
    assert repr(three).startswith(three.recommendation)
    assert "<table" in three._repr_html_()
    assert "recommended: 3" in three.plot().get_xlabel()
    assert list(three.elpd.columns) == three.sizes == [1, 2, 3, 4]
    np.testing.assert_allclose(three.elpd.sum(), three.table["elpd"])


@pytest.mark.slow
def test_the_three_factors_of_holzinger_and_swineford() -> None:
    data = lp.datasets.load("holzinger_swineford").filter(regex=r"^x\d")
    model = lp.Model("z ~ Normal(0, 1, size=2)\nx ~ Normal(loc=Linear(z), scale=PerFeature())")
    found = lp.select(model, data, z=[2, 3, 4], inference=lp.SVI(restarts=1), progress=False)
    assert found.best == 3
    assert found.table["BIC"].idxmin() == 3
    rows, features = data.shape
    for size in (2, 3):
        log_likelihood = (
            FactorAnalysis(size, tol=1e-9, max_iter=20_000, svd_method="lapack").fit(data).score(data) * rows
        )
        numbers = features * (size + 2) - size * (size - 1) // 2
        assert found.table.loc[size, "BIC"] == pytest.approx(numbers * np.log(rows) - 2 * log_likelihood, abs=0.2)


@pytest.mark.slow
def test_a_sparse_prior_empties_what_is_not_needed() -> None:
    model = lp.Model("c ~ Categorical(probs=Dirichlet(0.01), size=6)\nx ~ Normal(loc=Table(c), scale=Table(c))")
    method = lp.SVI(guide="normal", particles=16, restarts=1)
    found = lp.select(model, clusters(), c=[6], inference=method, progress=False)
    assert found.table.loc[6, "occupied"] == pytest.approx(3, abs=0.5)
    probs = np.sort(found.fit.posterior["c_probs"].mean(("chain", "draw")).values)
    np.testing.assert_allclose(probs, [0, 0, 0, 1 / 3, 1 / 3, 1 / 3], atol=0.08)


def held(elpd: list[float], se: list[float], bad: list[int], bic: list[float] | None = None) -> lp.Selection:
    """A selection of the sizes 1, 2, ... with these numbers, of 100 rows."""
    sizes = pd.RangeIndex(1, len(elpd) + 1, name="c")
    apart = np.array(elpd) - max(elpd)
    columns = {"elpd": elpd, "difference": apart, "difference_se": se, "bad_k": bad, "settled": True}
    table = pd.DataFrame(columns | ({} if bic is None else {"BIC": bic}), index=sizes)
    return lp.Selection("c", dict.fromkeys(sizes), table, pd.DataFrame(0.0, range(100), sizes))


RULES = {
    "the highest": (held([-90, -50, -56], [9, 0, 3], [0, 0, 0]), 2, "c=2: the highest elpd, and no smaller size"),
    "a smaller one within an error": (
        held([-90, -52, -50], [9, 3, 0], [0, 0, 0], [200, 130, 120]),
        2,
        "within one standard error of the highest elpd, that of 3, which is 2.0 nats higher",
    ),
    "a few rows of high k": (
        held([-90, -50, -56], [9, 0, 3], [0, 4, 0], [200, 140, 130]),
        2,
        r"at the sizes 2 \(4 rows",
    ),
    "LOO that cannot be relied on": (
        held([-90, -50, -40], [9, 0, 3], [0, 0, 99], [200, 120, 140]),
        2,
        "c=2: the lowest BIC; leave-one-out cannot be relied on for all sizes",
    ),
    "and nothing else": (held([-90, -50, -40], [9, 3, 0], [0, 0, 99]), 3, "3 .99 rows"),
}


@pytest.mark.parametrize("rule", RULES)
def test_the_rule_and_its_reason(rule: str) -> None:
    found, best, told = RULES[rule]
    assert found.best == best
    assert re.search(told, found.recommendation)
    assert ("try larger ones" in found.recommendation) == (best == 3)
