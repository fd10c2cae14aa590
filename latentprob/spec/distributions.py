"""The distributions of the language: what each is called, takes and draws. Data, no behaviour.

`parameters` gives the domain of each parameter:

    real, positive, unit           a number of that kind for each feature
    simplex, logits                a vector over the levels of a categorical
    covariance, precision_matrix, scale_tril, correlation     a matrix over the features

`one_of` lists the parameters of which exactly one set is written; what is in `optional` may be left out, and is then
free. `support` is where the draws lie: real, positive, unit, interval, binary, level, count, simplex, precision_matrix
or correlation.
"""

from typing import ClassVar

from latentprob.spec.component import Argument, Component, Size


class Distribution(Component):
    """A law, with its parameters in pyro's names."""

    parameters: ClassVar[dict[str, str]] = {}
    one_of: ClassVar[tuple[tuple[tuple[str, ...], ...], ...]] = ()
    optional: ClassVar[tuple[str, ...]] = ()
    support: ClassVar[str] = "real"
    prior_only: ClassVar[bool] = False
    over_features: ClassVar[bool] = False  # whether its features are parts of one whole: counts of a total, shares
    ordered: ClassVar[bool] = False  # whether its index is an ordered axis, not a factor

    @classmethod
    def reads(cls) -> tuple[str, ...]:
        """The fields in which a string is the name of a parent."""
        return tuple(cls.parameters)


class Normal(Distribution):
    """x ~ Normal(loc, scale), x real; `variance` or `precision` may stand for `scale`.

    >>> print(Normal(loc="z", variance=0.25, size=2))
    Normal(loc=z, variance=0.25, size=2)
    >>> Normal(0, 1) == Normal(loc=0, scale=1.0)
    True
    """

    loc: Argument = None
    scale: Argument = None
    variance: Argument = None
    precision: Argument = None
    size: Size = None

    parameters: ClassVar = {"loc": "real", "scale": "positive", "variance": "positive", "precision": "positive"}
    one_of: ClassVar = ((("scale",), ("variance",), ("precision",)),)


class MultivariateNormal(Distribution):
    """x ~ MultivariateNormal(loc, covariance), x a real vector.

    `precision`, `scale_tril` (the Cholesky factor), or `scale` with `correlation`, may stand for `covariance`.

    >>> print(MultivariateNormal(loc=[0, 0], covariance=[[1, 0.5], [0.5, 1]]))
    MultivariateNormal(loc=[0, 0], covariance=[[1, 0.5], [0.5, 1]])
    """

    loc: Argument = None
    covariance: Argument = None
    precision: Argument = None
    scale_tril: Argument = None
    scale: Argument = None
    correlation: Argument = None
    size: Size = None

    parameters: ClassVar = {
        "loc": "real",
        "covariance": "covariance",
        "precision": "precision_matrix",
        "scale_tril": "scale_tril",
        "scale": "positive",
        "correlation": "correlation",
    }
    one_of: ClassVar = ((("covariance",), ("precision",), ("scale_tril",), ("scale", "correlation")),)


class StudentT(Distribution):
    """x ~ StudentT(df, loc, scale), x real; without `df`, one free value for all rows.

    >>> print(StudentT(df=4, loc=0, scale=1, size=2))
    StudentT(4, 0, 1, size=2)
    """

    df: Argument = None
    loc: Argument = None
    scale: Argument = None
    size: Size = None

    parameters: ClassVar = {"df": "positive", "loc": "real", "scale": "positive"}
    optional: ClassVar = ("df",)


class LogNormal(Distribution):
    """log x ~ Normal(loc, scale), x > 0.

    >>> print(LogNormal(0, 1, size=2))
    LogNormal(0, 1, size=2)
    """

    loc: Argument = None
    scale: Argument = None
    size: Size = None

    parameters: ClassVar = {"loc": "real", "scale": "positive"}
    support: ClassVar = "positive"


class Gamma(Distribution):
    """x ~ Gamma(concentration, rate), x > 0, of mean concentration / rate.

    >>> print(Gamma(2, 0.5, size=3))
    Gamma(2, 0.5, size=3)
    """

    concentration: Argument = None
    rate: Argument = None
    size: Size = None

    parameters: ClassVar = {"concentration": "positive", "rate": "positive"}
    support: ClassVar = "positive"


class Exponential(Distribution):
    """x ~ Exponential(rate), x > 0, of mean 1 / rate.

    >>> print(Exponential(0.1))
    Exponential(0.1)
    """

    rate: Argument = None
    size: Size = None

    parameters: ClassVar = {"rate": "positive"}
    support: ClassVar = "positive"


class Beta(Distribution):
    """x ~ Beta(concentration1, concentration0), 0 < x < 1.

    >>> print(Beta(2, 2))
    Beta(2, 2)
    """

    concentration1: Argument = None
    concentration0: Argument = None
    size: Size = None

    parameters: ClassVar = {"concentration1": "positive", "concentration0": "positive"}
    support: ClassVar = "unit"


class Bernoulli(Distribution):
    """x ~ Bernoulli(probs), x in {0, 1}; without `probs` and `logits`, a free probability.

    >>> print(Bernoulli(probs=0.3))
    Bernoulli(0.3)
    """

    probs: Argument = None
    logits: Argument = None
    size: Size = None

    parameters: ClassVar = {"probs": "unit", "logits": "real"}
    one_of: ClassVar = ((("probs",), ("logits",)),)
    optional: ClassVar = ("probs", "logits")
    support: ClassVar = "binary"


class Categorical(Distribution):
    """x ~ Categorical(probs), x in {0, ..., size - 1}; without `probs` and `logits`, a free vector of probabilities.

    >>> print(Categorical(probs=Dirichlet(1), size=3))
    Categorical(probs=Dirichlet(1), size=3)
    """

    probs: Argument = None
    logits: Argument = None
    size: Size = None

    parameters: ClassVar = {"probs": "simplex", "logits": "logits"}
    one_of: ClassVar = ((("probs",), ("logits",)),)
    optional: ClassVar = ("probs", "logits")
    support: ClassVar = "level"


class Poisson(Distribution):
    """x ~ Poisson(rate), x in {0, 1, 2, ...}.

    >>> print(Poisson(rate=HalfNormal(10)))
    Poisson(rate=HalfNormal(10))
    """

    rate: Argument = None
    size: Size = None

    parameters: ClassVar = {"rate": "positive"}
    support: ClassVar = "count"


class NegativeBinomial(Distribution):
    """x ~ NegativeBinomial(total_count, probs), x in {0, 1, ...}, of mean total_count * probs / (1 - probs).

    >>> print(NegativeBinomial(total_count=HalfCauchy(5), probs=0.5))
    NegativeBinomial(total_count=HalfCauchy(5), probs=0.5)
    """

    total_count: Argument = None
    probs: Argument = None
    logits: Argument = None
    size: Size = None

    parameters: ClassVar = {"total_count": "positive", "probs": "unit", "logits": "real"}
    one_of: ClassVar = ((("probs",), ("logits",)),)
    support: ClassVar = "count"


class Multinomial(Distribution):
    """x ~ Multinomial(probs): counts over the features, of which each row has its own total, taken from the data.

    `total_count` states one total for all rows. Without `probs` and `logits`, one free vector of probabilities.

    >>> print(Multinomial(probs=[0.5, 0.3, 0.2]))
    Multinomial(probs=[0.5, 0.3, 0.2])
    """

    probs: Argument = None
    logits: Argument = None
    total_count: Size = None
    size: Size = None

    parameters: ClassVar = {"probs": "simplex", "logits": "logits"}
    one_of: ClassVar = ((("probs",), ("logits",)),)
    optional: ClassVar = ("probs", "logits")
    support: ClassVar = "count"
    over_features: ClassVar = True


class Dirichlet(Distribution):
    """p ~ Dirichlet(concentration), p on the simplex; one number stands for equal concentrations.

    As a statement, `t ~ Dirichlet(1, size=10)`, one vector of shares for each row; in a parameter's place, a prior.

    >>> print(Categorical(probs=Dirichlet([1, 1, 2])))
    Categorical(probs=Dirichlet(concentration=[1, 1, 2]))
    """

    concentration: Argument = 1
    size: Size = None

    parameters: ClassVar = {"concentration": "positive"}
    support: ClassVar = "simplex"
    over_features: ClassVar = True


class Prior(Distribution):
    """A law that stands only in a parameter's place."""

    prior_only: ClassVar = True


class HalfNormal(Prior):
    """s = |u|, u ~ Normal(0, scale).

    >>> print(Normal(loc=0, scale=HalfNormal(1)))
    Normal(0, scale=HalfNormal(1))
    """

    scale: Argument = 1

    parameters: ClassVar = {"scale": "positive"}
    support: ClassVar = "positive"


class HalfCauchy(Prior):
    """s = |u|, u ~ Cauchy(0, scale).

    >>> print(Normal(loc=0, scale=HalfCauchy(2.5)))
    Normal(0, scale=HalfCauchy(2.5))
    """

    scale: Argument = 1

    parameters: ClassVar = {"scale": "positive"}
    support: ClassVar = "positive"


class InverseGamma(Prior):
    """1 / v ~ Gamma(concentration, rate).

    >>> print(Normal(loc=0, variance=InverseGamma(2, 1)))
    Normal(0, variance=InverseGamma(2, 1))
    """

    concentration: Argument = None
    rate: Argument = None

    parameters: ClassVar = {"concentration": "positive", "rate": "positive"}
    support: ClassVar = "positive"


class Laplace(Prior):
    """w ~ Laplace(loc, scale), w real.

    >>> print(Laplace(0, 0.1))
    Laplace(0, 0.1)
    """

    loc: Argument = 0
    scale: Argument = 1

    parameters: ClassVar = {"loc": "real", "scale": "positive"}


class Uniform(Prior):
    """u ~ Uniform(low, high).

    >>> print(Normal(loc=Uniform(-1, 1), scale=1))
    Normal(loc=Uniform(-1, 1), scale=1)
    """

    low: Argument = 0
    high: Argument = 1

    parameters: ClassVar = {"low": "real", "high": "real"}
    support: ClassVar = "interval"


class LKJ(Prior):
    """R ~ LKJ(concentration), R a correlation matrix, p(R) ~ det(R)^(concentration - 1).

    >>> print(MultivariateNormal(loc=0, scale=1, correlation=LKJ(2), size=2))
    MultivariateNormal(0, scale=1, correlation=LKJ(2), size=2)
    """

    concentration: Argument = 1

    parameters: ClassVar = {"concentration": "positive"}
    support: ClassVar = "correlation"


class Wishart(Prior):
    """P ~ Wishart(df, scale), P a precision matrix of mean df * scale; for a covariance, its inverse has this law.

    `scale` is a number (times the identity), a list (a diagonal) or a matrix.

    >>> print(MultivariateNormal(loc=0, precision=Wishart(4, 0.5), size=2))
    MultivariateNormal(0, precision=Wishart(4, 0.5), size=2)
    """

    df: Argument = None
    scale: Argument = 1

    parameters: ClassVar = {"df": "positive", "scale": "covariance"}
    support: ClassVar = "precision_matrix"


class NormalWishart(Prior):
    """P ~ Wishart(df, scale) and loc given P ~ Normal(loc, inverse of concentration * P).

    One prior of two parameters: it stands on the covariance or precision, and the loc has none of its own.

    >>> print(NormalWishart(0, 0.01, 5, [1, 2]))
    NormalWishart(0, 0.01, 5, scale=[1, 2])
    """

    loc: Argument = 0
    concentration: Argument = 1
    df: Argument = None
    scale: Argument = 1

    parameters: ClassVar = {"loc": "real", "concentration": "positive", "df": "positive", "scale": "covariance"}
    support: ClassVar = "precision_matrix"


__all__ = [
    "LKJ",
    "Bernoulli",
    "Beta",
    "Categorical",
    "Dirichlet",
    "Exponential",
    "Gamma",
    "HalfCauchy",
    "HalfNormal",
    "InverseGamma",
    "Laplace",
    "LogNormal",
    "Multinomial",
    "MultivariateNormal",
    "NegativeBinomial",
    "Normal",
    "NormalWishart",
    "Poisson",
    "StudentT",
    "Uniform",
    "Wishart",
]
