"""Values: the data as arrays, with their gaps and labels."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from latentprob.data.cells import check_support, check_wholes, numbers, shown, support
from latentprob.data.feeding import Block, feed, hidden
from latentprob.data.forms import labelled
from latentprob.data.levels import codes, factor_levels, levels_of, with_unseen
from latentprob.data.series import Series, checked, series_of
from latentprob.errors import DataError
from latentprob.spec.distributions import Categorical
from latentprob.spec.dynamics import Markov
from latentprob.spec.model import Model
from latentprob.spec.schema import Column, Schema

RESERVED_DIMS = ("chain", "draw", "sample", "restart", "step", "feature")


@dataclass(frozen=True)
class Values:
    """What the data hold of the model's variables, N rows.

    arrays: float64 (N, D) by variable; int64 (N,) for a level variable, int64 (N, D) for a Categorical without
        children. A gap holds a value that the law can draw.
    seen: bool, of the same shape, for the variables with gaps.
    rows: the row labels.
    notes: sentences on what was decided on the way.
    series: where the series of an ordered axis start.
    """

    arrays: dict[str, np.ndarray]
    seen: dict[str, np.ndarray]
    rows: pd.Index
    schema: Schema
    notes: tuple[str, ...] = field(default=())
    series: Series | None = None


def read(
    model: Model,
    data: Any,
    observed: Mapping[str, Sequence[Hashable]] | None = None,
    like: Schema | None = None,
) -> Values:
    """The values of the model's variables in data of any accepted form.

    data: a table (pandas, xarray, 2-D array or tensor), one column, or a mapping from variables to such.
    observed: the columns of a table that form a variable, where the names do not say it.
    like: the schema of the fitted data, which new rows must have.
    """
    series = None
    if model.axis is not None:
        data, series = series_of(data, model.axis)
    found = feed(model, data, observed, like)
    series = None if series is None else checked(series, len(found.rows))
    blocks = dict(found.blocks)
    if like is not None:
        blocks = {c.name: _match(blocks.get(c.name, hidden(c, found.rows)), c) for c in like.columns}
    columns, arrays, seen = [], {}, {}
    frames = {name: _one(model, name, block.frame) for name, block in blocks.items() if model.is_level(name)}
    levels = factor_levels(model, frames) if like is None else with_unseen(model, frames, like)
    for name, block in blocks.items():
        column, values, known = _variable(model, name, block, None if like is None else like[name], levels.get(name))
        columns.append(column)
        arrays[name] = values
        if column.missing:
            seen[name] = known
    named = _name_dims(model, columns) if like is None else columns
    schema = Schema(tuple(named), row=_row_dim(model, found.rows.name))
    notes = (*found.notes, *_gap_notes(seen), *([] if series is None else series.note()))
    return Values(arrays, seen, found.rows, schema, notes, series)


def _who(model: Model, name: str) -> str:
    law = model.statements.get(name)
    return f"{name} is an input" if law is None else f"{name} is {type(law).__name__}"


def _one(model: Model, name: str, frame: pd.DataFrame) -> pd.DataFrame:
    """The one column of a variable that holds levels."""
    if frame.shape[1] != 1:
        raise DataError(
            f"{_who(model, name)} with one level a row, but the data hold {frame.shape[1]} columns of it. Name one."
        )
    return frame


def _variable(
    model: Model, name: str, block: Block, like: Column | None, levels: tuple[Hashable, ...] | None
) -> tuple[Column, np.ndarray, np.ndarray]:
    """One variable: its column of the schema, its values, and which cells are seen. levels: where others say them."""
    law, who = model.statements.get(name), _who(model, name)
    level, frame = model.is_level(name), block.frame
    _check_size(model, name, who, frame)
    if level or isinstance(law, Categorical):
        levels = levels or (like.levels if like is not None else levels_of(name, who, law, frame))
        values = codes(who, frame, levels)
        known = values >= 0
        values = np.where(known, values, 0)
    else:
        values = numbers(who, frame)
        if law is not None:
            check_support(law, who, frame, values)
            check_wholes(law, who, frame, values)
        known = ~np.isnan(values)
        values = _filled(values, known, None if law is None else support(law).fill)
    if law is None:
        _check_held(name, frame, known)
    if level:
        values, known = values[:, 0], known[:, 0]
    features = () if level else (name,) if block.scalar else tuple(frame.columns)
    column = like or Column(name, features, block.scalar and not level)
    return replace(column, missing=not known.all(), levels=levels or ()), values, known


def _filled(values: np.ndarray, known: np.ndarray, fill: float | None) -> np.ndarray:
    """Values (N, D) with each gap filled by the centre of its column, or by `fill`."""
    if known.all():
        return values
    counts = known.sum(axis=0)
    center = np.where(known, values, 0).sum(axis=0) / np.maximum(counts, 1)
    center = np.where(counts > 0, center, 0.5)  # a column of gaps: a value that every law can draw
    return np.where(known, values, center if fill is None else fill)


def _check_held(name: str, frame: pd.DataFrame, known: np.ndarray) -> None:
    """An input has no gaps."""
    if not known.all():
        row, column = np.argwhere(~known)[0]
        raise DataError(
            f"{name} is an input, but column {shown(frame.columns[column])} is empty in row {shown(frame.index[row])}: "
            "inputs are held without gaps. Fill the cell, or drop the row."
        )


def _check_size(model: Model, name: str, who: str, frame: pd.DataFrame) -> None:
    """The columns are as many as the statement's size says."""
    law = model.statements.get(name)
    size = None if isinstance(law, (Categorical, Markov)) else getattr(law, "size", None)
    if size is not None and frame.shape[1] != size:
        raise DataError(
            f"{who} with size={size}, but the data hold {frame.shape[1]} columns of it. "
            "Leave out size=, or choose columns."
        )


def _match(block: Block, column: Column) -> Block:
    """The block of new rows with the features of the fitted data: by label where both have some, else by position."""
    frame, wanted = block.frame, list(column.features or (column.name,))
    if set(wanted) <= set(frame.columns):
        return Block(frame[wanted], column.scalar)
    if frame.shape[1] != len(wanted):
        hint = " One row of several columns is x[None, :], of shape (1, D)." if block.scalar else ""
        raise DataError(
            f"the new rows have {frame.shape[1]} columns of {column.name}, the fitted data have {len(wanted)}: "
            f"{', '.join(map(str, wanted[:8]))}{', ...' if len(wanted) > 8 else ''}.{hint}"
        )
    if labelled(frame.columns) and not block.scalar and not column.scalar and column.features:
        lacking = next(label for label in wanted if label not in frame)
        raise DataError(
            f"the new rows lack the column {lacking!r} of {column.name}; they have "
            f"{', '.join(map(str, frame.columns[:8]))}. Name the columns as in the fitted data."
        )
    return Block(frame.set_axis(wanted, axis=1), column.scalar)


def _name_dims(model: Model, columns: Sequence[Column]) -> list[Column]:
    """The columns with the names of their feature axes: "feature" where just one observed variable needs one."""
    wide = [c.name for c in columns if c.name in model and c.features and not c.scalar]
    return [replace(c, dim="feature" if [c.name] == wide else f"{c.name}_feature") for c in columns]


def _row_dim(model: Model, name: Hashable) -> str:
    """The name of the row dim: the index's, or "row", unless a variable or another dim has it."""
    names = (*model, *model.inputs)
    taken = {
        *names,
        *model.factors.values(),
        *RESERVED_DIMS,
        *(f"{n}_{end}" for n in names for end in ("feature", "dim", "level")),
    }
    return "row" if name is None or str(name) in taken else str(name)


def _gap_notes(seen: Mapping[str, np.ndarray]) -> list[str]:
    return [
        f"{int((~known).sum())} of {known.size} cells of {name} are missing: hidden" for name, known in seen.items()
    ]
