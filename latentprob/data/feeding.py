"""Which part of the data feeds which variable of the model."""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from latentprob.data.forms import labelled, listed, meant, plain, table
from latentprob.errors import DataError
from latentprob.spec.model import Model
from latentprob.spec.schema import Column, Schema
from latentprob.spec.structure import statement


@dataclass(frozen=True)
class Block:
    """What the data hold of one variable: a frame (N, D), and whether it is one column of the variable's name."""

    frame: pd.DataFrame
    scalar: bool = False


@dataclass(frozen=True)
class Feed:
    """The block of each variable that the data hold, the row labels, and what was decided on the way."""

    blocks: dict[str, Block]
    rows: pd.Index
    notes: tuple[str, ...] = ()


def feed(model: Model, data: Any, observed: Mapping[str, Sequence[Hashable]] | None, like: Schema | None) -> Feed:
    """The variables of the model with the columns that feed them.

    A table feeds by column names, a mapping by its keys, a bare array the only variable without children.
    """
    form = plain(data)
    _check_embedded(model, form)
    if isinstance(form, Mapping):
        if observed:
            raise DataError("columns are chosen from a table, but the data are a mapping from variables to arrays.")
        found = _mapping(model, form)
    elif isinstance(form, pd.DataFrame) and (observed or labelled(form.columns)):
        found = _table(model, form, observed or {}, like)
    else:
        found = _mapping(model, {_target(model, form): form})
    _check_complete(model, found, like)
    if not len(found.rows):
        raise DataError("the data hold no row. At least two are needed to fit, one to ask a fit about new rows.")
    return found


def _check_embedded(model: Model, form: Any) -> None:
    """What is computed, or holds the levels of a factor, is not in the data."""
    held = form.columns if isinstance(form, pd.DataFrame) else form if isinstance(form, Mapping) else ()
    for name, factor in model.factors.items():
        if name in held:
            raise DataError(
                f"the data hold {name!r}, but {name}[{factor}] has one value for each level of {factor}, not for each "
                f"row. Leave {name!r} out of the data, or rename it."
            )
    for name in model.embedded:
        if name in held:
            raise DataError(
                f"the data hold {name!r}, but {statement(name, model[name])} is computed from them. "
                f"Leave {name!r} out of the data, or rename it."
            )


def _target(model: Model, bare: pd.Series | pd.DataFrame) -> str:
    """The variable that a bare array feeds."""
    if isinstance(bare, pd.Series) and (bare.name in model or bare.name in model.inputs):
        return str(bare.name)
    ends = _ends(model)
    if len(ends) != 1:
        raise DataError(
            f"a bare array feeds the one variable without children, but the model has {len(ends)}: {listed(ends)}. "
            "Hand over a mapping from variables to arrays."
        )
    return ends[0]


def _ends(model: Model) -> list[str]:
    return [name for name in model if not model.children(name)]


def _mapping(model: Model, data: Mapping[str, Any]) -> Feed:
    known = (*model, *model.inputs)
    for name in data:
        if name not in known:
            raise DataError(
                f"the data hold {name!r}, but the model has no such variable: {listed(known)} are allowed."
                f"{meant(name, known)} Columns of a table are handed over as a DataFrame."
            )
    blocks = {name: _block(name, value) for name, value in data.items()}
    return Feed(blocks, _common_rows(blocks))


def _block(name: str, value: Any) -> Block:
    found = table(value)
    if isinstance(found, pd.Series):
        return Block(found.to_frame(name), scalar=True)
    return Block(found, scalar=list(found.columns) == [name])


def _common_rows(blocks: Mapping[str, Block]) -> pd.Index:
    """The row labels that all blocks share."""
    rows: pd.Index = pd.RangeIndex(0)
    owner = ""
    for name, block in blocks.items():
        index = block.frame.index
        if owner and len(index) != len(rows):
            raise DataError(
                f"{owner} has {len(rows)} rows and {name} has {len(index)}: all variables need the same rows."
            )
        if owner and labelled(rows) and labelled(index) and not rows.equals(index):
            raise DataError(
                f"the row labels of {owner} and {name} differ: rows are matched by position. Sort them alike, "
                "or drop the labels with reset_index(drop=True)."
            )
        if not owner or labelled(index):
            rows, owner = index, name
    return rows


def _table(model: Model, frame: pd.DataFrame, observed: Mapping[str, Sequence[Hashable]], like: Schema | None) -> Feed:
    blocks = {name: _chosen(model, frame, name, columns) for name, columns in observed.items()}
    if like is not None:
        blocks |= {c.name: block for c in like.columns if c.name not in blocks and (block := _alike(model, frame, c))}
        return Feed(blocks, frame.index)
    taken = {column for block in blocks.values() for column in block.frame}
    for name in (*model, *model.inputs):
        if name in frame and name not in blocks and name not in taken:
            blocks[name] = Block(frame[[name]], scalar=True)
            taken.add(name)
    rest = frame[[column for column in frame if column not in taken]]
    formed, notes = _formed(model, rest, blocks)
    return Feed({**blocks, **formed}, frame.index, notes)


def _chosen(model: Model, frame: pd.DataFrame, name: str, columns: Sequence[Hashable]) -> Block:
    """The block of columns that the caller names for a variable."""
    if name not in model and name not in model.inputs:
        known = (*model, *model.inputs)
        raise DataError(f"columns are named for {name!r}, which the model lacks.{meant(name, known)}")
    if not columns:
        raise DataError(f"no columns are named for {name}: name one at least, of {listed(list(frame))}.")
    found = {str(label): label for label in frame}
    for column in columns:
        if str(column) not in found:
            raise DataError(
                f"column {column!r}, named for {name}, is not in the table: it has {listed(list(frame))}."
                f"{meant(column, found)}"
            )
    return Block(frame[[found[str(column)] for column in columns]], scalar=[str(c) for c in columns] == [name])


def _alike(model: Model, frame: pd.DataFrame, column: Column) -> Block | None:
    """The block of a variable in a table of new rows: the columns that the fit knows, by label."""
    wanted = column.features or (column.name,)
    lacking = [label for label in wanted if label not in frame]
    if not lacking:
        return Block(frame[list(wanted)], scalar=column.scalar)
    if column.name in model and len(lacking) == len(wanted) and (model.children(column.name) or len(_ends(model)) > 1):
        return None  # hidden in the new rows
    raise DataError(
        f"the new rows lack the column {lacking[0]!r} of {column.name}: the fit knows {listed(wanted)}."
        f"{meant(lacking[0], frame)} For hidden cells give the column, with NaN."
    )


def _formed(model: Model, rest: pd.DataFrame, blocks: Mapping[str, Block]) -> tuple[dict[str, Block], tuple[str, ...]]:
    """The one variable without children and column, formed by the numeric columns that nothing claims; and notes."""
    open_ends = [name for name in _ends(model) if name not in blocks]
    if len(open_ends) > 1:
        raise DataError(
            f"no column is called {' or '.join(open_ends)}, and the rest can form only one variable. "
            f"Rename columns, or say which: observed={{{open_ends[0]!r}: [...], {open_ends[1]!r}: [...]}}."
        )
    aside = list(rest)
    formed: dict[str, Block] = {}
    notes = []
    if open_ends:
        numeric = [column for column in rest if _holds_numbers(rest[column])]
        if not numeric:
            raise DataError(
                f"{open_ends[0]} has no children, so the data must hold it, but no column is called {open_ends[0]} "
                f"and no numeric column is left to form it. The table has {listed([*blocks, *aside]) or 'no columns'}."
            )
        formed = {open_ends[0]: Block(rest[numeric])}
        notes.append(f"{open_ends[0]} is made of the column{'s' * (len(numeric) > 1)} {listed(numeric)}")
        aside = [column for column in rest if column not in numeric]
    if aside:
        why = "which hold no numbers" if formed else "which the model does not name"
        notes.append(f"left aside: {listed(aside)}, {why}")
    return formed, tuple(notes)


def _holds_numbers(column: pd.Series) -> bool:
    """Whether a column is one of numbers, or meant to be: a mix that is mostly numbers is a mistake in a cell."""
    if pd.api.types.is_numeric_dtype(column):
        return True
    if not (pd.api.types.is_object_dtype(column) or pd.api.types.is_string_dtype(column)):
        return False
    known = column.dropna()
    parsed = pd.to_numeric(known, errors="coerce").notna()
    if all(isinstance(cell, str) for cell in known):
        return len(known) == 0 or 0.5 < parsed.mean() < 1
    return bool(parsed.mean() > 0.5)


def _check_complete(model: Model, found: Feed, like: Schema | None) -> None:
    """Inputs and variables without children are in the data; so is what the fit knows, but for parents and a block."""
    for name in model.inputs:
        if name not in found.blocks:
            raise DataError(
                f"{name} is an input of the model (it is used and has no statement), but the data do not hold it."
                f"{meant(name, _labels(found))} Add a column {name!r}."
            )
    ends = _ends(model)
    held = [name for name in ends if name in found.blocks]
    for name in ends:
        if name not in held and not (like is not None and held):  # new rows may lack a block, not all of them
            raise DataError(
                f"{name} has no children, so the data must hold it; they hold {listed([*found.blocks]) or 'nothing'}."
            )
    for name in found.blocks:
        if like is not None and name not in like:
            raise DataError(f"the new rows hold {name}, which the fitted data left out: it is latent in this fit.")


def _labels(found: Feed) -> Iterable[Hashable]:
    return [label for block in found.blocks.values() for label in block.frame]


def hidden(column: Column, rows: pd.Index) -> Block:
    """The block of a variable that new rows leave out: gaps alone."""
    features = column.features or (column.name,)
    return Block(pd.DataFrame(np.nan, index=rows, columns=list(features)), column.scalar)
