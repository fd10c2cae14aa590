"""What each map computes, as program text; the files mirror spec/."""

from collections.abc import Callable
from functools import singledispatch
from typing import Any

from latentprob.program.expression import ROW, Expr, aligned, number, product, total, union
from latentprob.program.scope import Scope, size
from latentprob.spec.component import Map
from latentprob.spec.distributions import Distribution
from latentprob.spec.maps import MLP, Linear, Module, PerFeature, Shared, Table
from latentprob.spec.model import argument, is_predictor, terms
from latentprob.spec.sites import intercept_of, own_axes

LINKS: dict[str, Callable[[Expr], Expr]] = {
    "real": lambda e: e,
    "logits": lambda e: e,
    "positive": lambda e: Expr(f"{e.operand}.exp()", e.dims),
}


def parameter(scope: Scope, name: str, which: str) -> Expr:
    """A parameter of `name` on its own scale, with named dims."""
    value = argument(scope.model, name, which)
    expr = total([term(part, scope, name, which) for part in terms(value)], scope.order)
    if is_predictor(value):
        expr = LINKS[scope.model[name].parameters[which]](expr)
    return scope.bound(name, which, expr)


def without(scope: Scope, name: str, group: tuple[str, ...]) -> Expr:
    """The location of `name` without the terms that read a latent of `group`; their intercepts stay."""
    value = scope.model[name].loc  # type: ignore[attr-defined]
    found = []
    for part in terms(value):
        if isinstance(part, Linear) and part.parent in group:
            if part is intercept_of(value):
                found.append(intercept(part, scope, name, "loc"))
        else:
            found.append(term(part, scope, name, "loc"))
    return total(found or [number(0)], scope.order)


@singledispatch
def term(part: Any, scope: Scope, name: str, which: str) -> Expr:
    """One term of an argument."""
    raise TypeError(f"no program text for {type(part).__name__}")


@term.register(int)
@term.register(float)
def _(part: float, scope: Scope, name: str, which: str) -> Expr:
    return number(part)


@term.register
def _(part: tuple, scope: Scope, name: str, which: str) -> Expr:
    axes = tail_axes(scope, name, which) or own_axes(scope.model, name)
    return Expr(f"self.{name}_{which}", axes)


@term.register
def _(part: str, scope: Scope, name: str, which: str) -> Expr:
    value = scope.values[part]
    return Expr(value.text, tuple(name if dim == part else dim for dim in value.dims))


@term.register
def _(part: Distribution, scope: Scope, name: str, which: str) -> Expr:
    free = scope.free(name, which, part, "value")
    return Expr(free.name, free.axes)


@term.register(PerFeature)
@term.register(Shared)
def _(part: Map, scope: Scope, name: str, which: str) -> Expr:
    free = scope.free(name, which, part, "value")
    return Expr(free.name, free.axes)


@term.register
def _(part: Table, scope: Scope, name: str, which: str) -> Expr:
    free = scope.free(name, which, part, "value")
    return scope.table(free.name, free.axes, part.parent)


@term.register
def _(part: Linear, scope: Scope, name: str, which: str) -> Expr:
    value = scope.values[part.parent]
    weights = linear_weights(part, scope, name, which)
    dims = tuple(dim for dim in union(value, weights, order=scope.order) if dim != part.parent)
    predictor = product([value, weights], dims)
    if part is not intercept_of(argument(scope.model, name, which)):
        return predictor
    return total([intercept(part, scope, name, which), predictor], scope.order)


def linear_weights(part: Linear, scope: Scope, name: str, which: str) -> Expr:
    """The weights of a Linear: dims ([by], parent, own)."""
    free = scope.free(name, which, part, "weights")
    return scope.table(free.name, free.axes, part.by)


def intercept(part: Linear, scope: Scope, name: str, which: str) -> Expr:
    """The intercept of a Linear: dims ([by], own)."""
    free = scope.free(name, which, part, "intercept")
    return scope.table(free.name, free.axes, part.by)


@term.register
def _(part: MLP, scope: Scope, name: str, which: str) -> Expr:
    return _network(part.parent, network_name(scope, name, which, part), scope, name, which)


@term.register
def _(part: Module, scope: Scope, name: str, which: str) -> Expr:
    return _network(part.parent, part.name, scope, name, which)


def _network(parent: str, attribute: str, scope: Scope, name: str, which: str) -> Expr:
    value = scope.values[parent]
    own, tail = own_axes(scope.model, name), tail_axes(scope, name, which)
    lead = value.dims[:-1]
    text = f"self.{attribute}({value.text})"
    if own and tail:
        text += f".unflatten(-1, ({size(scope.model, own[0])}, {size(scope.model, tail[0])}))"
    return Expr(text, (*lead, *own, *tail))


def network_name(scope: Scope, name: str, which: str, part: MLP) -> str:
    """The attribute that holds a network: x_logits_network, with its parent where a sum has several."""
    value = argument(scope.model, name, which)
    several = sum(isinstance(other, MLP) for other in terms(value)) > 1
    return f"{name}_{which}_{part.parent}_network" if several else f"{name}_{which}_network"


def tail_axes(scope: Scope, name: str, which: str) -> tuple[str, ...]:
    """Axes of a parameter behind the features: the levels of a categorical, the second axis of a matrix."""
    domain = scope.model[name].parameters[which]
    if domain in ("simplex", "logits"):
        return (name,) if scope.model.is_level(name) else (f"{name}.",)
    if domain in ("covariance", "precision_matrix", "scale_tril", "correlation"):
        return (name, f"{name}'")
    return ()


def expanded(expr: Expr, dims: tuple[str, ...], scope: Scope, anchor: str) -> Expr:
    """`expr` as a tensor that has all of `dims` at the end, those of the features among them."""
    own = dims[-1]
    if expr.number is not None:
        sizes = size(scope.model, own)
        if expr.number == 0:
            return Expr(f"{anchor}.new_zeros({sizes})", (own,))
        if expr.number == 1:
            return Expr(f"{anchor}.new_ones({sizes})", (own,))
        return Expr(f"{anchor}.new_full([{sizes}], {expr.text})", (own,))
    if own in expr.dims:
        return expr
    if not expr.dims:
        return Expr(f"{expr.operand}.expand({size(scope.model, own)})", (own,))
    wide = aligned(Expr(expr.text, expr.dims, expr.atom), (*expr.dims, own))
    lead = ", ".join("-1" for _ in expr.dims)
    return Expr(f"{expr.operand}[..., None].expand({lead}, {size(scope.model, own)})", wide.dims or (*expr.dims, own))

