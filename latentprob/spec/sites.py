"""The hinge: name, axes, shape, support and prior of every variable that a model has.

The program, the draws, the tree and the report all ask `sites`; nothing else knows the name of a dim.
"""

from collections.abc import Hashable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Literal

from latentprob.errors import ModelError
from latentprob.spec.component import Sum, lookup
from latentprob.spec.distributions import Bernoulli, Categorical, Distribution, Normal
from latentprob.spec.dynamics import Markov
from latentprob.spec.maps import GP, PREDICTORS, Embedding, Linear, Nearest, PerFeature, PerLevel, Shared, Table
from latentprob.spec.model import Model, argument, terms
from latentprob.spec.pattern import Mask, Pattern
from latentprob.spec.schema import Schema
from latentprob.spec.structure import MATRICES, factor_names, intercept_of, processes, site_name, support_of

__all__ = [
    "MATRICES",
    "MATRIX_BIS",
    "Free",
    "Site",
    "axis_of",
    "free_parameters",
    "intercept_of",
    "levels_of",
    "masks",
    "own_axes",
    "sites",
]

POINTS = "*"  # behind the name of a process: the axis of its inducing points
MATRIX_BIS = "_bis"  # ArviZ's name for the second axis of a matrix


@dataclass(frozen=True)
class Free:
    """A free parameter of the model, before any data.

    name: its Pyro site and its variable in the posterior, such as "x_loc_weights".
    axes: "c" for the levels of c, "z" for the dims of z or the features of an input or observed variable,
        "x." for the categories of x, "x_loc*" for the inducing points of a process; a matrix repeats its axis.
    domain: where it lies (a parameter's domain of `distributions`).
    part: "value" of a table, PerFeature or Shared; "weights" or "intercept" of a Linear; "intercept", "lengthscale",
        "variance" or "inducing" (the whitened values at the inducing inputs) of a GP; "levels" of a factor, of a
        statement of its own or of a PerLevel, and the "scale" by which a PerLevel pools them.
    predictor: whether it lives under the parameter's link.
    pooled: whether the levels of a column have values around a "mean" of theirs, a free parameter as is their "scale".
    """

    name: str
    variable: str
    parameter: str
    axes: tuple[str, ...]
    domain: str
    part: Literal["value", "weights", "intercept", "lengthscale", "variance", "inducing", "levels", "scale", "mean"]
    source: Any
    prior: Any
    predictor: bool
    pooled: bool = False

    @property
    def pattern(self) -> Pattern | None:
        """Which of the weights are free, where the statement says it; the others are zero."""
        return getattr(self.source, "pattern", None) if self.part == "weights" else None


@dataclass(frozen=True)
class Site:
    """A variable of the result: dims name its axes, labels are their coordinates."""

    name: str
    role: Literal["global", "levels", "latent", "embedded", "observed", "input"]
    axes: tuple[str, ...]
    dims: tuple[str, ...]
    shape: tuple[int, ...]
    labels: tuple[tuple[Hashable, ...], ...]
    support: str
    scalar_axes: tuple[bool, ...]  # axes of length one that results do not show

    @property
    def shown(self) -> tuple[str, ...]:
        """The dims that results show."""
        return tuple(d for d, hidden in zip(self.dims, self.scalar_axes, strict=True) if not hidden)


@lru_cache(maxsize=256)
def free_parameters(model: Model) -> tuple[Free, ...]:
    """Every free parameter with its name and axes, in the order of the statements.

    Sites that a matrix is made of (Bartlett's factors) are the program's own and not listed here.
    """
    found: list[Free] = []
    for name, law in model.statements.items():
        for parameter in law.parameters:
            value = argument(model, name, parameter)
            if value is not None:
                found += _free(model, name, parameter, law.parameters[parameter], value)
        if name in model.factors:
            found.append(_levels(model, name))
    return tuple(found)


def _levels(model: Model, name: str) -> Free:
    """The levels of a factor, which are drawn with the parameters."""
    law, axes = model[name], (model.factors[name], *own_axes(model, name))
    prior = "point" if isinstance(law, Embedding) else law
    return Free(name, name, "value", axes, law.support, "levels", law, prior, predictor=False)


def own_axes(model: Model, name: str) -> tuple[str, ...]:
    """The axes of one row of a variable: none for a level, its features or dims otherwise."""
    return () if model.is_level(name) else (name,)


def _free(model: Model, name: str, parameter: str, domain: str, value: Any) -> list[Free]:
    own = own_axes(model, name)
    tail: tuple[str, ...] = ()
    if domain in ("simplex", "logits") and model[name].over_features:
        own, tail = (), (name,)
    elif domain in ("simplex", "logits"):
        tail = (f"{name}.",) if own else (name,)
    elif domain in MATRICES:
        own, tail = (), (name, name)
    elif domain == "transition":  # a row of probabilities for each level
        tail, domain = (name, name), "simplex"
    elif domain == "dynamics":
        own, tail, domain = (), (name, name), "real"
    if isinstance(value, Distribution):
        value = Shared(prior=value)
    parts = terms(value)
    summed = isinstance(value, Sum)
    inside = "real" if summed or any(isinstance(p, PREDICTORS) for p in parts) else domain

    def free(suffix: str, axes: tuple[str, ...], part: Any, what: Any, prior: Any) -> Free:
        label = site_name(name, parameter, part, parts) + suffix
        return Free(label, name, parameter, axes, inside, what, part, prior, inside != domain or summed)

    found: list[Free] = []
    intercept = intercept_of(value)
    for part in parts:
        if isinstance(part, Table):
            features = own if part.per_feature else ()
            found.append(free("", (part.parent, *features, *tail), part, "value", part.prior))
        elif isinstance(part, PerFeature):
            found.append(free("", (*own, *tail), part, "value", part.prior))
        elif isinstance(part, Shared):
            found.append(free("", tail, part, "value", part.prior))
        elif isinstance(part, Linear):
            by = () if part.by is None else (part.by,)
            if part is intercept:
                found += _in_common(model, free("_intercept", (*by, *own, *tail), part, "intercept", part.intercept))
            read = lookup(part.parent)[0]
            found += _in_common(model, free("_weights", (*by, read, *own, *tail), part, "weights", part.weights))
        elif isinstance(part, PerLevel):
            if part is intercept:
                whole = free("", (*own, *tail), part, "intercept", part.intercept)
                found.append(replace(whole, name=f"{name}_{parameter}_intercept"))
            if part.prior is None:
                scale = free("_scale", (*own, *tail), part, "scale", part.scale)
                found.append(replace(scale, domain="positive", predictor=False))
            found.append(free("", (part.parent, *own, *tail), part, "levels", part.prior))
        elif isinstance(part, GP):
            if part is intercept:
                found.append(free("_intercept", (*own, *tail), part, "intercept", part.intercept))
            found += _process(free("", (*own, *tail), part, "value", None))
    return found


def _in_common(model: Model, base: Free) -> list[Free]:
    """What the levels of a column have of a Linear, behind the mean and the scale of their law where they have none.

    Of weights of a variable of the model the scale is one for all its dims, so that these may turn.
    """
    if base.source.by not in model.inputs or base.prior is not None or base.parameter == "value":
        return [base]
    own, parent = base.axes[1:], lookup(base.source.parent)[0]
    narrow = tuple(axis for axis in own if axis != parent or parent in model.inputs)
    mean = replace(base, name=f"{base.name}_mean", axes=own, part="mean")
    scale = replace(base, name=f"{base.name}_scale", axes=narrow, part="scale", domain="positive", predictor=False)
    return [mean, scale, replace(base, pooled=True)]


def _process(base: Free) -> list[Free]:
    """The parameters of a Gaussian process; `base` has its name and the axes of one of its values."""
    part, points = base.source, f"{base.name}{POINTS}"

    def positive(which: Any, axes: tuple[str, ...], prior: Any) -> Free:
        return replace(
            base, name=f"{base.name}_{which}", axes=axes, domain="positive", part=which, prior=prior, predictor=False
        )

    values = replace(base, name=f"{base.name}_inducing", axes=(points, *base.axes), part="inducing", predictor=True)
    return [
        positive("lengthscale", (lookup(part.parent)[0],), part.lengthscale),
        positive("variance", base.axes, part.variance),
        replace(values, domain="real", prior=Normal(loc=0, scale=1)),
    ]


def sites(model: Model, schema: Schema) -> dict[str, Site]:
    """Every variable of the model with its dims, shape and labels, by name: parameters, statements, inputs."""
    found: dict[str, Site] = {}
    for free in free_parameters(model):
        support = "real" if free.predictor else free.domain
        found[free.name] = _site(model, schema, free.name, "global", free.axes, support)
    for name in (*model.statements, *model.inputs):
        support = support_of(type(model[name])) if name in model else "real"
        role: Any = "input" if name not in model else "observed" if name in schema else "latent"
        role = "embedded" if name in model.embedded else "levels" if name in model.factors else role
        axes = (model.factors[name],) if name in model.factors else ()
        found[name] = _site(model, schema, name, role, (*axes, *own_axes(model, name)), support)
    return found


def _site(model: Model, schema: Schema, name: str, role: Any, axes: tuple[str, ...], support: str) -> Site:
    seen: set[str] = set()
    dims, labels, scalar = [], [], []
    for axis in axes:
        dim, marks, hidden = axis_of(model, schema, axis)
        dims.append(dim + MATRIX_BIS if dim in seen else dim)
        seen.add(dim)
        labels.append(marks)
        scalar.append(hidden)
    shape = tuple(len(marks) for marks in labels)
    return Site(name, role, axes, tuple(dims), shape, tuple(labels), support, tuple(scalar))


def axis_of(model: Model, schema: Schema, axis: str) -> tuple[str, tuple[Hashable, ...], bool]:
    """Name, labels, and whether results hide it, of one axis of `Free` or `Site`."""
    if axis.endswith("."):
        name = axis[:-1]
        return f"{name}_level", levels_of(model, schema, name), False
    if axis.endswith(POINTS):
        process = next(part for base, _, _, part in processes(model.statements) if base == axis[: -len(POINTS)])
        return f"{axis[: -len(POINTS)]}_point", tuple(range(process.inducing)), False
    if axis in model.factors.values():
        return axis, levels_of(model, schema, model.column_of(axis)), False
    if model.is_level(axis):
        return axis if axis in model.inputs else f"{axis}_level", levels_of(model, schema, axis), False
    if axis in schema:
        column = schema[axis]
        return column.dim, column.features, column.scalar
    size = getattr(model[axis], "size", None)
    return f"{axis}_dim", factor_names(model.statements, axis) or tuple(range(size or 1)), size is None


def masks(model: Model, schema: Schema) -> dict[str, Mask]:
    """Which weights of each parameter with a pattern are free, (Z, D), by its name."""
    found: dict[str, Mask] = {}
    for free in free_parameters(model):
        if free.pattern is not None:
            place = f"{free.variable}, Linear({free.source.parent}, pattern=...)"
            found[free.name] = free.pattern.mask(axis_of(model, schema, free.variable)[1], place)
    return found


def levels_of(model: Model, schema: Schema, name: str) -> tuple[Hashable, ...]:
    """Labels of the levels of a discrete variable."""
    if name in schema and schema[name].levels:
        return schema[name].levels
    law = model.statements.get(name)
    if isinstance(law, Bernoulli):
        return (0, 1)
    size = law.size if isinstance(law, (Categorical, Markov, Nearest)) else None
    if size is None:
        kind = "Categorical" if law is None else type(law).__name__
        raise ModelError(f"{name} is hidden and has no size; write {name} ~ {kind}(size=3), say")
    return tuple(range(size))
