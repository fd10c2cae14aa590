"""Questions about statements that the model, its checks and its sites share; `laws` are the statements by name."""

from collections.abc import Callable, Hashable, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Any

from latentprob.spec.component import Component, Map, Sum, lookup, written
from latentprob.spec.distributions import Bernoulli, Categorical, Distribution, Multinomial, MultivariateNormal
from latentprob.spec.dynamics import Dynamics, Markov
from latentprob.spec.maps import GP, MLP, PREDICTORS, Embedding, Linear, Nearest, PerFeature, PerLevel, Shared, Table
from latentprob.spec.numbers import At

MATRICES = ("covariance", "precision_matrix", "scale_tril", "correlation")

MIXING = ("simplex", "positive")  # supports of what weighs the rows of a table rather than picking one

RESIDUAL = "residual"  # what the inducing values do not say of a process at a row, whitened

Law = Distribution | Map  # a map is the law of a deterministic variable
Laws = Mapping[str, Law]


def terms(argument: Any) -> tuple[Any, ...]:
    """The terms of an argument: those of a sum, else itself alone."""
    return argument.terms if isinstance(argument, Sum) else (argument,)


def statement(name: str, law: Any) -> str:
    """A statement as the language writes it."""
    return f"{name} {'=' if isinstance(law, Map) else '~'} {written(law)}"


def places(law: Law, name: str) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    """Each term of each argument that was written, with the way to it: ("x", "loc"), in a sum ("x", "loc", 0).

    A map as a statement is its only term, at ("z",).
    """
    if isinstance(law, Map):
        yield (name,), law
        return
    for parameter in law.parameters:
        value = getattr(law, parameter)
        if isinstance(value, Sum):
            yield from (((name, parameter, position), term) for position, term in enumerate(value.terms))
        elif value is not None and not is_word(law, parameter):
            yield (name, parameter), value


def is_word(law: Distribution, parameter: str) -> bool:
    """Whether a parameter is said by a word for an option: it has no value of its own then."""
    return parameter not in law.reads() and isinstance(getattr(law, parameter), str)


def parents(component: Any) -> tuple[str, ...]:
    """Names that an argument or a distribution reads, in order, each once; of a lookup, variable and column."""
    return tuple(dict.fromkeys(name for read in reads(component) for name in lookup(read) if name is not None))


def reads(component: Any) -> Iterator[str]:
    """What an argument or a distribution reads, as it is written: names and lookups."""
    if isinstance(component, str):
        yield component
    elif isinstance(component, Sum):
        for term in component.terms:
            yield from reads(term)
    elif isinstance(component, (Map, Distribution)):
        for field in component.reads():
            yield from reads(getattr(component, field))


def readings(at: At, term: Any) -> Iterator[tuple[At, str, bool]]:
    """What a term reads: place, variable or column, and whether as levels."""
    for where, read, level in read_fields(at, term):
        name, column = lookup(read)
        yield where, name, level
        if column is not None:
            yield where, column, True


def read_fields(at: At, term: Any) -> Iterator[tuple[At, str, bool]]:
    """What a term reads, as it is written: place, name or lookup, and whether as levels."""
    if isinstance(term, str):
        yield at, term, False
    elif isinstance(term, Map):
        for field in term.reads():
            if (read := getattr(term, field)) is not None:
                yield (*at, field), read, field in term.levels


def renamed(component: Any, change: Callable[[str], str]) -> Any:
    """An argument or a law with `change` applied to all that it reads."""
    if isinstance(component, str):
        return change(component)
    if isinstance(component, Sum):
        return Sum(terms=tuple(renamed(term, change) for term in component.terms))
    if not isinstance(component, (Map, Distribution)):
        return component
    changed = {field: renamed(getattr(component, field), change) for field in component.reads()}
    said = fields(component)
    return (
        component
        if all(said[field] == value for field, value in changed.items())
        else type(component)(**{**said, **changed})
    )


def factors_of(laws: Mapping[str, Any], indices: Mapping[str, str]) -> dict[str, str]:
    """The factor of each variable whose index is one: it is no ordered axis."""
    return {name: index for name, index in indices.items() if not getattr(laws[name], "ordered", False)}


def qualified(law: Any, factors: Mapping[str, str]) -> Any:
    """A law in which a bare factor variable is looked up in the column of its factor's name: u is u[user]."""
    return renamed(law, lambda read: f"{read}[{factors[read]}]" if read in factors else read)


def unqualified(law: Any, factors: Mapping[str, str]) -> Any:
    """A law as it is written: without the columns that `qualified` adds."""
    implied = {f"{name}[{index}]": name for name, index in factors.items()}
    return renamed(law, lambda read: implied.get(read, read))


def lookups(laws: Laws, factors: Mapping[str, str]) -> dict[str, str]:
    """The columns in which levels are looked up, each with its factor."""
    found: dict[str, str] = {}
    for name, column in (lookup(read) for law in laws.values() for read in reads(law)):
        if column is not None and name in factors:
            found.setdefault(column, factors[name])
    return found


def pooled(laws: Laws, factors: Mapping[str, str]) -> tuple[str, ...]:
    """The columns whose levels have a law in common, or a ridge, wherever they are read: a level without rows, too."""
    found: dict[str, bool] = {}
    for at, term in (place for name, law in laws.items() for place in places(law, name)):
        for _, read, level in read_fields(at, term):
            name, column = lookup(read)
            law = laws.get(name)
            drawn = isinstance(law, Distribution) or (isinstance(law, Embedding) and law.ridge is not None)
            if column is not None:
                found[column] = found.get(column, True) and drawn
            elif level and name not in laws:
                found[name] = found.get(name, True) and _has_law(term, at)
    columns = lookups(laws, factors)
    closed = {factor for column, factor in columns.items() if not found[column]}
    return tuple(name for name, is_open in found.items() if is_open and columns.get(name) not in closed)


def _has_law(term: Any, at: At) -> bool:
    """Whether the values that a term has for levels come from a law that they have in common."""
    if isinstance(term, PerLevel):
        return term.prior != "point"
    return isinstance(term, Linear) and "point" not in (term.weights, term.intercept) and len(at) > 1


def target(name: str, indices: Mapping[str, str]) -> str:
    """The name with its index, where it has one."""
    return f"{name}[{indices[name]}]" if name in indices else name


def children(laws: Laws, name: str) -> tuple[str, ...]:
    """The variables whose law reads `name`; a map that encodes a random variable is not one of its children."""
    return tuple(child for child, law in laws.items() if name in parents(law) and not encodes(laws, child, name))


def encodes(laws: Laws, name: str, parent: str) -> bool:
    """Whether `name` is a deterministic variable and `parent` a random one: an edge that closes no circle."""
    return isinstance(laws[name], Map) and isinstance(laws.get(parent), Distribution)


def is_objective(laws: Laws) -> bool:
    """Whether a random variable depends on itself by way of its own encoding: an objective, not a density."""
    try:
        TopologicalSorter({name: parents(law) for name, law in laws.items()}).prepare()
    except CycleError:
        return True
    return False


def is_level(laws: Laws, name: str) -> bool:
    """Whether `name` holds one level a row (it picks rows of a table) rather than a vector of features."""
    if isinstance(laws.get(name), (Nearest, Markov)):
        return True
    if name in laws:
        return isinstance(laws[name], (Categorical, Bernoulli)) and bool(children(laws, name))
    read = (each for child, law in laws.items() for at, term in places(law, child) for each in readings(at, term))
    return any(level and read_name == name for _, read_name, level in read)


def argument_of(laws: Laws, name: str, parameter: str) -> Any:
    """What stands for a parameter of `name`: as written, or what a parameter that may be left out is then."""
    law: Any = laws[name]
    if (value := getattr(law, parameter)) is not None:
        return None if is_word(law, parameter) else value
    if parameter == "probs" and isinstance(law, (Bernoulli, Categorical, Multinomial)) and law.logits is None:
        return Shared() if is_level(laws, name) else PerFeature()
    if isinstance(law, Dynamics):
        return law.known.get(parameter, Shared())
    return Shared() if parameter == "df" else None


def is_predictor(value: Any) -> bool:
    """Whether an argument is a predictor under the parameter's link: a sum, or a map that is no table."""
    return isinstance(value, (Sum, *PREDICTORS))


def intercept_of(value: Any) -> Map | None:
    """The term that carries the intercept: a table, else the first Linear, PerLevel, process, network."""
    parts = terms(value)
    for kinds in ((Table, PerFeature, Shared), (Linear,), (PerLevel,), (GP,), (MLP,)):
        for part in parts:
            if isinstance(part, kinds):
                return part
    return None


def site_name(name: str, parameter: str, part: Any, parts: tuple[Any, ...]) -> str:
    """The name of a term's free value; where several terms of its kind are summed, its parent follows."""
    base = name if parameter == "value" else f"{name}_{parameter}"  # of a deterministic variable
    several = isinstance(part, PerLevel) or sum(type(other) is type(part) for other in parts) > 1
    return f"{base}_{'_'.join(parents(part.parent))}" if several and hasattr(part, "parent") else base


def site_names(name: str, parameter: str, value: Any) -> Iterator[tuple[str, Any]]:
    """The names of the free values of an argument, each with its term."""
    parts, intercept = terms(value), intercept_of(value)
    for part in parts:
        base = site_name(name, parameter, part, parts)
        if isinstance(part, Linear):
            yield from [(f"{base}_intercept", part)] if part is intercept else []
            yield f"{base}_weights", part
        elif isinstance(part, PerLevel):
            yield from [(f"{name}_{parameter}_intercept", part)] if part is intercept else []
            yield from [(f"{base}_scale", part)] if part.prior is None else []
            yield base, part
        elif isinstance(part, GP):
            yield from [(f"{base}_intercept", part)] if part is intercept else []
            yield from ((f"{base}_{each}", part) for each in ("lengthscale", "variance", "inducing", RESIDUAL))
        elif isinstance(part, (Table, PerFeature, Shared, Distribution)):
            yield base, part


def processes(laws: Laws) -> Iterator[tuple[str, str, str, GP]]:
    """Every Gaussian process: the name that its sites begin with, its variable, parameter and map."""
    for name, law in laws.items():
        for at, part in places(law, name):
            if isinstance(part, GP):
                parameter = str(at[1])
                yield site_name(name, parameter, part, terms(getattr(law, parameter))), name, parameter, part


def mixes(laws: Laws, part: Any) -> bool:
    """Whether a term is a table whose rows are weighted and summed: its parent holds shares, or positive factors."""
    law = laws.get(part.parent) if isinstance(part, Table) else None
    return isinstance(law, Distribution) and law.support in MIXING


def patterns(laws: Laws) -> Iterator[tuple[tuple[str | int, ...], Linear]]:
    """Every Linear with a pattern, with the way to it."""
    for name, law in laws.items():
        yield from ((at, part) for at, part in places(law, name) if isinstance(part, Linear) and part.pattern)


def factor_names(laws: Laws, name: str) -> tuple[Hashable, ...]:
    """What patterns call the dims of `name`; () where none does."""
    return next((part.pattern.names for _, part in patterns(laws) if part.pattern and part.parent == name), ())


def lengths(law: Law) -> dict[tuple[str | int, ...], int]:
    """The number of features (of levels, for a categorical) that each known list of a law states, by the way to it."""
    return {at[1:]: len(part) for at, part in places(law, "") if isinstance(part, tuple)}


def sized(law: Law) -> Law:
    """The law with the size that its known lists state."""
    stated = lengths(law)
    if not stated or "size" not in type(law).model_fields or fields(law)["size"] is not None:
        return law
    return type(law)(**{**fields(law), "size": next(iter(stated.values()))})


def fields(component: Component) -> dict[str, Any]:
    """What a component says, by field."""
    return {field: getattr(component, field) for field in type(component).model_fields}


def support_of(kind: type[Distribution] | type[Map]) -> str:
    """Where the draws of a kind of distribution lie."""
    return "real_vector" if kind is MultivariateNormal else kind.support
