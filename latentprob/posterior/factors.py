"""Sign, order and rotation of factors (Poworoznek, Ferrari and Dunson, 2021: MatchAlign)."""

from collections.abc import Mapping

import numpy as np

from latentprob.inference.assignment import assign
from latentprob.posterior.matching import Array, pivot
from latentprob.spec.symmetry import Symmetry

VARIMAX_STEPS = 500
VARIMAX_TOLERANCE = 1e-10  # change of the criterion, of its value
BLOCK_VALUES = 5_000_000  # loadings held at once


def varimax(loadings: Array, start: Array) -> Array:
    """Rotations (S, Z, Z) that make loadings (S, D, Z) simple: Kaiser's varimax with unit communalities."""
    size = np.sqrt((loadings**2).sum(axis=-1, keepdims=True))
    unit = np.divide(loadings, size, out=np.zeros_like(loadings), where=size > 0)
    rotation, before = start, np.zeros(len(loadings))
    for _ in range(VARIMAX_STEPS):
        turned = unit @ rotation
        target = turned**3 - turned * (turned**2).mean(axis=-2, keepdims=True)
        left, values, right = np.linalg.svd(unit.mT @ target)
        rotation, after = left @ right, values.sum(axis=-1)
        if (np.abs(after - before) <= VARIMAX_TOLERANCE * after).all():
            break
        before = after
    return rotation


def towards(loadings: Array, reference: Array) -> Array:
    """Rotations (S, Z, Z) that bring loadings (S, D, Z) nearest to `reference` (D, Z)."""
    left, _, right = np.linalg.svd(loadings.mT @ reference)
    return left @ right


def signed_order(loadings: Array, reference: Array, kind: Symmetry) -> Array:
    """Signed permutations (S, Z, Z), of the signs and orders that `kind` allows, nearest to `reference` (D, Z)."""
    likeness = loadings.mT @ reference
    size = likeness.shape[-1]
    strength = np.abs(likeness) if "sign" in kind else likeness
    order = assign(-strength) if "order" in kind else np.tile(np.arange(size), (len(loadings), 1))
    picked = np.take_along_axis(likeness, order[:, None, :], axis=1)
    signs = np.where(picked < 0, -1.0, 1.0) if "sign" in kind else np.ones_like(picked)
    return np.eye(size)[order].mT * signs


def conventional(mean: Array, kind: Symmetry) -> Array:
    """The signed permutation (Z, Z) of mean loadings (D, Z): strongest factor first, its largest loading positive."""
    size = mean.shape[-1]
    order = np.argsort(-(mean**2).sum(axis=0), kind="stable") if "order" in kind else np.arange(size)
    largest = mean[np.abs(mean).argmax(axis=0), np.arange(size)]
    signs = np.where((largest < 0) & ("sign" in kind), -1.0, 1.0)
    return (np.eye(size) * signs)[:, order]


def standardized(loadings: Array) -> Array:
    """Loadings (S, D, Z) with one root mean square for all features."""
    scale = np.sqrt((loadings**2).mean(axis=(0, 2)))[:, None]
    return np.divide(loadings, scale, out=np.zeros_like(loadings), where=scale > 0)


def match_chains(loadings: Array, kind: Symmetry, chains: int, best: int) -> Array:
    """Rotations (chains, Z, Z) to the frame of the best chain, with signs and order as in `match`.

    For latents with an encoder: that of the best chain is kept, and all draws of a chain share its frame.
    """
    means = standardized(loadings).reshape(chains, -1, *loadings.shape[1:]).mean(axis=1)
    turns = towards(means, means[best]) if "rotation" in kind else signed_order(means, means[best], kind)
    turns[best] = np.eye(loadings.shape[-1])
    return turns @ conventional(means[best], kind)


def match(loadings: Array, kind: Symmetry, stats: Mapping[str, Array]) -> Array:
    """Rotations (S, Z, Z) after which factors mean the same in every draw of loadings (S, D, Z)."""
    scaled = standardized(loadings)
    reference = scaled[pivot(stats, scaled)]
    size = reference.shape[-1]
    turns = np.tile(np.eye(size), (len(scaled), 1, 1))
    if "rotation" in kind and size > 1:
        # Rotated towards one draw first, so that all draws climb the same hill of the criterion.
        reference = reference @ varimax(reference[None], np.eye(size)[None])[0]
        blocks = np.array_split(scaled, -(-scaled.size // BLOCK_VALUES))
        turns = np.concatenate([varimax(block, towards(block, reference)) for block in blocks])
    for _ in range(2):
        turns = turns @ signed_order(scaled @ turns, reference, kind)
        reference = (scaled @ turns).mean(axis=0)
    return turns @ conventional(reference, kind)
