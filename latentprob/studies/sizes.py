"""The same model with another size of one latent."""

from collections.abc import Mapping
from typing import Any

from latentprob.errors import ModelError
from latentprob.spec.component import Sum, nearest
from latentprob.spec.distributions import Categorical, Distribution
from latentprob.spec.dynamics import Markov
from latentprob.spec.maps import Linear, PerFeature, Shared, Table
from latentprob.spec.model import Model
from latentprob.spec.structure import MATRICES, fields


def check_sized(model: Model, name: str) -> None:
    """Refuse a name that is no variable with a size."""
    if name not in model:
        close = nearest(name, model.statements)
        hint = f"write {close}=; " if close else ""
        raise ModelError(f"the model has no variable '{name}'; {hint}it has {', '.join(model)}")
    law = model[name]
    if "size" not in type(law).model_fields:
        raise ModelError(f"{name} ~ {type(law).__name__} has no size to choose; it takes {', '.join(law.parameters)}")
    if not model.children(name):
        raise ModelError(f"nothing reads {name}: its size is that of the data. Choose the size of a latent variable")


def resized(model: Model, name: str, size: int) -> Model:
    r"""The model with `size` levels or dims of `name`.

    A discrete variable of one level is no variable: its statement goes, and what read it holds for all rows.

    >>> print(resized(Model("c ~ Categorical(size=3)\nx ~ Normal(loc=Table(c), scale=Table(c))"), "c", 1))
    x ~ Normal(loc=PerFeature(), scale=PerFeature())
    """
    law = model[name]
    if size > 1 or not isinstance(law, (Categorical, Markov)):
        return Model(model.indexed({**model.statements, name: type(law)(**{**fields(law), "size": size})}))
    return Model(model.indexed({child: _without(model, child, name) for child in model if child != name}))


def _without(model: Model, child: str, name: str) -> Distribution:
    """The law of `child` when the one level of `name` is the same for all rows."""
    law = model[child]
    changed: Mapping[str, Any] = {
        parameter: _term(getattr(law, parameter), name, model.is_level(child) or domain in MATRICES)
        for parameter, domain in law.parameters.items()
    }
    return type(law)(**{**fields(law), **changed})


def _term(value: Any, name: str, one: bool) -> Any:
    """An argument without `name`; one: whether the parameter has no feature axis."""
    if isinstance(value, Sum):
        return Sum(terms=tuple(_term(term, name, one) for term in value.terms))
    if isinstance(value, Table) and value.parent == name:
        return Shared(prior=value.prior) if one or not value.per_feature else PerFeature(prior=value.prior)
    if isinstance(value, Linear) and value.by == name:
        return Linear(**{**fields(value), "by": None})
    return value
