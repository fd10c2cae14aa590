"""Columns that hold levels of factors: labels, codes, and levels that the fitted data lack."""

import numpy as np
import pandas as pd
import pytest

import latentprob as lp
from latentprob.data import read, statistics
from latentprob.errors import DataError

RELATIONS = lp.Model("e[entity] ~ Normal(0, 1)\nx ~ Normal(loc=e[head] + e[tail] + PerLevel(kind), scale=1)")
ROWS = pd.DataFrame({"head": ["b", "a", "b"], "tail": ["c", "b", "a"], "kind": [3, 7, 3], "x": [1.0, 2.0, 4.0]})


def test_columns_of_one_factor_share_their_levels():
    values = read(RELATIONS, ROWS)
    assert values.schema["head"].levels == values.schema["tail"].levels == ("a", "b", "c")
    assert values.arrays["head"].tolist() == [1, 0, 1]
    assert values.arrays["tail"].tolist() == [2, 1, 0]
    assert values.schema["kind"].levels == (3, 7)
    assert "entity" not in values.schema


def test_half_an_observation_stands_for_a_level_that_a_column_lacks():
    found = statistics(RELATIONS, read(RELATIONS, ROWS))
    np.testing.assert_allclose(found["head_center"], np.array([1, 2, 0.5]) / 3.5)
    assert len(found["tail_center"]) == 3


KINDS = {
    "text": (["b", "a", "b"], ("a", "b", "c")),
    "whole numbers": ([20, 10, 20], (10, 20, 30)),
    "categories in their order": (pd.Categorical(["b", "a", "b"], ["c", "b", "a"]), ("c", "b", "a")),
}


@pytest.mark.parametrize("case", KINDS)
def test_levels_of_every_kind(case):
    head, levels = KINDS[case]
    tail = head if isinstance(head, pd.Categorical) else [levels[-1], *head[:2]]
    values = read(RELATIONS, ROWS.assign(head=head, tail=tail))
    assert values.schema["head"].levels == levels
    assert [levels[code] for code in values.arrays["head"]] == list(head)


REFUSED = {
    "text and numbers": (ROWS.assign(tail=[1, 2, 3]), "head and tail hold levels of entity, but .* some numbers"),
    "a gap": (ROWS.assign(head=["b", None, "b"]), "head is an input, but column 'head' is empty in row 1"),
    "a fraction": (ROWS.assign(kind=[3, 7, 3.5]), "kind holds? levels|levels are whole numbers or text"),
    "no column": (ROWS.drop(columns="tail"), "tail is an input .* Add a column 'tail'"),
    "a column of the variable": (ROWS.assign(e=0.0), r"e\[entity\] has one value for each level of entity"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_holds_no_levels_is_refused(case):
    table, message = REFUSED[case]
    with pytest.raises(DataError, match=message):
        read(RELATIONS, table)


def test_levels_that_the_fitted_data_lack_follow_behind_the_others():
    fitted = read(RELATIONS, ROWS)
    new = pd.DataFrame({"head": ["a", "z"], "tail": ["y", "c"], "kind": [5, 7], "x": [0.0, 1.0]})
    found = read(RELATIONS, new, like=fitted.schema)
    assert found.schema["head"].levels == found.schema["tail"].levels == ("a", "b", "c", "y", "z")
    assert found.arrays["head"].tolist() == [0, 4]
    assert found.arrays["tail"].tolist() == [3, 2]
    assert found.schema["kind"].levels == (3, 7, 5)


def test_levels_by_which_weights_are_pooled_may_be_new():
    model = lp.Model("x ~ Normal(loc=Linear(w, by=kind), scale=1)")
    fitted = read(model, ROWS[["kind", "x"]].assign(w=[1.0, 2, 3]))
    found = read(model, pd.DataFrame({"kind": [5], "x": [0.0], "w": [1.0]}), like=fitted.schema)
    assert found.schema["kind"].levels == (3, 7, 5)


CLOSED = {
    "a table": "x ~ Normal(loc=Table(kind), scale=1)",
    "a table beside": "x ~ Normal(loc=PerLevel(kind), scale=Table(kind))",
    "points": "e[kind] = Embedding()\nx ~ Normal(loc=e, scale=1)",
    "values without a law": 'x ~ Normal(loc=PerLevel(kind, prior="point"), scale=1)',
}


@pytest.mark.parametrize("case", CLOSED)
def test_levels_without_a_law_in_common_cannot_be_new(case):
    model = lp.Model(CLOSED[case])
    fitted = read(model, ROWS[["kind", "x"]])
    with pytest.raises(DataError, match=r"holds 5 in row 1: levels are 3, 7\."):
        read(model, pd.DataFrame({"kind": [3, 5], "x": [0.0, 1.0]}), like=fitted.schema)


def test_text_for_numbers_is_no_new_level():
    fitted = read(RELATIONS, ROWS)
    new = ROWS.assign(kind=["u", "v", "w"])
    with pytest.raises(DataError, match="levels are 3, 7"):
        read(RELATIONS, new, like=fitted.schema)
