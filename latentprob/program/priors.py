"""Priors: what a free parameter is drawn from, as lines of program text.

Defaults are weakly informative on the scale of the data (centre and spread of each feature) and conjugate where a
conjugate one exists: Dirichlet, beta, gamma, normal-gamma and normal-Wishart.
"""

import re
from dataclasses import dataclass
from functools import singledispatch
from typing import Any

from latentprob.errors import ModelError
from latentprob.program.layout import WIDTH
from latentprob.program.scope import size
from latentprob.spec import distributions as spec
from latentprob.spec.distributions import Distribution, MultivariateNormal
from latentprob.spec.model import Model, argument, is_predictor
from latentprob.spec.sites import Free, free_parameters

LOC_WIDTH = 2.5  # prior sd of a location in spreads of the data (Gelman et al., 2008, for standardized predictors)
LOC_SHARE = 10.0  # the conjugate prior of a location counts as 1 / LOC_SHARE**2 = 0.01 rows
SCALE_SHAPE = 2.0  # shape of the gamma prior of a precision: a variance of finite mean
SCALE_RATE = 0.1  # its rate in squared spreads: a prior mean of 0.1 squared spreads for a variance
WISHART_DF = 3  # degrees of freedom above the number of features: each variance as under SCALE_SHAPE
WISHART = ("covariance", "precision", "scale_tril")
FLOOR = 1e-3  # a point estimate of a scale stays above this share of the data's spread


@dataclass(frozen=True)
class Context:
    """What prior texts are written with: the model, the observed names, and the buffer that gives dtype and device."""

    model: Model
    observed: tuple[str, ...]
    anchor: str

    def center(self, name: str) -> str | None:
        """The buffer of the centre of an observed variable; None for a latent."""
        return f"self.{name}_center" if name in self.observed else None

    def spread(self, name: str) -> str | None:
        """The buffer of the spread of an observed variable; None for a latent."""
        return f"self.{name}_spread" if name in self.observed else None


def prior_lines(context: Context, free: Free) -> list[str]:
    """The lines that draw one free parameter."""
    base, suffix = prior_text(context, free)
    line = f'{free.name} = pyro.sample("{free.name}", {base}{suffix})'
    if len(line) + 8 <= WIDTH or not suffix:
        return [line]
    return [f"prior = {base}", f'{free.name} = pyro.sample("{free.name}", prior{suffix})']


def prior_text(context: Context, free: Free) -> tuple[str, str]:
    """The Pyro distribution of one free parameter, and the calls that give it its shape."""
    if free.prior == "point":
        return point_text(context, free), ""
    if free.prior is None:
        return _default(context, free)
    return _placed(explicit(free.prior, context, free), context, _sizes(context, free.axes))


def _sizes(context: Context, axes: tuple[str, ...]) -> list[str]:
    return [size(context.model, axis) for axis in axes]


def shape_text(sizes: list[str]) -> str:
    """The text of a shape."""
    return f"[{', '.join(sizes)}]"


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


def _placed(text: Text, context: Context, sizes: list[str]) -> tuple[str, str]:
    """The distribution with the shape of the parameter; numbers become tensors of the program's dtype."""
    arguments = list(text.arguments)
    batch = sizes[: len(sizes) - text.event]
    suffix = ""
    if not text.tensor:
        arguments[0] = full(context.anchor, shape_text(sizes), arguments[0])
    elif batch:
        suffix = f".expand({shape_text(batch)})"
    made = f"dist.{text.kind}({', '.join(arguments)})"
    if text.wrap:
        made = text.wrap.format(made)
    return made, suffix + (f".to_event({len(batch)})" if batch else "")


def full(anchor: str, shape: str, value: str) -> str:
    """A tensor filled with a number, in the program's dtype and on its device."""
    if float(value) == 0:
        return f"{anchor}.new_zeros({shape})"
    if float(value) == 1:
        return f"{anchor}.new_ones({shape})"
    return f"{anchor}.new_full({shape}, {float(value)!r})"


def squared(text: str) -> str:
    """The square of an expression, spaced as ruff spaces it."""
    return f"{text}**2" if re.fullmatch(r"[\w.]+", text) else f"{text} ** 2"


@singledispatch
def explicit(prior: Distribution, context: Context, free: Free) -> Text:
    """A prior as it was written."""
    names = [p for p in prior.parameters if getattr(prior, p) is not None]
    values = [getattr(prior, p) for p in names]
    tensor = any(isinstance(v, tuple) for v in values)
    return Text(type(prior).__name__, tuple(_constant(context, v) for v in values), tensor)


def _constant(context: Context, value: Any) -> str:
    if isinstance(value, tuple):
        return f"{context.anchor}.new_tensor({_listed(value)})"
    return repr(float(value))


def _listed(value: Any) -> str:
    return f"[{', '.join(_listed(v) for v in value)}]" if isinstance(value, tuple) else repr(float(value))


@explicit.register
def _(prior: spec.Normal, context: Context, free: Free) -> Text:
    scale: Any = prior.scale
    if prior.variance is not None:
        scale = _power(prior.variance, 0.5)
    elif prior.precision is not None:
        scale = _power(prior.precision, -0.5)
    tensor = isinstance(prior.loc, tuple) or isinstance(scale, tuple)
    return Text("Normal", (_constant(context, prior.loc), _constant(context, scale)), tensor)


def _power(value: Any, power: float) -> Any:
    return tuple(_power(v, power) for v in value) if isinstance(value, tuple) else value**power


@explicit.register
def _(prior: spec.Dirichlet, context: Context, free: Free) -> Text:
    listed = isinstance(prior.concentration, tuple)
    return Text("Dirichlet", (_constant(context, prior.concentration),), listed, event=1)


@explicit.register
def _(prior: spec.StudentT, context: Context, free: Free) -> Text:
    values = (prior.df, prior.loc, prior.scale)
    return Text("StudentT", tuple(_constant(context, v) for v in values), any(isinstance(v, tuple) for v in values))


def _default(context: Context, free: Free) -> tuple[str, str]:
    sizes = _sizes(context, free.axes)
    if free.part == "weights":
        return _weights(context, free, sizes)
    if free.predictor or free.domain in ("real", "logits"):
        return _location(context, free, sizes)
    return _placed(own_scale(context.model[free.variable], context, free), context, sizes)


def _weights(context: Context, free: Free, sizes: list[str]) -> tuple[str, str]:
    _, spread = link_scale(context.model[free.variable], context, free)
    scale = _times(LOC_WIDTH, spread)
    parent = free.source.parent
    if parent in context.observed:
        behind = ", None" * (len(free.axes) - free.axes.index(parent) - 1)
        scale += f" / {context.spread(parent)}[:{behind}]" if behind else f" / {context.spread(parent)}"
    return _placed(Text("Normal", ("0.0", scale), scale != repr(LOC_WIDTH)), context, sizes)


def _times(factor: float, spread: str) -> str:
    return repr(factor) if spread == "1.0" else f"{factor!r} * {spread}"


def _location(context: Context, free: Free, sizes: list[str]) -> tuple[str, str]:
    center, spread = link_scale(context.model[free.variable], context, free)
    conjugate = conjugate_scale(context, free)
    if conjugate is not None and isinstance(context.model[free.variable], MultivariateNormal):
        return _wishart_location(context, free, center, sizes)
    scale = _times(LOC_WIDTH, spread) if conjugate is None else f"{LOC_SHARE!r} * {conjugate}"
    tensor = center != "0.0" or scale != repr(LOC_WIDTH)
    return _placed(Text("Normal", (center, scale), tensor), context, sizes)


def _wishart_location(context: Context, free: Free, center: str, sizes: list[str]) -> tuple[str, str]:
    tril = f"{free.variable}_scale_tril"
    loc = full(context.anchor, shape_text(sizes[-1:]), "0") if center == "0.0" else center
    prior = normal_wishart(context, free.variable)
    share = LOC_SHARE
    if prior is not None:
        share = prior.concentration**-0.5
        loc = _placed_constant(context, prior.loc, sizes[-1:])
    lead = sizes[:-1]
    suffix = f".expand({shape_text(lead)}).to_event({len(lead)})" if lead else ""
    return f"dist.MultivariateNormal({loc}, scale_tril={share!r} * {tril})", suffix


def _placed_constant(context: Context, value: Any, sizes: list[str]) -> str:
    if isinstance(value, tuple):
        return _constant(context, value)
    return full(context.anchor, shape_text(sizes), repr(float(value)))


def normal_wishart(context: Context, name: str) -> Any:
    """The NormalWishart prior on the matrix of a MultivariateNormal, if one is written."""
    for free in free_parameters(context.model):
        if free.variable == name and isinstance(free.prior, spec.NormalWishart):
            return free.prior
    return None


def conjugate_scale(context: Context, free: Free) -> str | None:
    """The scale that a location's conjugate prior is proportional to: free, with its own default prior, as finely indexed."""
    law: Any = context.model[free.variable]
    if free.part != "value" or free.predictor or free.parameter != "loc" or not isinstance(law, (spec.Normal, MultivariateNormal)):
        return None
    if isinstance(law, MultivariateNormal):
        return _matrix_scale(context, free)
    for other in free_parameters(context.model):
        if other.variable != free.variable or other.parameter == "loc" or other.prior is not None or other.predictor:
            continue
        if is_predictor(argument(context.model, other.variable, other.parameter)):
            continue
        if set(other.axes) <= set(free.axes):
            text = {"scale": "{}", "variance": "{}.sqrt()", "precision": "{}.rsqrt()"}[other.parameter]
            indexed = other.axes != free.axes and len(other.axes) == 1 and other.axes[0] == free.axes[0]
            return text.format(other.name) + ("[:, None]" if indexed and len(free.axes) > 1 else "")
    return None


def _matrix_scale(context: Context, free: Free) -> str | None:
    for other in free_parameters(context.model):
        if other.variable == free.variable and other.parameter in WISHART:
            conjugate = other.prior is None or isinstance(other.prior, spec.NormalWishart)
            level = () if other.axes[0] == free.variable else other.axes[:1]
            if conjugate and free.axes == (*level, free.variable) or (conjugate and not level and free.axes[-1:] == (free.variable,)):
                return f"{free.variable}_scale_tril"
    return None


@singledispatch
def link_scale(law: Distribution, context: Context, free: Free) -> tuple[str, str]:
    """Centre and spread of a parameter on its predictor's scale."""
    return "0.0", "1.0"


def _reduced(text: str | None, context: Context, free: Free, instead: str) -> str:
    """A buffer over features, or its mean where the parameter has no feature axis."""
    if text is None:
        return instead
    return text if free.variable in free.axes else f"{text}.mean()"


@link_scale.register(spec.Normal)
@link_scale.register(spec.StudentT)
@link_scale.register(spec.LogNormal)
@link_scale.register(spec.MultivariateNormal)
def _(law: Distribution, context: Context, free: Free) -> tuple[str, str]:
    center = _reduced(context.center(free.variable), context, free, "0.0")
    spread = _reduced(context.spread(free.variable), context, free, "1.0")
    if free.parameter == "loc":
        return center, spread
    if free.parameter == "df":
        return "2.0", "1.0"
    power = {"scale": "", "variance": "2 * ", "precision": "-2 * "}[free.parameter]
    return (f"{power}{spread}.log()" if spread != "1.0" else "0.0"), "1.0"


@link_scale.register
def _(law: spec.Poisson, context: Context, free: Free) -> tuple[str, str]:
    center = _reduced(context.center(free.variable), context, free, "")
    return (f"{center}.log()" if center else "0.0"), "1.0"


@link_scale.register
def _(law: spec.Exponential, context: Context, free: Free) -> tuple[str, str]:
    center = _reduced(context.center(free.variable), context, free, "")
    return (f"-{center}.log()" if center else "0.0"), "1.0"


@link_scale.register
def _(law: spec.Bernoulli, context: Context, free: Free) -> tuple[str, str]:
    center = context.center(free.variable)
    if center is None or context.model.is_level(free.variable):
        return "0.0", "1.0"
    return f"{_reduced(center, context, free, '')}.logit()", "1.0"


@link_scale.register
def _(law: spec.Categorical, context: Context, free: Free) -> tuple[str, str]:
    center = context.center(free.variable)
    if center is None:
        return "0.0", "1.0"
    if context.model.is_level(free.variable) or free.variable in free.axes:
        return f"{center}.log()", "1.0"
    return f"{center}.mean(0).log()", "1.0"


@singledispatch
def own_scale(law: Distribution, context: Context, free: Free) -> Text:
    """The default prior of a parameter on its own scale, by domain where the law has none of its own."""
    if free.domain == "unit":
        return Text("Beta", ("1.0", "1.0"), False)
    if free.domain == "simplex":
        return Text("Dirichlet", ("1.0",), False, event=1)
    return Text("HalfCauchy", ("1.0",), False)


@own_scale.register(spec.Normal)
@own_scale.register(spec.StudentT)
@own_scale.register(spec.LogNormal)
@own_scale.register(spec.MultivariateNormal)
def _(law: Distribution, context: Context, free: Free) -> Text:
    if free.parameter == "df":
        return Text("Gamma", ("2.0", "0.1"), False)  # Juarez and Steel (2010)
    spread = _reduced(context.spread(free.variable), context, free, "")
    rate = f"{SCALE_RATE} * {squared(spread)}" if spread else repr(SCALE_RATE)
    kind, wrap = {
        "precision": ("Gamma", ""),
        "variance": ("InverseGamma", ""),
        "scale": ("Gamma", "dist.TransformedDistribution({}, PowerTransform(-0.5))"),
    }[free.parameter]
    return Text(kind, (repr(SCALE_SHAPE), rate), bool(spread), wrap=wrap)


@own_scale.register
def _(law: spec.Poisson, context: Context, free: Free) -> Text:
    center = _reduced(context.center(free.variable), context, free, "")
    return Text("Gamma", ("1.0", f"1 / {center}" if center else "1.0"), bool(center))


@own_scale.register
def _(law: spec.Exponential, context: Context, free: Free) -> Text:
    center = _reduced(context.center(free.variable), context, free, "")
    return Text("Gamma", ("1.0", center or "1.0"), bool(center))


@own_scale.register
def _(law: spec.Gamma, context: Context, free: Free) -> Text:
    center = _reduced(context.center(free.variable), context, free, "")
    spread = _reduced(context.spread(free.variable), context, free, "")
    if not center:
        return Text("HalfCauchy", ("1.0",), False)
    moment = f"({center} / {spread}) ** 2" if free.parameter == "concentration" else f"{center} / {squared(spread)}"
    return Text("HalfCauchy", (moment,), True)


@own_scale.register
def _(law: spec.NegativeBinomial, context: Context, free: Free) -> Text:
    if free.domain == "unit":
        return Text("Beta", ("1.0", "1.0"), False)
    center = _reduced(context.center(free.variable), context, free, "")
    return Text("HalfCauchy", (center or "1.0",), bool(center))


CONSTRAINTS = {"real": "real", "logits": "real", "positive": "positive", "unit": "unit_interval", "simplex": "simplex"}


def point_text(context: Context, free: Free) -> str:
    """A flat law on the parameter's domain: its mode is maximum likelihood. Scales stay above a floor."""
    domain = "real" if free.predictor else free.domain
    if domain not in CONSTRAINTS:
        raise ModelError(f"{free.name}: no point estimate of a {domain}")
    constraint = f"constraints.{CONSTRAINTS[domain]}"
    scales = {"scale": "{}", "variance": "{}**2"}
    if domain == "positive" and free.parameter in scales:
        spread = _reduced(context.spread(free.variable), context, free, "")
        floor = f"{FLOOR!r} * {spread}" if spread else repr(FLOOR)
        if free.parameter == "variance":
            floor = f"({floor}) ** 2"
        constraint = f"constraints.greater_than({floor})"
    sizes = _sizes(context, free.axes)
    return f"dist.ImproperUniform({constraint}, (), ({', '.join(sizes)}{',' if len(sizes) == 1 else ''}))"


def sorted_frees(model: Model) -> list[Free]:
    """Free parameters in the order in which they are drawn: within a variable, scales before locations."""
    frees = free_parameters(model)
    return [f for name in model for late in (False, True) for f in frees if f.variable == name and (f.parameter == "loc") == late]


