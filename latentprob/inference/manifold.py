"""Isomap as a first guess of a latent that a curved map reads (Tenenbaum, de Silva and Langford, 2000).

Principal axes do not unroll a rolled sheet, and gradients do not find their way from there. Above 5,000 rows the
coordinates are those of a sample, the landmarks; the encoder that is fitted to them carries them to all other rows.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy.sparse.csgraph import connected_components
from sklearn.manifold import Isomap
from sklearn.neighbors import kneighbors_graph

from latentprob.program import Program
from latentprob.spec.distributions import Distribution, LogNormal, MultivariateNormal, Normal, StudentT
from latentprob.spec.maps import GP, MLP
from latentprob.spec.model import parents, terms

# Of a row in the graph along which distances are measured: the first number that makes it hang together. Many
# short-cut a sheet: 1,500 rows of the Swiss roll are unrolled by 5 to 12 and not by 15, 700 rows by 5 to 10.
NEIGHBOURS = (6, 12, 24)
NETWORK_DIMS = 3  # of a latent up to which a network's start is unrolled: a sheet to look at, where more are a code
REAL = (Normal, StudentT, LogNormal, MultivariateNormal)  # laws whose rows lie near a manifold, if one is there

Array = np.ndarray


def unrolls(program: Program, name: str) -> bool:
    """Whether the first guess of a latent, or of a deterministic variable, comes from Isomap.

    It is drawn from a normal law without parents, or is the MLP of what is observed; and all that reads it is a GP, or
    an MLP of at most 3 dims that gives the location of real values.
    """
    law: Any = program.model[name]
    drawn = program.plan.get(name) == "draw" and isinstance(law, Normal) and not parents(law)
    encoded = _bends(law) and all(isinstance(program.model.statements.get(p), REAL) for p in parents(law))
    if not (drawn or encoded):
        return False
    readers = list(_readers(program, name))
    return any(isinstance(part, (GP, MLP)) for *_, part in readers) and all(
        _is_curved(child, which, part, law.size or 1) for child, which, part in readers
    )


def _readers(program: Program, name: str) -> Iterator[tuple[Distribution, str, Any]]:
    model = program.model
    for child in (model[each] for each in model.children(name)):
        for which in child.parameters:
            parts = () if getattr(child, which) is None else terms(getattr(child, which))
            yield from ((child, which, part) for part in parts if name in parents(part))


def _is_curved(child: Distribution, which: str, part: Any, size: int) -> bool:
    return isinstance(part, GP) or (_bends(part) and isinstance(child, REAL) and size <= NETWORK_DIMS)


def _bends(part: Any) -> bool:
    """Whether a map is a network with a layer between its ends: without one it is linear."""
    return isinstance(part, MLP) and bool(part.hidden)


def unrolled(name: str, features: Array, size: int) -> tuple[Array | None, list[str]]:
    """Coordinates (N, Z) along the manifold near which rows (N, F) lie, of unit variance; None and the reason, if none.

    The graph of neighbours must hang together: between pieces there is no distance.
    """
    if size >= features.shape[1]:
        return None, []
    neighbours, reason = _neighbours(features)
    if neighbours is None:
        return None, [f"{name} starts at principal axes, not at Isomap's: {reason}."]
    found = Isomap(n_neighbors=neighbours, n_components=size).fit_transform(features)
    spread = found.std(0)
    return (found - found.mean(0)) / np.where(spread > 0, spread, 1.0), []


def _neighbours(features: Array) -> tuple[int | None, str]:
    """How many neighbours make the graph of rows (N, F) hang together; None and the reason, if none."""
    pieces, tried = 0, [number for number in NEIGHBOURS if number < len(features)]
    for number in tried:
        pieces, _ = connected_components(kneighbors_graph(features, number), directed=False)
        if pieces == 1:
            return number, ""
    if not tried:
        return None, f"{len(features)} rows are too few for {NEIGHBOURS[0]} neighbours each"
    return None, f"the graph of {tried[-1]} neighbours falls apart into {pieces} pieces"
