"""Tables in files: CSV, Parquet and .npy."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv

from latentprob.errors import FileError
from latentprob.files.whole import replacing


def read_table(path: str | Path) -> pd.DataFrame:
    """The table in a file, a row an observation; its suffix says the format: .csv, .parquet or .npy."""
    path = Path(path)
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise FileError(
            f"{path}: tables are read from {', '.join(READERS)} files, not from {path.suffix or 'one without suffix'}."
            " Convert it, or rename it if it is one."
        )
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "is not there"
        raise FileError(f"{path} {what}: the path of a table is expected. Current folder: {Path.cwd()}")
    try:
        return reader(path)
    except (pa.ArrowException, ValueError, EOFError, OSError) as error:
        if isinstance(error, FileError):
            raise
        raise FileError(f"{path} cannot be read as {path.suffix}: {error}. Write the file anew.") from error


def without(frame: pd.DataFrame, column: str | None) -> tuple[pd.DataFrame, pd.Series | None]:
    """A table without a column, and this column; None where none is named."""
    if column is None:
        return frame, None
    if column not in frame:
        raise FileError(f"the table has no column {column!r}; it has {', '.join(map(str, frame))}")
    return frame.drop(columns=column), frame[column]


def with_series(frame: pd.DataFrame, column: str | None) -> pd.DataFrame:
    """A table whose column of series bears the name that the data room knows."""
    _, found = without(frame, column)
    return frame if found is None else frame.rename(columns={column: "series"})


def write_table(path: str | Path, frame: pd.DataFrame) -> None:
    """Write a table without its row labels; the suffix says the format: .csv or .parquet."""
    check_table(path)
    with replacing(path) as made:
        WRITERS[made.suffix.lower()](frame, made)


def check_table(path: str | Path) -> None:
    """Refuse a path whose suffix names no format that tables are written in."""
    if (suffix := Path(path).suffix.lower()) not in WRITERS:
        raise FileError(
            f"{path}: tables are written to {' or '.join(WRITERS)} files, not to {suffix or 'one without suffix'}"
        )


def _read_csv(path: Path) -> pd.DataFrame:
    """A comma-separated file with a line of names; a first column without a name holds the row labels."""
    convert = pyarrow.csv.ConvertOptions(strings_can_be_null=True)
    frame = pyarrow.csv.read_csv(path, convert_options=convert).to_pandas()
    names = list(frame.columns)
    if len(names) == 1 and any(mark in names[0] for mark in ";\t"):
        raise FileError(
            f"{path}: the columns are not separated by commas; the first line is {names[0]!r}. Write commas."
        )
    if all(_is_number(name) for name in names) and names != [str(i) for i in range(len(names))]:
        raise FileError(f"{path}: the first line holds numbers ({', '.join(names[:4])}): it must name the columns.")
    if names[0] == "" and len(names) > 1:
        return frame.set_index("").rename_axis(None)
    return frame


def _read_npy(path: Path) -> pd.DataFrame:
    array = np.load(path, allow_pickle=False)
    if array.ndim not in (1, 2):
        raise FileError(f"{path} holds an array of shape {array.shape}: rows, or rows by columns, are expected.")
    return pd.DataFrame(array)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


READERS: dict[str, Callable[[Path], pd.DataFrame]] = {
    ".csv": _read_csv,
    ".parquet": pd.read_parquet,
    ".npy": _read_npy,
}
WRITERS: dict[str, Callable[[pd.DataFrame, Path], Any]] = {
    ".csv": lambda frame, path: frame.to_csv(path, index=False),
    ".parquet": lambda frame, path: frame.to_parquet(path, index=False),
}
