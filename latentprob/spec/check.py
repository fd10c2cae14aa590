"""What statements must fulfil to have a meaning; a breach is a ModelError that points at the place."""

from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Any

from latentprob.errors import ModelError
from latentprob.spec.component import Map, written
from latentprob.spec.distributions import Bernoulli, Categorical, Distribution, MultivariateNormal
from latentprob.spec.domains import Where, assigned, fits
from latentprob.spec.grammar import KINDS
from latentprob.spec.maps import GP, Linear, Module, Nearest, PerFeature, Table
from latentprob.spec.names import RESERVED, check_generated, check_name
from latentprob.spec.numbers import At
from latentprob.spec.priors import check_written
from latentprob.spec.source import Source
from latentprob.spec.structure import (
    Laws,
    children,
    encodes,
    fields,
    intercept_of,
    is_level,
    lengths,
    parents,
    places,
    statement,
)

METHODS = ("model", "marginal", "guide", "latent_guide", "encode", "joint", "belief", "priors")  # of the program


def statements(found: Mapping[str, Any], source: Source | None) -> None:
    """Refuses statements without meaning, at the place in the text where there is one."""
    try:
        _statements(found)
    except ModelError as error:
        raise _placed(error, found, source) from None


def _statements(found: Mapping[str, Any]) -> None:
    if not found:
        raise ModelError("the model is empty; write at least one statement, such as x ~ Normal(0, 1)")
    for name, law in found.items():
        check_name(name, (name, "~"))
        _law(name, law)
    for name, law in found.items():
        if isinstance(law, Distribution):
            check_written(law, (name,), law.optional)
        for at, term in places(law, name):
            for parent in parents(term):
                check_name(parent, at)
            if isinstance(law, Map):
                assigned(law, found, name)
            else:
                fits(term, Where.of(found, at))
    _readings(found)
    _cycle(found)
    for name, law in found.items():
        if isinstance(law, Distribution):
            _sizes(found, name, law)
            _maps(name, law)
        elif not children(found, name):
            raise ModelError(f"nothing reads {name}; leave it out, or read it, by Linear({name}) say", at=(name, "~"))
    check_generated(found)


def _placed(error: ModelError, found: Mapping[str, Any], source: Source | None) -> ModelError:
    if source is not None:
        return source.located(error) if error.at else error
    quoted = [f"\n    {statement(name, law)}" for name, law in found.items() if error.at[:1] == (name,)]
    return ModelError(f"{error}{''.join(quoted)}", at=error.at)


def _law(name: str, law: Any) -> None:
    """The right-hand side is a distribution that can draw a variable, or a map."""
    if isinstance(law, Map):
        return
    if not isinstance(law, Distribution):
        raise ModelError(
            f"{name} ~ {written(law)}: this is no distribution; write a distribution, such as Normal(0, 1), "
            "or for a deterministic variable a map, such as Linear(x, size=2)",
            at=(name,),
        )
    if law.prior_only:
        kinds = [each for each, kind in KINDS.items() if issubclass(kind, Distribution) and not kind.prior_only]
        raise ModelError(
            f"{type(law).__name__} stands only in a parameter's place, as a prior; a variable is drawn from "
            f"one of {', '.join(kinds)}",
            at=(name,),
        )


def _readings(found: Laws) -> None:
    """A discrete variable is read by Table and by=, others by Linear and the rest of the maps; an input by one kind."""
    first: dict[str, tuple[str, bool]] = {}
    for name, law in found.items():
        for at, term in places(law, name):
            for where, parent, level in _read(at, term):
                _reading(found, where, parent, level)
                text, before = first.setdefault(parent, (written(term), level))
                if before != level:
                    raise ModelError(
                        f"{parent} is read as levels and as numbers, by {text} and by {written(term)}; "
                        "write two variables, one for each",
                        at=where,
                    )


def _read(at: At, term: Any) -> Iterator[tuple[At, str, bool]]:
    """What a term reads: place, name, and whether as levels."""
    if isinstance(term, str):
        yield at, term, False
    elif isinstance(term, Map):
        for field in term.reads():
            if (parent := getattr(term, field)) is not None:
                yield (*at, field), parent, field == "by" or isinstance(term, Table)


def _reading(found: Laws, at: At, parent: str, level: bool) -> None:
    if parent not in found:
        return
    kind, discrete = type(found[parent]).__name__, isinstance(found[parent], (Categorical, Bernoulli, Nearest))
    if encodes(found, str(at[0]), parent) and not level:
        if isinstance(found[parent], Categorical) and isinstance(found[str(at[0])], Linear):
            raise ModelError(f"{parent} is Categorical, and Linear reads numbers; write MLP({parent}, ...)", at=at)
        return
    if discrete and not level:
        raise ModelError(f"{parent} is discrete ({kind}) and is read as numbers here; write Table({parent})", at=at)
    if not discrete and level:
        way = "leave by= out" if at[-1] == "by" else f"write Linear({parent})"
        raise ModelError(f"{parent} has no levels ({kind}), and is read as levels here; {way}", at=at)


def _cycle(found: Laws) -> None:
    graph = {
        name: [parent for parent in parents(law) if parent in found and not encodes(found, name, parent)]
        for name, law in found.items()
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        path = error.args[1][::-1]
        at = next(at for at, term in places(found[path[0]], path[0]) if path[1] in parents(term))
        raise ModelError(
            f"the statements go in a circle: {' reads '.join(path)}; leave one of these arguments out", at=at
        ) from None


def _sizes(found: Laws, name: str, law: Distribution) -> None:
    """Sizes and the lengths of known lists say the same, where a size has a meaning."""
    size, stated = fields(law)["size"], lengths(law)
    first = next(iter(stated), None)
    if isinstance(law, Bernoulli) and is_level(found, name) and (size is not None or stated):
        raise ModelError(
            f"{name} picks rows of a table, so it is one level a row; leave size and lists out",
            at=(name, "size") if size is not None else (name, *first),  # type: ignore[misc]
        )
    for at, length in stated.items():
        expected = size if size is not None else stated[first]  # type: ignore[index]
        if length != expected:
            raise ModelError(
                f"the list has {length} values, and the size of {name} is {expected}; write one size", at=(name, *at)
            )
    if isinstance(law, Categorical) and 1 in (size, *stated.values()):
        raise ModelError(f"{name} has a single level; write a size from 2", at=(name, "size"))
    _parent_sizes(found, name, law, size)


def _parent_sizes(found: Laws, name: str, law: Distribution, size: int | None) -> None:
    for at, term in places(law, name):
        other = found.get(term) if isinstance(term, str) else None
        length = fields(other)["size"] if other is not None else None
        if size is not None and length not in (None, 1, size):
            raise ModelError(
                f"{term} has size {length}, and {name} has size {size}; write one size, or Linear({term})", at=at
            )


def _maps(name: str, law: Distribution) -> None:
    """Rules between the terms of an argument, and between the arguments of a law."""
    for parameter in law.parameters:
        value = getattr(law, parameter)
        for at, term in places(law, name):
            own = at[1] == parameter and isinstance(term, (Linear, GP)) and term.intercept
            if own and term is not intercept_of(value):
                raise ModelError(
                    f"the sum has one intercept, that of {intercept_of(value)}; leave this intercept out",
                    at=(*at, "intercept"),
                )
            if isinstance(term, Module) and (not term.name.isidentifier() or term.name in (*RESERVED, *METHODS)):
                raise ModelError(
                    f"'{term.name}' cannot name a module; write a name such as \"decoder\"", at=(*at, "name")
                )
    if isinstance(law, MultivariateNormal):
        _joint(name, law)


def _joint(name: str, law: MultivariateNormal) -> None:
    """A normal-Wishart prior is the prior of the loc, too."""
    for parameter in ("covariance", "precision"):
        value = getattr(law, parameter)
        prior = getattr(value, "prior", value)
        if type(prior).__name__ != "NormalWishart":
            continue
        tables = (Table,) if isinstance(value, Table) else (Table, PerFeature)
        if not isinstance(law.loc, tables) or law.loc.prior or set(parents(value)) - set(parents(law.loc)):
            instead = value.model_copy(update={"prior": None}) if isinstance(value, Table) else PerFeature()
            raise ModelError(
                f"NormalWishart is the prior of loc and {parameter} together; write loc={instead}", at=(name, "loc")
            )
