"""Files written whole: beside their place first, then renamed."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from latentprob.errors import FileError


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """A path to write to; what was written takes the place of `path` at the end, and nothing does after an error."""
    target = Path(path)
    if target.is_dir():
        raise FileError(f"{target} is a folder; give the path of a file")
    if not target.parent.is_dir():
        raise FileError(f"{target}: the folder {target.parent} does not exist; make it first, or choose another path")
    with tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent) as beside:
        made = Path(beside) / target.name
        yield made
        os.replace(made, target)
