"""Draws at parameter values that a person gives: one draw of one chain."""

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

import numpy as np

from latentprob.errors import InferenceError
from latentprob.inference.problem import Draws
from latentprob.posterior.matching import Array
from latentprob.program import Program, evaluate, patterns
from latentprob.spec.sites import Free, Site, free_parameters

SUM_TOLERANCE = 1e-6  # of probabilities that should sum to one
SYMMETRY_TOLERANCE = 1e-8


def at_values(program: Program, module: Any, parameters: Mapping[str, Any], sites: Mapping[str, Site]) -> Draws:
    """The values as draws, with the sites that the program makes its matrices of."""
    wanted = {name: site for name, site in sites.items() if site.role in ("global", "levels")}
    for name in parameters:
        if name not in wanted:
            near = get_close_matches(str(name), wanted, n=1)
            hint = f"did you mean '{near[0]}'? " if near else ""
            raise InferenceError(f"the model has no parameter '{name}'; {hint}it has {', '.join(wanted)}")
    for name, site in wanted.items():
        if name not in parameters:
            raise InferenceError(f"no value of {name} was given; it has the dims {', '.join(site.shown) or '()'}")
    values = {name: _checked(wanted[name], parameters[name]) for name in wanted}
    for free in free_parameters(program.model):
        if free.pattern is not None and (values[free.name] * (1 - _pattern(module, free))).any():
            raise InferenceError(f"{free.name} has weights where the pattern {free.pattern} has none; write 0 there")
    found = evaluate.to_sites(program, module, values) if values else {}
    draws = {name: value.double().cpu().numpy()[None, None] for name, value in found.items()}
    draws |= {name: value[None, None] for name, value in values.items()}
    return Draws(draws, {}, {}, {}, {"method": "condition", "settled": True})


def _pattern(module: Any, free: Free) -> Array:
    return np.asarray(getattr(module, patterns.buffer(free)).cpu().numpy())


def _checked(site: Site, value: Any) -> Array:
    """A value of the shape and in the domain of its parameter; axes that results hide may be left out."""
    array = np.asarray(value, float)
    visible = tuple(n for n, hidden in zip(site.shape, site.scalar_axes, strict=True) if not hidden)
    if array.shape not in (site.shape, visible):
        named = ", ".join(f"{dim} {size}" for dim, size in zip(site.dims, site.shape, strict=True))
        raise InferenceError(f"{site.name} has the shape {array.shape}, and {site.shape} ({named}) is needed")
    array = array.reshape(site.shape)
    if (fault := _fault(site.support, array)) is not None:
        shown = " ".join(np.array2string(array, threshold=8).split())
        raise InferenceError(f"{site.name} = {shown}: {fault}")
    return array


def _fault(domain: str, value: Array) -> str | None:
    """What is wrong with a value, if anything."""
    if not np.isfinite(value).all():
        return "values are finite numbers"
    if domain == "positive" and (value <= 0).any():
        return "values are above 0"
    if domain == "unit" and ((value <= 0) | (value >= 1)).any():
        return "values lie between 0 and 1"
    if domain == "simplex" and ((value < 0).any() or np.abs(value.sum(-1) - 1).max() > SUM_TOLERANCE):
        return "probabilities are not negative and sum to 1"
    if domain in ("covariance", "precision_matrix", "correlation"):
        return None if _is_positive_definite(value) else "a matrix is symmetric and positive definite"
    if domain == "scale_tril" and (np.triu(value, 1).any() or (np.diagonal(value, axis1=-2, axis2=-1) <= 0).any()):
        return "a scale_tril is lower triangular with a positive diagonal"
    return None


def _is_positive_definite(value: Array) -> bool:
    symmetric = np.allclose(value, np.swapaxes(value, -1, -2), rtol=SYMMETRY_TOLERANCE, atol=0)
    return symmetric and bool((np.linalg.eigvalsh(value) > 0).all())
