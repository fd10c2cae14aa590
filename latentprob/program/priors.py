"""Priors: what a free parameter is drawn from, as lines of program text."""

from dataclasses import replace
from functools import singledispatch
from typing import Any

from latentprob.program.context import Context, size
from latentprob.program.defaults import (
    DYNAMICS_WIDTH,
    FLOOR,
    LOC_SHARE,
    LOC_WIDTH,
    Text,
    conjugate_scale,
    default_prior,
    link_scale,
    normal_wishart,
    process_prior,
    reduced,
)
from latentprob.program.layout import WIDTH, nested
from latentprob.program.maps import filled
from latentprob.spec import distributions as spec
from latentprob.spec.component import lookup
from latentprob.spec.distributions import Distribution, MultivariateNormal
from latentprob.spec.dynamics import LinearDynamics
from latentprob.spec.sites import Free


def prior_lines(context: Context, free: Free) -> list[str]:
    """The lines that draw one free parameter."""
    return drawn(free, *prior_text(context, free))


def drawn(free: Free, base: str, suffix: str) -> list[str]:
    """The lines that draw a free parameter from a law, given a shape by its suffix."""
    line = f'{free.name} = pyro.sample("{free.name}", {base}{suffix})'
    if len(line) + 8 <= WIDTH or not suffix:
        return [line]
    return [f"prior = {base}", f'{free.name} = pyro.sample("{free.name}", prior{suffix})']


def prior_text(context: Context, free: Free) -> tuple[str, str]:
    """The Pyro distribution of one free parameter, and the calls that give it its shape."""
    if free.prior == "point":
        return point_text(context, free, _sizes(context, free.axes)), ""
    if free.pooled:
        text = Text("Normal", (f"{free.name}_mean", f"{free.name}_scale"), tensor=True)
        return placed(text, context, _sizes(context, free.axes))
    if free.prior is None:
        return _default(context, free)
    return placed(explicit(free.prior, context, free), context, _sizes(context, free.axes))


def _sizes(context: Context, axes: tuple[str, ...]) -> list[str]:
    return [size(axis) for axis in axes]


def shape_text(sizes: list[str]) -> str:
    """The text of a shape."""
    return f"[{', '.join(sizes)}]"


def placed(text: Text, context: Context, sizes: list[str]) -> tuple[str, str]:
    """The distribution with the shape of the parameter; numbers become tensors of the program's dtype."""
    arguments = list(text.arguments)
    batch = sizes[: len(sizes) - text.event]
    suffix = ""
    if not text.tensor:
        arguments[0] = filled(context.anchor, shape_text(sizes), float(arguments[0]))
    elif batch:
        suffix = f".expand({shape_text(batch)})"
    made = f"dist.{text.kind}({', '.join(arguments)})"
    if text.wrap:
        made = text.wrap.format(made)
    return made, suffix + (f".to_event({len(batch)})" if batch else "")


@singledispatch
def explicit(prior: Distribution, context: Context, free: Free) -> Text:
    """A prior as it was written."""
    names = [p for p in prior.parameters if getattr(prior, p) is not None]
    values = [getattr(prior, p) for p in names]
    tensor = any(isinstance(v, tuple) for v in values)
    return Text(type(prior).__name__, tuple(_constant(context, v) for v in values), tensor)


def _constant(context: Context, value: Any) -> str:
    return f"{context.anchor}.new_tensor({nested(value)})" if isinstance(value, tuple) else repr(float(value))


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


def _default(context: Context, free: Free) -> tuple[str, str]:
    sizes = _sizes(context, free.axes)
    if free.part == "mean":
        of_weights = lookup(free.source.parent)[0] in free.axes
        return _default(context, replace(free, part="weights" if of_weights else "intercept"))
    if free.part == "scale":
        _, spread = link_scale(context.model[free.variable], context, free)
        spread += _per_unit(context, free)
        return placed(Text("HalfNormal", (spread,), spread != "1.0"), context, sizes)
    if free.part == "weights":
        return placed(weights_text(context, free), context, sizes)
    if isinstance(context.model[free.variable], LinearDynamics) and free.parameter == "transition":
        return placed(Text("Normal", ("0.0", repr(DYNAMICS_WIDTH)), False), context, sizes)
    if free.part in ("lengthscale", "variance"):
        return placed(process_prior(context, free), context, sizes)
    if free.predictor or free.domain in ("real", "logits"):
        return _location(context, free, sizes)
    return placed(default_prior(context.model[free.variable], context, free), context, sizes)


def weights_text(context: Context, free: Free) -> Text:
    """The default prior of weights: as widely spread as what they predict, over what they read."""
    _, spread = link_scale(context.model[free.variable], context, free)
    scale = _times(LOC_WIDTH, spread) + _per_unit(context, free)
    return Text("Normal", ("0.0", scale), scale != repr(LOC_WIDTH))


def _per_unit(context: Context, free: Free) -> str:
    """The division by the spread of what weights read, where the data hold it."""
    parent = getattr(free.source, "parent", "")
    if parent not in context.plan.observed or parent not in free.axes or context.model.is_level(parent):
        return ""
    behind = ", None" * (len(free.axes) - free.axes.index(parent) - 1)
    return f" / {context.spread(parent)}[:{behind}]" if behind else f" / {context.spread(parent)}"


def _times(factor: float, spread: str) -> str:
    return repr(factor) if spread == "1.0" else f"{factor!r} * {spread}"


def _location(context: Context, free: Free, sizes: list[str]) -> tuple[str, str]:
    center, spread = link_scale(context.model[free.variable], context, free)
    conjugate = conjugate_scale(context, free)
    if conjugate is not None and isinstance(context.model[free.variable], MultivariateNormal):
        return _wishart_location(context, free, center, sizes)
    scale = _times(LOC_WIDTH, spread) if conjugate is None else f"{LOC_SHARE!r} * {conjugate}"
    tensor = center != "0.0" or scale != repr(LOC_WIDTH)
    return placed(Text("Normal", (center, scale), tensor), context, sizes)


def _wishart_location(context: Context, free: Free, center: str, sizes: list[str]) -> tuple[str, str]:
    """A location as widely spread as its covariance: the normal part of a normal-Wishart law."""
    prior, lead, own = normal_wishart(context, free.variable), sizes[:-1], shape_text(sizes[-1:])
    loc = filled(context.anchor, own, 0) if center == "0.0" else center
    share = LOC_SHARE
    if prior is not None:
        share = prior.concentration**-0.5
        known = isinstance(prior.loc, tuple)
        loc = _constant(context, prior.loc) if known else filled(context.anchor, own, prior.loc)
    suffix = f".expand({shape_text(lead)}).to_event({len(lead)})" if lead else ""
    return f"dist.MultivariateNormal({loc}, scale_tril={share!r} * {free.variable}_scale_tril)", suffix


CONSTRAINTS = {
    "real": "real",
    "logits": "real",
    "positive": "positive",
    "unit": "unit_interval",
    "simplex": "simplex",
}


def point_text(context: Context, free: Free, sizes: list[str]) -> str:
    """A flat law on the parameter's domain: its mode is maximum likelihood. Spikes are kept off by a bound."""
    domain = "real" if free.predictor else free.domain
    bounded = domain == "positive" and free.part == "value"
    bound = point_bound(context.model[free.variable], context, free) if bounded else None
    constraint = bound or CONSTRAINTS[domain]
    shape = f"({', '.join(sizes)}{',' if len(sizes) == 1 else ''})"
    return f"dist.ImproperUniform(constraints.{constraint}, (), {shape})"


@singledispatch
def point_bound(law: Distribution, context: Context, free: Free) -> str | None:
    """The constraint that keeps a law's spread above FLOOR spreads of the data; None where it cannot vanish."""
    return None


@point_bound.register(spec.Normal)
@point_bound.register(spec.StudentT)
@point_bound.register(spec.LogNormal)
@point_bound.register(spec.MultivariateNormal)
def _(law: Distribution, context: Context, free: Free) -> str | None:
    floor = _floor(context, free)
    bounds = {
        "scale": f"greater_than({floor})",
        "variance": f"greater_than(({floor}) ** 2)",
        "precision": f"interval(0.0, ({floor}) ** -2)",
    }
    return bounds.get(free.parameter)


@point_bound.register
def _(law: spec.Gamma, context: Context, free: Free) -> str | None:
    center = reduced(context.center(free.variable), context, free, "1.0")
    if free.parameter == "rate":
        return None
    return f"interval(0.0, ({center} / ({_floor(context, free)})) ** 2)"


@point_bound.register
def _(law: spec.Beta, context: Context, free: Free) -> str | None:
    return f"interval(0.0, 0.25 / ({_floor(context, free)}) ** 2)"


def _floor(context: Context, free: Free) -> str:
    spread = reduced(context.spread(free.variable), context, free, "")
    return f"{FLOOR!r} * {spread}" if spread else repr(FLOOR)


def sorted_frees(context: Context) -> list[Free]:
    """Free parameters in the order in which they are drawn: within a variable, scales before locations."""
    position = {name: at for at, name in enumerate(context.model)}
    return sorted(
        context.frees, key=lambda free: (position[free.variable], free.name == free.variable, free.parameter == "loc")
    )
