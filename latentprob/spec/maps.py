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
from latentprob.spec.pattern import Pattern, check_pattern


def check_prior(value: Any) -> Any:
    """None, "point" or a distribution."""
    if value is None or value == "point" or isinstance(value, Distribution):
        return value
    raise ModelError(f'{value} is no prior; write a distribution such as Normal(0, 1), or "point"')


def check_ridge(value: Any) -> Any:
    """None, or a number above 0."""
    if value is None or (isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value < float("inf")):
        return value
    raise ModelError(f"{value!r} is no ridge; write a number above 0, such as ridge=0.1")


def check_hidden(value: Any) -> Any:
    """Widths of the hidden layers: whole numbers from 1."""
    if isinstance(value, (list, tuple)) and all(type(width) is int and width > 0 for width in value):
        return tuple(value)
    raise ModelError(f"{value} is no list of widths; write whole numbers from 1, one a hidden layer, such as [64, 64]")


PriorChoice = Annotated[Any, BeforeValidator(check_prior)]
PatternChoice = Annotated[Pattern | None, BeforeValidator(check_pattern)]


class Table(Map):
    """value[parent]: one value for each level of `parent`, and for each feature unless `per_feature=False`.

    Where `parent` holds shares (a Dirichlet) or positive factors (a Gamma, LogNormal or Exponential), its dims weigh
    the rows of the table: parent @ value, on the parameter's own scale. So topics are Table(t), t ~ Dirichlet(size=10),
    and Poisson factorization is rate=Table(z), z ~ Gamma(1, 1, size=5).

    >>> print(Table("c", per_feature=False))
    Table(c, per_feature=False)
    """

    parent: Parent
    per_feature: bool = True
    prior: PriorChoice = None

    levels: ClassVar = ("parent",)


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

    By the levels of a column, `by=user`, both are partially pooled: Normal(mean, scale), mean and scale free, unless a
    prior is written.

    With a pattern each factor, a dim of `parent`, loads on the features that are listed for it; all other weights are
    zero. The factors are called by names, which label them in the results, or by their numbers 0, 1, ...

    As a statement, `z = Linear(x, size=2)`, it reads the data from their centre: intercept + (x - centre) @ weights.

    >>> print(Linear("z", by="c") + Table("c"))
    Linear(z, by=c) + Table(c)
    >>> print(Linear("z", pattern={"visual": ["x1", "x2"], "textual": ["x2", "x3"]}))
    Linear(z, pattern={"visual": ["x1", "x2"], "textual": ["x2", "x3"]})
    """

    parent: Parent
    by: Parent | None = None
    weights: PriorChoice = None
    intercept: PriorChoice = None
    size: Size = None
    pattern: PatternChoice = None


class PerLevel(Map):
    """intercept + value[parent], value[k] ~ Normal(0, scale): one value for each level of a factor, partially pooled.

    The scale is free, one for each feature, under the prior `scale`, so that levels with few rows stay near the
    others. A `prior` stands for the pooling: a law that all values have, or "point" for estimates without one. It is a
    term of a predictor, on the scale of the parameter's link; the first one of a sum without a table and a Linear has
    the intercept.

    >>> print(PerLevel("school") + Linear("age"))
    PerLevel(school) + Linear(age)
    """

    parent: Parent
    scale: PriorChoice = None
    prior: PriorChoice = None
    intercept: PriorChoice = None

    levels: ClassVar = ("parent",)


class Dot(Map):
    """sum_k first_k second_k, or sum_k first_k second_k third_k: the inner product of two or three variables.

    Of levels of factors it is matrix factorization (Salakhutdinov and Mnih, 2008), of three DistMult (Yang et al.,
    2015).

    >>> print(Dot("e[head]", "r[relation]", "e[tail]"))
    Dot(e[head], r[relation], e[tail])
    """

    first: Parent
    second: Parent
    third: Parent | None = None

    positional: ClassVar = ("first", "second", "third")

    @classmethod
    def reads(cls) -> tuple[str, ...]:
        """The fields in which a string is the name of a parent."""
        return cls.positional


class Translation(Map):
    """-sum_k (first_k + second_k - third_k)^2: a head that a relation moves lies near the tail.

    The distance of TransE (Bordes et al., 2013). In a sum, Shared() says how near is likely.

    >>> print(Shared() + Translation("e[head]", "r[relation]", "e[tail]"))
    Shared() + Translation(e[head], r[relation], e[tail])
    """

    first: Parent
    second: Parent
    third: Parent

    positional: ClassVar = ("first", "second", "third")

    @classmethod
    def reads(cls) -> tuple[str, ...]:
        """The fields in which a string is the name of a parent."""
        return cls.positional


class Embedding(Map):
    """u[k]: a point for each level of a factor, without a prior: what a random u[user] has as its deterministic twin.

    With a ridge, -ridge / 2 |u|^2 is added to what is maximized, as under a Normal(0, ridge**-0.5). A statement alone.

    >>> print(Embedding(size=8))
    Embedding(size=8)
    """

    size: Size = None
    ridge: Annotated[float | int | None, BeforeValidator(check_ridge)] = None

    parameters: ClassVar = {}


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


PREDICTORS: tuple[type[Map], ...] = (Linear, PerLevel, Dot, Translation, GP, MLP, Module)
OWN_SCALE: tuple[type[Map], ...] = (Table, PerFeature, Shared, Spread)

__all__ = [
    "GP",
    "MLP",
    "Dot",
    "Embedding",
    "Linear",
    "Module",
    "Nearest",
    "PerFeature",
    "PerLevel",
    "Shared",
    "Spread",
    "Table",
    "Translation",
]
