"""What each distribution of the language is in Pyro; the files mirror spec/."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import singledispatch

from latentprob.program.context import size
from latentprob.program.expression import ROW, Expr, aligned, method, union
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
from latentprob.spec.model import argument
from latentprob.spec.sites import own_axes


@dataclass(frozen=True)
class Law:
    """The text of a Pyro distribution; `dims` are its batch dims, `event` the dims of one draw."""

    text: str
    dims: tuple[str, ...]
    event: tuple[str, ...]


def law(scope: Scope, name: str, mask: str | None = None) -> Law:
    """The distribution of `name` given its parents, masked where cells are hidden."""
    return build(scope.model[name], scope, name, mask)


def log_prob(scope: Scope, name: str, found: Law, local: str) -> Expr:
    """The log density of the value of `name` under a law that is held in the variable `local`."""
    value = scope.values[name]
    outer = Expr("", tuple(dim for dim in value.dims if dim not in found.event))
    batch = union(Expr("", found.dims), outer, order=scope.order)
    return Expr(f"{local}.log_prob({aligned(value, (*batch, *found.event)).text})", batch)


@singledispatch
def build(component: Distribution, scope: Scope, name: str, mask: str | None) -> Law:
    """The text of a component's law: by default elementwise, in pyro's order of arguments."""
    written = [which for which in component.parameters if argument(scope.model, name, which) is not None]
    return _elementwise(scope, name, mask, {which: parameter(scope, name, which) for which in written})


@build.register
def _(component: Normal, scope: Scope, name: str, mask: str | None) -> Law:
    return _elementwise(scope, name, mask, {"loc": parameter(scope, name, "loc"), "scale": normal_scale(scope, name)})


def normal_scale(scope: Scope, name: str) -> Expr:
    """The standard deviation of a Normal, however it was written."""
    return _power(scope, name, {"scale": ("", 1), "variance": ("sqrt()", 0.5), "precision": ("rsqrt()", -0.5)})


def normal_precision(scope: Scope, name: str) -> Expr:
    """The inverse variance of a Normal, however it was written."""
    ways = {"scale": ("square().reciprocal()", -2), "variance": ("reciprocal()", -1), "precision": ("", 1)}
    return _power(scope, name, ways)


def _power(scope: Scope, name: str, ways: Mapping[str, tuple[str, float]]) -> Expr:
    """A power of the parameter that was written: the call that makes it, and its exponent."""
    component = scope.model[name]
    which = next(which for which in ways if getattr(component, which) is not None)
    expr, (call, power) = parameter(scope, name, which), ways[which]
    if expr.number is not None:
        value = float(expr.number**power)
        return Expr(repr(value), (), number=value)
    return method(expr, call) if call else expr


@build.register
def _(component: Bernoulli, scope: Scope, name: str, mask: str | None) -> Law:
    which = "probs" if component.logits is None else "logits"
    return _elementwise(scope, name, mask, {which: parameter(scope, name, which)}, named=("logits",))


@build.register
def _(component: NegativeBinomial, scope: Scope, name: str, mask: str | None) -> Law:
    written = ("total_count", "probs" if component.logits is None else "logits")
    return _elementwise(scope, name, mask, {which: parameter(scope, name, which) for which in written}, written[1:])


@build.register
def _(component: Categorical, scope: Scope, name: str, mask: str | None) -> Law:
    which = "logits" if component.logits is not None else "probs"
    expr = parameter(scope, name, which)
    own = own_axes(scope.model, name)
    levels = f"{name}." if own else name
    dims = tuple(dim for dim in expr.dims if dim != levels)
    if own and name not in dims:
        shape = ", ".join([*("-1" for _ in dims), size(name), "-1"])
        expr = Expr(f"{aligned(expr, (*dims, name, levels)).operand}.expand({shape})", (*dims, name, levels))
        dims = (*dims, *own)
    text = f"dist.Categorical({'' if which == 'probs' else 'logits='}{expr.text})"
    return _finished(text, dims, own, mask, scope)


@build.register
def _(component: MultivariateNormal, scope: Scope, name: str, mask: str | None) -> Law:
    loc, tril = expanded(parameter(scope, name, "loc"), name, scope), tril_of(scope, name)
    dims = union(loc, tril, *([] if mask is None else [scope.values[name]]), order=scope.order)
    vector = tuple(dim for dim in dims if dim != f"{name}'")
    if mask is None:
        text = f"dist.MultivariateNormal({aligned(loc, vector).text}, scale_tril={aligned(tril, dims).text})"
    else:
        value, seen = (aligned(Expr(t, (ROW, name)), vector) for t in (scope.values[name].text, mask))
        text = f"seen_normal({aligned(loc, vector).text}, {aligned(tril, dims).text}, {value.text}, {seen.text})"
    return Law(text, vector[:-1], (name,))


def tril_of(scope: Scope, name: str) -> Expr:
    """The Cholesky factor of the covariance of a MultivariateNormal, dims ([level], x, x')."""
    frees = scope.context.frees
    axes = [f.axes for f in frees if f.variable == name and f.parameter not in ("loc", "value") and f.axes]
    level = next((a[0] for a in axes if a[0] != name), None)
    return scope.table(f"{name}_scale_tril", (*([level] if level else []), name, f"{name}'"), level)


def _elementwise(scope: Scope, name: str, mask: str | None, args: dict[str, Expr], named: tuple[str, ...] = ()) -> Law:
    """A law with a parameter for each feature; the arguments in `named` go by keyword."""
    own = own_axes(scope.model, name)
    if own and not any(name in expr.dims for expr in args.values()):
        first = next(iter(args))
        args = {**args, first: expanded(args[first], name, scope)}
    dims = union(*args.values(), order=scope.order)
    shown = {which: aligned(expr, dims).text for which, expr in args.items()}
    texts = [f"{which}={text}" if which in named else text for which, text in shown.items()]
    return _finished(f"dist.{type(scope.model[name]).__name__}({', '.join(texts)})", dims, own, mask, scope)


def _finished(text: str, dims: tuple[str, ...], own: tuple[str, ...], mask: str | None, scope: Scope) -> Law:
    if mask is not None and own:
        dims = union(Expr("", dims), Expr("", (ROW, *own)), order=scope.order)
        text += f".mask({aligned(Expr(mask, (ROW, *own)), dims).text})"
    if own:
        text += ".to_event(1)"
    return Law(text, tuple(dim for dim in dims if dim not in own), own)


@singledispatch
def log_levels(component: Distribution, scope: Scope, name: str) -> Expr:
    """log p(c given its parents) with an axis for the levels of c."""
    raise TypeError(f"{type(component).__name__} has no levels")


@log_levels.register
def _(component: Categorical, scope: Scope, name: str) -> Expr:
    if component.logits is not None:
        return method(parameter(scope, name, "logits"), "log_softmax(-1)")
    return method(parameter(scope, name, "probs"), "log()")


@log_levels.register
def _(component: Bernoulli, scope: Scope, name: str) -> Expr:
    which = "probs" if component.logits is None else "logits"
    expr = parameter(scope, name, which)
    if expr.number is not None:
        expr = Expr(f"{scope.context.anchor}.new_tensor({expr.number!r})")
    if which == "probs":
        return Expr(f"torch.stack([1 - {expr.operand}, {expr.text}], -1).log()", (*expr.dims, name))
    return Expr(f"nn.functional.logsigmoid(torch.stack([-{expr.operand}, {expr.text}], -1))", (*expr.dims, name))
