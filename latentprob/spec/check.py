"""What statements must fulfil to have a meaning; a breach is a ModelError that points at the place."""

from collections.abc import Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Any

from latentprob.errors import ModelError
from latentprob.spec.component import Map, Sum, lookup, written
from latentprob.spec.distributions import Bernoulli, Categorical, Distribution, MultivariateNormal
from latentprob.spec.domains import Where, assigned, fits
from latentprob.spec.dynamics import Dynamics, Markov
from latentprob.spec.grammar import KINDS
from latentprob.spec.indices import check_indices, check_lookups
from latentprob.spec.maps import GP, Dot, Linear, Module, Nearest, PerFeature, PerLevel, Shared, Table, Translation
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
    mixes,
    parents,
    patterns,
    places,
    read_fields,
    readings,
    statement,
    target,
)

DISCRETE = (Categorical, Bernoulli, Markov, Nearest)
METHODS = ("model", "marginal", "guide", "latent_guide", "encode", "joint", "belief", "priors")  # of the program


def statements(found: Mapping[str, Any], indices: Mapping[str, str], source: Source | None) -> None:
    """Refuses statements without meaning, at the place in the text where there is one."""
    try:
        _statements(found, indices)
    except ModelError as error:
        raise _placed(error, found, indices, source) from None


def _statements(found: Mapping[str, Any], indices: Mapping[str, str]) -> None:
    if not found:
        raise ModelError("the model is empty; write at least one statement, such as x ~ Normal(0, 1)")
    for name, law in found.items():
        check_name(name, (name, "~"))
        _law(name, law)
    check_indices(found, indices)
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
    check_lookups(found, indices)
    _dynamics(found)
    _readings(found)
    _patterns(found)
    _cycle(found)
    for name, law in found.items():
        if isinstance(law, Distribution):
            _sizes(found, name, law)
            _maps(name, law)
        elif not children(found, name):
            raise ModelError(f"nothing reads {name}; leave it out, or read it, by Linear({name}) say", at=(name, "~"))
    check_generated(found, indices)


def _placed(
    error: ModelError, found: Mapping[str, Any], indices: Mapping[str, str], source: Source | None
) -> ModelError:
    if source is not None:
        return source.located(error) if error.at else error
    quoted = [
        f"\n    {statement(target(name, indices), law)}" for name, law in found.items() if error.at[:1] == (name,)
    ]
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


def _dynamics(found: Laws) -> None:
    """One variable moves along an axis, by a law that is the same at every step."""
    ordered = [name for name, law in found.items() if isinstance(law, Dynamics)]
    if len(ordered) > 1:
        raise ModelError(
            f"{' and '.join(ordered)} both move along an axis, and the steps of two chains together have no closed "
            f"form here; write one chain of more levels or dims, or leave {ordered[1]} out",
            at=(ordered[1], "~"),
        )
    for name in ordered:
        for at, term in places(found[name], name):
            if isinstance(term, (Map, Sum)) and not isinstance(term, (PerFeature, Shared)):
                raise ModelError(
                    f"{written(term)}: a chain moves by the same law at every step; write numbers, a prior or Shared()",
                    at=at,
                )


def _readings(found: Laws) -> None:
    """A discrete variable is read by Table and by=, others by Linear and the rest of the maps; an input by one kind."""
    first: dict[str, tuple[str, bool]] = {}
    for name, law in found.items():
        for at, term in places(law, name):
            for where, parent, picks in readings(at, term):
                level = picks and not mixes(found, term)
                _reading(found, where, parent, level)
                text, before = first.setdefault(parent, (written(term), level))
                if before != level:
                    raise ModelError(
                        f"{parent} is read as levels and as numbers, by {text} and by {written(term)}; "
                        "write two variables, one for each",
                        at=where,
                    )


def _reading(found: Laws, at: At, parent: str, level: bool) -> None:
    if parent not in found:
        return
    kind, discrete = type(found[parent]).__name__, isinstance(found[parent], DISCRETE)
    if encodes(found, str(at[0]), parent) and not level:
        if isinstance(found[parent], Categorical) and isinstance(found[str(at[0])], Linear):
            raise ModelError(f"{parent} is Categorical, and Linear reads numbers; write MLP({parent}, ...)", at=at)
        return
    if discrete and not level:
        raise ModelError(f"{parent} is discrete ({kind}) and is read as numbers here; write Table({parent})", at=at)
    if not discrete and level:
        way = "leave by= out" if at[-1] == "by" else f"write Linear({parent})"
        raise ModelError(f"{parent} has no levels ({kind}), and is read as levels here; {way}", at=at)


def _patterns(found: Laws) -> None:
    """A pattern has the dims of the variable that it reads, and all patterns of it call them alike."""
    called: dict[str, tuple[Any, ...]] = {}
    for at, part in patterns(found):
        at, names = (*at, "pattern"), part.pattern.names if part.pattern else ()
        law = found.get(part.parent)
        if law is None:
            raise ModelError(f"{part.parent} is an input, and a pattern says what hidden factors load on", at=at)
        size = fields(law)["size"] or next(iter(lengths(law).values()), 1)
        if size != len(names):
            raise ModelError(
                f"the pattern names {len(names)} factors, and {part.parent} has size {size}; write one size", at=at
            )
        if (before := called.setdefault(part.parent, names)) != names:
            raise ModelError(
                f"the factors of {part.parent} are called {', '.join(map(str, before))} in one pattern and "
                f"{', '.join(map(str, names))} in another; call them alike, in one order",
                at=at,
            )


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
    if isinstance(law, (Categorical, Markov)) and 1 in (size, *stated.values()):
        raise ModelError(f"{name} has a single level; write a size from 2", at=(name, "size"))
    if law.over_features and 1 in (size, *stated.values()):
        raise ModelError(f"{name} has a single part, which is the whole; write a size from 2", at=(name, "size"))
    _parent_sizes(found, name, law, size)


def _parent_sizes(found: Laws, name: str, law: Distribution, size: int | None) -> None:
    for at, term in places(law, name):
        if isinstance(term, (Dot, Translation)):
            _product_sizes(found, at, term)
        other = found.get(lookup(term)[0]) if isinstance(term, str) else None
        length = fields(other)["size"] if other is not None else None
        if size is not None and length not in (None, 1, size):
            raise ModelError(
                f"{term} has size {length}, and {name} has size {size}; write one size, or Linear({term})", at=at
            )


def _product_sizes(found: Laws, at: At, term: Dot | Translation) -> None:
    """What is multiplied or added number by number has one size."""
    first: dict[int, str] = {}
    for where, read, _ in read_fields(at, term):
        if (parent := lookup(read)[0]) in found:
            first.setdefault(fields(found[parent])["size"] or 1, parent)
            if len(first) > 1:
                (one, before), (size, _) = first.items()
                raise ModelError(
                    f"{before} has size {one}, and {parent} has size {size}; {type(term).__name__} takes variables of "
                    "one size",
                    at=where,
                )


def _maps(name: str, law: Distribution) -> None:
    """Rules between the terms of an argument, and between the arguments of a law."""
    for parameter in law.parameters:
        value = getattr(law, parameter)
        for at, term in places(law, name):
            own = at[1] == parameter and isinstance(term, (Linear, PerLevel, GP)) and term.intercept
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
