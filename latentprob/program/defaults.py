"""The default priors: weakly informative on the scale of the data, conjugate where a conjugate one exists.

Conjugate are Dirichlet, beta, gamma, normal-gamma and normal-Wishart.
"""

import re
from dataclasses import dataclass
from functools import singledispatch
from typing import Any

from latentprob.program.context import Context
from latentprob.spec import distributions as spec
from latentprob.spec.distributions import Distribution, MultivariateNormal
from latentprob.spec.sites import Free

LOC_WIDTH = 2.5  # prior sd of a location in spreads of the data (Gelman et al., 2008, for standardized predictors)
LOC_SHARE = 10.0  # the conjugate prior of a location counts as 1 / LOC_SHARE**2 = 0.01 rows
SCALE_SHAPE = 2.0  # shape of the gamma prior of a precision: a variance of finite mean
SCALE_RATE = 0.1  # its rate in squared spreads: a prior mean of 0.1 squared spreads for a variance
WISHART_DF = 3  # degrees of freedom above the number of features: each variance as under SCALE_SHAPE
DYNAMICS_WIDTH = 1.0  # prior sd of what a state space is multiplied by at each step: stable ones have modulus 1 at most
FLOOR = 1e-3  # a point estimate of a scale stays above this share of the data's spread
CONJUGATE = ("covariance", "precision", "scale_tril")  # matrices that a Wishart law of the precision makes


@dataclass(frozen=True)
class Text:
    """A Pyro distribution before it gets its shape.

    arguments: their texts; tensor: whether one of them is a tensor, which gives the dtype.
    event: how many axes at the end belong to one draw already.
    """

    kind: str
    arguments: tuple[str, ...]
    tensor: bool
    event: int = 0
    wrap: str = ""


def squared(text: str) -> str:
    """The square of an expression, spaced as ruff spaces it."""
    return f"{text}**2" if re.fullmatch(r"[\w.]+", text) else f"{text} ** 2"


def normal_wishart(context: Context, name: str) -> Any:
    """The NormalWishart prior on the matrix of a MultivariateNormal, if one is written."""
    for free in context.frees:
        if free.variable == name and isinstance(free.prior, spec.NormalWishart):
            return free.prior
    return None


def conjugate_scale(context: Context, free: Free) -> str | None:
    """The scale that the conjugate prior of a location is proportional to, or None.

    It is free, has its own default prior, and is indexed no finer than the location.
    """
    if free.part != "value" or free.predictor or free.parameter != "loc":
        return None
    return _conjugate(context.model[free.variable], context, free)


@singledispatch
def _conjugate(law: Distribution, context: Context, free: Free) -> str | None:
    return None


@_conjugate.register
def _(law: spec.Normal, context: Context, free: Free) -> str | None:
    roots = {"scale": "{}", "variance": "{}.sqrt()", "precision": "{}.rsqrt()"}
    for other in context.frees:
        own = other.variable == free.variable and other.part == "value" and other.parameter != "loc"
        if own and other.prior is None and not other.predictor and set(other.axes) <= set(free.axes):
            behind = free.axes[free.axes.index(other.axes[-1]) + 1 :] if other.axes else ()
            index = f"[:{', None' * len(behind)}]" if behind else ""
            return roots[other.parameter].format(other.name + index)
    return None


@_conjugate.register
def _(law: MultivariateNormal, context: Context, free: Free) -> str | None:
    for other in context.frees:
        if other.variable == free.variable and other.parameter in CONJUGATE:
            free_form = other.prior is None or isinstance(other.prior, spec.NormalWishart)
            level = other.axes[:-2]
            if free_form and free.axes[-1:] == (free.variable,) and level in ((), free.axes[:-1]):
                return f"{free.variable}_scale_tril"
    return None


@singledispatch
def link_scale(law: Distribution, context: Context, free: Free) -> tuple[str, str]:
    """Centre and spread of a parameter on its predictor's scale."""
    return "0.0", "1.0"


def process_prior(context: Context, free: Free) -> Text:
    """Log-normal laws on the data's scale: lengthscales in spreads of the parent, variances in squared spreads."""
    if free.part == "lengthscale":
        spread = context.spread(free.source.parent) or "1.0"
    else:
        _, spread = link_scale(context.model[free.variable], context, free)
    center = "0.0" if spread == "1.0" else f"{'' if free.part == 'lengthscale' else '2 * '}{spread}.log()"
    return Text("LogNormal", (center, "1.0"), spread != "1.0")


def reduced(text: str | None, context: Context, free: Free, instead: str) -> str:
    """A buffer over features, or its mean where the parameter has no feature axis."""
    if text is None:
        return instead
    return text if free.variable in free.axes else f"{text}.mean()"


@link_scale.register(spec.Normal)
@link_scale.register(spec.StudentT)
@link_scale.register(spec.LogNormal)
@link_scale.register(spec.MultivariateNormal)
def _(law: Distribution, context: Context, free: Free) -> tuple[str, str]:
    center = reduced(context.center(free.variable), context, free, "0.0")
    spread = reduced(context.spread(free.variable), context, free, "1.0")
    if free.parameter == "loc":
        return center, spread
    if free.parameter == "df":
        return "2.0", "1.0"
    power = {"scale": "", "variance": "2 * ", "precision": "-2 * "}[free.parameter]
    return (f"{power}{spread}.log()" if spread != "1.0" else "0.0"), "1.0"


@link_scale.register
def _(law: spec.Poisson, context: Context, free: Free) -> tuple[str, str]:
    center = reduced(context.center(free.variable), context, free, "")
    return (f"{center}.log()" if center else "0.0"), "1.0"


@link_scale.register
def _(law: spec.Multinomial, context: Context, free: Free) -> tuple[str, str]:
    center = context.center(free.variable)
    return (f"{center}.log()" if center and free.variable in free.axes else "0.0"), "1.0"


@link_scale.register
def _(law: spec.Exponential, context: Context, free: Free) -> tuple[str, str]:
    center = reduced(context.center(free.variable), context, free, "")
    return (f"-{center}.log()" if center else "0.0"), "1.0"


@link_scale.register
def _(law: spec.Bernoulli, context: Context, free: Free) -> tuple[str, str]:
    center = context.center(free.variable)
    if center is None or context.model.is_level(free.variable):
        return "0.0", "1.0"
    return f"{reduced(center, context, free, '')}.logit()", "1.0"


@link_scale.register
def _(law: spec.Categorical, context: Context, free: Free) -> tuple[str, str]:
    center = context.center(free.variable)
    if center is None:
        return "0.0", "1.0"
    if context.model.is_level(free.variable) or free.variable in free.axes:
        return f"{center}.log()", "1.0"
    return f"{center}.mean(0).log()", "1.0"


@singledispatch
def default_prior(law: Distribution, context: Context, free: Free) -> Text:
    """The default prior of a parameter on its own scale, by domain where the law has none of its own."""
    if free.domain == "unit":
        return Text("Beta", ("1.0", "1.0"), False)
    if free.domain == "simplex":
        return Text("Dirichlet", ("1.0",), False, event=1)
    return Text("HalfCauchy", ("1.0",), False)


@default_prior.register(spec.Normal)
@default_prior.register(spec.StudentT)
@default_prior.register(spec.LogNormal)
@default_prior.register(spec.MultivariateNormal)
def _(law: Distribution, context: Context, free: Free) -> Text:
    if free.parameter == "df":
        return Text("Gamma", ("2.0", "0.1"), False)  # Juarez and Steel (2010)
    spread = reduced(context.spread(free.variable), context, free, "")
    rate = f"{SCALE_RATE} * {squared(spread)}" if spread else repr(SCALE_RATE)
    kind, wrap = {
        "precision": ("Gamma", ""),
        "variance": ("InverseGamma", ""),
        "scale": ("Gamma", "dist.TransformedDistribution({}, PowerTransform(-0.5))"),
    }[free.parameter]
    return Text(kind, (repr(SCALE_SHAPE), rate), bool(spread), wrap=wrap)


@default_prior.register
def _(law: spec.Poisson, context: Context, free: Free) -> Text:
    center = reduced(context.center(free.variable), context, free, "")
    return Text("Gamma", ("1.0", f"1 / {center}" if center else "1.0"), bool(center))


@default_prior.register
def _(law: spec.Exponential, context: Context, free: Free) -> Text:
    center = reduced(context.center(free.variable), context, free, "")
    return Text("Gamma", ("1.0", center or "1.0"), bool(center))


@default_prior.register
def _(law: spec.Gamma, context: Context, free: Free) -> Text:
    center = reduced(context.center(free.variable), context, free, "")
    spread = reduced(context.spread(free.variable), context, free, "")
    if not center:
        return Text("HalfCauchy", ("1.0",), False)
    moment = f"({center} / {spread}) ** 2" if free.parameter == "concentration" else f"{center} / {squared(spread)}"
    return Text("HalfCauchy", (moment,), True)


@default_prior.register
def _(law: spec.NegativeBinomial, context: Context, free: Free) -> Text:
    if free.domain == "unit":
        return Text("Beta", ("1.0", "1.0"), False)
    center = reduced(context.center(free.variable), context, free, "")
    return Text("HalfCauchy", (center or "1.0",), bool(center))
