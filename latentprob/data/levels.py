"""Levels: what the data call them, and their numbers 0, 1, ... in the program."""

from collections.abc import Hashable

import numpy as np
import pandas as pd

from latentprob.data.cells import check_support, fault, first, is_gap, numbers
from latentprob.errors import DataError
from latentprob.spec.distributions import Bernoulli, Categorical, Distribution

Levels = tuple[Hashable, ...]


def levels_of(name: str, who: str, law: Distribution | None, frame: pd.DataFrame) -> Levels:
    """The labels of the levels, in order: those that the statement fixes, else those that the data show."""
    if isinstance(law, Bernoulli):
        check_support(law, who, frame, numbers(who, frame))
        return (0, 1)
    size = law.size if isinstance(law, Categorical) else None
    found = _found(who, frame)
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


def codes(who: str, frame: pd.DataFrame, levels: Levels) -> np.ndarray:
    """The number of each cell's level, (N, D), -1 where hidden."""
    index = pd.Index(levels)
    found = np.stack([index.get_indexer(_cells(who, frame, i)) for i in range(frame.shape[1])], axis=1)
    wrong = (found < 0) & frame.notna().to_numpy()
    if wrong.any():
        if levels == tuple(range(len(levels))):
            rule = f"levels are whole numbers from 0 to {len(levels) - 1}"
            raise fault(who, frame, first(wrong), rule, "Count from 0, hand over text labels, or drop the row.")
        rule = f"levels are {', '.join(map(repr, levels))}"
        raise fault(who, frame, first(wrong), rule, "Mend the cell, or drop the row.")
    return found.astype(np.int64)


def _found(who: str, frame: pd.DataFrame) -> Levels:
    """The labels in a frame: of a column of categories in their order, else sorted."""
    kinds = [column.cat.categories for _, column in frame.items() if isinstance(column.dtype, pd.CategoricalDtype)]
    if kinds:
        return tuple(dict.fromkeys(level for categories in kinds for level in categories.tolist()))
    columns = [_cells(who, frame, i) for i in range(frame.shape[1])]
    kinds_found = {column.dtype.kind for column in columns}
    if len(kinds_found) > 1:
        raise DataError(f"{who}, but some of its columns hold text and some numbers: levels are of one kind.")
    labels = np.unique(np.concatenate([column[~pd.isna(column)] for column in columns]))
    return tuple(labels.tolist() if kinds_found == {"O"} else labels.astype(int).tolist())


def _cells(who: str, frame: pd.DataFrame, position: int) -> np.ndarray:
    """A column of levels, (N,): text as objects, or whole numbers as floats; NaN where hidden."""
    column = frame.iloc[:, position]
    cells = column.astype(object) if isinstance(column.dtype, pd.CategoricalDtype) else column
    kind = pd.api.types.infer_dtype(cells, skipna=True)
    if kind == "string":
        return cells.astype(object).where(cells.notna(), np.nan).to_numpy(dtype=object)
    text = [isinstance(cell, str) for cell in cells] if kind.startswith("mixed") else []
    if any(text):
        row = next(i for i, cell in enumerate(cells) if not text[i] and not is_gap(cell))
        way_out = "Hand over one kind, as by column.astype(str)."
        raise fault(who, frame, (row, position), "levels are all text, or all whole numbers", way_out)
    values = numbers(who, cells.to_frame())
    wrong = values % 1 > 0
    if wrong.any():
        way_out = "Use Linear for a number that is no level, or hand over text labels."
        raise fault(who, cells.to_frame(), first(wrong), "levels are whole numbers or text", way_out)
    return values[:, 0]
