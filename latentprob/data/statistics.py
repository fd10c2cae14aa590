"""Centre and spread of the data, on which the default priors stand; and whether the data can carry a fit."""

from functools import singledispatch

import numpy as np

from latentprob.data.cells import shown
from latentprob.data.values import Values
from latentprob.errors import DataError
from latentprob.spec import distributions as laws
from latentprob.spec.distributions import Bernoulli, Categorical, Distribution
from latentprob.spec.model import Model
from latentprob.spec.schema import Schema
from latentprob.spec.sites import masks

Moments = tuple[np.ndarray, np.ndarray]


def statistics(model: Model, values: Values) -> dict[str, np.ndarray]:
    """`{x}_center` and `{x}_spread`, (D,), of the seen cells of each variable; log x where x is LogNormal.

    A Categorical without children has `{x}_center` (D, L), a level variable (L,): proportions of the levels.
    DataError where the data cannot carry a fit.
    """
    _check_carries(model, values)
    found: dict[str, np.ndarray] = {}
    for column in values.schema.columns:
        name, law = column.name, model.statements.get(column.name)
        array = values.arrays[name]
        seen = values.seen.get(name, np.ones(array.shape, bool))
        if column.levels:
            found[f"{name}_center"] = _proportions(array, seen, len(column.levels))
            continue
        center, spread = moments(law, array, seen)
        _check_spread(name, law, column.features, spread)
        found |= {f"{name}_center": center, f"{name}_spread": spread}
    return found | patterns(model, values.schema)


def patterns(model: Model, schema: Schema) -> dict[str, np.ndarray]:
    """`{x}_loc_pattern`, (Z, D): 1 where a factor may load on a feature, of each Linear with a pattern."""
    found = masks(model, schema).items()
    return {f"{name.removesuffix('_weights')}_pattern": np.asarray(mask, float) for name, mask in found}


@singledispatch
def moments(law: Distribution | None, values: np.ndarray, seen: np.ndarray) -> Moments:
    """Centre and spread, (D,), of the seen cells of values (N, D), on the scale of the law's location."""
    low, high = (pick(values, axis=0, where=seen, initial=end) for pick, end in ((np.min, np.inf), (np.max, -np.inf)))
    center, spread = _mean_and_sd(values, seen)
    return center, np.where(low == high, 0.0, spread)  # of equal cells the sd is not exactly 0


@moments.register
def _(law: laws.LogNormal, values: np.ndarray, seen: np.ndarray) -> Moments:
    return moments(None, np.log(values), seen)


@moments.register
def _(law: Bernoulli, values: np.ndarray, seen: np.ndarray) -> Moments:
    half = 0.5 / seen.sum(axis=0)  # half an observation: a pixel may be black in all rows
    center = np.clip(_mean_and_sd(values, seen)[0], half, 1 - half)
    return center, np.sqrt(center * (1 - center))


@moments.register(laws.Poisson)
@moments.register(laws.Multinomial)
@moments.register(laws.NegativeBinomial)
def _(law: Distribution, values: np.ndarray, seen: np.ndarray) -> Moments:
    mean, spread = _mean_and_sd(values, seen)
    center = np.maximum(mean, 0.5 / seen.sum(axis=0))
    return center, np.where(spread > 0, spread, np.sqrt(center))


def _mean_and_sd(values: np.ndarray, seen: np.ndarray) -> Moments:
    return np.mean(values, axis=0, where=seen), np.std(values, axis=0, where=seen)


def _proportions(codes: np.ndarray, seen: np.ndarray, levels: int) -> np.ndarray:
    """Proportions of the levels in codes (N,) or (N, D): (L,) or (D, L); no level has less than half an observation."""
    if codes.ndim == 1:
        counts = np.bincount(codes[seen], minlength=levels)
    else:
        counts = np.stack([((codes == level) & seen).sum(axis=0) for level in range(levels)], axis=-1)
    counts = np.maximum(counts, 0.5)
    return counts / counts.sum(axis=-1, keepdims=True)


def _check_carries(model: Model, values: Values) -> None:
    """Rows enough for the model, and something seen in each column and row."""
    rows = len(values.rows)
    if rows == 1:
        raise DataError(
            "the data hold one row: a fit needs two at least, for the priors stand on the spread of the data."
        )
    for name, law in model.statements.items():
        if isinstance(law, Categorical) and name not in values.schema and (law.size or 0) > rows:
            raise DataError(f"{name} has {law.size} levels, but the data hold {rows} rows. Write size={rows} or less.")
    for name, seen in values.seen.items():
        empty = ~seen.reshape(rows, -1).any(axis=0)
        if empty.any():
            labels = values.schema[name].features or (name,)
            label = labels[int(np.argmax(empty))]
            raise DataError(
                f"column {label!r} of {name} holds no value at all: nothing can be learnt of it. Drop the column."
            )
    _check_rows(model, values)


def _check_rows(model: Model, values: Values) -> None:
    """Each row shows one cell at least of some random variable."""
    filled = np.zeros(len(values.rows), bool)
    for name in values.schema.observed:
        if name in model:
            if name not in values.seen:
                return
            filled |= values.seen[name].reshape(len(filled), -1).any(axis=1)
    if not filled.all() and values.series is None:  # a step without data is a step
        label = values.rows[int(np.argmin(filled))]
        raise DataError(
            f"row {shown(label)} holds no value at all: it says nothing of the model. Drop it: data.dropna(how='all')."
        )


def _check_spread(name: str, law: Distribution | None, features: tuple, spread: np.ndarray) -> None:
    constant = ~(spread > 0)
    if constant.any():
        label = features[int(np.argmax(constant))]
        what = "an input" if law is None else type(law).__name__
        raise DataError(
            f"{name} is {what}, but column {label!r} is constant: its spread must be above 0. Drop the column."
        )


__all__ = ["moments", "patterns", "statistics"]
