"""Cells as numbers, and whether a law can draw them."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from decimal import Decimal
from functools import singledispatch
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd

from latentprob.errors import DataError
from latentprob.spec import distributions as laws
from latentprob.spec.distributions import Distribution

Mask = Callable[[np.ndarray], np.ndarray]
TOLERANCE = 1e-6  # of the sum of a row's shares


@dataclass(frozen=True)
class Support:
    """Where the draws of a law lie: a test of values (N, D), the rule in words, and the way out.

    fill: what stands in a gap, where the centre of the column would not do.
    """

    holds: Mask
    rule: str
    way_out: str
    fill: float | None = None


@singledispatch
def support(law: Distribution) -> Support:
    """The support of a law of the language, for checking data."""
    raise TypeError(f"{type(law).__name__} has no check of its data")


@support.register(laws.Normal)
@support.register(laws.MultivariateNormal)
@support.register(laws.StudentT)
def _(law: Distribution) -> Support:
    return Support(np.isfinite, "finite numbers are expected", "Drop the row, or leave the cell empty.")


@support.register(laws.LogNormal)
@support.register(laws.Gamma)
@support.register(laws.Exponential)
def _(law: Distribution) -> Support:
    return Support(lambda x: x > 0, "values are above 0", "Use Normal, or drop the row.")


@support.register
def _(law: laws.Beta) -> Support:
    rule = "values lie between 0 and 1, the ends left out"
    return Support(lambda x: (x > 0) & (x < 1), rule, "Move values off the ends, or use Normal.")


@support.register
def _(law: laws.Bernoulli) -> Support:
    return Support(lambda x: (x == 0) | (x == 1), "values are 0 or 1", "Use x > threshold, or another law.", 0)


@support.register
def _(law: laws.Dirichlet) -> Support:
    rule = "shares lie between 0 and 1, the ends left out"
    return Support(lambda x: (x > 0) & (x < 1), rule, "Add a little to shares of 0 and divide each row by its sum.")


@support.register
def _(law: laws.Multinomial) -> Support:
    rule = "counts are whole numbers from 0"
    return Support(lambda x: (x >= 0) & (x == np.floor(x)), rule, "Use Dirichlet for shares, or drop the row.")


@support.register(laws.Poisson)
@support.register(laws.NegativeBinomial)
def _(law: Distribution) -> Support:
    rule = "counts are whole numbers from 0"
    return Support(lambda x: (x >= 0) & (x == np.floor(x)), rule, "Use Normal, or drop the row.", 0)


def check_support(law: Distribution, who: str, frame: pd.DataFrame, values: np.ndarray) -> None:
    """Every seen cell of values (N, D), NaN where hidden, can be drawn from the law."""
    known = support(law)
    wrong = ~np.isnan(values) & ~known.holds(values)
    if wrong.any():
        raise fault(who, frame, first(wrong), known.rule, known.way_out)


def check_wholes(law: Distribution, who: str, frame: pd.DataFrame, values: np.ndarray) -> None:
    """Of a law over parts of a whole, a row is seen whole or not at all, and its parts sum to what the law says."""
    if not law.over_features:
        return
    hidden = np.isnan(values)
    partly = hidden.any(axis=1) & ~hidden.all(axis=1)
    if partly.any():
        row = int(np.argmax(partly))
        raise fault(
            who,
            frame,
            (row, int(np.argmax(hidden[row]))),
            "its features are parts of one whole, of which a row is seen whole or not at all",
            "Fill the cell, or hide the row.",
        )
    wanted = 1.0 if isinstance(law, laws.Dirichlet) else getattr(law, "total_count", None)
    totals = values.sum(axis=1)
    wrong = np.zeros(len(totals), bool) if wanted is None else np.abs(totals - wanted) > TOLERANCE * wanted
    if (wrong & ~hidden.all(axis=1)).any():
        row = int(np.argmax(wrong & ~hidden.all(axis=1)))
        raise DataError(
            f"{who}, but row {shown(frame.index[row])} has the sum {totals[row]:g}: the sum of a row is {wanted:g}. "
            "Divide shares by their sum, leave total_count out, or drop the row."
        )


def numbers(who: str, frame: pd.DataFrame) -> np.ndarray:
    """The cells as numbers, (N, D), NaN where empty; text and infinities are refused."""
    for position, dtype in enumerate(frame.dtypes):
        if not pd.api.types.is_numeric_dtype(dtype) or pd.api.types.is_complex_dtype(dtype):
            _check_numbers(who, frame, position)
    values = np.array(frame.to_numpy(dtype=float, na_value=np.nan), order="C")  # a copy: the caller's may change
    if np.isinf(values).any():
        raise fault(
            who, frame, first(np.isinf(values)), "numbers are finite", "Drop the row, or leave the cell empty (NaN)."
        )
    return values


def _check_numbers(who: str, frame: pd.DataFrame, position: int) -> None:
    """A column of Python objects holds numbers and gaps alone."""
    column = frame.iloc[:, position]
    for row, cell in enumerate(column):
        if not isinstance(cell, (Real, Decimal, np.bool_)) and not is_gap(cell):
            raise fault(
                who,
                frame,
                (row, position),
                "numbers are expected",
                "Mend the cell, leave it empty if it is unknown, or take the column out; pd.to_numeric reads text.",
            )


def is_gap(cell: Any) -> bool:
    """Whether a cell is empty: None, NaN, NaT or NA."""
    return bool(pd.api.types.is_scalar(cell) and pd.isna(cell))


def first(wrong: np.ndarray) -> tuple[int, int]:
    """Row and column of the first true cell of (N, D), row by row."""
    row, column = np.argwhere(wrong)[0]
    return int(row), int(column)


def fault(who: str, frame: pd.DataFrame, cell: tuple[int, int], rule: str, way_out: str) -> DataError:
    """The error that names variable, column, value and row of a cell, what is allowed, and the way out."""
    row, column = cell
    return DataError(
        f"{who}, but column {shown(frame.columns[column])} holds {shown(frame.iat[row, column])} "
        f"in row {shown(frame.index[row])}: {rule}. {way_out}"
    )


def shown(value: Hashable) -> str:
    """A value as a person writes it: -2 rather than np.float64(-2.0)."""
    value = value.item() if isinstance(value, np.generic) else value
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return repr(value) if isinstance(value, (str, int, float, complex)) else str(value)
