"""The belief of integrated latents in closed form, as program text.

With precision P and mean m of p(z given x), Bayes' rule at z = m gives the marginal density
p(x) = p(x given m) p(m) / p(m given x): no matrix over the features is ever made.
"""

from typing import TYPE_CHECKING, Any

from latentprob.program.distributions import normal_scale, tril_of
from latentprob.program.expression import ROW, Expr, aligned, binary, product, total, union
from latentprob.program.maps import expanded, linear_weights, parameter, without
from latentprob.program.scope import Scope
from latentprob.spec.distributions import MultivariateNormal
from latentprob.spec.maps import Linear
from latentprob.spec.model import argument, terms

if TYPE_CHECKING:
    from latentprob.program.emit import Emitter


def group_axis(group: tuple[str, ...]) -> str:
    """The axis of the latents of a group laid end to end."""
    return group[0] if len(group) == 1 else "_".join(group)


def belief_lines(scope: Scope, group: tuple[str, ...], anchor: str) -> list[str]:
    """Lines that compute mean, covariance and log density at the mean of the belief of a group."""
    axis = group_axis(group)
    order = _order(scope, axis)
    lines: list[str] = []
    precisions, shifts = _prior_parts(scope, group, anchor, lines)
    for child in dict.fromkeys(c for name in group for c in scope.model.children(name)):
        precision, shift = _child_parts(scope, group, child, order, lines)
        precisions.append(precision)
        shifts.append(shift)
    lines[:0] = scope.take()
    precision = total(precisions, order)
    shift = total(shifts, order)
    dims = precision.dims
    mean_dims = tuple(d for d in order if d in (ROW, *dims[:-1], *shift.dims))
    lines.append(f"precision = {precision.text}")
    lines.append("tril = torch.linalg.cholesky(precision)")
    lines.append(f"{axis}_covariance = torch.cholesky_inverse(tril)")
    shown = Expr("shift", shift.dims)
    lines.append(f"shift = {shift.text}")
    mean = product([shown, Expr(f"{axis}_covariance", dims)], tuple(f"{axis}'" if d == axis else d for d in mean_dims))
    lines.append(f"{axis}_loc = {mean.text}")
    lines.append("log_belief = tril.diagonal(dim1=-2, dim2=-1).log().sum(-1)")
    lines.append(f"log_belief = log_belief - 0.5 * math.log(math.tau) * {axis}_loc.shape[-1]")
    lines.append(f"return {axis}_loc, {axis}_covariance, log_belief")
    return lines


def belief_dims(scope: Scope, group: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Dims of the belief's mean without its axis, and of its precision without its axes."""
    given = scope.plan.given(group[0])
    children = {c for name in group for c in scope.model.children(name)}
    by_row = any(c in scope.plan.missing for c in children) or _reads_rows(scope, group, children)
    return (ROW, *given), (*([ROW] if by_row else []), *_precision_levels(scope, group))


def density_at_belief(scope: Scope, group: tuple[str, ...], emitter: "Emitter") -> tuple[list[str], Expr]:
    """Lines that put the latents of a group at their belief's mean, and the log density to divide by."""
    axis = group_axis(group)
    body = belief_lines(scope, group, emitter.anchor)
    drawn = emitter._drawn_read(body)
    call = ", ".join(["parameters", *emitter.arguments, *drawn])
    values = axis if len(group) == 1 else f"{axis}"
    lines = [f"{values}, _, log_{axis}_belief = self.{axis}_belief({call})"]
    mean_dims, _ = belief_dims(scope, group)
    if len(group) > 1:
        sizes = ", ".join(f"self.{name}_size" for name in group)
        lines.append(f"{', '.join(group)} = {axis}.split([{sizes}], -1)")
    for name in group:
        scope.values[name] = Expr(name, (*mean_dims, name))
    return lines, Expr(f"-log_{axis}_belief", _log_dims(scope, group))


def _log_dims(scope: Scope, group: tuple[str, ...]) -> tuple[str, ...]:
    lines: list[str] = []
    axis = group_axis(group)
    order = _order(scope, axis)
    precisions, _ = _prior_parts(scope, group, "x", lines)
    for child in dict.fromkeys(c for name in group for c in scope.model.children(name)):
        precisions.append(_child_parts(scope, group, child, order, lines)[0])
    return total(precisions, order).dims[:-2]


def _precision_levels(scope: Scope, group: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(d for d in _log_dims(scope, group) if d != ROW)


def _reads_rows(scope: Scope, group: tuple[str, ...], children: set[str]) -> bool:
    return ROW in _log_dims(scope, group)


def _order(scope: Scope, axis: str) -> tuple[str, ...]:
    levels = [d for d in scope.order if d in scope.summed]
    rest = [d for d in scope.order if d not in (*levels, ROW, axis, f"{axis}'")]
    return (ROW, *levels, axis, f"{axis}'", *rest)


def _prior_parts(scope: Scope, group: tuple[str, ...], anchor: str, lines: list[str]) -> tuple[list[Expr], list[Expr]]:
    """Precision and precision times mean of p(z), block by block."""
    blocks, shifts = [], []
    for name in group:
        component: Any = scope.model[name]
        loc = expanded(parameter(scope, name, "loc"), (name,), scope, anchor)
        if isinstance(component, MultivariateNormal):
            tril = tril_of(scope, name)
            precision = Expr(f"torch.cholesky_inverse({tril.text})", tril.dims)
            lines.append(f"{name}_precision = {precision.text}")
            precision = Expr(f"{name}_precision", tril.dims)
            zero = "new_zeros" in loc.text
            turned = Expr(precision.text, (*tril.dims[:-2], f"{name}'", name))
            renamed = Expr(loc.text, (*loc.dims[:-1], f"{name}'"), loc.atom)
            dims = tuple(d for d in scope.order if d in (*renamed.dims[:-1], *turned.dims[:-2])) + (name,)
            shift = loc if zero else product([turned, renamed], dims)
            diagonal = precision
        else:
            scale = expanded(normal_scale(scope, name), (name,), scope, anchor)
            square = Expr(f"{scale.operand}.square().reciprocal()", scale.dims)
            if "new_ones" in scale.text or "new_full" in scale.text:
                square = Expr(scale.text if _is_one(scale.text) else square.text, scale.dims)
            lines.append(f"{name}_precision = {square.text}")
            square = Expr(f"{name}_precision", scale.dims)
            diagonal = Expr(f"torch.diag_embed({square.text})", (*scale.dims, f"{name}'"))
            zero = "new_zeros" in loc.text
            shift = loc if zero else binary(square, "*", loc, scope.order)
        blocks.append((diagonal, shift, zero))
    if len(group) == 1:
        diagonal, shift, zero = blocks[0]
        return [diagonal], ([] if zero else [shift])
    return _joined(scope, group, blocks, lines)


def _is_one(text: str) -> bool:
    return text.endswith(", 1.0)") or "new_ones" in text


def _joined(scope: Scope, group: tuple[str, ...], blocks: list[Any], lines: list[str]) -> tuple[list[Expr], list[Expr]]:
    if any(d not in (n, f"{n}'") for (diagonal, _, _), n in zip(blocks, group, strict=True) for d in diagonal.dims):
        from latentprob.errors import ModelError

        raise ModelError(
            f"{' and '.join(group)} share a child and their scales depend on a level; give them priors of fixed scale"
        )
    axis = group_axis(group)
    diagonal = Expr(f"torch.block_diag({', '.join(b[0].text for b in blocks)})", (axis, f"{axis}'"))
    if all(zero for _, _, zero in blocks):
        return [diagonal], []
    if any(set(shift.dims) - {n} for (_, shift, _), n in zip(blocks, group, strict=True)):
        from latentprob.errors import ModelError

        raise ModelError(f"{' and '.join(group)} share a child and their locations have parents; give them fixed locations")
    return [diagonal], [Expr(f"torch.cat([{', '.join(b[1].text for b in blocks)}], -1)", (axis,))]


def _child_parts(
    scope: Scope, group: tuple[str, ...], child: str, order: tuple[str, ...], lines: list[str]
) -> tuple[Expr, Expr]:
    """What one observed child adds to the precision, and to the precision times mean."""
    axis = group_axis(group)
    weights = _weights(scope, group, child, order, lines)
    rest = without(scope, child, group)
    residual = binary(scope.values[child], "-", rest, scope.order)
    lines.append(f"{child}_residual = {residual.text}")
    residual = Expr(f"{child}_residual", residual.dims)
    if isinstance(scope.model[child], MultivariateNormal):
        return _matrix_child(scope, child, axis, weights, residual, order, lines)
    noise = normal_scale(scope, child)
    if noise.number is not None:
        inverse = Expr(repr(noise.number**-2), (), True, noise.number**-2)
    else:
        inverse = Expr(f"{noise.operand}.square().reciprocal()", noise.dims)
    if child in scope.plan.missing:
        seen = Expr(f"{child}_seen", (ROW, child))
        inverse = binary(seen, "*", inverse, order)
        lines.append(f"{child}_inverse = {inverse.text}")
        inverse = Expr(f"{child}_inverse", inverse.dims)
    loaded = binary(weights, "*", inverse, order)
    lines.append(f"{child}_loaded = {loaded.text}")
    loaded = Expr(f"{child}_loaded", loaded.dims)
    return _products(loaded, weights, residual, axis, child, order)


def _products(
    loaded: Expr, weights: Expr, residual: Expr, axis: str, child: str, order: tuple[str, ...]
) -> tuple[Expr, Expr]:
    turned = Expr(weights.text, tuple(f"{axis}'" if d == axis else d for d in weights.dims))
    lead = tuple(d for d in union(loaded, turned, order=order) if d not in (child, axis, f"{axis}'"))
    if loaded.dims == (axis, child) and turned.dims == (f"{axis}'", child):
        precision = Expr(f"{loaded.text} @ {weights.operand}.mT", (axis, f"{axis}'"), False)
    else:
        precision = product([loaded, turned], (*lead, axis, f"{axis}'"))
    dims = tuple(d for d in union(residual, loaded, order=order) if d not in (child, axis))
    if residual.dims == (ROW, child) and loaded.dims == (axis, child):
        shift = Expr(f"{residual.text} @ {loaded.operand}.mT", (ROW, axis), False)
    else:
        shift = product([residual, loaded], (*dims, axis))
    return precision, shift


def _matrix_child(
    scope: Scope,
    child: str,
    axis: str,
    weights: Expr,
    residual: Expr,
    order: tuple[str, ...],
    lines: list[str],
) -> tuple[Expr, Expr]:
    tril = tril_of(scope, child)
    if child in scope.plan.missing:
        seen = Expr(f"{child}_seen", (ROW, child))
        dims = union(Expr("", tril.dims[:-1]), seen, order=order)
        shown = aligned(seen, dims)
        zero = f"torch.zeros_like({child}_residual)"
        wide = tuple(d for d in union(residual, seen, order=order))
        shown = aligned(seen, wide)
        law = f"seen_normal({zero}, {tril.text}, {zero}, {shown.text})"
        lines.append(f"{child}_inverse = {law}.precision_matrix")
        lines.append(f"{child}_residual = torch.where({shown.text}, {child}_residual, 0.0)")
        residual = Expr(f"{child}_residual", wide)
        inverse = Expr(f"{child}_inverse", (*wide, f"{child}'"))
        hidden = binary(weights, "*", seen, order)
        lines.append(f"{child}_seen_weights = {hidden.text}")
        weights = Expr(f"{child}_seen_weights", hidden.dims)
    else:
        lines.append(f"{child}_inverse = torch.cholesky_inverse({tril.text})")
        inverse = Expr(f"{child}_inverse", tril.dims)
    turned = Expr(weights.text, tuple(f"{child}'" if d == child else d for d in weights.dims))
    lead = tuple(d for d in union(weights, inverse, order=order) if d not in (axis, child, f"{child}'"))
    loaded = product([turned, inverse], (*lead, axis, child))
    lines.append(f"{child}_loaded = {loaded.text}")
    return _products(Expr(f"{child}_loaded", loaded.dims), weights, residual, axis, child, order)


def _weights(scope: Scope, group: tuple[str, ...], child: str, order: tuple[str, ...], lines: list[str]) -> Expr:
    """The weights of the group on a child, blocks end to end where it has several latents."""
    found: list[Expr] = []
    for name in group:
        parts = [t for t in terms(argument(scope.model, child, "loc")) if isinstance(t, Linear) and t.parent == name]
        blocks = [linear_weights(part, scope, child, "loc") for part in parts]
        if blocks:
            found.append(total(blocks, scope.order))
        else:
            zeros = f"{child}.new_zeros(self.{name}_size, self.{child}_size)"
            found.append(Expr(zeros, (name, child)))
    if len(group) == 1:
        return found[0]
    axis = group_axis(group)
    lead = tuple(d for d in scope.order if any(d in e.dims[:-2] for e in found))
    if any(e.dims[:-2] != lead for e in found):
        shapes = ", ".join(e.text for e in found)
        raise NotImplementedError(shapes)
    lines.append(f"{child}_weights = torch.cat([{', '.join(e.text for e in found)}], -2)")
    return Expr(f"{child}_weights", (*lead, axis, child))

