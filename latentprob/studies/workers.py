"""Simulations side by side, and their records on disk."""

import json
import os
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict
from hashlib import sha256
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path

import torch

from latentprob.data import Values
from latentprob.errors import FileError, InferenceError
from latentprob.studies.simulations import Record, Task, simulation

SETTING = "setting.json"


def run(task: Task, numbers: list[int], processes: int, keep: Callable[[Record], None]) -> None:
    """Run simulations in processes of their own (Pyro's handlers are not safe in threads); one runs them here."""
    if processes == 1 or len(numbers) < 2:
        for number in numbers:
            keep(simulation(task, number))
        return
    workers = min(processes, len(numbers))
    with ProcessPoolExecutor(workers, get_context("spawn"), initializer=_one_thread) as pool:
        futures = [pool.submit(simulation, task, number) for number in numbers]
        try:
            for future in as_completed(futures):
                keep(future.result())
        except BrokenProcessPool as error:
            raise InferenceError(
                "a process of the calibration ended before its answer. A script must call lp.calibrate under "
                'if __name__ == "__main__":, for each process imports it; processes=1 runs all in this one'
            ) from error
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _one_thread() -> None:
    torch.set_num_threads(1)  # the processes share the cores


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Records:
    """A folder with one file a simulation, and the setting that they were made with; None keeps nothing.

    A file is written beside and renamed, so that an interruption leaves whole files.
    """

    def __init__(self, folder: str | Path | None, task: Task) -> None:
        self.folder = None if folder is None else Path(folder)
        if self.folder is not None:
            self._open(self.folder, _setting(task))

    def found(self, numbers: Iterable[int]) -> list[Record]:
        """The records that are there."""
        if self.folder is None:
            return []
        return [Record(**_read(path)) for path in map(self._path, numbers) if path.exists()]

    def keep(self, record: Record) -> None:
        """Write a record."""
        if self.folder is not None:
            _write(self._path(record.number), asdict(record))

    def _path(self, number: int) -> Path:
        return Path(self.folder or "") / f"simulation-{number:05d}.json"

    def _open(self, folder: Path, setting: dict[str, object]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / SETTING
        if not path.exists():
            if any(folder.iterdir()):
                raise FileError(f"{folder} holds files and no calibration; give a new folder, or an empty one")
            _write(path, setting)
            return
        before = _read(path)
        changed = [name for name in setting if before.get(name) != setting[name]]
        if changed:
            name = changed[0]
            raise FileError(
                f"{folder} holds simulations of another setting: {name} was {before.get(name)!r}, and is "
                f"{setting[name]!r}. Give another folder, or the same setting"
            )


def _setting(task: Task) -> dict[str, object]:
    """What must be the same for simulations to belong together."""
    return {
        "model": str(task.model),
        "rows": task.rows,
        "inference": repr(task.method),
        "seed": task.seed,
        "draws": task.draws,
        "data": None if task.data is None else _digest(task.data),
        "features": repr(task.features),
        "latentprob": version("latentprob"),
    }


def _digest(values: Values) -> str:
    """A fingerprint of data."""
    found = sha256(repr(values.schema).encode())
    for arrays in (values.arrays, values.seen):
        for name, array in arrays.items():
            found.update(name.encode())
            found.update(array.tobytes())
    return found.hexdigest()[:16]


def _write(path: Path, content: dict[str, object]) -> None:
    beside = path.with_suffix(".partial")
    beside.write_text(json.dumps(content, indent=1), encoding="utf-8")
    os.replace(beside, path)


def _read(path: Path) -> dict:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise FileError(f"{path} is damaged ({error}); delete it, and its simulation is run again") from None
