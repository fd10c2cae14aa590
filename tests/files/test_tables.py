"""Tables in files: what is written comes back, and what cannot be read says so."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from latentprob.errors import FileError
from latentprob.files.tables import read_table, with_series, write_table

FRAME = pd.DataFrame({"a": [1.5, np.nan, 3.0], "n": [1, 2, 3], "who": ["u", "v", "w"]})

WRITERS = {
    "table.csv": lambda path: FRAME.to_csv(path, index=False),
    "TABLE.CSV": lambda path: FRAME.to_csv(path, index=False),
    "indexed.csv": lambda path: FRAME.to_csv(path),
    "table.parquet": lambda path: FRAME.to_parquet(path),
}


@pytest.mark.parametrize("name", WRITERS)
def test_a_table_comes_back(name, tmp_path):
    WRITERS[name](tmp_path / name)
    pd.testing.assert_frame_equal(read_table(tmp_path / name), FRAME, check_index_type=False)


@pytest.mark.parametrize("array", [np.arange(6.0).reshape(3, 2), np.arange(3)], ids=["rows by columns", "rows"])
def test_an_array_comes_back(array, tmp_path):
    np.save(tmp_path / "x.npy", array)
    np.testing.assert_array_equal(read_table(str(tmp_path / "x.npy")).to_numpy(), array.reshape(3, -1))


def test_numbered_columns_of_an_array_written_as_csv_are_names(tmp_path):
    pd.DataFrame(np.eye(3)).to_csv(tmp_path / "x.csv", index=False)
    assert read_table(tmp_path / "x.csv").shape == (3, 3)


def test_a_table_without_rows_is_read(tmp_path):
    (tmp_path / "x.csv").write_text("a,b\n")
    assert read_table(tmp_path / "x.csv").shape == (0, 2)


def test_text_in_a_number_column_stays_for_the_data_to_refuse(tmp_path):
    (tmp_path / "x.csv").write_text("a,b\n1,2\nthree,4\n")
    assert read_table(tmp_path / "x.csv")["a"].tolist() == ["1", "three"]


BAD = {
    "missing": ("x.csv", lambda p: None, "x.csv is not there"),
    "folder": ("x.csv", lambda p: p.mkdir(), "x.csv is a folder"),
    "unknown suffix": (
        "x.xlsx",
        lambda p: p.write_text("a"),
        "tables are read from .csv, .parquet, .npy files, not from .xlsx",
    ),
    "no suffix": ("x", lambda p: p.write_text("a"), "not from one without suffix"),
    "empty csv": ("x.csv", lambda p: p.write_text(""), "x.csv cannot be read as .csv: Empty CSV file"),
    "ragged csv": ("x.csv", lambda p: p.write_text("a,b\n1,2\n1,2,3\n"), "Expected 2 columns, got 3"),
    "bytes as csv": ("x.csv", lambda p: p.write_bytes(b"a,\xff\xfe\n1,2\n"), "x.csv cannot be read as .csv"),
    "semicolons": ("x.csv", lambda p: p.write_text("a;b\n1;2\n"), "the columns are not separated by commas"),
    "no names": ("x.csv", lambda p: p.write_text("3.6,79\n1.8,54\n"), "the first line holds numbers (3.6, 79)"),
    "damaged parquet": ("x.parquet", lambda p: p.write_text("PAR1 no"), "x.parquet cannot be read as .parquet"),
    "damaged npy": ("x.npy", lambda p: p.write_text("no array"), "x.npy cannot be read as .npy"),
    "empty npy": ("x.npy", lambda p: p.write_bytes(b""), "x.npy cannot be read as .npy"),
    "pickled npy": ("x.npy", lambda p: np.save(p, np.array([{}])), "Object arrays cannot be loaded"),
    "three axes": ("x.npy", lambda p: np.save(p, np.zeros((2, 2, 2))), "an array of shape (2, 2, 2)"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_read_says_why(case, tmp_path):
    name, write, message = BAD[case]
    path: Path = tmp_path / name
    write(path)
    with pytest.raises(FileError, match=re.escape(message)):
        read_table(path)


@pytest.mark.parametrize("name", ["new.csv", "new.parquet"])
def test_a_written_table_comes_back(name, tmp_path):
    (tmp_path / name).write_text("what was there")
    write_table(tmp_path / name, FRAME)
    pd.testing.assert_frame_equal(read_table(tmp_path / name), FRAME)
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", ["new.xlsx", "new"])
def test_a_table_of_another_format_is_not_written(name, tmp_path):
    with pytest.raises(FileError, match=r"written to \.csv or \.parquet files, not to"):
        write_table(tmp_path / name, FRAME)
    assert not list(tmp_path.iterdir())


def test_a_failed_writing_leaves_the_old_table(tmp_path, monkeypatch):
    def full(*_):
        raise OSError("no space left on device")

    write_table(tmp_path / "table.csv", FRAME)
    monkeypatch.setattr("os.replace", full)
    with pytest.raises(OSError, match="no space"):
        write_table(tmp_path / "table.csv", FRAME.iloc[:1])
    assert len(read_table(tmp_path / "table.csv")) == len(FRAME)


def test_a_column_of_series_bears_the_name_that_the_data_room_knows():
    assert list(with_series(FRAME, "who")) == ["a", "n", "series"]
    assert with_series(FRAME, None) is FRAME
    with pytest.raises(FileError, match="the table has no column 'whom'; it has a, n, who"):
        with_series(FRAME, "whom")
