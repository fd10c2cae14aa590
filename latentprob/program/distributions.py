"""What each distribution of the language is in Pyro; the files mirror spec/."""

from dataclasses import dataclass
from functools import singledispatch

from latentprob.program.expression import ROW, Expr, aligned, union
from latentprob.program.maps import expanded, parameter
from latentprob.program.scope import Scope
from latentprob.spec.distributions import (
    Bernoulli,
    Categorical,
    Distribution,
    MultivariateNormal,
    NegativeBinomial,
    Normal,
)
from latentprob.spec.sites import own_axes


@dataclass(frozen=True)
class Law:
    """The text of a Pyro distribution; `dims` are its batch dims, `event` the dims of one draw."""

    text: str
    dims: tuple[str, ...]
    event: tuple[str, ...]


def law(scope: Scope, name: str, anchor: str, mask: str | None = None) -> Law:
    """The distribution of `name` given its parents, masked where cells are hidden."""
    return build(scope.model[name], scope, name, anchor, mask)


def log_prob(scope: Scope, name: str, found: Law, local: str) -> Expr:
    """The log density of the value of `name` under a law that is held in the variable `local`."""
    value = scope.values[name]
    order = scope.order
    batch = union(Expr("", found.dims), Expr("", tuple(d for d in value.dims if d not in found.event)), order=order)
    shown = aligned(value, (*batch, *found.event))
    return Expr(f"{local}.log_prob({shown.text})", batch)


@singledispatch
def build(component: Distribution, scope: Scope, name: str, anchor: str, mask: str | None) -> Law:
    """The text of a component's law: by default elementwise, in pyro's order of arguments."""
    names = [p for p in component.parameters if _stated(component, p)]
    return _elementwise(scope, name, anchor, mask, type(component).__name__, {p: parameter(scope, name, p) for p in names})


def _stated(component: Distribution, which: str) -> bool:
    return getattr(component, which) is not None or which == "df"


@build.register
def _(component: Normal, scope: Scope, name: str, anchor: str, mask: str | None) -> Law:
    loc = parameter(scope, name, "loc")
    return _elementwise(scope, name, anchor, mask, "Normal", {"loc": loc, "scale": normal_scale(scope, name)})


def normal_scale(scope: Scope, name: str) -> Expr:
    """The standard deviation of a Normal, however it was written."""
    component = scope.model[name]
    if component.variance is not None:  # type: ignore[attr-defined]
        variance = parameter(scope, name, "variance")
        return _root(variance, "sqrt", 0.5)
    if component.precision is not None:  # type: ignore[attr-defined]
        return _root(parameter(scope, name, "precision"), "rsqrt", -0.5)
    return parameter(scope, name, "scale")


def _root(expr: Expr, method: str, power: float) -> Expr:
    if expr.number is not None:
        value = expr.number**power
        return Expr(repr(value), (), True, value)
    return Expr(f"{expr.operand}.{method}()", expr.dims)


@build.register(Bernoulli)
@build.register(NegativeBinomial)
def _(component: Bernoulli | NegativeBinomial, scope: Scope, name: str, anchor: str, mask: str | None) -> Law:
    which = "logits" if component.logits is not None else "probs"
    found = {which: parameter(scope, name, which)}
    if isinstance(component, NegativeBinomial):
        found = {"total_count": parameter(scope, name, "total_count"), **found}
    return _elementwise(scope, name, anchor, mask, type(component).__name__, found)


@build.register
def _(component: Categorical, scope: Scope, name: str, anchor: str, mask: str | None) -> Law:
    which = "logits" if component.logits is not None else "probs"
    expr = parameter(scope, name, which)
    own = own_axes(scope.model, name)
    levels = f"{name}." if own else name
    dims = tuple(dim for dim in expr.dims if dim != levels)
    if own and name not in dims:
        expr = Expr(f"{expr.operand}[..., None, :].expand(*{expr.text}.shape[:-1], self.{name}_size, -1)", (*dims, *own, levels))
        dims = (*dims, *own)
    text = f"dist.Categorical({'' if which == 'probs' else 'logits='}{expr.text})"
    return _finished(text, dims, own, mask, scope)


@build.register
def _(component: MultivariateNormal, scope: Scope, name: str, anchor: str, mask: str | None) -> Law:
    loc = expanded(parameter(scope, name, "loc"), (name,), scope, anchor)
    tril = tril_of(scope, name)
    if mask is not None:
        dims = union(loc, tril, Expr("", (ROW,)), order=scope.order)
        shown = aligned(Expr(mask, (ROW, name)), dims[:-1] if dims[-1].endswith("'") else dims)
        vector = tuple(d for d in dims if d != f"{name}'")
        value = aligned(Expr(name, (ROW, name)), vector)
        text = f"seen_normal({aligned(loc, vector).text}, {tril.text}, {value.text}, {shown.text})"
        return Law(text, tuple(d for d in vector if d != name), (name,))
    dims = union(loc, tril, order=scope.order)
    vector = tuple(d for d in dims if d != f"{name}'")
    shown = aligned(loc, vector) if ROW in loc.dims else loc
    text = f"dist.MultivariateNormal({shown.text}, scale_tril={aligned(tril, dims).text})"
    return Law(text, tuple(d for d in vector if d != name), (name,))


def tril_of(scope: Scope, name: str) -> Expr:
    """The Cholesky factor of the covariance of a MultivariateNormal, dims ([level], x, x')."""
    level = matrix_level(scope, name)
    dims = (*((level,) if level else ()), name, f"{name}'")
    return scope.table(f"{name}_scale_tril", dims, level)


def matrix_level(scope: Scope, name: str) -> str | None:
    """The level that the covariance of a MultivariateNormal depends on, if any."""
    for free in scope.frees:
        if free.variable == name and free.parameter != "loc" and free.axes and free.axes[0] != name:
            return free.axes[0]
    return None


def _elementwise(scope: Scope, name: str, anchor: str, mask: str | None, kind: str, args: dict[str, Expr]) -> Law:
    own = own_axes(scope.model, name)
    first = next(iter(args))
    if own and not any(name in expr.dims for expr in args.values()):
        args = {**args, first: expanded(args[first], own, scope, anchor)}
    dims = union(*args.values(), order=scope.order)
    shown = {which: aligned(expr, dims) for which, expr in args.items()}
    parts = [f"{which}={e.text}" if which in ("logits", "probs") and kind != "Bernoulli" else e.text for which, e in shown.items()]
    if kind == "Bernoulli" and first == "logits":
        parts = [f"logits={parts[0]}"]
    return _finished(f"dist.{kind}({', '.join(parts)})", dims, own, mask, scope)


def _finished(text: str, dims: tuple[str, ...], own: tuple[str, ...], mask: str | None, scope: Scope) -> Law:
    if mask is not None and own:
        full = union(Expr("", dims), Expr("", (ROW, *own)), order=scope.order)
        text += f".mask({aligned(Expr(mask, (ROW, *own)), full).text})"
        dims = full
    if own:
        text += ".to_event(1)"
    return Law(text, tuple(d for d in dims if d not in own), own)
