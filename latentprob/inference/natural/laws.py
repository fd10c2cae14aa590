"""Exponential families of the posteriors: divergences from a prior, nats, and matrices by their lower triangle."""

from functools import lru_cache

import torch
from torch import Tensor


def inside(values: Tensor) -> Tensor:
    """The values, NaN where they are not positive: steps beyond coordinate ascent may leave a family."""
    return torch.where(values > 0, values, torch.nan)


def gamma_divergence(a: Tensor, b: Tensor, a0: Tensor, b0: Tensor) -> Tensor:
    """KL(Gamma(a, b) || Gamma(a0, b0)), elementwise."""
    shape = (a - a0) * a.digamma() - a.lgamma() + a0.lgamma()
    return shape + a0 * (b / b0).log() + a * (b0 / b - 1)


def dirichlet_divergence(a: Tensor, a0: Tensor) -> Tensor:
    """KL(Dirichlet(a) || Dirichlet(a0)) over the last axis."""
    total, total0 = a.sum(-1), a0.sum(-1)
    constant = total.lgamma() - total0.lgamma() - (a.lgamma() - a0.lgamma()).sum(-1)
    return constant + ((a - a0) * mean_log(a)).sum(-1)


def mean_log(a: Tensor) -> Tensor:
    """E log p under p ~ Dirichlet(a), over the last axis."""
    return inside(a).digamma() - a.sum(-1, keepdim=True).digamma()


def normal_divergence(precision: Tensor, loc: Tensor, precision0: Tensor, loc0: Tensor, unit: Tensor) -> Tensor:
    """KL of normals whose precisions are both in units of `unit`, averaged over it: its mean is given."""
    ratio = precision0 / precision
    return 0.5 * (ratio - 1 - ratio.log() + precision0 * unit * (loc - loc0).square())


def wishart_divergence(df: Tensor, inverse: Tensor, df0: Tensor, inverse0: Tensor) -> Tensor:
    """KL(Wishart(df, W) || Wishart(df0, W0)); the inverses of the scales are given, (..., D, D)."""
    size = inverse.shape[-1]
    log_ratio = log_determinant(inverse) - log_determinant(inverse0)
    trace = (torch.linalg.solve(inverse, inverse0.expand_as(inverse))).diagonal(dim1=-2, dim2=-1).sum(-1)
    constant = torch.mvlgamma(0.5 * df0, size) - torch.mvlgamma(0.5 * df, size)
    digammas = multivariate_digamma(0.5 * df, size)
    return constant + 0.5 * (df - df0) * digammas + 0.5 * df0 * log_ratio + 0.5 * df * (trace - size)


def multivariate_digamma(a: Tensor, size: int) -> Tensor:
    """The derivative of log of the multivariate gamma function at a, (...)."""
    return inside(a[..., None] - 0.5 * torch.arange(size, dtype=a.dtype, device=a.device)).digamma().sum(-1)


def log_determinant(matrix: Tensor) -> Tensor:
    """The log determinant of positive definite matrices; NaN where they are not."""
    tril, info = torch.linalg.cholesky_ex(matrix)
    found = 2 * tril.diagonal(dim1=-2, dim2=-1).log().sum(-1)
    return torch.where(info == 0, found, torch.nan)


def wishart_draws(df: Tensor, inverse: Tensor, draws: int) -> Tensor:
    """Cholesky factors of covariances, (S, ..., D, D), whose inverses are Wishart: Bartlett (1933)."""
    size = inverse.shape[-1]
    freedom = df[..., None] - torch.arange(size - 1, -1, -1, dtype=df.dtype, device=df.device)
    chi = (2 * torch._standard_gamma(0.5 * freedom.expand(draws, *inverse.shape[:-1]))).sqrt()
    i, j = torch.triu_indices(size, size, 1, device=df.device)
    above = torch.randn(draws, *inverse.shape[:-2], len(i), dtype=df.dtype, device=df.device)
    upper = torch.diag_embed(chi)
    upper.flatten(-2).index_copy_(-1, i * size + j, above)
    root = torch.linalg.cholesky(inverse)
    return torch.linalg.solve_triangular(upper.mT, root.expand_as(upper), upper=False, left=False)


BAND = 5  # columns whose products are taken at once: the few that are made twice cost less than calls do


def packed(matrix: Tensor) -> Tensor:
    """Coefficients (..., P) of the products of `outer` in x' matrix x, for symmetric (..., D, D)."""
    places, counts, _ = _products(matrix.shape[-1], matrix.device)
    return matrix.flatten(-2).index_select(-1, places) * counts.to(matrix)


def unpacked(products: Tensor, size: int) -> Tensor:
    """Symmetric matrices (..., D, D) from sums of the products of `outer`, (..., P)."""
    _, _, back = _products(size, products.device)
    return products.index_select(-1, back).unflatten(-1, (size, size))


def chosen(matrix: Tensor) -> Tensor:
    """The products of `outer`, (..., P), out of matrices that hold them all, (..., D, D)."""
    return matrix.flatten(-2).index_select(-1, _products(matrix.shape[-1], matrix.device)[0])


def width(size: int) -> int:
    """The number P of the products of `outer`."""
    return sum(min(BAND, size - i) * (size - i) for i in range(0, size, BAND))


@lru_cache(maxsize=64)
def _products(size: int, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """Places (P,) of the products in a flat matrix, how often each counts, and places of the matrix in the products."""
    pairs = [
        (i, j) for low in range(0, size, BAND) for i in range(low, min(low + BAND, size)) for j in range(low, size)
    ]
    at = {pair: place for place, pair in enumerate(pairs)}
    counts = [1.0 if (j, i) in at else 2.0 for i, j in pairs]
    back = [at.get((i, j), at.get((j, i))) for i in range(size) for j in range(size)]
    places = torch.tensor([i * size + j for i, j in pairs], device=device)
    return places, torch.tensor(counts, device=device), torch.tensor(back, device=device)


def outer(x: Tensor, out: Tensor) -> None:
    """The products x_i x_j of columns x (D, n), into out (P, n): i band by band, j from its band on."""
    at, size = 0, len(x)
    for low in range(0, size, BAND):
        band, rest = x[low : low + BAND, None], x[None, low:]
        count = len(band) * (size - low)
        torch.mul(band, rest, out=out[at : at + count].unflatten(0, (len(band), -1)))
        at += count
