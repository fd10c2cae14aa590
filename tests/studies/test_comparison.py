"""A model beside its twin: every number has its oracle, and what has none says why."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from scipy.stats import entropy
from sklearn.datasets import load_iris
from sklearn.decomposition import PCA
from sklearn.metrics import adjusted_rand_score

import latentprob as lp
from latentprob.errors import DataError, InferenceError, ModelError
from latentprob.studies import metrics, spaces

IRIS = load_iris(as_frame=True)
X, KINDS = IRIS.data, IRIS.target_names[IRIS.target]
PPCA = lp.Model("z ~ Normal(0, 1, size=2)\nx ~ Normal(loc=Linear(z), scale=Shared())")
MIXTURE = lp.Model("c ~ Categorical(size=3)\nx ~ Normal(loc=Table(c), scale=Table(c))")
PLAIN = lp.NaturalGradient(refine=False, draws=50, restarts=1)
PAIR = ("CKA between the two", "Procrustes disparity", "width and instability")


@pytest.fixture(scope="module")
def components() -> lp.Comparison:
    return lp.compare(PPCA.point(), X, labels=KINDS, bootstraps=3, progress=False, inference=lp.SVI(restarts=1))


@pytest.fixture(scope="module")
def groups() -> lp.Comparison:
    return lp.compare(MIXTURE, X, holdout=0.3, labels=KINDS, bootstraps=3, progress=False, inference=PLAIN)


def test_every_metric_has_a_line_with_a_sentence(components, groups):
    for found in (components, groups):
        assert len(found.table) == len(metrics.METRICS)
        for name, line in found.table.iterrows():
            assert line["sentence"]
            missing = line[["stochastic", "deterministic"]].isna()
            assert (
                not missing.any()
                or name in ("predictive density", "coverage", "information")
                or (line["sentence"].startswith("missing: "))
            )


@pytest.mark.parametrize("metric", metrics.METRICS)
def test_every_metric_is_defined_in_its_docstring(metric):
    assert metric.__doc__


def test_the_fits_share_rows_and_hold_out_the_rest(components):
    study = components.study
    assert len(study.belief.values.rows) == len(study.point.values.rows) == 120
    assert not set(study.held.rows) & set(study.belief.values.rows)
    assert components.deterministic.model == PPCA.deterministic()


def test_reconstruction_of_held_out_rows(components):
    study = components.study
    train, held = X.values[study.point.values.rows], X.values[study.held.rows]
    pca = PCA(2).fit(train)
    left = ((held - pca.inverse_transform(pca.transform(held))) ** 2).sum() / ((held - train.mean(axis=0)) ** 2).sum()
    line = components.table.loc["reconstruction error"]
    assert line["deterministic"] == pytest.approx(left)
    assert line["stochastic"] > left  # beliefs are drawn to the prior


def test_what_stands_for_the_pair_is_in_both_columns(components):
    table = components.table
    for name in PAIR[:2]:
        assert table.loc[name, "stochastic"] == table.loc[name, "deterministic"]
    assert table.loc["CKA with the data", "deterministic"] > 0.99


def test_a_width_that_is_the_same_for_all_rows_predicts_nothing(components):
    line = components.table.loc["width and instability"]
    assert np.isnan(line["stochastic"])
    assert line["sentence"] == "missing: the belief is equally wide for every row"


def test_beliefs_in_closed_form_cover_what_they_say(components):
    assert components.table.loc["coverage", "stochastic"] == pytest.approx(0.9, abs=0.05)


def test_information_is_that_of_the_closed_form(components):
    belief = components.stochastic.latent("z")
    expected = 0.5 * (belief["scale"] ** 2 + belief["loc"] ** 2 - 1) - np.log(belief["scale"])
    assert components.table.loc["information", "stochastic"] == pytest.approx(float(expected.mean()))


def test_the_density_is_the_held_out_score(components):
    held = X.iloc[components.study.held.rows]
    assert components.table.loc["predictive density", "stochastic"] == pytest.approx(components.stochastic.score(held))


def test_groups_are_held_against_labels_and_each_other(groups):
    own = KINDS[groups.study.belief.values.rows]
    line = groups.table.loc["ARI"]
    assert line["deterministic"] == pytest.approx(adjusted_rand_score(own, groups.deterministic.embedding("c")))
    assert line["stochastic"] == pytest.approx(adjusted_rand_score(own, groups.stochastic.embedding("c")))
    assert 0 < groups.table.loc["disagreement", "stochastic"] < 0.25
    assert groups.table.loc["trustworthiness", "sentence"] == "missing: levels have no neighbours"


def test_levels_wander_where_their_belief_is_open(groups):
    wander = groups.study.point.spread
    assert wander.shape == (105,)
    assert set(np.round(3 * wander)) <= {0, 1, 2, 3}
    assert groups.table.loc["resampling", "deterministic"] == pytest.approx(wander.mean())


def test_rows_hold_the_width_of_the_belief_and_the_wandering_of_the_embedding(components, groups):
    assert list(components.rows.index) == list(components.study.point.values.rows)
    belief = components.stochastic.latent("z")
    np.testing.assert_allclose(components.rows["width"], np.sqrt((belief["scale"] ** 2).sum("z_dim")))
    probs = groups.stochastic.latent("c")["probs"].values
    np.testing.assert_allclose(groups.rows["width"], entropy(probs, axis=1), atol=1e-9)
    assert groups.rows["wander"].mean() == pytest.approx(groups.table.loc["resampling", "deterministic"])


def test_a_seed_gives_the_same_table(groups):
    again = lp.compare(MIXTURE, X, holdout=0.3, labels=KINDS, bootstraps=3, progress=False, inference=PLAIN)
    assert again.table.equals(groups.table)


def test_rows_may_be_held_out_by_name():
    found = lp.compare(MIXTURE, X[:120], holdout=X[120:], bootstraps=2, progress=False, inference=PLAIN)
    assert list(found.study.held.rows) == list(range(120, 150))
    assert found.table.loc["probe accuracy", "sentence"] == "missing: no labels were given"


def test_the_table_is_shown(components):
    shown = repr(components)
    assert all(name in shown for name in components.table.index)
    assert "<table" in components._repr_html_()


def test_noise_keeps_the_values_of_each_column(components):
    values = components.study.point.values
    moved = spaces.blurred(values, 0).arrays["x"]
    changed = (moved != values.arrays["x"]).mean()
    assert 0.04 < changed < 0.1  # a tenth, less those that meet an equal value
    for column in range(4):
        assert set(moved[:, column]) <= set(values.arrays["x"][:, column])


def test_the_picture_has_both_spaces_on_common_axes(components, groups):
    for found in (components, groups):
        figure = found.plot()
        left, right = figure.axes
        assert left.get_xlim() == right.get_xlim()
        assert [t.get_text() for t in left.texts] == [t.get_text() for t in right.texts]
        assert [t.get_text() for t in right.texts[-6:]] == list("ABCDEF")
        plt.close(figure)


REFUSED = {
    "no twin": (
        lp.Model("c ~ Categorical(size=2)\nx ~ Poisson(rate=Table(c))"),
        {},
        ModelError,
        "no deterministic twin",
    ),
    "one refit": (MIXTURE, {"bootstraps": 1}, InferenceError, "bootstraps=1: two refits at least"),
    "all held out": (MIXTURE, {"holdout": 0.99}, DataError, "holdout=0.99 of 150 rows leaves 2 to fit"),
    "no share": (MIXTURE, {"holdout": 1.5}, DataError, "a share between 0 and 1"),
    "labels of other rows": (MIXTURE, {"labels": [0, 1]}, DataError, "labels have the shape .2,., and one for each"),
    "a label that lacks": (MIXTURE, {"labels": [np.nan, *range(149)]}, DataError, "row 0 has no label"),
}


@pytest.mark.parametrize(("model", "settings", "kind", "message"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_compared_is_refused(model, settings, kind, message):
    with pytest.raises(kind, match=message):
        lp.compare(model, X, progress=False, **settings)


def test_a_level_that_is_seen_is_refused():
    with pytest.raises(DataError, match="c is in the data: what is seen has no belief to compare"):
        lp.compare(MIXTURE, X.assign(c=IRIS.target), progress=False)


@pytest.mark.slow
def test_beliefs_of_an_encoder_differ_in_width():
    rng = np.random.default_rng(0)
    model = lp.Model("z ~ Normal(0, 1)\nx ~ Bernoulli(logits=MLP(z, hidden=[8]))")
    x = (rng.random((120, 6)) < 1 / (1 + np.exp(-3 * rng.normal(size=(120, 1))))).astype(float)
    found = lp.compare(model, x, bootstraps=2, progress=False, inference=lp.SVI(steps=200))
    values = found.table.drop(["probe accuracy", "ARI", "NMI"])["stochastic"]
    assert values.notna().all()
    assert -1 <= values["width and instability"] <= 1
    steps = [fit.attrs["steps"] for fit in (found.stochastic, found.deterministic)]
    assert steps[0] == steps[1]
