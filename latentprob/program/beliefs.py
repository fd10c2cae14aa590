"""The belief of integrated latents in closed form, as program text.

With prior Normal(m0, P0^-1) and children x = W z + r + noise of precision L, the belief of z is normal with precision
P = P0 + sum W L W' and mean P^-1 h, h = P0 m0 + sum W L (x - r). Bayes' rule at z = 0 gives the marginal density
p(x) = p(x given z = 0) p(z = 0) / p(z = 0 given x): no matrix over the features is ever made, and p(x given z = 0) is
the density of the children with z left out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import singledispatch

from latentprob.program.context import size
from latentprob.program.distributions import normal_precision, tril_of
from latentprob.program.expression import PRODUCT, ROW, Expr, aligned, binary, method, number, product, total, union
from latentprob.program.layout import WIDTH
from latentprob.program.maps import expanded, linear_weights, parameter, wide
from latentprob.program.scope import Scope
from latentprob.spec.distributions import Distribution, MultivariateNormal, Normal
from latentprob.spec.maps import Linear
from latentprob.spec.model import argument, terms

SEEN_PRECISION = '''
def seen_precision(scale_tril, seen):
    """The precision matrix of the seen cells, zero where a cell is hidden.

    scale_tril is (..., D, D), seen is (..., D), the result is (..., D, D).
    """
    both = seen[..., :, None] & seen[..., None, :]
    eye = torch.eye(seen.shape[-1], dtype=scale_tril.dtype, device=seen.device)
    covariance = torch.where(both, scale_tril @ scale_tril.mT, eye)
    precision = torch.cholesky_inverse(torch.linalg.cholesky(covariance))
    return torch.where(both, precision, 0.0)
'''


@dataclass(frozen=True)
class Belief:
    """The text that computes the belief of a group of latents.

    name: the latents laid end to end. mean, covariance, log: dims of what the text returns: the belief's moments, and
    log p(z = 0) - log p(z = 0 given x).
    """

    name: str
    lines: tuple[str, ...]
    mean: tuple[str, ...]
    covariance: tuple[str, ...]
    log: tuple[str, ...]


@dataclass(frozen=True)
class Part:
    """What a prior or a child adds: to the precision P, to the shift h, and to log p(z = 0), pieces with their sign."""

    precision: Expr
    shift: Expr
    log: tuple[tuple[str, Expr], ...] = ()


@dataclass(frozen=True)
class Group:
    """Integrated latents that share a child, in one scope. axis: that of the latents laid end to end."""

    scope: Scope
    names: tuple[str, ...]

    @property
    def axis(self) -> str:
        """The axis of all latents of the group."""
        return "+".join(self.names)

    @property
    def order(self) -> tuple[str, ...]:
        """All dims in order, the axes of the latents behind the levels."""
        axes = dict.fromkeys(dim for name in (*self.names, self.axis) for dim in (name, f"{name}'"))
        lead = [dim for dim in self.scope.order if dim == ROW or dim in self.scope.summed]
        return (*lead, *axes, *(dim for dim in self.scope.order if dim not in axes and dim not in lead))

    def lead(self, *exprs: Expr) -> tuple[str, ...]:
        """Rows and levels among the dims of expressions."""
        return tuple(dim for dim in union(*exprs, order=self.order) if dim == ROW or dim in self.scope.summed)

    def padded(self, expr: Expr, name: str, axes: int, behind: int = 0) -> Expr:
        """`expr` with zeros for the other latents; its last dims are `axes` axes of `name`, then `behind` others."""
        if len(self.names) == 1:
            return expr
        at = self.names.index(name)
        sides = (self.names[:at], self.names[at + 1 :])
        widths = ", ".join(" + ".join(size(other) for other in side) or "0" for side in sides)
        padded = Expr(f"nn.functional.pad({expr.text}, ({', '.join(['0, 0'] * behind + [widths] * axes)}))", expr.dims)
        return padded.renamed((name, self.axis), (f"{name}'", f"{self.axis}'"))

    def summed(self, local: str, exprs: Sequence[Expr]) -> Expr:
        """A local that holds a sum: in one line where that is short."""
        first, *rest = [expr for expr in exprs if expr.number != 0]
        whole = total([first, *rest], self.order)
        if len(f"{local} = {whole.text}") <= WIDTH - 8:
            return self.scope.named(local, whole)
        found = self.scope.named(local, first)
        for expr in rest:
            found = self.scope.let(local, binary(found, "+", expr, self.order))
        return found


def belief(scope: Scope, names: tuple[str, ...]) -> Belief:
    """The belief of latents that share a child, given what is summed."""
    group, name = Group(scope, names), "_".join(names)
    axis, order = group.axis, group.order
    children = dict.fromkeys(child for member in names for child in scope.model.children(member))
    parts = [_prior(scope.model[member], group, member) for member in names]
    parts += [_child(group, child) for child in children]
    precision = group.summed("precision", [part.precision for part in parts])
    shift = group.summed("shift", [part.shift for part in parts])
    tril = scope.let("tril", Expr(f"torch.linalg.cholesky({precision.text})", precision.dims))
    covariance = scope.let(f"{name}_covariance", Expr("torch.cholesky_inverse(tril)", precision.dims))
    keep = (*group.lead(shift, covariance), f"{axis}'")
    mean = scope.let(f"{name}_mean", product([shift, covariance], keep)).renamed((f"{axis}'", axis))
    half = _half(method(binary(shift, "*", mean, order), "sum(-1)", 1))
    scale = scope.let(f"{name}_log_scale", _log_scale(tril))
    signed = [*(piece for part in parts for piece in part.log), ("+", half), ("-", scale)]
    log = _log_lines(scope, f"log_{name}", signed, order)
    lines = [*scope.take(), f"return {mean.text}, {covariance.text}, {log.text}"]
    return Belief(name, tuple(lines), mean.dims, covariance.dims, log.dims)


def _log_lines(scope: Scope, local: str, pieces: Sequence[tuple[str, Expr]], order: tuple[str, ...]) -> Expr:
    """A local that sums signed pieces."""
    (sign, first), *rest = pieces
    found = first if sign == "+" else Expr(f"-{first.text}", first.dims, PRODUCT)
    for sign, piece in rest:
        if len(found.text) > WIDTH // 2:
            found = scope.let(local, found)
        found = binary(found, sign, piece, order)
    return scope.let(local, found)


def evidence(scope: Scope, name: str) -> tuple[str, ...]:
    """The lines that return what the children of a state space say of its state: precision and shift."""
    group = Group(scope, (name,))
    parts = [_child(group, child) for child in scope.model.children(name)]
    precision = group.summed("precision", [part.precision for part in parts])
    shift = group.summed("shift", [part.shift for part in parts])
    return (*scope.take(), f"return {precision.text}, {shift.text}")


def belief_dims(scope: Scope, names: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Dims of the belief's mean without its axis, and of its covariance without its axes."""
    found = belief(scope, names)
    return found.mean[:-1], found.covariance[:-2]


def _log_scale(tril: Expr) -> Expr:
    return method(tril, "diagonal(dim1=-2, dim2=-1).log().sum(-1)", 2)


def _half(expr: Expr) -> Expr:
    return Expr(f"0.5 * {expr.text}", expr.dims, PRODUCT)


@singledispatch
def _prior(law: Distribution, group: Group, name: str) -> Part:
    """What the prior of one latent adds."""
    raise TypeError(f"{type(law).__name__} has no belief in closed form")


@_prior.register
def _(law: Normal, group: Group, name: str) -> Part:
    scope, made = group.scope, normal_precision(group.scope, name)
    precision = scope.let(f"{name}_precision", expanded(made, name, scope))
    matrix = Expr(f"torch.diag_embed({precision.text})", (*precision.dims, f"{name}'"))
    log = () if made.number == 1 else (("+", _half(method(precision, "log().sum(-1)", 1))),)
    loc = parameter(scope, name, "loc")
    return _placed(group, name, matrix, log, loc, binary(precision, "*", loc, group.order))


@_prior.register
def _(law: MultivariateNormal, group: Group, name: str) -> Part:
    scope, tril = group.scope, tril_of(group.scope, name)
    precision = scope.let(f"{name}_precision", Expr(f"torch.cholesky_inverse({tril.text})", tril.dims))
    loc = parameter(scope, name, "loc")
    wide = expanded(loc, name, scope)
    turned = product([wide, precision], (*group.lead(wide, precision), f"{name}'")).renamed((f"{name}'", name))
    return _placed(group, name, precision, (("-", _log_scale(tril)),), loc, turned)


def _placed(group: Group, name: str, matrix: Expr, log: tuple[tuple[str, Expr], ...], loc: Expr, shift: Expr) -> Part:
    """A prior of the given precision at a location."""
    matrix = group.padded(matrix, name, 2)
    if loc.number == 0:
        return Part(matrix, number(0), log)
    shift = group.scope.let(f"{name}_shift", shift)
    square = method(binary(shift, "*", loc, group.order), "sum(-1)", 1)
    return Part(matrix, group.padded(shift, name, 1), (*log, ("-", _half(square))))


def _child(group: Group, child: str) -> Part:
    """What an observed child adds."""
    scope = group.scope
    weights = _weights(group, child)
    loaded = scope.named(f"{child}_loaded", _loaded(scope.model[child], group, child, weights))
    mask = _shown(scope, child) if child in scope.plan.missing and ROW not in loaded.dims else None
    return Part(_square(group, child, weights, loaded, mask), _shift(group, child, loaded, mask))


def _shown(scope: Scope, child: str) -> Expr:
    return scope.let(f"{child}_shown", Expr(f"{child}_seen.to({child})", (ROW, child)))


def _weights(group: Group, child: str) -> Expr:
    """The weights W of the group on a child, dims ([levels], latents, features)."""
    found = []
    for part in terms(argument(group.scope.model, child, "loc")):
        if isinstance(part, Linear) and part.parent in group.names:
            found.append(group.padded(linear_weights(part, group.scope, child, "loc"), part.parent, 1, behind=1))
        elif isinstance(part, str) and part in group.names:
            found.append(group.padded(_identity(group.scope, part, child), part, 1, behind=1))
    return found[0] if len(group.names) == len(found) == 1 else group.summed(f"{child}_weights", found)


def _identity(scope: Scope, name: str, child: str) -> Expr:
    """The weights of a latent that stands in a location as it is."""
    anchor = scope.context.anchor
    if wide(scope.model, name):
        return Expr(f"{anchor}.new_ones([{size(name)}]).diag()", (name, child))
    return Expr(f"{anchor}.new_ones([1, {size(child)}])", (name, child))


@singledispatch
def _loaded(law: Distribution, group: Group, child: str, weights: Expr) -> Expr:
    """W L, the weights times the precision of the child's noise; without hidden cells where it is by row."""
    raise TypeError(f"a {type(law).__name__} child leaves no belief in closed form")


@_loaded.register
def _(law: Normal, group: Group, child: str, weights: Expr) -> Expr:
    precision = normal_precision(group.scope, child)
    if child in group.scope.plan.missing and ROW in (*weights.dims, *precision.dims):
        precision = binary(_shown(group.scope, child), "*", precision, group.order)
    return weights if precision.number == 1 else binary(weights, "*", precision, group.order)


@_loaded.register
def _(law: MultivariateNormal, group: Group, child: str, weights: Expr) -> Expr:
    scope, tril = group.scope, tril_of(group.scope, child)
    made = Expr(f"torch.cholesky_inverse({tril.text})", tril.dims)
    if child in scope.plan.missing:
        vector = union(Expr("", tril.dims[:-1]), scope.values[child], order=scope.order)
        seen = aligned(Expr(f"{child}_seen", (ROW, child)), vector)
        root = aligned(tril, (*vector, f"{child}'"))
        made = Expr(f"seen_precision({root.text}, {seen.text})", (*vector, f"{child}'"))
    inverse = scope.let(f"{child}_inverse", made)
    turned = inverse.renamed((child, f"{child}'"), (f"{child}'", child))
    keep = (*group.lead(weights, inverse), group.axis, child)
    return product([weights.renamed((child, f"{child}'")), turned], keep)


def _square(group: Group, child: str, weights: Expr, loaded: Expr, mask: Expr | None) -> Expr:
    """W L W'."""
    axes = (group.axis, f"{group.axis}'")
    turned, lead = weights.renamed((group.axis, axes[1])), group.lead(weights, loaded)
    if mask is None:
        return product([loaded, turned], (*lead, *axes))
    pairs = product([loaded, turned], (*lead, *axes, child))
    return product([mask, group.scope.let(f"{child}_pairs", pairs)], (ROW, *lead, *axes))


def _shift(group: Group, child: str, loaded: Expr, mask: Expr | None) -> Expr:
    """W L (x - r)."""
    scope, value = group.scope, group.scope.values[child]
    rest = parameter(scope, child, "loc")
    levels = group.lead(rest)
    if ROW in (*levels, *loaded.dims) or not levels:
        residual = value if rest.number == 0 else binary(value, "-", rest, scope.order)
        residual = residual if mask is None else binary(residual, "*", mask, scope.order)
        residual = scope.named(f"{child}_residual", residual)
        return product([residual, loaded], (*group.lead(residual, loaded), group.axis))
    lead = (*group.lead(rest, loaded), group.axis)
    if mask is None:
        offset = product([rest, loaded], lead)
    else:
        value = scope.let(f"{child}_masked", binary(value, "*", mask, scope.order))
        hidden = scope.let(f"{child}_offset", binary(rest, "*", loaded, group.order))
        offset = product([mask, hidden], (ROW, *lead))
    first = product([value, loaded], (ROW, *group.lead(loaded), group.axis))
    return scope.let(f"{child}_shift", binary(first, "-", offset, group.order))
