"""Patterns: which factor may load on which feature."""

import re

import pytest

import latentprob as lp
from latentprob.errors import DataError, ModelError
from latentprob.spec.schema import Column, Schema
from latentprob.spec.sites import masks, sites
from latentprob.spec.symmetry import symmetry

Z = "z ~ Normal(0, 1, size=2)\n"
TEXT = Z + 'x ~ Normal(loc=Linear(z, pattern={"a": ["x1", "x2"], "b": ["x2", "x3"]}), scale=PerFeature())'
SCHEMA = Schema((Column("x", features=("x3", "x2", "x1")),))


@pytest.mark.parametrize(
    "pattern", ['{"a": ["x1", "x2"], "b": ["x3"]}', "{0: [0, 1], 1: [1, 2]}", '{"a": [1], "b": ["2"]}']
)
def test_a_pattern_round_trips(pattern):
    model = lp.Model(f"{Z}x ~ Normal(loc=Linear(z, pattern={pattern}), scale=1)")
    assert f"pattern={pattern}" in str(model)
    assert lp.Model(str(model)) == model
    assert hash(lp.Model(str(model))) == hash(model)
    assert str(model.point()).count("pattern=") == 1


def test_a_pattern_is_the_same_from_python():
    linear = lp.Linear("z", pattern={"a": ["x1", "x2"], "b": ["x2", "x3"]})
    assert lp.Model(z=lp.Normal(0, 1, size=2), x=lp.Normal(loc=linear, scale=lp.PerFeature())) == lp.Model(TEXT)


def test_numbers_are_put_in_order():
    assert lp.Linear("z", pattern={1: ["x3"], 0: ["x1"]}) == lp.Linear("z", pattern={0: ["x1"], 1: ["x3"]})


def test_the_mask_follows_the_labels_of_the_data_and_names_label_the_dims():
    model = lp.Model(TEXT)
    assert masks(model, SCHEMA) == {"x_loc_weights": ((False, True, True), (True, True, False))}
    assert sites(model, SCHEMA)["x_loc_weights"].labels == (("a", "b"), ("x3", "x2", "x1"))
    assert sites(model, SCHEMA)["z"].labels == (("a", "b"),)


def test_a_feature_that_the_data_lack_is_named():
    with pytest.raises(
        DataError, match=r"the pattern names the feature 'x1', and the data have x2, x3.*as in the data"
    ):
        masks(lp.Model(TEXT), Schema((Column("x", features=("x2", "x3")),)))


def test_with_a_pattern_only_signs_stay_open():
    assert symmetry(lp.Model(TEXT), ("x",), "z") == {"sign"}
    assert symmetry(lp.Model(TEXT.replace("Normal(0, 1, size=2)", "Normal([0, 1], 1)")), ("x",), "z") == frozenset()
    correlated = TEXT.replace(
        "Normal(0, 1, size=2)", "MultivariateNormal(loc=0, scale=1, correlation=Shared(), size=2)"
    )
    assert symmetry(lp.Model(correlated), ("x",), "z") == {"sign"}
    assert symmetry(lp.Model(correlated.replace("loc=0", "loc=[0, 1]")), ("x",), "z") == frozenset()


REFUSED = {
    "a bare name": ("{a: [1], 1: [2]}", 'a pattern holds labels; write a in quotes: "a"'),
    "a bare feature": ('{"a": [x1], "b": [2]}', 'write x1 in quotes: "x1"'),
    "no list": ('{"a": 1, "b": [2]}', "factor 'a' needs a list of features"),
    "an empty list": ('{"a": [], "b": [2]}', "factor 'a' needs a list of features"),
    "no mapping": ('["a", "b"]', "is no pattern; write the features of each factor"),
    "nothing": ("{}", "is no pattern"),
    "a name twice": ('{"a": [1], "a": [2]}', "names the factor 'a' twice"),
    "a feature twice": ('{"a": [1, "1"], "b": [2]}', "factor 'a' names a feature twice"),
    "names and numbers": ('{"a": [1], 1: [2]}', 'the factors are called "a", 1; give all of them names'),
    "wrong numbers": ("{1: [1], 2: [2]}", "or the numbers 0 to 1"),
    "the same features": ('{"a": [1, 2], "b": [2, 1]}', "load on the same features, so nothing tells them apart"),
    "a truth": ('{"a": [True], "b": [2]}', "True is no label"),
    "stars": ("{**{}}", "'**' is not part of the language; write the factors one by one"),
    "three factors": (
        '{"a": [1], "b": [2], "c": [3]}',
        "the pattern names 3 factors, and z has size 2; write one size",
    ),
}


@pytest.mark.parametrize(("pattern", "message"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_pattern_is_refused(pattern, message):
    with pytest.raises(ModelError, match=re.escape(message)):
        lp.Model(f"{Z}x ~ Normal(loc=Linear(z, pattern={pattern}), scale=1)")


MISPLACED = {
    "input": (
        'x ~ Normal(loc=Linear(w, pattern={"a": [1]}), scale=1)',
        "w is an input, and a pattern says what hidden",
    ),
    "levels": (Z + "x ~ Categorical(logits=Linear(z, pattern={0: [0], 1: [1]}))", "each level has its own"),
    "computed": ("z = Linear(x, size=1, pattern={0: [0]})\nx ~ Normal(loc=Linear(z), scale=1)", "z is computed"),
    "two names": (
        TEXT + '\ny ~ Normal(loc=Linear(z, pattern={"a": [0], "c": [1]}), scale=1)',
        "are called a, b in one pattern and a, c in another",
    ),
}


@pytest.mark.parametrize(("text", "message"), MISPLACED.values(), ids=MISPLACED)
def test_a_pattern_where_it_has_no_meaning_is_refused(text, message):
    with pytest.raises(ModelError, match=re.escape(message)):
        lp.Model(text)


def test_a_pattern_has_no_twin():
    with pytest.raises(ModelError, match="no deterministic twin: the pattern of"):
        lp.Model(TEXT).deterministic()


def test_an_error_points_at_the_pattern():
    with pytest.raises(ModelError) as caught:
        lp.Model(Z + 'x ~ Normal(loc=Linear(z, pattern={"a": ["x1"]}), scale=1)')
    line, caret = str(caught.value).splitlines()[-2:]
    assert line[caret.index("^") :].startswith('{"a"')


WEIGHED = {
    "shares of locations": ("t ~ Dirichlet(1, size=2)\nx ~ Normal(loc=Table(t), scale=1)", None),
    "shares of probabilities": ("t ~ Dirichlet(1, size=2)\nx ~ Bernoulli(probs=Table(t))", None),
    "factors of rates": ("z ~ Gamma(1, 1, size=2)\nx ~ Poisson(rate=Table(z))", None),
    "factors of probabilities": (
        "z ~ Gamma(1, 1, size=2)\nx ~ Bernoulli(probs=Table(z))",
        "sums of rows with positive",
    ),
    "shares of matrices": (
        "t ~ Dirichlet(1, size=2)\nx ~ MultivariateNormal(loc=0, covariance=Table(t))",
        "an average of matrices over t",
    ),
    "normal": ("z ~ Normal(0, 1, size=2)\nx ~ Normal(loc=Table(z), scale=1)", "z has no levels (Normal)"),
    "one share": ("t ~ Dirichlet(1, size=1)\nx ~ Normal(loc=Table(t), scale=1)", "a single part, which is the whole"),
    "as levels": ("t ~ Dirichlet(1, size=2)\nx ~ Normal(loc=Linear(w, by=t), scale=1)", "leave by= out"),
}


@pytest.mark.parametrize(("text", "message"), WEIGHED.values(), ids=WEIGHED)
def test_what_weighs_a_table(text, message):
    if message is None:
        name = text[0]
        assert symmetry(lp.Model(text), ("x",), name) == {"order"}
        return
    with pytest.raises(ModelError, match=re.escape(message)):
        lp.Model(text)


def test_unequal_shares_have_an_order():
    assert symmetry(lp.Model("t ~ Dirichlet([1, 2])\nx ~ Multinomial(probs=Table(t))"), ("x",), "t") == frozenset()
