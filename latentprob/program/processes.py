"""Gaussian processes as program text: features at inducing inputs, whitened values, what they leave open.

A process is its value at M inducing inputs and the rest (Titsias, 2009; Hensman, Fusi and Lawrence, 2013):

    g(z) = features(z) @ v + sqrt(rest(z)) * residual,   v ~ Normal(0, 1),  residual ~ Normal(0, 1) row by row,

which has the law of the process at every single row. The guide keeps the residual's law, so that the bound is the one
that holds for the process itself, correlated over the rows, and any likelihood may stand above it.
"""

from collections.abc import Iterator

from latentprob.program.context import Context, size
from latentprob.program.expression import ROW, Expr, binary, method, product, total
from latentprob.program.maps import tail_axes, term
from latentprob.program.scope import Scope
from latentprob.spec.component import lookup
from latentprob.spec.maps import GP
from latentprob.spec.model import argument, terms
from latentprob.spec.sites import Free, intercept_of, own_axes
from latentprob.spec.structure import RESIDUAL, processes, site_name

FEATURES = '''
def process_features(z, points, lengthscale):
    """What a Gaussian process at z, (N, Z), takes from whitened values at points, (M, Z).

    Features, (N, M), and the share of the variance that they leave open, (N,), under the
    kernel exp(-|(a - b) / lengthscale|^2 / 2).
    """
    z, points = z / lengthscale, points / lengthscale
    inner = points @ points.mT
    norms = 0.5 * inner.diagonal(dim1=-2, dim2=-1)
    jitter = 1e-6 * torch.eye(len(points), dtype=z.dtype, device=z.device)
    kernel = (inner - norms - norms[:, None]).exp()
    cross = (points @ z.mT - 0.5 * z.square().sum(-1) - norms[:, None]).exp()
    tril = torch.linalg.cholesky(kernel + jitter)
    features = torch.linalg.solve_triangular(tril, cross, upper=False).mT
    return features, (1 - features.square().sum(-1)).clamp_min(1e-9)
'''


@term.register
def _(part: GP, scope: Scope, name: str, which: str) -> Expr:
    value = argument(scope.model, name, which)
    base = site_name(name, which, part, terms(value))
    frees = {f.part: f for f in scope.context.frees if f.source == part and (f.variable, f.parameter) == (name, which)}
    z, points = scope.values[part.parent], frees["inducing"].axes[0]
    call = f"process_features({z.text}, self.{base}_points, {frees['lengthscale'].name})"
    scope.lines.append(f"{base}_features, {base}_rest = {call}")
    own = (*own_axes(scope.model, name), *tail_axes(scope, name, which))
    known = product([Expr(f"{base}_features", (ROW, points)), _expr(frees["inducing"])], (ROW, *own))
    rest = Expr(f"{base}_rest.sqrt()", (ROW,))
    rest = binary(rest, "*", Expr(f"{base}_{RESIDUAL}", (ROW, *own)), _order(own))
    shape = scope.let(f"{base}_process", total([known, rest], _order(own)))
    scaled = binary(method(_expr(frees["variance"]), "sqrt()"), "*", shape, _order(own))
    found = [_expr(frees["intercept"])] if part is intercept_of(value) else []
    return total([*found, scaled], _order(own))


def _expr(free: Free) -> Expr:
    return Expr(free.name, free.axes)


def _order(own: tuple[str, ...]) -> tuple[str, ...]:
    return (ROW, *own)


def residuals(context: Context, name: str) -> Iterator[tuple[str, str]]:
    """Names and laws of the residuals of the processes that a variable reads, row by row."""
    for base, variable, which, _ in processes(context.model.statements):
        if variable == name:
            axes = (*own_axes(context.model, name), *tail_axes(Scope(context.plan), name, which))
            event = f".to_event({len(axes)})" if axes else ""
            shape = ", ".join(size(axis) for axis in axes)
            yield f"{base}_{RESIDUAL}", f"dist.Normal({context.anchor}.new_zeros([{shape}]), 1.0){event}"


def residual_sites(context: Context, name: str) -> list[str]:
    """The statements that draw them."""
    return [f'{site} = pyro.sample("{site}", {law})' for site, law in residuals(context, name)]


def points(context: Context) -> list[str]:
    """The statements that make the inducing inputs: point estimates, first amid the values of their parent."""
    lines = []
    for base, _, _, part in processes(context.model.statements):
        drawn = f"torch.randn({part.inducing}, {size(lookup(part.parent)[0])})"
        if part.parent in context.plan.observed:
            drawn = f"self.{part.parent}_center + self.{part.parent}_spread * {drawn}"
        lines.append(f"self.{base}_points = nn.Parameter({drawn})")
    return lines
