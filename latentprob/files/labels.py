"""Schema and labels as JSON, and back without loss."""

from collections.abc import Hashable
from typing import Any

import numpy as np
import pandas as pd

from latentprob.errors import FileError
from latentprob.spec.schema import Column, Schema

PLAIN = (str, bool, int, float, type(None))


def schema_to_json(schema: Schema) -> dict[str, Any]:
    """A schema as JSON's own types."""
    columns = [
        {
            "name": c.name,
            "features": [label_to_json(label) for label in c.features],
            "scalar": c.scalar,
            "levels": [label_to_json(label) for label in c.levels],
            "dim": c.dim,
            "missing": c.missing,
        }
        for c in schema.columns
    ]
    return {"row": schema.row, "columns": columns}


def schema_from_json(record: dict[str, Any]) -> Schema:
    """The schema that `schema_to_json` wrote."""
    columns = []
    for found in record["columns"]:
        labels = {part: tuple(label_from_json(label) for label in found[part]) for part in ("features", "levels")}
        columns.append(Column(**{**found, **labels}))
    return Schema(tuple(columns), record["row"])


def label_to_json(label: Hashable) -> Any:
    """A label: as it is where JSON knows its type; times and tuples with the name of their type."""
    if isinstance(label, np.generic):
        label = label.item()
    if isinstance(label, PLAIN):
        return label
    if isinstance(label, tuple):
        return {"tuple": [label_to_json(part) for part in label]}
    if isinstance(label, pd.Timestamp):
        return {"time": label.isoformat()}
    raise FileError(
        f"the label {label!r} of type {type(label).__name__} cannot be written to a file; "
        "labels are text, numbers, times, or tuples of these: rename the column, and fit again"
    )


def label_from_json(record: Any) -> Hashable:
    """The label that `label_to_json` wrote."""
    if not isinstance(record, dict):
        return record
    if "tuple" in record:
        return tuple(label_from_json(part) for part in record["tuple"])
    return pd.Timestamp(record["time"])


def rows_to_array(rows: pd.Index) -> np.ndarray:
    """Row labels as an array that netCDF holds: numbers and times as they are, all else as text."""
    values = np.asarray(rows)
    return values if values.dtype.kind in "iufM" else np.asarray([str(label) for label in rows])
