"""The deterministic twin of a model: each hidden variable as a point that is computed from the data, `=` for `~`.

A mixture of normals becomes k-means; factor analysis and probabilistic principal components become principal
components; a variational autoencoder or a Gaussian-process model becomes an autoencoder of the same size. The noise has
the metric of the model: where each feature has a spread of its own, the twin sees standardized data, `scale=Spread()`.
"""

from collections.abc import Mapping
from functools import singledispatch
from typing import Any

from latentprob.errors import ModelError
from latentprob.spec.component import Component, Map, Sum
from latentprob.spec.distributions import Bernoulli, Categorical, Distribution, MultivariateNormal, Normal
from latentprob.spec.maps import GP, MLP, Embedding, Linear, Module, Nearest, Shared, Spread, Table
from latentprob.spec.structure import Laws, argument_of, children, fields, is_predictor, parents, terms

ENCODER_HIDDEN = (64, 64)  # widths of an encoder that no decoder mirrors, as in the program's guide
KINDS = (
    "twins are there for a mixture of normals (k-means), for factor analysis and probabilistic principal components "
    "(principal components), for MLP, GP or Module of one normal latent (autoencoder), and for normal levels of "
    "factors (embeddings)"
)


def twin(laws: Laws, factors: Mapping[str, str]) -> dict[str, Any]:
    """The statements of the twin, before their free parameters are made point estimates."""
    if factors:
        return _points(laws, factors)
    name, child = _pair(laws)
    law: Any = laws[child]
    readers = [term for p in law.parameters for term in terms(argument_of(laws, child, p)) if name in parents(term)]
    value = embedded(laws[name], name, child, readers)
    found = dict(laws) | {name: value, child: observed(law, name)}
    return {**{name: found.pop(name)}, **found}


def _points(laws: Laws, factors: Mapping[str, str]) -> dict[str, Any]:
    """Each level of a factor as a point: matrix factorization, DistMult, skip-gram with negative sampling."""
    hidden = [name for name, law in laws.items() if children(laws, name) and name not in factors]
    if hidden:
        raise _none(f"{hidden[0]} is hidden beside levels of factors, and has no point of its own")
    for name in factors:
        if isinstance(laws[name], Map):
            raise _none(f"{name} is deterministic already")
        if not isinstance(laws[name], (Normal, MultivariateNormal)):
            raise _none(f"{name} ~ {laws[name]} has no point that stands for it")
    return {name: Embedding(size=fields(law)["size"]) if name in factors else law for name, law in laws.items()}


def _pair(laws: Laws) -> tuple[str, str]:
    """The hidden variable and the one that it explains, which must be all there is."""
    maps = [name for name, law in laws.items() if isinstance(law, Map)]
    if maps:
        raise _none(f"{maps[0]} is deterministic already")
    hidden = [name for name in laws if children(laws, name)]
    if not hidden:
        raise _none("no variable is hidden")
    if len(hidden) > 1:
        raise _none(f"{' and '.join(hidden)} are hidden together, and no point stands for both")
    name = hidden[0]
    if parents(laws[name]):
        raise _none(f"{name} reads {', '.join(parents(laws[name]))}")
    if len(laws) > 2:
        raise _none(f"{name} explains {' and '.join(children(laws, name))}, and an encoder would have to weigh them")
    return name, children(laws, name)[0]


def _none(why: str) -> ModelError:
    return ModelError(f"this model has no deterministic twin: {why}; {KINDS}")


@singledispatch
def embedded(law: Component, name: str, child: str, readers: list[Any]) -> Map:
    """The map of the twin for a hidden variable, which `child` reads by the terms `readers`."""
    raise _none(f"{name} ~ {law} has no point that stands for it")


@embedded.register(Categorical)
@embedded.register(Bernoulli)
def _(law: Categorical | Bernoulli, name: str, child: str, readers: list[Any]) -> Map:
    if not all(isinstance(term, Table) for term in readers):
        raise _none(f"{child} reads {name} by more than a Table")
    size = 2 if isinstance(law, Bernoulli) else law.size
    if size is None:
        raise _none(f"{name} has no size; write {name} ~ Categorical(size=3), say")
    return Nearest(parent=child, size=size)


@embedded.register(Normal)
@embedded.register(MultivariateNormal)
def _(law: Normal | MultivariateNormal, name: str, child: str, readers: list[Any]) -> Map:
    if len(readers) > 1:
        raise _none(f"{child} reads {name} more than once")
    if getattr(readers[0], "pattern", None):
        raise _none(f"the pattern of {readers[0]} says which factor loads on which feature")
    return encoder(readers[0], child, law.size or 1)


@singledispatch
def encoder(decoder: Component | str, child: str, size: int) -> Map:
    """The map back from `child` for the map by which it reads the hidden variable."""
    raise _none(f"{decoder} has no encoder")


@encoder.register
def _(decoder: Linear, child: str, size: int) -> Map:
    return Linear(parent=child, size=size)


@encoder.register
def _(decoder: MLP, child: str, size: int) -> Map:
    return MLP(parent=child, hidden=tuple(reversed(decoder.hidden)), activation=decoder.activation, size=size)


@encoder.register(GP)
@encoder.register(Module)
def _(decoder: GP | Module, child: str, size: int) -> Map:
    return MLP(parent=child, hidden=ENCODER_HIDDEN, size=size)


@singledispatch
def observed(law: Component, name: str) -> Distribution:
    """The statement of the twin for the variable that is explained by `name`."""
    decoders = [t for p in getattr(law, "parameters", {}) for t in terms(getattr(law, p)) if name in parents(t)]
    if not isinstance(law, Distribution) or not all(isinstance(term, (MLP, GP, Module)) for term in decoders):
        raise _none(f"under {law} nothing but the noise of a normal law says how near is near")
    return type(law)(**{p: decoded(value) if p != "size" else value for p, value in fields(law).items()})


@observed.register
def _(law: Normal, name: str) -> Distribution:
    noise = next(value for value in (law.scale, law.variance, law.precision) if value is not None)
    if law.scale is None or not _is_known(noise):
        noise = _metric(noise, name)
    if isinstance(law.loc, Linear) and law.loc.by is not None:
        raise _none(f"{law.loc} has weights for each level")
    return Normal(loc=decoded(law.loc), scale=noise, size=law.size)


@observed.register
def _(law: MultivariateNormal, name: str) -> Distribution:
    return Normal(loc=decoded(law.loc), scale=Spread(), size=law.size)


def _is_known(noise: Any) -> bool:
    return isinstance(noise, (int, float, tuple, Spread))


def _metric(noise: Any, name: str) -> Map:
    """The scale in which the twin measures distances: one for all features where the model has one, else by feature."""
    if _is_known(noise) or is_predictor(noise):
        raise _none("its noise is a known variance or precision, or predicted; write scale=, a number or Shared()")
    if isinstance(noise, (Shared, Distribution)) or (isinstance(noise, Table) and not noise.per_feature):
        return Shared()
    return Spread()


def decoded(value: Any) -> Any:
    """An argument as the twin has it: no priors, and a network where a process stood, whose values would be latent."""
    if isinstance(value, Sum):
        return Sum(terms=tuple(decoded(term) for term in value.terms))
    return MLP(parent=value.parent, hidden=ENCODER_HIDDEN) if isinstance(value, GP) else value
