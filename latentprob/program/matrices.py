"""Priors of matrices: Bartlett's decomposition of a Wishart, LKJ correlations, known matrices, point estimates."""

from typing import Any

from latentprob.program.context import Context, size
from latentprob.program.defaults import FLOOR, SCALE_RATE, WISHART_DF
from latentprob.program.maps import filled
from latentprob.program.priors import shape_text
from latentprob.spec import distributions as spec
from latentprob.spec.sites import Free

INVERSE_WISHART = '''
def inverse_wishart_tril(diagonal, above, root):
    """Cholesky factor of a covariance whose inverse is Wishart, by Bartlett (1933).

    diagonal, (..., D), is chi-squared; above, (..., D(D-1)/2), standard normal;
    root, (D, D), is the Cholesky factor of the inverse of the Wishart's scale.
    """
    D = diagonal.shape[-1]
    i, j = torch.triu_indices(D, D, 1, device=diagonal.device)
    flat = above.new_zeros(*above.shape[:-1], D * D).index_copy(-1, i * D + j, above)
    upper = flat.unflatten(-1, (D, D)) + torch.diag_embed(diagonal.sqrt())
    return torch.linalg.solve_triangular(upper.mT, root, upper=False, left=False)
'''

SEEN_NORMAL = '''
def seen_normal(loc, scale_tril, x, seen):
    """The normal law of the seen cells; a hidden cell has density one at x.

    loc, x and seen are (..., D), scale_tril is (..., D, D).
    """
    both = seen[..., :, None] & seen[..., None, :]
    alone = torch.eye(x.shape[-1], dtype=x.dtype, device=x.device) / math.tau
    covariance = torch.where(both, scale_tril @ scale_tril.mT, alone)
    tril = torch.linalg.cholesky(covariance)
    return dist.MultivariateNormal(torch.where(seen, loc, x), scale_tril=tril)
'''


def auxiliary_axes(free: Free) -> dict[str, tuple[str, ...]]:
    """The Pyro sites that a matrix is made of, with their axes; "" is an axis without a name."""
    lead = free.axes[:-2]
    if isinstance(free.prior, spec.LKJ) or free.domain == "correlation":
        return {f"{free.name}_tril": free.axes}
    if free.prior == "point":
        return {f"{free.name}_tril": free.axes}
    return {f"{free.name}_diagonal": (*lead, free.variable), f"{free.name}_above": (*lead, "")}


def matrix_lines(context: Context, free: Free) -> list[str]:
    """The lines that draw a matrix parameter and make the Cholesky factor of the covariance."""
    if free.parameter == "correlation":
        return _correlation(context, free)
    if free.prior == "point":
        return [*_point(context, free), *_deterministic(free)]
    return [*_bartlett(context, free), *_deterministic(free)]


def _event(lead: list[str]) -> str:
    return f".expand({shape_text(lead)}).to_event({len(lead)})" if lead else ""


def _correlation(context: Context, free: Free) -> list[str]:
    lead = [size(axis) for axis in free.axes[:-2]]
    features = size(free.variable)
    tril = f"{free.name}_tril"
    if free.prior == "point":
        shape = ", ".join([*lead, features, features])
        draw = f"dist.ImproperUniform(constraints.corr_cholesky, (), ({shape}))"
    else:
        concentration = 1.0 if free.prior is None else float(free.prior.concentration)
        draw = f"dist.LKJCholesky({features}, {filled(context.anchor, '()', concentration)}){_event(lead)}"
    return [
        f'{tril} = pyro.sample("{tril}", {draw})',
        f'pyro.deterministic("{free.name}", {tril} @ {tril}.mT)',
    ]


def _bartlett(context: Context, free: Free) -> list[str]:
    lead = [size(axis) for axis in free.axes[:-2]]
    features = size(free.variable)
    diagonal, above = auxiliary_axes(free)
    shape = ", ".join([*lead, features])
    pairs = ", ".join([*lead, f"{features} * ({features} - 1) // 2"])
    prior: Any = free.prior
    event = len(lead) + 1
    base = f"{context.anchor}.new_ones({features}).cumsum(0)"
    freedom = f"{WISHART_DF} + {base}" if prior is None else f"{float(prior.df)!r} - {features} + {base}"
    return [
        "# Bartlett's factors of a Wishart precision: chi-squared on the diagonal",
        f"freedom = {freedom}",
        f'{diagonal} = pyro.sample("{diagonal}", dist.Chi2(freedom).expand([{shape}]).to_event({event}))',
        f'{above} = pyro.sample("{above}", dist.Normal({context.anchor}.new_zeros({pairs}), 1.0).to_event({event}))',
        f"{free.variable}_scale_tril = inverse_wishart_tril({diagonal}, {above}, self.{free.name}_root)",
    ]


def constant_lines(context: Context, free: Free) -> list[str]:
    """The buffers that a matrix parameter needs, made once."""
    if free.domain == "correlation":
        return []
    if free.prior == "point":
        return [f'self.register_buffer("{free.name}_floor", {_floor(context, free)})']
    return [f'self.register_buffer("{free.name}_root", {_root(context, free)})']


def _floor(context: Context, free: Free) -> str:
    features = size(free.variable)
    spread = context.spread(free.variable) or f"{context.anchor}.new_ones({features})"
    return f"torch.diag(({FLOOR!r} * {spread}) ** 2)"


def _root(context: Context, free: Free) -> str:
    """The Cholesky factor of the inverse of the Wishart's scale."""
    features = size(free.variable)
    if free.prior is None:
        spread = context.spread(free.variable)
        instead = f"{context.anchor}.new_ones({features})"
        return f"{2 * SCALE_RATE!r}**0.5 * torch.diag({spread or instead})"
    scale = free.prior.scale
    if not isinstance(scale, tuple):
        return f"torch.diag({context.anchor}.new_full([{features}], {float(scale) ** -0.5!r}))"
    if not isinstance(scale[0], tuple):
        return f"torch.diag({context.anchor}.new_tensor({[float(v) ** -0.5 for v in scale]!r}))"
    rows = [[float(v) for v in row] for row in scale]
    return f"torch.linalg.cholesky({context.anchor}.new_tensor({rows!r}).inverse())"


def _point(context: Context, free: Free) -> list[str]:
    shape = ", ".join(size(axis) for axis in free.axes)
    tril = f"{free.name}_tril"
    return [
        f'{tril} = pyro.sample("{tril}", dist.ImproperUniform(constraints.lower_cholesky, (), ({shape})))',
        f"{free.variable}_scale_tril = torch.linalg.cholesky({tril} @ {tril}.mT + self.{free.name}_floor)",
    ]


def _deterministic(free: Free) -> list[str]:
    tril = f"{free.variable}_scale_tril"
    value = {
        "covariance": f"{tril} @ {tril}.mT",
        "precision": f"torch.cholesky_inverse({tril})",
        "scale_tril": tril,
    }[free.parameter]
    return [f'pyro.deterministic("{free.name}", {value})']


def composed_lines(context: Context, name: str) -> list[str]:
    """The line that makes the Cholesky factor of a known covariance, or of scales and a correlation."""
    law: Any = context.model[name]
    known = {
        "covariance": f"torch.linalg.cholesky(self.{name}_covariance)",
        "precision": f"torch.linalg.cholesky(self.{name}_precision.inverse())",
        "scale_tril": f"self.{name}_scale_tril",
    }
    for which, made in known.items():
        if isinstance(getattr(law, which), tuple):
            return [f"{name}_scale_tril = {made}"]
    if law.correlation is None:
        return []
    root = f"{name}_correlation_tril"
    if isinstance(law.correlation, tuple):
        root = f"torch.linalg.cholesky(self.{name}_correlation)"
    return [f"{name}_scale_tril = {_scale(context, name, law.scale)} * {root}"]


def _scale(context: Context, name: str, scale: Any) -> str:
    """The scale of a MultivariateNormal as a factor of the rows of its correlation's root."""
    if isinstance(scale, (int, float)):
        return repr(float(scale))
    if isinstance(scale, tuple):
        return f"self.{name}_scale[:, None]"
    features = any(f.parameter == "scale" and name in f.axes for f in context.frees if f.variable == name)
    return f"{name}_scale[..., None]" if features else f"{name}_scale[..., None, None]"
