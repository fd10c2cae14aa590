"""What the data say of the variables: labels and sizes, no values."""

from collections.abc import Hashable
from dataclasses import dataclass


@dataclass(frozen=True)
class Column:
    """What the data say of one variable of the model.

    features: labels along its feature axis; () for a level variable, which holds one label a row.
    scalar: fed by one column of its own name; results show no feature dim.
    levels: labels of the levels of a discrete variable; () for others.
    dim: name of the feature axis in results.
    missing: whether a cell is a gap.
    """

    name: str
    features: tuple[Hashable, ...] = ()
    scalar: bool = False
    levels: tuple[Hashable, ...] = ()
    dim: str = "feature"
    missing: bool = False


@dataclass(frozen=True)
class Schema:
    """The variables that the data hold, and the name of the row dim."""

    columns: tuple[Column, ...]
    row: str = "row"

    def __contains__(self, name: object) -> bool:
        return any(column.name == name for column in self.columns)

    def __getitem__(self, name: str) -> Column:
        return next(column for column in self.columns if column.name == name)

    @property
    def observed(self) -> tuple[str, ...]:
        """Names of the variables that the data hold, inputs among them."""
        return tuple(column.name for column in self.columns)

    @property
    def missing(self) -> tuple[str, ...]:
        """Names of the variables with gaps."""
        return tuple(column.name for column in self.columns if column.missing)
