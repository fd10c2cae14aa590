"""Exponential families of the posteriors: divergences from a prior, nats, and matrices by their lower triangle."""

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


def packed(matrix: Tensor) -> Tensor:
    """Coefficients (..., P) of the products of `outer` in x' matrix x, for symmetric (..., D, D)."""
    i, j = _pairs(matrix.shape[-1], matrix.device)
    return matrix.flatten(-2).index_select(-1, i * matrix.shape[-1] + j) * torch.where(i == j, 1.0, 2.0).to(matrix)


def unpacked(products: Tensor, size: int) -> Tensor:
    """Symmetric matrices (..., D, D) from sums of the products of `outer`, (..., P)."""
    i, j = _pairs(size, products.device)
    place = torch.empty(size, size, dtype=torch.long, device=products.device)
    place[i, j] = place[j, i] = torch.arange(len(i), device=products.device)
    return products.index_select(-1, place.flatten()).unflatten(-1, (size, size))


def _pairs(size: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Places of the products in a matrix: feature by feature, each with itself and those that follow."""
    i, j = torch.triu_indices(size, size, device=device)
    return i, j


def outer(x: Tensor, out: Tensor) -> None:
    """The products x_i x_j, j >= i, of columns x (D, n), into out (P, n)."""
    at, size = 0, len(x)
    for i in range(size):
        torch.mul(x[i:], x[i], out=out[at : at + size - i])
        at += size - i
