"""What an index must fulfil: a factor's variable holds numbers, its law reads nothing, and rows look its levels up."""

from collections.abc import Mapping
from typing import Any

from latentprob.errors import ModelError
from latentprob.spec.component import Map, lookup, written
from latentprob.spec.maps import Embedding
from latentprob.spec.names import check_name
from latentprob.spec.structure import (
    Laws,
    children,
    factors_of,
    lookups,
    parents,
    places,
    read_fields,
    statement,
    target,
)

NUMBERS = ("real", "positive", "unit")  # the supports of what a factor's levels may hold


def check_indices(found: Laws, indices: Mapping[str, str]) -> None:
    """Refuses an index that is no factor and no ordered axis, and a law that has no meaning on its own."""
    factors = factors_of(found, indices)
    for name, law in found.items():
        if isinstance(law, Embedding) and name not in indices:
            raise ModelError(
                f"{statement(name, law)} is a point for each level of a factor; write {name}[user] = {written(law)}",
                at=(name, "~"),
            )
        if getattr(law, "ordered", False) and name not in indices:
            raise ModelError(
                f"{statement(name, law)} moves along an axis; write {name}[time] ~ {written(law)}", at=(name, "~")
            )
    for name, index in indices.items():
        check_name(index, (name, "["))
        if index in found:
            raise ModelError(
                f"{index} is a variable, and an index is a column or an axis; read {index} by Table({index})",
                at=(name, "["),
            )
        other = next(
            (each for each, on in indices.items() if on == index and (each in factors) != (name in factors)), None
        )
        if other is not None:
            raise ModelError(
                f"{index} is an ordered axis for one of {other} and {name}, and a factor for the other; "
                "write two names",
                at=(name, "["),
            )
    for name, index in indices.items():
        if name not in factors:
            _check_axis(found, name, index)
    for name, index in factors.items():
        _check_factor(found, name, index)


def _check_axis(found: Laws, name: str, index: str) -> None:
    """No variable and no input bears the name of what marks where series start."""
    starts = f"{index}_first"
    for other, law in found.items():
        at = next((at for at, term in places(law, other) if starts in parents(term)), None)
        if starts == other or at is not None:
            raise ModelError(
                f"'{starts}' marks where series along {index} start; write another name, such as {starts}_",
                at=at or (other, "~"),
            )


def _check_factor(found: Laws, name: str, index: str) -> None:
    """The levels of a factor hold numbers, of a law without parents."""
    law, whole = found[name], f"{name}[{index}]"
    if isinstance(law, Map) and not isinstance(law, Embedding):
        raise ModelError(f"{written(law)} is computed for each row; write {name} = {written(law)}", at=(name, "["))
    if law.support not in NUMBERS:
        raise ModelError(
            f"{whole} ~ {written(law)}: the levels of a factor hold numbers, and this law draws none; "
            f"write {whole} ~ Normal(0, 1), or without an index {name} ~ {written(law)}, one a row",
            at=(name,),
        )
    if read := parents(law):
        at = next(at for at, term in places(law, name) if parents(term))
        raise ModelError(
            f"{name} holds one value for each level of {index}, and its law reads {read[0]}; "
            "write numbers, priors, Shared() or PerFeature()",
            at=at,
        )
    if not children(found, name):
        raise ModelError(
            f"nothing reads {name}, and the data hold no levels of a factor; read it, by Linear({name}) say",
            at=(name, "~"),
        )


def check_lookups(found: Laws, indices: Mapping[str, str]) -> None:
    """Refuses a lookup of what has no levels, or in a column of another factor."""
    factors = factors_of(found, indices)
    columns = lookups(found, factors)
    for name, law in found.items():
        for at, term in places(law, name):
            for where, read, _ in read_fields(at, term):
                variable, column = lookup(read)
                if column is not None:
                    _check_lookup(found, indices, variable, column, where)
                    _check_column(factors, columns, variable, column, where)


def _check_lookup(found: Laws, indices: Mapping[str, str], variable: str, column: str, at: tuple[Any, ...]) -> None:
    if variable not in found:
        raise ModelError(
            f"{variable} has no statement, so it has no levels to look up; write {variable}[{column}] ~ Normal(0, 1), "
            f"or for the column itself {variable}",
            at=at,
        )
    if variable not in indices:
        raise ModelError(
            f"{variable} has no index, so each row has its own; write {variable}, "
            f"or state {variable}[{column}] ~ {written(found[variable])}",
            at=at,
        )
    if getattr(found[variable], "ordered", False):
        raise ModelError(
            f"{target(variable, indices)} has a value for each row, in its order; write {variable} without an index",
            at=at,
        )
    if column in found:
        raise ModelError(
            f"{column} is a variable of the model, and levels are looked up in a column of the data; "
            f"leave its statement out, or read it by Table({column})",
            at=at,
        )


def _check_column(
    factors: Mapping[str, str], columns: Mapping[str, str], variable: str, column: str, at: tuple[Any, ...]
) -> None:
    """The levels in a column are those of one factor."""
    other = column if column in factors.values() else columns[column]
    if other != factors[variable]:
        raise ModelError(
            f"{variable}[{column}] looks up levels of {factors[variable]}, and {column} holds levels of {other}; "
            "write one factor for both, or another column",
            at=at,
        )
