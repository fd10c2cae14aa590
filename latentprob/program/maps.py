"""What each map computes, as program text; the files mirror spec/."""

from collections.abc import Callable
from functools import singledispatch
from typing import Any

from latentprob.program.context import size
from latentprob.program.expression import PRODUCT, ROW, SUM, Expr, aligned, number, product, total, union
from latentprob.program.features import feature
from latentprob.program.scope import Scope
from latentprob.spec.component import Map, lookup
from latentprob.spec.distributions import Distribution
from latentprob.spec.maps import MLP, Dot, Linear, Module, PerFeature, PerLevel, Shared, Spread, Table, Translation
from latentprob.spec.model import Model, argument, is_predictor, terms
from latentprob.spec.sites import intercept_of, own_axes
from latentprob.spec.structure import mixes, parents, reads

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
    return Expr(f"self.{name}_{which}", tail_axes(scope, name, which) or own_axes(scope.model, name))


@term.register
def _(part: str, scope: Scope, name: str, which: str) -> Expr:
    if part in scope.zero:
        return number(0)
    value, own, read = scope.values[part], own_axes(scope.model, name), lookup(part)[0]
    if not own:
        return Expr(f"{value.operand}[..., 0]", value.dims[:-1])
    return value.renamed((read, name)) if wide(scope.model, read) else expanded(value, name, scope, of=read)


@term.register
def _(part: Distribution, scope: Scope, name: str, which: str) -> Expr:
    free = scope.free(name, which, part, "value")
    return Expr(free.name, free.axes)


@term.register
def _(part: Spread, scope: Scope, name: str, which: str) -> Expr:
    return Expr(f"self.{name}_spread", own_axes(scope.model, name))


@term.register(PerFeature)
@term.register(Shared)
def _(part: Map, scope: Scope, name: str, which: str) -> Expr:
    free = scope.free(name, which, part, "value")
    return Expr(free.name, free.axes)


@term.register
def _(part: Table, scope: Scope, name: str, which: str) -> Expr:
    free = scope.free(name, which, part, "value")
    if mixes(scope.model.statements, part):
        value, table = scope.values[part.parent], Expr(free.name, free.axes)
        return product([value, table], tuple(d for d in union(value, table, order=scope.order) if d != part.parent))
    return scope.table(free.name, free.axes, part.parent)


@term.register
def _(part: PerLevel, scope: Scope, name: str, which: str) -> Expr:
    levels = scope.free(name, which, part, "levels")
    found = [scope.table(levels.name, levels.axes, part.parent)]
    if part is intercept_of(argument(scope.model, name, which)):
        whole = scope.free(name, which, part, "intercept")
        found.insert(0, Expr(whole.name, whole.axes))
    return total(found, scope.order)


@term.register
def _(part: Dot, scope: Scope, name: str, which: str) -> Expr:
    factors = [scope.values[read].text for read in reads(part)]
    return Expr(f"({' * '.join(factors)}).sum(-1)", (ROW,))


@term.register
def _(part: Translation, scope: Scope, name: str, which: str) -> Expr:
    first, second, third = (scope.values[read].text for read in reads(part))
    return Expr(f"-torch.sum(({first} + {second} - {third}).square(), -1)", (ROW,), PRODUCT)


@term.register
def _(part: Linear, scope: Scope, name: str, which: str) -> Expr:
    found = []
    if part is intercept_of(argument(scope.model, name, which)):
        free = scope.free(name, which, part, "intercept")
        found.append(scope.table(free.name, free.axes, part.by))
    if part.parent not in scope.zero:
        found.append(_predictor(part, scope, name, which))
    return total(found or [number(0)], scope.order)


def _predictor(part: Linear, scope: Scope, name: str, which: str) -> Expr:
    value, weights = scope.values[part.parent], linear_weights(part, scope, name, which)
    read = lookup(part.parent)[0]
    if encodes(scope, name, part.parent):
        value = Expr(f"{part.parent} - self.{part.parent}_center", value.dims, SUM)
    dims = tuple(dim for dim in union(value, weights, order=scope.order) if dim != read)
    return product([value, weights], dims)


def encodes(scope: Scope, name: str, parent: str) -> bool:
    """Whether a deterministic variable reads the data here: from their centre, networks in units of their spread."""
    return name in scope.model.embedded and parent in scope.plan.observed


def linear_weights(part: Linear, scope: Scope, name: str, which: str) -> Expr:
    """The weights of a Linear: dims ([by], parent, own)."""
    free = scope.free(name, which, part, "weights")
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
    given = feature(scope, parent)[0] if encodes(scope, name, parent) else value.text
    text = f"self.{attribute}({given})"
    if not own and not tail:
        text += ".squeeze(-1)"
    elif own and tail:
        text += f".unflatten(-1, ({size(own[0])}, {size(tail[0])}))"
    return Expr(text, (*lead, *own, *tail))


def network_name(scope: Scope, name: str, which: str, part: MLP) -> str:
    """The attribute that holds a network: x_logits_network, with its parent where a sum has several; z_encoder."""
    if name in scope.model.embedded:
        return f"{name}_encoder"
    value = argument(scope.model, name, which)
    several = sum(isinstance(other, MLP) for other in terms(value)) > 1
    return f"{name}_{which}_{'_'.join(parents(part.parent))}_network" if several else f"{name}_{which}_network"


def tail_axes(scope: Scope, name: str, which: str) -> tuple[str, ...]:
    """Axes of a parameter behind the features: the levels of a categorical, the second axis of a matrix."""
    domain = scope.model[name].parameters[which]
    if domain in ("simplex", "logits") and scope.model[name].over_features:
        return ()
    if domain in ("simplex", "logits"):
        return (name,) if scope.model.is_level(name) else (f"{name}.",)
    if domain in ("covariance", "precision_matrix", "scale_tril", "correlation"):
        return (name, f"{name}'")
    return ()


def wide(model: Model, name: str) -> bool:
    """Whether a variable surely has more features than one; one feature stands for all those of a child."""
    return name in model and (getattr(model[name], "size", None) or 1) > 1


def expanded(expr: Expr, own: str, scope: Scope, of: str | None = None) -> Expr:
    """`expr` as a tensor that has the axis `own` at the end, in place of its last axis `of` if that is given."""
    if expr.number is not None:
        return Expr(filled(scope.context.anchor, f"[{size(own)}]", expr.number), (own,))
    if own in expr.dims:
        return expr
    lead = expr.dims[:-1] if of else expr.dims
    grown = aligned(expr, (*expr.dims, own)) if expr.dims and not of else expr
    shape = ", ".join([*("-1" for _ in lead), size(own)])
    return Expr(f"{grown.operand}.expand({shape})", (*lead, own))


def filled(anchor: str, shape: str, value: float) -> str:
    """A tensor filled with a number, in the program's dtype and on its device."""
    if value == 0:
        return f"{anchor}.new_zeros({shape})"
    if value == 1:
        return f"{anchor}.new_ones({shape})"
    return f"{anchor}.new_full({shape}, {float(value)!r})"
