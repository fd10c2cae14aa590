"""Bad input: each error names the place, the value, what is allowed and the way out."""

import re

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from latentprob.data import read, statistics
from latentprob.errors import DataError
from latentprob.spec.distributions import (
    Bernoulli,
    Beta,
    Categorical,
    Exponential,
    Gamma,
    LogNormal,
    NegativeBinomial,
    Normal,
    Poisson,
)
from latentprob.spec.maps import Linear, PerFeature, Shared, Table
from latentprob.spec.model import Model

MIXTURE = Model(c=Categorical(size=2), x=Normal(loc=Table("c"), scale=Table("c")))
WIDE = Model(x=Normal(loc=PerFeature(), scale=PerFeature(), size=3))
COUNTS = Model(x=Poisson(rate=PerFeature()))
REGRESSION = Model(y=Normal(loc=Linear("age"), scale=Shared()))
TWO_ENDS = Model(c=Categorical(size=2), x=Normal(loc=Table("c"), scale=Table("c")), n=Poisson(rate=Table("c")))
GROUPS = Model(y=Normal(loc=Table("g"), scale=Shared()))
BOOLEAN = Model(b=Bernoulli(), x=Normal(loc=Table("b"), scale=Shared()))

FRAME = pd.DataFrame({"a": [1.0, 2.0, 3.0, 4.0], "b": [10.0, 20.0, 30.0, 50.0]})


def changed(row: int, column: str, value: object) -> pd.DataFrame:
    frame = FRAME.astype(object)
    frame.loc[row, column] = value
    return frame


CASES = {
    "empty table": (MIXTURE, lambda: FRAME.iloc[:0], "hold no row. At least two"),
    "no column": (MIXTURE, lambda: pd.DataFrame(index=[1, 2]), "the data must hold it"),
    "infinity": (MIXTURE, lambda: changed(2, "b", np.inf), "column 'b' holds inf in row 2: numbers are finite. Drop"),
    "text in a number column": (
        MIXTURE,
        lambda: changed(3, "a", "four"),
        "x is Normal, but column 'a' holds 'four' in row 3: numbers are expected. Mend the cell",
    ),
    "text in a column read as text": (
        MIXTURE,
        lambda: FRAME.assign(b=["10", "20", "thirty", "50"]),
        "column 'b' holds '10' in row 0: numbers are expected",
    ),
    "text in an array": (MIXTURE, lambda: np.array([["u", "v"], ["w", "x"]]), "column 0 holds 'u' in row 0"),
    "a list in a cell": (MIXTURE, lambda: changed(1, "a", [1, 2]), r"column 'a' holds [1, 2] in row 1"),
    "complex": (MIXTURE, lambda: FRAME.to_numpy() * 1j, "column 0 holds 1j in row 0: numbers are expected"),
    "dates in a mapping": (MIXTURE, lambda: {"x": FRAME.assign(b=pd.Timestamp("2020-01-01"))}, "2020-01-01"),
    "counts below zero": (
        COUNTS,
        lambda: pd.DataFrame({"calls": [3, -2, 4]}, index=["mon", "tue", "wed"]),
        "x is Poisson, but column 'calls' holds -2 in row 'tue': counts are whole numbers from 0. "
        "Use Normal, or drop the row.",
    ),
    "counts with a fraction": (COUNTS, lambda: [1.5, 2], "column 'x' holds 1.5 in row 0: counts are whole"),
    "a name that the model lacks": (
        MIXTURE,
        lambda: {"x": FRAME, "colour": [1, 2, 3, 4]},
        "the data hold 'colour', but the model has no such variable: c, x are allowed.",
    ),
    "a name that is nearly right": (REGRESSION, lambda: {"y": [1, 2], "ages": [3, 4]}, "Did you mean 'age'?"),
    "an input that the data lack": (
        REGRESSION,
        lambda: pd.DataFrame({"y": [1, 2], "ages": [3, 4]}),
        "age is an input of the model (it is used and has no statement), but the data do not hold it.",
    ),
    "a variable that the data lack": (TWO_ENDS, lambda: {"x": FRAME}, "n has no children, so the data must hold it"),
    "two variables without columns": (TWO_ENDS, lambda: FRAME, "observed={'x': [...], 'n': [...]}"),
    "no column is left": (
        TWO_ENDS,
        lambda: pd.DataFrame({"n": [1, 2], "who": ["a", "b"]}),
        "no numeric column is left",
    ),
    "a bare array for two": (TWO_ENDS, lambda: FRAME.to_numpy(), "the model has 2: x, n. Hand over a mapping"),
    "duplicate columns": (MIXTURE, lambda: FRAME.set_axis(["a", "a"], axis=1), "the column 'a' is there twice"),
    "levels of columns": (MIXTURE, lambda: pd.concat({"u": FRAME}, axis=1), "the columns have 2 levels"),
    "levels of the index": (MIXTURE, lambda: pd.concat({"u": FRAME}), "the index has 2 levels"),
    "ragged lists": (MIXTURE, lambda: [[1, 2], [3]], "the rows are of unequal length"),
    "ragged variables": (REGRESSION, lambda: {"y": [1, 2, 3], "age": [1, 2]}, "y has 3 rows and age has 2"),
    "rows in another order": (
        REGRESSION,
        lambda: {"y": pd.Series([1, 2], ["a", "b"]), "age": pd.Series([1, 2], ["b", "a"])},
        "the row labels of y and age differ",
    ),
    "three axes": (MIXTURE, lambda: np.zeros((2, 3, 4)), "the array has 3 axes, shape (2, 3, 4)"),
    "three axes, xarray": (MIXTURE, lambda: xr.DataArray(np.zeros((2, 3, 4))), "the array has 3 axes"),
    "a number": (MIXTURE, lambda: 3.0, "data of type float are not read"),
    "a structured array": (MIXTURE, lambda: np.zeros(3, [("a", float)]), r"Hand over pd.DataFrame(array)"),
    "an input with a gap": (
        REGRESSION,
        lambda: pd.DataFrame({"y": [1, 2], "age": [3, np.nan]}),
        "age is an input, but column 'age' is empty in row 1: inputs are held without gaps.",
    ),
    "another size": (WIDE, lambda: FRAME, "x is Normal with size=3, but the data hold 2 columns"),
    "levels out of range": (
        MIXTURE,
        lambda: FRAME.assign(c=[1, 2, 1, 2]),
        "c is Categorical, but column 'c' holds 2 in row 1: levels are whole numbers from 0 to 1. Count from 0",
    ),
    "too many levels": (
        MIXTURE,
        lambda: FRAME.assign(c=["u", "v", "w", None]),
        "c is Categorical with size=2, but the data hold 3 levels: u, v, w. Write size=3",
    ),
    "a fraction as a level": (
        GROUPS,
        lambda: pd.DataFrame({"y": [1, 2], "g": [0.5, 1]}),
        "g is an input, but column 'g' holds 0.5 in row 0: levels are whole numbers or text. Use Linear",
    ),
    "text and numbers as levels": (GROUPS, lambda: pd.DataFrame({"y": [1, 2], "g": ["u", 1]}), "holds 1 in row 1"),
    "several columns of a level": (GROUPS, lambda: {"y": [1, 2, 3, 4], "g": FRAME}, "one level a row"),
    "a binary parent of text": (BOOLEAN, lambda: FRAME.assign(b=[2, 0, 1, 1]), "holds 2 in row 0: values are 0 or 1"),
}


@pytest.mark.parametrize("case", CASES)
def test_bad_input(case):
    model, data, message = CASES[case]
    with pytest.raises(DataError, match=re.escape(message)):
        read(model, data())


SUPPORTS = {
    "LogNormal": (LogNormal(loc=PerFeature(), scale=PerFeature()), 0.0, "values are above 0"),
    "Gamma": (Gamma(concentration=PerFeature(), rate=PerFeature()), -1.0, "values are above 0"),
    "Exponential": (Exponential(rate=PerFeature()), 0.0, "values are above 0"),
    "Beta": (Beta(concentration1=PerFeature(), concentration0=PerFeature()), 1.0, "between 0 and 1"),
    "Bernoulli": (Bernoulli(probs=PerFeature()), 0.5, "values are 0 or 1"),
    "Poisson": (Poisson(rate=PerFeature()), -1.0, "whole numbers from 0"),
    "NegativeBinomial": (NegativeBinomial(total_count=PerFeature(), logits=PerFeature()), 2.5, "whole numbers from 0"),
    "Categorical": (Categorical(size=2), 2, "whole numbers from 0 to 1"),
}


@pytest.mark.parametrize("name", SUPPORTS)
def test_the_support_of_each_law(name):
    law, value, rule = SUPPORTS[name]
    good = 0.5 if name == "Beta" else 1
    cells = np.array([[good, good], [good, value]])
    with pytest.raises(DataError, match=f"x is {name}, but column 1 holds {value:g} in row 1: .*{rule}"):
        read(Model(x=law), cells)
    assert read(Model(x=law), cells[:1]).arrays["x"].shape == (1, 2)


UNFIT = {
    "one row": (MIXTURE, lambda: FRAME.iloc[:1], "the data hold one row: a fit needs two"),
    "constant column": (MIXTURE, lambda: FRAME.assign(b=0.1), "x is Normal, but column 'b' is constant"),
    "constant but for gaps": (MIXTURE, lambda: FRAME.assign(b=[0.1, np.nan, 0.1, 0.1]), "column 'b' is constant"),
    "constant input": (REGRESSION, lambda: pd.DataFrame({"y": [1, 2], "age": 3}), "age is an input, but column 'age'"),
    "all-missing column": (MIXTURE, lambda: FRAME.assign(b=np.nan), "column 'b' of x holds no value at all"),
    "all-missing column of objects": (MIXTURE, lambda: FRAME.assign(b=None), "column 'b' of x holds no value at all"),
    "all-missing labels": (MIXTURE, lambda: FRAME.assign(c=np.nan), "column 'c' of c holds no value at all"),
    "all-missing row": (MIXTURE, lambda: FRAME.where(FRAME.a != 3), "row 2 holds no value at all"),
    "more components than rows": (MIXTURE.__class__(c=Categorical(size=5), x=MIXTURE["x"]), lambda: FRAME, "c has 5 "),
}


@pytest.mark.parametrize("case", UNFIT)
def test_data_that_cannot_carry_a_fit(case):
    model, data, message = UNFIT[case]
    values = read(model, data())
    with pytest.raises(DataError, match=message):
        statistics(model, values)


def test_a_row_that_shows_its_level_alone_is_no_empty_row():
    frame = FRAME.where(FRAME.a != 3).assign(c=[0, 1, 1, 1])
    assert statistics(MIXTURE, read(MIXTURE, frame))["x_center"] == pytest.approx([7 / 3, 80 / 3])


NEW_ROWS = {
    "a column is lacking": (FRAME[["a"]], "the new rows lack the column 'b' of x: the fit knows a, b."),
    "a column is lacking in a mapping": ({"x": FRAME.set_axis(["a", "c"], axis=1)}, "the new rows lack the column 'b'"),
    "fewer columns": (np.ones((4, 1)), "the new rows have 1 columns of x, the fitted data have 2: a, b."),
    "one row as a vector": (np.ones(2), r"One row of several columns is x\[None, :\]"),
    "no row": (FRAME.iloc[:0], "hold no row"),
}


@pytest.mark.parametrize("case", NEW_ROWS)
def test_bad_new_rows(case):
    data, message = NEW_ROWS[case]
    schema = read(MIXTURE, FRAME).schema
    with pytest.raises(DataError, match=message):
        read(MIXTURE, data, like=schema)


def test_new_rows_with_an_unknown_level():
    schema = read(MIXTURE, FRAME.assign(c=["no", "yes", None, "yes"])).schema
    with pytest.raises(DataError, match="column 'c' holds 'perhaps' in row 0: levels are 'no', 'yes'"):
        read(MIXTURE, FRAME.assign(c="perhaps"), like=schema)


OBSERVED = {
    "unknown column": (
        {"x": ["a", "bb"]},
        "column 'bb', named for x, is not in the table: it has a, b. Did you mean 'b'",
    ),
    "unknown variable": ({"y": ["a"]}, "columns are named for 'y', which the model lacks"),
    "no column": ({"x": []}, "no columns are named for x"),
}


@pytest.mark.parametrize("case", OBSERVED)
def test_bad_choices_of_columns(case):
    observed, message = OBSERVED[case]
    with pytest.raises(DataError, match=message):
        read(MIXTURE, FRAME, observed=observed)


def test_columns_are_not_chosen_from_a_mapping():
    with pytest.raises(DataError, match="columns are chosen from a table"):
        read(MIXTURE, {"x": FRAME}, observed={"x": ["a"]})
