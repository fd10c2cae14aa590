"""What feeds what, and the labels that come along."""

import numpy as np
import pandas as pd
import pytest
import torch
import xarray as xr

from latentprob.data import read
from latentprob.errors import DataError
from latentprob.spec.distributions import Bernoulli, Categorical, Normal, Poisson
from latentprob.spec.maps import Linear, PerFeature, Shared, Table
from latentprob.spec.model import Model

MIXTURE = Model(c=Categorical(size=2), x=Normal(loc=Table("c"), scale=Table("c")))
FACTORS = Model(z=Normal(0, 1, size=2), x=Normal(loc=Linear("z"), scale=PerFeature()))
REGRESSION = Model(y=Normal(loc=Linear("u"), scale=Shared()))
TWO_ENDS = Model(c=Categorical(size=2), x=Normal(loc=Table("c"), scale=Table("c")), n=Poisson(rate=Table("c")))
GROUPS = Model(y=Normal(loc=Table("g"), scale=Shared()))
ANSWERS = Model(c=Categorical(size=2), x=Categorical(probs=Table("c")))

CELLS = np.array([[1.0, 10.0], [2.0, 20.0], [3.0, 30.0], [4.0, 50.0]])
FRAME = pd.DataFrame(CELLS, columns=["a", "b"], index=pd.Index(["w", "x", "y", "z"], name="town"))

FORMS = {
    "numpy": lambda: CELLS,
    "numpy, float32": lambda: CELLS.astype("float32"),
    "list": lambda: CELLS.tolist(),
    "torch": lambda: torch.tensor(CELLS, requires_grad=True),
    "pandas, unlabelled": lambda: pd.DataFrame(CELLS),
    "pandas, nullable": lambda: pd.DataFrame(CELLS).convert_dtypes(),
    "pandas, labelled": lambda: FRAME,
    "objects": lambda: CELLS.astype(object),
    "xarray": lambda: xr.DataArray(CELLS, dims=("place", "thing"), coords={"thing": ["a", "b"]}),
    "xarray, a table": lambda: FRAME.to_xarray(),
    "xarray, variables": lambda: xr.Dataset({"x": (("place", "thing"), CELLS)}),
    "mapping": lambda: {"x": CELLS},
    "mapping to a table": lambda: {"x": FRAME},
    "mapping to a list": lambda: {"x": CELLS.tolist()},
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_same_values(form):
    values = read(MIXTURE, FORMS[form]())
    np.testing.assert_array_equal(values.arrays["x"], CELLS)
    assert values.arrays["x"].dtype == np.float64
    assert values.schema.observed == ("x",)
    assert values.schema["x"].dim == "feature"
    assert values.seen == {}


@pytest.mark.parametrize(
    ("form", "features", "row", "rows"),
    [
        ("numpy", (0, 1), "row", [0, 1, 2, 3]),
        ("pandas, labelled", ("a", "b"), "town", ["w", "x", "y", "z"]),
        ("xarray", ("a", "b"), "place", [0, 1, 2, 3]),
        ("xarray, a table", ("a", "b"), "town", ["w", "x", "y", "z"]),
        ("mapping to a table", ("a", "b"), "town", ["w", "x", "y", "z"]),
    ],
)
def test_labels_come_along(form, features, row, rows):
    values = read(MIXTURE, FORMS[form]())
    assert values.schema["x"].features == features
    assert values.schema.row == row
    assert list(values.rows) == rows


@pytest.mark.parametrize("bare", [CELLS[:, 0], pd.Series(CELLS[:, 0]), torch.tensor(CELLS[:, 0]), {"x": CELLS[:, 0]}])
def test_one_column_is_scalar(bare):
    column = read(MIXTURE, bare).schema["x"]
    assert (column.scalar, column.features) == (True, ("x",))


def test_a_column_of_another_name_forms_the_variable_and_keeps_its_label():
    values = read(MIXTURE, FRAME[["a"]])
    assert values.schema["x"].features == ("a",)
    assert not values.schema["x"].scalar
    assert values.notes == ("x is made of the column a",)


def test_a_table_feeds_by_name_and_the_rest_forms_the_open_variable():
    frame = FRAME.assign(n=[0, 1, 2, 3], who=list("abcd"), when=pd.Timestamp("2020-01-01"))
    values = read(TWO_ENDS, frame)
    np.testing.assert_array_equal(values.arrays["n"], [[0.0], [1.0], [2.0], [3.0]])
    np.testing.assert_array_equal(values.arrays["x"], CELLS)
    assert values.schema["n"].scalar
    assert [values.schema[name].dim for name in ("x", "n")] == ["feature", "n_feature"]
    assert values.notes == ("x is made of the columns a, b", "left aside: who, when, which hold no numbers")


def test_columns_that_nothing_claims_are_named():
    values = read(MIXTURE, FRAME.assign(x=[1.0, 2.0, 3.0, 4.0]))
    assert values.schema["x"].scalar
    assert values.notes == ("left aside: a, b, which the model does not name",)


def test_a_long_list_of_columns_is_abridged_in_the_note():
    table = pd.DataFrame(np.eye(20), columns=[f"p{i}" for i in range(20)])
    assert read(MIXTURE, table).notes == ("x is made of the columns p0, p1, ..., p19 (20 in all)",)


def test_observed_names_the_columns():
    frame = FRAME.assign(n=[0, 1, 2, 3], m=[5, 6, 7, 8])
    values = read(TWO_ENDS, frame, observed={"x": ["b"], "n": ["n", "m"]})
    assert values.schema["x"].features == ("b",)
    assert values.schema["n"].features == ("n", "m")
    assert [column.dim for column in values.schema.columns] == ["x_feature", "n_feature"]
    np.testing.assert_array_equal(values.arrays["n"], frame[["n", "m"]])


def test_observed_columns_of_an_array_go_by_position():
    values = read(MIXTURE, CELLS, observed={"x": ["1"]})
    np.testing.assert_array_equal(values.arrays["x"], CELLS[:, [1]])


def test_an_input_has_a_feature_axis_of_its_own():
    values = read(REGRESSION, {"y": CELLS[:, 0], "u": CELLS})
    assert values.schema["u"].dim == "u_feature"
    assert values.schema["u"].features == (0, 1)


def test_booleans_are_numbers_of_a_bernoulli():
    model = Model(c=Categorical(size=2), x=Bernoulli(probs=Table("c")))
    values = read(model, pd.DataFrame({"p": [True, False, True], "q": [False, False, True]}))
    np.testing.assert_array_equal(values.arrays["x"], [[1.0, 0.0], [0.0, 0.0], [1.0, 1.0]])


GAPS = {
    "NaN": lambda: pd.DataFrame(np.where(CELLS == 20, np.nan, CELLS)),
    "None": lambda: pd.DataFrame(np.where(CELLS == 20, None, CELLS)),
    "NA": lambda: pd.DataFrame(np.where(CELLS == 20, np.nan, CELLS)).convert_dtypes(),
    "masked": lambda: np.ma.masked_equal(CELLS, 20),
}


@pytest.mark.parametrize("form", GAPS)
def test_gaps_are_hidden_and_filled_with_the_centre(form):
    values = read(MIXTURE, GAPS[form]())
    np.testing.assert_array_equal(values.seen["x"], CELLS != 20)
    assert values.arrays["x"][1, 1] == pytest.approx((10 + 30 + 50) / 3)
    assert values.schema.missing == ("x",)
    assert values.notes[-1] == "1 of 8 cells of x are missing: hidden"


def test_gaps_of_counts_hold_a_count():
    model = Model(c=Categorical(size=2), n=Poisson(rate=Table("c")))
    values = read(model, np.array([[1.0, 2.0], [np.nan, 3.0], [4.0, 5.0]]))
    assert values.arrays["n"][1, 0] == 0


LABELS = {
    "numbers": ([0, 1, None, 1], (0, 1), [0, 1, 0, 1]),
    "floats": ([0.0, 1.0, np.nan, 1.0], (0, 1), [0, 1, 0, 1]),
    "booleans": ([False, True, None, True], (0, 1), [0, 1, 0, 1]),
    "text": (["no", "yes", None, "yes"], ("no", "yes"), [0, 1, 0, 1]),
    "categories": (pd.Categorical(["no", "yes", None, "yes"], ["yes", "no"]), ("yes", "no"), [1, 0, 0, 0]),
    "one kind alone": (["a", "a", None, "a"], ("a", "c_1"), [0, 0, 0, 0]),
}


@pytest.mark.parametrize("labels", LABELS)
def test_partly_labelled_levels(labels):
    cells, levels, codes = LABELS[labels]
    values = read(MIXTURE, FRAME.assign(c=cells))
    np.testing.assert_array_equal(values.arrays["c"], codes)
    np.testing.assert_array_equal(values.seen["c"], [True, True, False, True])
    assert values.arrays["c"].dtype == np.int64
    assert values.schema["c"].levels == levels
    assert values.schema["c"].features == ()


def test_a_binary_parent_is_a_level():
    model = Model(b=Bernoulli(), x=Normal(loc=Table("b"), scale=Shared()))
    values = read(model, FRAME.assign(b=[True, False, False, True]))
    np.testing.assert_array_equal(values.arrays["b"], [1, 0, 0, 1])
    assert values.schema["b"].levels == (0, 1)


GROUPINGS = {
    "text": (["s", "r", "s"], ("r", "s"), [1, 0, 1]),
    "numbers": ([7, 3, 7], (3, 7), [1, 0, 1]),
    "categories": (pd.Categorical([7, 3, 7], [7, 5, 3]), (7, 5, 3), [0, 2, 0]),
}


@pytest.mark.parametrize("grouping", GROUPINGS)
def test_levels_of_an_input_are_those_that_the_data_show(grouping):
    cells, levels, codes = GROUPINGS[grouping]
    values = read(GROUPS, pd.DataFrame({"y": [1.0, 2.0, 4.0], "g": cells}))
    assert values.schema["g"].levels == levels
    np.testing.assert_array_equal(values.arrays["g"], codes)


def test_categories_without_children_share_their_levels():
    frame = pd.DataFrame({"p": ["no", "yes", None], "q": ["maybe", "no", "yes"]})
    values = read(ANSWERS, frame, observed={"x": ["p", "q"]})
    assert values.schema["x"].levels == ("maybe", "no", "yes")
    np.testing.assert_array_equal(values.arrays["x"], [[1, 0], [2, 1], [0, 2]])
    np.testing.assert_array_equal(values.seen["x"], [[True, True], [True, True], [False, True]])
    assert values.arrays["x"].dtype == np.int64


@pytest.mark.parametrize("name", ["x", "feature", "chain", "c_level"])
def test_the_row_dim_gives_way_to_other_names(name):
    assert read(MIXTURE, FRAME.rename_axis(index=name)).schema.row == "row"


def test_new_rows_match_by_label_whatever_their_order():
    schema = read(MIXTURE, FRAME).schema
    values = read(MIXTURE, FRAME[["b", "a"]].assign(more=1.0).iloc[:1], like=schema)
    np.testing.assert_array_equal(values.arrays["x"], CELLS[:1])
    assert values.schema["x"] == schema["x"]
    assert values.schema.row == "town"


@pytest.mark.parametrize("form", FORMS)
def test_new_rows_of_every_form(form):
    data = FORMS[form]()
    values = read(MIXTURE, data, like=read(MIXTURE, data).schema)
    np.testing.assert_array_equal(values.arrays["x"], CELLS)


def test_new_rows_without_labels_match_by_position():
    values = read(MIXTURE, CELLS, like=read(MIXTURE, FRAME).schema)
    assert values.schema["x"].features == ("a", "b")


def test_new_rows_have_gaps_of_their_own():
    schema = read(MIXTURE, FRAME).schema
    values = read(MIXTURE, FRAME.assign(b=np.nan), like=schema)
    assert values.schema.missing == ("x",)
    np.testing.assert_array_equal(values.seen["x"], [[True, False]] * 4)


def test_levels_of_new_rows_are_those_of_the_fit():
    schema = read(MIXTURE, FRAME.assign(c=["no", "yes", None, "yes"])).schema
    values = read(MIXTURE, FRAME.assign(c="yes"), like=schema)
    np.testing.assert_array_equal(values.arrays["c"], [1, 1, 1, 1])
    assert values.schema["c"].levels == ("no", "yes")


@pytest.mark.parametrize("data", [FRAME, CELLS, {"x": CELLS}])
def test_a_parent_that_new_rows_leave_out_is_hidden(data):
    schema = read(MIXTURE, FRAME.assign(c=["no", "yes", "no", "yes"])).schema
    values = read(MIXTURE, data, like=schema)
    assert not values.seen["c"].any()
    assert values.schema.missing == ("c",)
    np.testing.assert_array_equal(values.arrays["x"], CELLS)


def test_a_latent_of_the_fit_stays_latent_in_tables_of_new_rows():
    values = read(FACTORS, FRAME.assign(z=1.0), like=read(FACTORS, FRAME).schema)
    assert values.schema.observed == ("x",)


@pytest.mark.parametrize("form", ["numpy", "torch", "pandas, labelled"])
def test_values_stay_when_the_data_change_later(form):
    cells = CELLS.copy()
    data = {
        "numpy": cells,
        "torch": torch.from_numpy(cells),
        "pandas, labelled": pd.DataFrame(cells, columns=["a", "b"]),
    }
    values = read(MIXTURE, data[form])
    cells[:] = 0
    np.testing.assert_array_equal(values.arrays["x"], CELLS)


def test_the_data_are_not_changed():
    frame = FRAME.assign(c=["no", "yes", None, "yes"])
    before = frame.copy()
    read(MIXTURE, frame)
    pd.testing.assert_frame_equal(frame, before)
    with pytest.raises(DataError, match="latent in this fit"):
        read(MIXTURE, {"x": CELLS, "c": [0, 1, 0, 1]}, like=read(MIXTURE, CELLS).schema)
