"""The maps of the language: a parameter as a function of its parents. Data, no behaviour.

A prior is None (the default, on the data's scale), a distribution, or "point": a point estimate without prior.
`Table`, `PerFeature` and `Shared` alone live on the parameter's own scale; all others, and every sum, are a
predictor under the parameter's link.
"""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator

from latentprob.errors import ModelError
from latentprob.spec.component import Map, Parent, Size, check_size
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


class Spread(Map):
    """spread[feature]: the standard deviation of each feature in the data, a known scale.

    A model whose noise it is sees standardized data, as k-means and principal components are often asked to.

    >>> print(Spread())
    Spread()
    """


class Linear(Map):
    """intercept + parent @ weights; with `by=c`, intercept[c] + parent @ weights[c].

    As a statement, `z = Linear(x, size=2)`, it reads the data from their centre: intercept + (x - centre) @ weights.

    >>> print(Linear("z", by="c") + Table("c"))
    Linear(z, by=c) + Table(c)
    """

    parent: Parent
    by: Parent | None = None
    weights: PriorChoice = None
    intercept: PriorChoice = None
    size: Size = None


class MLP(Map):
    """W_k h(... h(W_1 parent + b_1) ...) + b_k: a multilayer perceptron; its weights are point estimates.

    As a statement, `z = MLP(x, size=2)`, it reads the data as an encoder does: standardized, counts as logarithms.

    >>> print(MLP("z", hidden=[256, 128], activation="tanh"))
    MLP(z, hidden=[256, 128], activation="tanh")
    """

    parent: Parent
    hidden: Annotated[tuple[int, ...], BeforeValidator(check_hidden)] = (64,)
    activation: Literal["relu", "tanh", "gelu", "silu", "softplus", "sigmoid"] = "relu"
    size: Size = None


class Nearest(Map):
    """c = Nearest(x, size=K): the level whose row of x's Table is nearest to x, argmax_k p(x given c = k).

    Under spherical normal noise that is the least squared distance, and the fitted model is k-means; the rows of the
    table are its centres. A statement alone.

    >>> print(Nearest("x", size=3))
    Nearest(x, size=3)
    """

    parent: Parent
    size: Size = None

    parameters: ClassVar = {}
    support: ClassVar = "level"


class GP(Map):
    """intercept + sqrt(variance) g(parent), g ~ GP(0, k), k(a, b) = exp(-|(a - b) / lengthscale|^2 / 2).

    A process for each feature, with a variance of its own; they share the lengthscales, one for each dim of the parent,
    and the inducing inputs, `inducing` in number, which are point estimates (Titsias, 2009; Hensman et al., 2013).

    >>> print(GP("z", inducing=64))
    GP(z, inducing=64)
    """

    parent: Parent
    inducing: Annotated[int, BeforeValidator(check_size)] = 32
    lengthscale: PriorChoice = None
    variance: PriorChoice = None
    intercept: PriorChoice = None


class Module(Map):
    """name(parent): a torch module that the caller hands to `fit`, from `parent` to one value for each feature.

    >>> print(Module("z", name="decoder"))
    Module(z, name="decoder")
    """

    parent: Parent
    name: str


PREDICTORS: tuple[type[Map], ...] = (Linear, GP, MLP, Module)
OWN_SCALE: tuple[type[Map], ...] = (Table, PerFeature, Shared, Spread)

__all__ = ["GP", "MLP", "Linear", "Module", "Nearest", "PerFeature", "Shared", "Spread", "Table"]
