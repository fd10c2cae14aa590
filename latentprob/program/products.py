"""Densities of rows as matrix products, for all levels at once: no array of rows x levels x features is made.

They need parameters that are the same for all rows, and double precision: squares are expanded.
"""

from functools import singledispatch

from latentprob.program.distributions import normal_scale, tril_of
from latentprob.program.expression import ROW, Expr, aligned, binary, method, product, union
from latentprob.program.maps import expanded, parameter
from latentprob.program.scope import Scope
from latentprob.program.wholes import probs_of
from latentprob.spec.distributions import Bernoulli, Distribution, Multinomial, MultivariateNormal, Normal, Poisson

TINY = 1e-300  # a rate of zero has a finite logarithm, so that products with it are defined

NORMAL = '''
def normal_log_prob(x, loc, scale, origin):
    """log Normal(x; loc, scale), summed over the features, by matrix products.

    x is (N, D), loc and scale are (..., D), the result is (N, ...).
    Squares are expanded around origin, (D,), a point amid the rows.
    """
    x, loc, precision = x - origin, loc - origin, scale.square().reciprocal()
    loc, precision = torch.broadcast_tensors(loc, precision)
    squares = torch.einsum("nx,...x->n...", x.square(), precision)
    products = torch.einsum("nx,...x->n...", x, precision * loc)
    rest = precision * loc.square() - precision.log() + math.log(math.tau)
    return products - 0.5 * squares - 0.5 * rest.sum(-1)
'''

SEEN_NORMAL = '''
def seen_normal_log_prob(x, seen, loc, scale, origin):
    """log Normal(x; loc, scale), summed over the seen features, by matrix products.

    x and seen are (N, D), loc and scale are (..., D), the result is (N, ...).
    Squares are expanded around origin, (D,), a point amid the rows.
    """
    x, loc, precision = x - origin, loc - origin, scale.square().reciprocal()
    loc, precision = torch.broadcast_tensors(loc, precision)
    squares = torch.einsum("nx,...x->n...", seen * x.square(), precision)
    products = torch.einsum("nx,...x->n...", seen * x, precision * loc)
    rest = precision * loc.square() - precision.log() + math.log(math.tau)
    rest = torch.einsum("nx,...x->n...", seen.to(x), rest)
    return products - 0.5 * squares - 0.5 * rest
'''

MULTIVARIATE_NORMAL = '''
def multivariate_normal_log_prob(x, loc, scale_tril):
    """log MultivariateNormal(x; loc, scale_tril), by one product with all whiteners.

    x is (N, D), loc is (..., D), scale_tril is (..., D, D), the result is (N, ...).
    """
    lead = torch.broadcast_shapes(loc.shape[:-1], scale_tril.shape[:-2])
    eye = torch.eye(x.shape[-1], dtype=x.dtype, device=x.device)
    whitener = torch.linalg.solve_triangular(scale_tril, eye, upper=False)
    whitener = whitener.expand(*lead, -1, -1)
    center = torch.einsum("...x,...yx->...y", loc, whitener)
    white = nn.functional.linear(x, whitener.flatten(0, -2), -center.flatten())
    white = white.unflatten(-1, center.shape)
    log_scale = scale_tril.diagonal(dim1=-2, dim2=-1).log() + 0.5 * math.log(math.tau)
    return -0.5 * (white.square() @ white.new_ones(len(eye))) - log_scale.sum(-1)
'''


def row_products(scope: Scope, name: str) -> Expr | None:
    """log p(rows of an observed variable given its parents) as products; None where that has no such text."""
    found = _products(scope.model[name], scope, name)
    if found is None:
        scope.take()
    return found


@singledispatch
def _products(component: Distribution, scope: Scope, name: str) -> Expr | None:
    return None


def _seen(scope: Scope, name: str) -> Expr | None:
    return Expr(f"{name}_seen", (ROW, name)) if name in scope.plan.missing else None


@_products.register
def _(component: Normal, scope: Scope, name: str) -> Expr | None:
    loc = expanded(parameter(scope, name, "loc"), name, scope)
    scale = expanded(normal_scale(scope, name), name, scope)
    dims = union(loc, scale, order=scope.order)
    if ROW in dims:
        return None
    texts = [aligned(loc, dims).text, aligned(scale, dims).text, f"self.{name}_center"]
    call = "normal_log_prob" if _seen(scope, name) is None else "seen_normal_log_prob"
    given = [name] if _seen(scope, name) is None else [name, f"{name}_seen"]
    return Expr(f"{call}({', '.join([*given, *texts])})", (ROW, *dims[:-1]))


@_products.register
def _(component: MultivariateNormal, scope: Scope, name: str) -> Expr | None:
    loc, tril = expanded(parameter(scope, name, "loc"), name, scope), tril_of(scope, name)
    dims = union(loc, tril, order=scope.order)
    if ROW in dims or name in scope.plan.missing:
        return None
    texts = (name, aligned(loc, dims[:-1]).text, aligned(tril, dims).text)
    return Expr(f"multivariate_normal_log_prob({', '.join(texts)})", (ROW, *dims[:-2]))


@_products.register
def _(component: Bernoulli, scope: Scope, name: str) -> Expr | None:
    if component.logits is not None:
        logits = expanded(parameter(scope, name, "logits"), name, scope)
    else:
        probs = expanded(parameter(scope, name, "probs"), name, scope)
        logits = Expr(f"dist.Bernoulli({probs.text}).logits", probs.dims)
    if ROW in logits.dims:
        return None
    logits = scope.named(f"{name}_log_odds", logits)
    norm = scope.let(f"{name}_log_norm", Expr(f"nn.functional.softplus({logits.text})", logits.dims))
    return _linear(scope, name, logits, norm)


@_products.register
def _(component: Poisson, scope: Scope, name: str) -> Expr | None:
    rate = expanded(parameter(scope, name, "rate"), name, scope)
    if ROW in rate.dims:
        return None
    seen = _seen(scope, name)
    factorial = Expr(f"({name} + 1).lgamma()", (ROW, name))
    factorial = factorial if seen is None else binary(seen, "*", factorial, scope.order)
    logs = scope.let(f"{name}_log_rate", method(rate, f"clamp_min({TINY}).log()"))
    linear = _linear(scope, name, logs, rate)
    return binary(linear, "-", method(factorial, "sum(-1)", 1), scope.order)


@_products.register
def _(component: Multinomial, scope: Scope, name: str) -> Expr | None:
    probs = probs_of(component, scope, name)
    if ROW in probs.dims or name in scope.plan.missing:
        return None
    logs = scope.let(f"{name}_log_probs", method(probs, f"clamp_min({TINY}).log()"))
    ways = method(Expr(f"({name} + 1).lgamma()", (ROW, name)), "sum(-1)", 1)
    whole = Expr(f"({name}.sum(-1) + 1).lgamma()", (ROW,))
    linear = product([Expr(name, (ROW, name)), logs], (ROW, *logs.dims[:-1]))
    return binary(linear, "+", scope.let(f"{name}_log_ways", binary(whole, "-", ways, scope.order)), scope.order)


def _linear(scope: Scope, name: str, slope: Expr, constant: Expr) -> Expr:
    """The sum over features of x * slope - constant."""
    lead = slope.dims[:-1]
    value, seen = Expr(name, (ROW, name)), _seen(scope, name)
    if seen is None:
        first, second = product([value, slope], (ROW, *lead)), method(constant, "sum(-1)", 1)
    else:
        seen = scope.let(f"{name}_shown", Expr(f"{name}_seen.to({name})", (ROW, name)))
        first = product([binary(seen, "*", value, scope.order), slope], (ROW, *lead))
        second = product([seen, constant], (ROW, *lead))
    return binary(first, "-", second, scope.order)
