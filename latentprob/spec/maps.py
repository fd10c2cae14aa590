"""The maps of the language: a parameter as a function of its parents. Data, no behaviour.

A prior is None (the default, on the data's scale), a distribution, or "point": a point estimate without prior.
`Table`, `PerFeature` and `Shared` alone live on the parameter's own scale; all others, and every sum, are a
predictor under the parameter's link.
"""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator

from latentprob.errors import ModelError
from latentprob.spec.component import Map, Parent
from latentprob.spec.distributions import Distribution


def check_prior(value: Any) -> Any:
    """None, "point" or a distribution."""
    if value is None or value == "point" or isinstance(value, Distribution):
        return value
    raise ModelError(f'{value} is no prior; write a distribution such as Normal(0, 1), or "point"')


def check_hidden(value: Any) -> Any:
    """Widths of the hidden layers: whole numbers from 1."""
    if isinstance(value, (list, tuple)) and all(type(width) is int and width > 0 for width in value):
        return tuple(value)
    raise ModelError(f"{value} is no list of widths; write whole numbers from 1, one a hidden layer, such as [64, 64]")


PriorChoice = Annotated[Any, BeforeValidator(check_prior)]


class Table(Map):
    """value[parent]: one value for each level of `parent`, and for each feature unless `per_feature=False`.

    >>> print(Table("c", per_feature=False))
    Table(c, per_feature=False)
    """

    parent: Parent
    per_feature: bool = True
    prior: PriorChoice = None


class PerFeature(Map):
    """value[feature]: one value for each feature.

    >>> print(PerFeature())
    PerFeature()
    """

    prior: PriorChoice = None


class Shared(Map):
    """value: one value, or one matrix, for all rows (and features).

    >>> print(Shared(prior="point"))
    Shared(prior="point")
    """

    prior: PriorChoice = None


class Linear(Map):
    """intercept + parent @ weights; with `by=c`, intercept[c] + parent @ weights[c].

    >>> print(Linear("z", by="c") + Table("c"))
    Linear(z, by=c) + Table(c)
    """

    parent: Parent
    by: Parent | None = None
    weights: PriorChoice = None
    intercept: PriorChoice = None


class MLP(Map):
    """W_k h(... h(W_1 parent + b_1) ...) + b_k: a multilayer perceptron; its weights are point estimates.

    >>> print(MLP("z", hidden=[256, 128], activation="tanh"))
    MLP(z, hidden=[256, 128], activation="tanh")
    """

    parent: Parent
    hidden: Annotated[tuple[int, ...], BeforeValidator(check_hidden)] = (64,)
    activation: Literal["relu", "tanh", "gelu", "silu", "softplus", "sigmoid"] = "relu"


class Module(Map):
    """name(parent): a torch module that the caller hands to `fit`, from `parent` to one value for each feature.

    >>> print(Module("z", name="decoder"))
    Module(z, name="decoder")
    """

    parent: Parent
    name: str


PREDICTORS: tuple[type[Map], ...] = (Linear, MLP, Module)
OWN_SCALE: tuple[type[Map], ...] = (Table, PerFeature, Shared)

__all__ = ["MLP", "Linear", "Module", "PerFeature", "Shared", "Table"]
