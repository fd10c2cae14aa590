"""A fit as a folder: model text, JSON, netCDF and safetensors. No pickle: opening a stranger's fit runs nothing.

model.latent        the statements
fit.json            versions, settings, schema, labels, and the SHA-256 of every other part
draws.nc            draws of the parameters and sampled latents, statistics of the run
data.nc             the rows that were fitted
state.safetensors   weights of networks and guide
"""

import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from latentprob.errors import FileError

FORMAT = 1
RECORD = "fit.json"
PARTS = ("model.latent", "draws.nc", "data.nc", "state.safetensors")
OWN_SUM = "record"  # where the record's own checksum stands among those of the parts

Arrays = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Archive:
    """What a folder holds: the model's text, facts that go into JSON, and arrays by group and name."""

    model: str
    facts: dict[str, Any]
    draws: Mapping[str, Arrays]
    data: Mapping[str, Arrays]
    state: Arrays = field(default_factory=dict)


def write(path: str | Path, archive: Archive) -> None:
    """Write the folder beside its place and rename it: a half-written one never stands where a whole one stood."""
    target = Path(path)
    if target.exists() and not (target.is_dir() and (target / RECORD).is_file()):
        raise FileError(f"{target} exists and is no saved fit: it is left as it is. Choose another path, or remove it")
    if not target.parent.is_dir():
        raise FileError(f"the folder {target.parent} does not exist; make it first, or choose another path")
    with tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent) as beside:
        made = Path(beside) / "new"
        made.mkdir()
        _write_parts(made, archive)
        _replace(target, made, Path(beside) / "old")


def _replace(target: Path, made: Path, aside: Path) -> None:
    if not target.exists():
        os.rename(made, target)
        return
    os.rename(target, aside)
    try:
        os.rename(made, target)
    except OSError:
        os.rename(aside, target)
        raise


def _write_parts(folder: Path, archive: Archive) -> None:
    (folder / "model.latent").write_text(f"{archive.model}\n", encoding="utf-8")
    _groups(archive.draws).to_netcdf(folder / "draws.nc", engine="h5netcdf")
    _groups(archive.data).to_netcdf(folder / "data.nc", engine="h5netcdf")
    save_file({name: np.ascontiguousarray(a) for name, a in archive.state.items()}, folder / "state.safetensors")
    record = {"format": FORMAT, **archive.facts, "parts": {part: _sum_of(folder / part) for part in PARTS}}
    record["parts"][OWN_SUM] = _own_sum(record)
    (folder / RECORD).write_text(json.dumps(record, indent=1, default=_plain), encoding="utf-8")


def _plain(value: Any) -> Any:
    """What JSON has no word for: numbers and arrays of numpy."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} has no place in {RECORD}")


def _groups(groups: Mapping[str, Arrays]) -> xr.DataTree:
    """Arrays as groups of a file; the first two axes of draws bear their names by position alone."""
    datasets = {group: xr.Dataset({n: _variable(n, a) for n, a in arrays.items()}) for group, arrays in groups.items()}
    return xr.DataTree.from_dict(datasets)


def _variable(name: str, array: np.ndarray) -> xr.Variable:
    return xr.Variable(tuple(f"{name}_{axis}" for axis in range(array.ndim)), array)


def _sum_of(part: Path) -> str:
    return hashlib.sha256(part.read_bytes()).hexdigest()


def _own_sum(record: Mapping[str, Any]) -> str:
    parts = {part: value for part, value in record["parts"].items() if part != OWN_SUM}
    text = json.dumps({**record, "parts": parts}, sort_keys=True, default=_plain)
    return hashlib.sha256(text.encode()).hexdigest()


def read(path: str | Path) -> Archive:
    """The contents of a folder, after its parts were found whole and unchanged."""
    folder = Path(path)
    if not folder.is_dir():
        what = "is a file" if folder.exists() else "does not exist"
        raise FileError(f"{folder} {what}; a saved fit is a folder, as fit.save(path) writes it")
    record = _record(folder)
    for part in PARTS:
        if not (folder / part).is_file():
            raise FileError(f"{folder} lacks its part {part}; copy the whole folder again, or fit and save anew")
        if _sum_of(folder / part) != record["parts"].get(part):
            raise FileError(f"{part} in {folder} was changed after it was saved; copy it again, or fit and save anew")
    facts = {name: value for name, value in record.items() if name not in ("format", "parts")}
    return Archive(
        (folder / "model.latent").read_text(encoding="utf-8"),
        facts,
        _arrays(folder / "draws.nc"),
        _arrays(folder / "data.nc"),
        _state(folder / "state.safetensors"),
    )


def _record(folder: Path) -> dict[str, Any]:
    if not (folder / RECORD).is_file():
        raise FileError(f"{folder} lacks {RECORD}: it is no saved fit, as fit.save(path) writes it, or not all of one")
    try:
        record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    except ValueError:
        raise FileError(f"{RECORD} in {folder} cannot be read as JSON; copy it again, or fit and save anew") from None
    if not isinstance(record, dict) or "format" not in record or not isinstance(record.get("parts"), dict):
        raise FileError(f"{RECORD} in {folder} is not the record of a fit; copy it again, or fit and save anew")
    if record["format"] != FORMAT:
        writer = record.get("versions", {}).get("latentprob", "unknown")
        raise FileError(
            f"{folder} has format {record['format']}, this latentprob reads format {FORMAT}; "
            f"open it with the version that wrote it ({writer}), or fit anew"
        )
    if _own_sum(record) != record["parts"].get(OWN_SUM):
        raise FileError(f"{RECORD} in {folder} was changed after it was saved; copy it again, or fit and save anew")
    return record


def _arrays(part: Path) -> dict[str, dict[str, np.ndarray]]:
    try:
        with xr.open_datatree(part, engine="h5netcdf", decode_timedelta=False) as tree:
            return {name: {str(n): v.values for n, v in node.data_vars.items()} for name, node in tree.children.items()}
    except (OSError, ValueError) as error:
        raise FileError(f"{part.name} in {part.parent} cannot be read ({error}); fit and save anew") from error


def _state(part: Path) -> dict[str, np.ndarray]:
    try:
        return load_file(part)
    except SafetensorError as error:
        raise FileError(f"{part.name} in {part.parent} cannot be read ({error}); fit and save anew") from error
