"""A saved fit answers as before; a damaged one is refused by name."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from latentprob.errors import FileError
from latentprob.files import archive
from latentprob.files.archive import Archive, read, write
from latentprob.files.labels import label_from_json, label_to_json, rows_to_array, schema_from_json, schema_to_json
from latentprob.spec.schema import Column, Schema


def small(seed: int = 0) -> Archive:
    rng = np.random.default_rng(seed)
    return Archive(
        "x ~ Normal(0, 1)",
        {"seed": seed, "versions": {"latentprob": "0.1"}, "attrs": {"settled": np.True_, "bound": np.float64(-3.5)}},
        {"parameters": {"w": rng.normal(size=(2, 3, 4)), "s": rng.normal(size=(2, 3))}, "latents": {}},
        {
            "arrays": {"x": rng.normal(size=(5, 2))},
            "seen": {"x": rng.random((5, 2)) < 0.5},
            "rows": {"rows": np.array(["é", "b"])},
        },
        {"net.0.weight": rng.normal(size=(3, 2)).astype(np.float32), "count": np.array(3)},
    )


def test_what_was_written_is_read(tmp_path: Path) -> None:
    write(tmp_path / "fit", small())
    found, given = read(tmp_path / "fit"), small()
    assert found.model.strip() == given.model
    assert found.facts["attrs"] == {"settled": True, "bound": -3.5}
    for part in ("draws", "data"):
        wanted = getattr(given, part)
        assert set(getattr(found, part)) == set(wanted)
        for group, arrays in wanted.items():
            for name, array in arrays.items():
                np.testing.assert_array_equal(getattr(found, part)[group][name], array)
    assert found.data["seen"]["x"].dtype == bool
    for name, array in given.state.items():
        np.testing.assert_array_equal(found.state[name], array)
        assert found.state[name].dtype == array.dtype


def test_nothing_in_the_folder_can_run(tmp_path: Path) -> None:
    write(tmp_path / "fit", small())
    assert {path.name for path in (tmp_path / "fit").iterdir()} == {archive.RECORD, *archive.PARTS}
    for path in (tmp_path / "fit").iterdir():
        assert path.read_bytes()[:2] not in (b"\x80\x04", b"\x80\x05", b"PK")  # pickle, and zip as torch.save writes


def test_a_fit_is_replaced_whole(tmp_path: Path) -> None:
    write(tmp_path / "fit", small(0))
    write(tmp_path / "fit", small(1))
    assert read(tmp_path / "fit").facts["seed"] == 1
    assert [path.name for path in tmp_path.iterdir()] == ["fit"]


def test_a_failed_write_leaves_the_old_fit_and_no_rest(tmp_path: Path) -> None:
    write(tmp_path / "fit", small(0))
    broken = Archive("x", {"thing": object()}, {}, {}, {})
    with pytest.raises(TypeError, match="object has no place"):
        write(tmp_path / "fit", broken)
    assert read(tmp_path / "fit").facts["seed"] == 0
    assert [path.name for path in tmp_path.iterdir()] == ["fit"]


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_a_path_that_is_no_fit_is_left_alone(tmp_path: Path, kind: str) -> None:
    place = tmp_path / "mine"
    if kind == "file":
        place.write_text("thesis")
    else:
        place.mkdir()
        (place / "thesis.txt").write_text("thesis")
    with pytest.raises(FileError, match="exists and is no saved fit: it is left as it is"):
        write(place, small())
    kept = place if kind == "file" else place / "thesis.txt"
    assert kept.read_text() == "thesis"


def test_a_missing_parent_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"the folder .*nowhere does not exist; make it first"):
        write(tmp_path / "nowhere" / "fit", small())


@pytest.mark.parametrize("part", archive.PARTS)
def test_a_missing_part_is_named(tmp_path: Path, part: str) -> None:
    write(tmp_path / "fit", small())
    (tmp_path / "fit" / part).unlink()
    with pytest.raises(FileError, match=f"lacks its part {part}; copy the whole folder again"):
        read(tmp_path / "fit")


@pytest.mark.parametrize("part", archive.PARTS)
def test_a_changed_part_is_named(tmp_path: Path, part: str) -> None:
    write(tmp_path / "fit", small())
    content = bytearray((tmp_path / "fit" / part).read_bytes())
    content[-1] ^= 1
    (tmp_path / "fit" / part).write_bytes(bytes(content))
    with pytest.raises(FileError, match=rf"{part} in .*fit was changed after it was saved"):
        read(tmp_path / "fit")


def edited(folder: Path, **changes: object) -> None:
    record = json.loads((folder / archive.RECORD).read_text())
    (folder / archive.RECORD).write_text(json.dumps(record | changes))


def test_a_changed_record_is_noticed(tmp_path: Path) -> None:
    write(tmp_path / "fit", small())
    edited(tmp_path / "fit", seed=7)
    with pytest.raises(FileError, match=r"fit.json in .* was changed after it was saved"):
        read(tmp_path / "fit")


def test_another_format_names_the_version_that_wrote_it(tmp_path: Path) -> None:
    write(tmp_path / "fit", small())
    edited(tmp_path / "fit", format=2)
    with pytest.raises(FileError, match=r"has format 2, this latentprob reads format 1.*\(0.1\)"):
        read(tmp_path / "fit")


BROKEN = {"no JSON": ("{", "cannot be read as JSON"), "no record": ("[]", "is not the record of a fit")}


@pytest.mark.parametrize(("text", "said"), BROKEN.values(), ids=BROKEN)
def test_a_broken_record_is_refused(tmp_path: Path, text: str, said: str) -> None:
    write(tmp_path / "fit", small())
    (tmp_path / "fit" / archive.RECORD).write_text(text)
    with pytest.raises(FileError, match=said):
        read(tmp_path / "fit")


def test_what_is_no_folder_of_a_fit_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FileError, match="is a file; a saved fit is a folder"):
        read(tmp_path / "file")
    with pytest.raises(FileError, match="does not exist; a saved fit is a folder"):
        read(tmp_path / "nowhere")
    with pytest.raises(FileError, match=r"lacks fit.json: it is no saved fit"):
        read(tmp_path)


SCHEMA = Schema(
    (
        Column("x", ("a", 2, 2.5, ("p", 1), pd.Timestamp("2020-01-02")), dim="feature", missing=True),
        Column("c", levels=(True, False)),
        Column("y", ("y",), scalar=True),
    ),
    "person",
)


def test_labels_of_any_type_come_back() -> None:
    assert schema_from_json(json.loads(json.dumps(schema_to_json(SCHEMA)))) == SCHEMA
    assert label_from_json(label_to_json(np.int64(3))) == 3


def test_a_label_that_has_no_text_is_refused() -> None:
    with pytest.raises(FileError, match=r"label frozenset\(\) of type frozenset cannot be written.*rename the column"):
        label_to_json(frozenset())


def test_row_labels_are_numbers_times_or_text() -> None:
    assert rows_to_array(pd.RangeIndex(3)).dtype.kind == "i"
    assert rows_to_array(pd.date_range("2020", periods=2)).dtype.kind == "M"
    assert rows_to_array(pd.MultiIndex.from_tuples([("a", 1), ("b", 2)])).tolist() == ["('a', 1)", "('b', 2)"]
