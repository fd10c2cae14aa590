"""Small data sets that ship with the package; `SOURCES.md` beside this file says where they come from."""

from importlib.resources import files

import pandas as pd

from latentprob.datasets.words import word_pairs
from latentprob.errors import DataError
from latentprob.spec.component import nearest

NAMES = ("earthquakes", "faithful", "galaxies", "holzinger_swineford", "judges", "nile")


def names() -> tuple[str, ...]:
    """The names that `load` knows."""
    return NAMES


def load(name: str) -> pd.DataFrame:
    """A data set of the package as a table, a row an observation.

    earthquakes: year, count. faithful: eruptions, waiting. galaxies: velocity.
    holzinger_swineford: school, x1, ..., x9. judges: CONT, INTG, ..., RTEN. nile: year, flow.

    >>> load("faithful").shape
    (272, 2)
    """
    if name not in NAMES:
        found = nearest(str(name), NAMES)
        hint = f" Did you mean {found!r}?" if found else ""
        raise DataError(f"there is no data set {name!r}: {', '.join(NAMES)} are there.{hint}")
    with (files(__package__) / f"{name}.csv").open(encoding="utf-8") as lines:
        return pd.read_csv(lines)


__all__ = ["load", "names", "word_pairs"]
