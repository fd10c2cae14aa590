"""Rows along an ordered axis: which columns, levels of an index or dims say where series start."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from latentprob.data import read, statistics
from latentprob.errors import DataError
from latentprob.spec.model import Model

MODEL = Model("s[time] ~ Markov(size=2)\nx ~ Poisson(rate=Table(s))")
TABLE = pd.DataFrame({"who": list("aabbb"), "time": [1, 2, 1, 2, 3], "x": [3.0, 1, 4, np.nan, 5]})


def check(values, first, labels=None, steps=None):
    np.testing.assert_array_equal(values.series.first, first)
    for found, wanted in ((values.series.labels, labels), (values.series.steps, steps)):
        assert (found is None) == (wanted is None)
        if wanted is not None:
            np.testing.assert_array_equal(found, wanted)


def test_an_array_is_one_series():
    check(read(MODEL, np.arange(3.0)), [1, 0, 0])


def test_a_column_of_the_axis_names_the_rows():
    values = read(MODEL, TABLE.iloc[:2].drop(columns="who"))
    check(values, [1, 0], steps=[1, 2])
    assert values.rows.tolist() == [1, 2]
    assert values.schema.row == "time"
    assert list(values.arrays) == ["x"]


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (TABLE.rename(columns={"who": "series"}), "series"),
        (TABLE.rename(columns={"who": "series"}).to_dict("list"), "series"),
        (TABLE.set_index(["who", "time"]), "who"),
        (TABLE.set_index(["who", "time"])["x"], "who"),
    ],
    ids=["columns", "mapping", "index", "one column"],
)
def test_several_series(data, name):
    values = read(MODEL, data)
    check(values, [1, 0, 1, 0, 0], list("aabbb"), [1, 2, 1, 2, 3])
    assert list(values.series.coordinates) == [name, "time"]
    np.testing.assert_array_equal(values.seen["x"][:, 0], [1, 1, 1, 0, 1])


CELLS = np.array([[1.0, np.nan, 3, np.nan], [4, 5, np.nan, np.nan]])


@pytest.mark.parametrize(
    "data",
    [
        xr.DataArray(CELLS, dims=("who", "time"), coords={"who": ["a", "b"]}, name="x"),
        xr.Dataset({"x": (("who", "time"), CELLS)}, coords={"who": ["a", "b"]}),
        xr.DataArray(np.stack([CELLS, CELLS], -1), dims=("who", "time", "feature"), coords={"who": ["a", "b"]}),
    ],
    ids=["array", "dataset", "features"],
)
def test_padded_ends_of_xarray_are_no_steps(data):
    values = read(MODEL, data)
    check(values, [1, 0, 0, 1, 0], list("aaabb"), [0, 1, 2, 0, 1])
    np.testing.assert_array_equal(values.seen["x"][:, 0], [1, 0, 1, 1, 1])


def test_features_over_time_are_one_series():
    values = read(MODEL, xr.DataArray(np.ones((4, 2)), dims=("time", "feature"), coords={"time": [1, 2, 3, 5]}))
    check(values, [1, 0, 0, 0], steps=[1, 2, 3, 5])
    assert values.notes == (
        "time jumps in 1 place: rows count as consecutive steps. Give missing steps as rows of NaN",
    )


def test_a_step_without_data_is_a_step():
    values = read(MODEL, np.array([1.0, np.nan, 3]))
    assert statistics(MODEL, values)["x_center"] == pytest.approx([2])


WRONG = {
    "order": (
        TABLE.drop(columns="who"),
        "time goes from 2 to 1: steps are in order, each once. Sort the rows by time, or",
    ),
    "order in a series": (
        TABLE.rename(columns={"who": "series"}).iloc[[0, 1, 4, 3]],
        "time goes from 3 to 2 in series 'b'",
    ),
    "torn": (
        TABLE.rename(columns={"who": "series"}).iloc[[0, 2, 1]],
        r"the rows of series 'a' do not stand together: .* Sort them: data.sort_values\(\['series', 'time'\]\)",
    ),
    "lengths": ({"x": [1, 2, 3], "time": [1, 2]}, "time has 2 labels, and the data 3 rows"),
    "three levels": (TABLE.set_index(["who", "time", "x"], drop=False)[["x"]], "the index has 3 levels"),
}


@pytest.mark.parametrize(("data", "said"), WRONG.values(), ids=WRONG)
def test_what_is_no_series_is_refused(data, said):
    with pytest.raises(DataError, match=said):
        read(MODEL, data)


def test_other_models_know_no_series():
    """A column called series or time is a column like any other."""
    plain = Model("c ~ Categorical(size=2)\nx ~ Normal(loc=Table(c), scale=1)")
    values = read(plain, TABLE[["time", "x"]].dropna(), observed={"x": ["time", "x"]})
    assert values.series is None
    assert values.arrays["x"].shape == (4, 2)
