"""Levels: what the data call them, and their numbers 0, 1, ... in the program."""

from collections.abc import Hashable, Mapping, Sequence

import numpy as np
import pandas as pd

from latentprob.data.cells import check_support, fault, first, is_gap, numbers
from latentprob.errors import DataError
from latentprob.spec.distributions import Bernoulli, Categorical, Distribution
from latentprob.spec.dynamics import Markov
from latentprob.spec.model import Model
from latentprob.spec.schema import Schema

Levels = tuple[Hashable, ...]
SHOWN = 12  # levels that a message names


def levels_of(name: str, who: str, law: Distribution | None, frame: pd.DataFrame) -> Levels:
    """The labels of the levels, in order: those that the statement fixes, else those that the data show."""
    if isinstance(law, Bernoulli):
        check_support(law, who, frame, numbers(who, frame))
        return (0, 1)
    size = law.size if isinstance(law, (Categorical, Markov)) else None
    found = _found(who, [frame.iloc[:, i] for i in range(frame.shape[1])])
    text = any(isinstance(level, str) for level in found)
    if size is None or (len(found) == size and text):
        return found
    if not text:
        return tuple(range(size))
    if len(found) > size:
        raise DataError(
            f"{who} with size={size}, but the data hold {len(found)} levels: {', '.join(map(str, found))}. "
            f"Write size={len(found)}, or merge levels."
        )
    return (*found, *(f"{name}_{level}" for level in range(len(found), size)))  # levels that no row is labelled with


def factor_levels(model: Model, frames: Mapping[str, pd.DataFrame]) -> dict[str, Levels]:
    """The labels of each column in which levels of a factor are looked up: those of all its columns together."""
    found: dict[str, Levels] = {}
    for factor in dict.fromkeys(model.lookups.values()):
        names = [column for column, own in model.lookups.items() if own == factor and column in frames]
        who = f"{' and '.join(names)} hold{'s' * (len(names) == 1)} levels of {factor}"
        found |= dict.fromkeys(names, _found(who, [frames[name].iloc[:, 0].rename(name) for name in names]))
    return found


def with_unseen(model: Model, frames: Mapping[str, pd.DataFrame], like: Schema) -> dict[str, Levels]:
    """The labels of each column whose levels are pooled, those that the fitted data lack behind the others."""
    shared = factor_levels(model, frames)
    found: dict[str, Levels] = {}
    for name in (name for name in model.pooled if name in frames):
        levels = shared[name] if name in shared else _found(f"{name} is an input", [frames[name].iloc[:, 0]])
        if _kind(levels) != _kind(like[name].levels):
            continue  # numbers for text: no level is known, and that is a mistake
        unseen = tuple(level for level in levels if level not in set(like[name].levels))
        found[name] = (*like[name].levels, *unseen)
    return found


def _kind(levels: Levels) -> bool:
    return any(isinstance(level, str) for level in levels)


def codes(who: str, frame: pd.DataFrame, levels: Levels) -> np.ndarray:
    """The number of each cell's level, (N, D), -1 where hidden."""
    index = pd.Index(levels)
    found = np.stack([index.get_indexer(_cells(who, frame.iloc[:, i])) for i in range(frame.shape[1])], axis=1)
    wrong = (found < 0) & frame.notna().to_numpy()
    if wrong.any():
        if levels == tuple(range(len(levels))):
            rule = f"levels are whole numbers from 0 to {len(levels) - 1}"
            raise fault(who, frame, first(wrong), rule, "Count from 0, hand over text labels, or drop the row.")
        more = f", ... ({len(levels)} in all)" if len(levels) > SHOWN else ""
        rule = f"levels are {', '.join(map(repr, levels[:SHOWN]))}{more}"
        raise fault(who, frame, first(wrong), rule, "Mend the cell, or drop the row.")
    return found.astype(np.int64)


def _found(who: str, columns: Sequence[pd.Series]) -> Levels:
    """The labels in some columns: of categories in their order, else sorted."""
    kinds = [column.cat.categories for column in columns if isinstance(column.dtype, pd.CategoricalDtype)]
    if kinds and len(kinds) == len(columns):
        return tuple(dict.fromkeys(level for categories in kinds for level in categories.tolist()))
    cells = [_cells(who, column) for column in columns]
    kinds_found = {column.dtype.kind for column in cells}
    if len(kinds_found) > 1:
        raise DataError(f"{who}, but some of its columns hold text and some numbers: levels are of one kind.")
    labels = np.unique(np.concatenate([column[~pd.isna(column)] for column in cells]))
    return tuple(labels.tolist() if kinds_found == {"O"} else labels.astype(int).tolist())


def _cells(who: str, column: pd.Series) -> np.ndarray:
    """A column of levels, (N,): text as objects, or whole numbers as floats; NaN where hidden."""
    cells = column.astype(object) if isinstance(column.dtype, pd.CategoricalDtype) else column
    kind = pd.api.types.infer_dtype(cells, skipna=True)
    if kind == "string":
        return cells.astype(object).where(cells.notna(), np.nan).to_numpy(dtype=object)
    text = [isinstance(cell, str) for cell in cells] if kind.startswith("mixed") else []
    if any(text):
        row = next(i for i, cell in enumerate(cells) if not text[i] and not is_gap(cell))
        way_out = "Hand over one kind, as by column.astype(str)."
        raise fault(who, column.to_frame(), (row, 0), "levels are all text, or all whole numbers", way_out)
    values = numbers(who, cells.to_frame())
    wrong = values % 1 > 0
    if wrong.any():
        way_out = "Use Linear for a number that is no level, or hand over text labels."
        raise fault(who, cells.to_frame(), first(wrong), "levels are whole numbers or text", way_out)
    return values[:, 0]
