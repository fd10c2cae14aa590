"""Questions about statements that the model, its checks and its sites share; `laws` are the statements by name."""

from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Any

from latentprob.spec.component import Component, Map, Sum, written
from latentprob.spec.distributions import Bernoulli, Categorical, Distribution, MultivariateNormal
from latentprob.spec.maps import GP, MLP, PREDICTORS, Linear, Nearest, PerFeature, Shared, Table

MATRICES = ("covariance", "precision_matrix", "scale_tril", "correlation")

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
        elif value is not None:
            yield (name, parameter), value


def parents(component: Any) -> tuple[str, ...]:
    """Names that an argument or a distribution reads, in order, each once."""
    found: dict[str, None] = {}
    if isinstance(component, str):
        found[component] = None
    elif isinstance(component, Sum):
        for term in component.terms:
            found.update(dict.fromkeys(parents(term)))
    elif isinstance(component, (Map, Distribution)):
        for field in component.reads():
            found.update(dict.fromkeys(parents(getattr(component, field))))
    return tuple(found)


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
    if isinstance(laws.get(name), Nearest):
        return True
    if name in laws:
        return isinstance(laws[name], (Categorical, Bernoulli)) and bool(children(laws, name))
    maps = [part for child, law in laws.items() for _, part in places(law, child)]
    return any((isinstance(m, Table) and m.parent == name) or (isinstance(m, Linear) and m.by == name) for m in maps)


def argument_of(laws: Laws, name: str, parameter: str) -> Any:
    """What stands for a parameter of `name`: as written, or what a parameter that may be left out is then."""
    law: Any = laws[name]
    if (value := getattr(law, parameter)) is not None:
        return value
    if parameter == "probs" and isinstance(law, (Bernoulli, Categorical)) and law.logits is None:
        return Shared() if is_level(laws, name) else PerFeature()
    return Shared() if parameter == "df" else None


def is_predictor(value: Any) -> bool:
    """Whether an argument is a predictor under the parameter's link: a sum, or a map that is no table."""
    return isinstance(value, (Sum, *PREDICTORS))


def intercept_of(value: Any) -> Map | None:
    """The term of an argument that carries its intercept: a table's, else the first Linear's, process's, network's."""
    parts = terms(value)
    for kinds in ((Table, PerFeature, Shared), (Linear,), (GP,), (MLP,)):
        for part in parts:
            if isinstance(part, kinds):
                return part
    return None


def site_name(name: str, parameter: str, part: Any, parts: tuple[Any, ...]) -> str:
    """The name of a term's free value; where several terms of its kind are summed, its parent follows."""
    base = name if parameter == "value" else f"{name}_{parameter}"  # of a deterministic variable
    several = sum(type(other) is type(part) for other in parts) > 1
    return f"{base}_{part.parent}" if several and hasattr(part, "parent") else base


def site_names(name: str, parameter: str, value: Any) -> Iterator[tuple[str, Any]]:
    """The names of the free values of an argument, each with its term."""
    parts, intercept = terms(value), intercept_of(value)
    for part in parts:
        base = site_name(name, parameter, part, parts)
        if isinstance(part, Linear):
            yield from [(f"{base}_intercept", part)] if part is intercept else []
            yield f"{base}_weights", part
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
