"""How well a point estimate reproduces means and covariances: chi-square, CFI, TLI, RMSEA, SRMR.

Of models under which a row is multivariate normal: factor analysis, exploratory or confirmatory, in one block or more.
"""

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from scipy.optimize import brentq
from scipy.stats import chi2, ncx2
from torch import Tensor

from latentprob.errors import NotAvailable
from latentprob.posterior.criteria import information
from latentprob.posterior.matching import Array
from latentprob.posterior.result import Result, count, whole
from latentprob.program import evaluate
from latentprob.spec.distributions import MultivariateNormal, Normal

INTERVAL = 0.90  # of the RMSEA (Browne and Cudeck, 1993)


@dataclass(frozen=True)
class Moments:
    """Mean (D,) and covariance (D, D) of all observed features together."""

    mean: Array
    covariance: Array


def fit_measures(result: Result) -> pd.Series:
    """Measures of fit, as lavaan defines them for complete data.

    chi_square is twice the log-likelihood that the saturated model, with a free mean and covariance, is ahead; the
    baseline model has free means and variances and no correlations. CFI: Bentler (1990); TLI: Tucker and Lewis (1973);
    RMSEA with its 90 % interval: Browne and Cudeck (1993); SRMR, means among the residuals: Bentler (1995).
    """
    names = _normal_variables(result)
    found = information(result)
    weights = np.ones(count(result.values)) if result.weights is None else result.weights
    sample, rows = _sample(result, names, weights), float(weights.sum())
    features = len(sample.mean)
    df = features * (features + 3) // 2 - int(found["df"])
    if df < 0 or features < 2:
        raise NotAvailable(
            f"fit measures: the model has {int(found['df'])} free numbers, and {features} features have "
            f"{features * (features + 3) // 2} means and covariances; there is nothing left to test"
        )
    spreads = Moments(sample.mean, np.diag(np.diag(sample.covariance)))
    saturated, independent = (_log_likelihood(moments, rows) for moments in (sample, spreads))
    chi = max(2 * (saturated - float(found["log_likelihood"])), 0.0)
    base, base_df = 2 * (saturated - independent), features * (features - 1) // 2
    lower, upper = _rmsea_interval(chi, df, rows)
    return pd.Series(
        {
            "chi_square": chi,
            "df": df,
            "p_value": float(chi2.sf(chi, df)),
            "baseline_chi_square": base,
            "baseline_df": base_df,
            "CFI": _cfi(chi - df, base - base_df),
            "TLI": 1.0 if df == 0 else (base / base_df - chi / df) / (base / base_df - 1),
            "RMSEA": _rmsea(chi - df, df, rows),
            "RMSEA_lower": lower,
            "RMSEA_upper": upper,
            "SRMR": _srmr(sample, _implied(result, names)),
        }
    )


def _normal_variables(result: Result) -> list[str]:
    """The observed variables, if a row of them is normal with one mean and one covariance, and no cell is hidden."""
    names = [name for name, site in result.sites.items() if site.role == "observed"]
    other = [name for name in names if not isinstance(result.model[name], (Normal, MultivariateNormal))]
    other += [name for name, role in result.program.plan.items() if role != "integrate"]
    if other:
        raise NotAvailable(
            f"fit measures compare means and covariances of normal rows, and under {other[0]} ~ "
            f"{type(result.model[other[0]]).__name__} they are not normal; information() gives AIC and BIC"
        )
    if result.model.inputs:
        raise NotAvailable(f"fit measures: the rows depend on the input {result.model.inputs[0]}, and have no one mean")
    if result.values.seen:
        raise NotAvailable(
            f"fit measures: cells of {', '.join(result.values.seen)} are hidden, and the saturated model of rows with "
            "gaps has no closed form; drop the rows, or ask information()"
        )
    return names


def _sample(result: Result, names: list[str], weights: Array) -> Moments:
    rows = np.concatenate([result.values.arrays[name] for name in names], axis=1)
    covariance = np.cov(rows.T, bias=True, aweights=weights)
    return Moments(np.average(rows, axis=0, weights=weights), np.atleast_2d(covariance))


def _log_likelihood(moments: Moments, rows: float) -> float:
    """Log-likelihood of rows whose sample has the model's mean and variances, nats."""
    size = len(moments.mean)
    return -0.5 * rows * (size * math.log(math.tau) + float(np.linalg.slogdet(moments.covariance)[1]) + size)


def _implied(result: Result, names: list[str]) -> Moments:
    """Mean and covariance under the model: a normal density has its precision as curvature, everywhere the same."""
    batch = whole({name: tensor[:1] for name, tensor in result.batch(result.values).items()})
    widths = [batch[name].shape[1] for name in names]
    sites = result.take(np.zeros(1, int))

    def density(row: Tensor) -> Tensor:
        parts = dict(zip(names, (part[None] for part in row.split(widths)), strict=True))
        return evaluate.row_log_density(result.module, {**batch, **parts}, sites, gradient=True).sum()

    at = torch.cat([batch[name][0] for name in names])
    slope = torch.func.grad(density)(at).double().cpu().numpy()
    curvature = torch.func.jacrev(torch.func.grad(density))(at).double().cpu().numpy()
    covariance = np.linalg.inv(-curvature)
    return Moments(at.cpu().numpy() + covariance @ slope, covariance)


def _cfi(excess: float, base: float) -> float:
    worst = max(excess, base, 0.0)
    return 1.0 - max(excess, 0.0) / worst if worst else 1.0


def _rmsea(excess: float, df: int, rows: float) -> float:
    return math.sqrt(max(excess, 0.0) / (df * rows)) if df else 0.0


def _rmsea_interval(chi: float, df: int, rows: float) -> tuple[float, float]:
    """The RMSEA at the noncentralities under which chi-square lies at the ends of the interval."""
    tail = (1 - INTERVAL) / 2
    ends = (_noncentrality(chi, df, share) if df else 0.0 for share in (1 - tail, tail))
    lower, upper = (_rmsea(end, df, rows) for end in ends)
    return lower, upper


def _noncentrality(chi: float, df: int, share: float) -> float:
    """The noncentrality under which a share of the draws lies below chi-square; 0 where none is so small."""
    if chi2.cdf(chi, df) <= share:
        return 0.0
    far = 10 * (chi + df + 10)
    return float(brentq(lambda shift: ncx2.cdf(chi, df, shift) - share, 1e-9, far))


def _srmr(sample: Moments, implied: Moments) -> float:
    """Root mean square of residual correlations and standardized means, each counted once."""
    scale = np.sqrt(np.diag(sample.covariance))
    residual = (sample.covariance - implied.covariance) / np.outer(scale, scale)
    shifts = (sample.mean - implied.mean) / scale
    lower = residual[np.tril_indices(len(scale))]
    return float(np.sqrt(np.mean(np.concatenate([lower, shifts]) ** 2)))
