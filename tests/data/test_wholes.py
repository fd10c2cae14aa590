"""Counts of a total and shares of a whole: what a row of them must be."""

import numpy as np
import pytest

from latentprob.data import read
from latentprob.errors import DataError
from latentprob.spec.model import Model

COUNTS = Model("x ~ Multinomial()")
SHARES = Model("x ~ Dirichlet(concentration=PerFeature())")
NAN = float("nan")

BAD = {
    "half a count": (COUNTS, [[1, 2.5], [3, 4]], "x is Multinomial, but column 1 holds 2.5 in row 0: counts are whole"),
    "a negative count": (COUNTS, [[1, 2], [-3, 4]], "holds -3 in row 1"),
    "a row seen in part": (
        COUNTS,
        [[1, 2], [NAN, 4]],
        "parts of one whole, of which a row is seen whole or not at all",
    ),
    "another total": (
        Model("x ~ Multinomial(total_count=5)"),
        [[1, 4], [2, 2]],
        "row 1 has the sum 4: the sum of a row is 5. .* leave total_count out",
    ),
    "shares off one": (SHARES, [[0.5, 0.5], [0.4, 0.5]], "row 1 has the sum 0.9: the sum of a row is 1"),
    "a share of zero": (SHARES, [[0.5, 0.5], [0.0, 1.0]], "shares lie between 0 and 1"),
}


@pytest.mark.parametrize(("model", "x", "message"), BAD.values(), ids=BAD)
def test_a_row_that_is_no_whole_is_refused(model, x, message):
    with pytest.raises(DataError, match=message):
        read(model, {"x": np.array(x)})


def test_a_hidden_row_is_hidden_whole():
    found = read(SHARES, {"x": np.array([[0.5, 0.5], [NAN, NAN], [0.1, 0.9]])})
    assert found.seen["x"].tolist() == [[True, True], [False, False], [True, True]]
    np.testing.assert_allclose(found.arrays["x"][1], [0.3, 0.7])
