"""Information criteria of a point estimate."""

import math
from typing import Any

import numpy as np
import pandas as pd

from latentprob.errors import NotAvailable
from latentprob.posterior.beliefs import stream
from latentprob.posterior.density import check_density, row_density
from latentprob.posterior.result import Result, count
from latentprob.spec.sites import Free, Site, free_parameters, masks
from latentprob.spec.symmetry import is_oblique, loadings_of, symmetry


def information(result: Result) -> pd.Series:
    """Log-likelihood (nats), free numbers, AIC, BIC, and ICL where levels are hidden; lower is better.

    ICL is BIC - 2 sum_n log p(c_n | x_n) at the most probable levels (Biernacki, Celeux and Govaert, 2000).
    """
    if not result.is_point:
        raise NotAvailable(
            "information criteria count the numbers of a point estimate, and this fit has a posterior: "
            "diagnose() gives its leave-one-out estimate; lp.fit(model.point(), data) gives a point estimate"
        )
    check_density(result.model, "information criteria")
    if result.drawn:
        raise NotAvailable(
            f"information criteria: {', '.join(result.drawn)} has no closed form, so the likelihood is only estimated, "
            "and a network's weights are no degrees of freedom; score(data) gives the density of held-out rows"
        )
    index, values = np.zeros(1, int), result.values
    weights = np.ones(count(values)) if result.weights is None else result.weights
    loglik = float(row_density(result, values, index, 1)[0] @ weights)
    df, rows = degrees_of_freedom(result), float(weights.sum())
    bic = df * math.log(rows) - 2 * loglik
    found = {"log_likelihood": loglik, "df": df, "AIC": 2 * df - 2 * loglik, "BIC": bic}
    levels = [name for name, role in result.program.plan.items() if role == "sum"]
    if levels and result.program.layout.chain is None:
        found["ICL"] = bic - 2 * _certainty(result, levels, weights)
    return pd.Series(found)


def _certainty(result: Result, names: list[str], weights: np.ndarray) -> float:
    """Sum over rows of the log probability of the most probable level of each latent."""
    total = 0.0
    for block in stream(result, result.values, np.zeros(1, int)):
        for name in names:
            best = block.beliefs[f"{name}_probs"][0].double().cpu().numpy().max(axis=-1)
            total += float(np.log(best) @ weights[block.rows])
    return total


def degrees_of_freedom(result: Result) -> int:
    """How many numbers the model fits: those of its free parameters that can move on their own.

    A vector of K probabilities counts K - 1, a covariance D (D + 1) / 2; rotations of factors are taken off,
    Z (Z - 1) / 2 for each set of loadings that may be rotated alone, and Z (Z - 1) for factors of free correlations.
    """
    model, schema, total = result.model, result.values.schema, 0
    free_weights = masks(model, schema)
    for free in free_parameters(model):
        if free.name in free_weights:
            total += math.prod(result.sites[free.name].shape[:-2]) * int(np.sum(free_weights[free.name]))
            continue
        softmax = model[free.variable].parameters[free.parameter] in ("simplex", "logits", "transition")
        total += _numbers(free, result.sites[free.name], softmax)
    for name in model:
        loadings = loadings_of(model, name)
        if loadings and "rotation" in symmetry(model, schema, name):
            size = result.sites[name].shape[0]
            by: set[Any] = {getattr(free.source, "by", None) for free in loadings}
            sets = len(result.level_labels(next(iter(by)))) if len(by) == 1 and None not in by else 1
            total -= sets * size * (size - 1) // 2
        elif is_oblique(model, schema, name):
            size = result.sites[name].shape[0]
            total -= size * (size - 1)
    return total


def _numbers(free: Free, site: Site, softmax: bool) -> int:
    """Free numbers of one parameter; softmax: whether its last axis gives probabilities of levels."""
    size, whole = site.shape[-1] if site.shape else 1, math.prod(site.shape)
    if free.domain in ("covariance", "precision_matrix", "scale_tril"):
        return math.prod(site.shape[:-2]) * size * (size + 1) // 2
    if free.domain == "correlation":
        return math.prod(site.shape[:-2]) * size * (size - 1) // 2
    if softmax:  # one constant leaves the probabilities unchanged; on the simplex, the last number is the rest
        return whole // size * (size - 1)
    return whole
