"""What a representation is measured by: arrays in, a number out. N rows, D features, Z dims, K levels."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.linalg import orthogonal_procrustes
from scipy.optimize import linear_sum_assignment
from scipy.spatial import procrustes
from sklearn.cluster import KMeans
from sklearn.linear_model import LogisticRegression
from sklearn.manifold import trustworthiness
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score
from sklearn.metrics.cluster import contingency_matrix
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

Array = np.ndarray
FOLDS = 5  # of the cross-validated probe
STARTS = 50  # of k-means: ten of them missed the optimum for ten groups of the digits


def unexplained(x: Array, fitted: Array, center: Array) -> float:
    """Sum of squared errors of reconstructed rows (N, D) over that of the constant `center`, (D,); 0 is perfect."""
    return float(((x - fitted) ** 2).sum() / ((x - center) ** 2).sum())


def kept_neighbours(x: Array, z: Array, neighbours: int) -> float:
    """Trustworthiness of z (N, Z) for x (N, D): 1 where the nearest neighbours in z are neighbours in x.

    1 - 2 / (N k (2N - 3k - 1)) times the sum of how far, in ranks beyond k, the false neighbours are in x (Venna and
    Kaski, 2001, ICANN). With the two spaces exchanged it is the continuity.
    """
    return float(trustworthiness(x, z, n_neighbors=neighbours))


def linear_cka(a: Array, b: Array) -> float:
    """Linear centred kernel alignment, ||A'B||^2 / (||A'A|| ||B'B||) of centred rows (Kornblith et al., 2019, ICML)."""
    a, b = a - a.mean(axis=0), b - b.mean(axis=0)
    norms = np.linalg.norm(a.T @ a) * np.linalg.norm(b.T @ b)
    return float(np.linalg.norm(a.T @ b) ** 2 / norms)


def disparity(a: Array, b: Array) -> float:
    """Sum of squared differences after the best shift, rotation and scale, both of norm 1 (Gower, 1975)."""
    return float(procrustes(a, b)[2])


def aligned(points: Array, reference: Array) -> Array:
    """Points (N, Z), shifted, rotated and scaled to lie as near to the reference (N, Z) as they can (Gower, 1975)."""
    center = reference.mean(axis=0)
    moved = points - points.mean(axis=0)
    rotation, scale = orthogonal_procrustes(moved, reference - center)
    return moved @ rotation * (scale / (moved**2).sum()) + center


def names_in(levels: Array, reference: Array, count: int) -> Array:
    """New names, (count,), of levels (N,) from 0 on, under which most rows agree with the reference (Kuhn, 1955)."""
    table = np.zeros((count, count))
    np.add.at(table, (levels, reference), 1)
    rows, columns = linear_sum_assignment(-table)
    names = np.empty(count, int)
    names[rows] = columns
    return names


def probe(z: Array, labels: Sequence[Any] | Array, seed: int) -> float:
    """Accuracy of a logistic regression from z (N, Z) to labels (N,), cross-validated (Alain and Bengio, 2017)."""
    counts = np.unique(np.asarray(labels), return_counts=True)[1]
    if counts.min() < 2:
        return float("nan")
    folds = StratifiedKFold(min(FOLDS, int(counts.min())), shuffle=True, random_state=seed)
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))
    return float(cross_val_score(model, z, labels, cv=folds).mean())


def grouped(z: Array, count: int, seed: int) -> Array:
    """Levels (N,) of points z (N, Z): k-means with as many groups as there are labels."""
    return np.asarray(KMeans(count, n_init=STARTS, random_state=seed).fit_predict(z))


def rand_index(levels: Array, labels: Sequence[Any] | Array) -> float:
    """Adjusted Rand index of two partitions: 1 where they are the same, 0 by chance (Hubert and Arabie, 1985)."""
    return float(adjusted_rand_score(labels, levels))


def mutual_information(levels: Array, labels: Sequence[Any] | Array) -> float:
    """Mutual information of two partitions over the mean of their entropies (Vinh, Epps and Bailey, 2010, JMLR 11)."""
    return float(normalized_mutual_info_score(labels, levels))


def agreement(levels: Array, reference: Array) -> float:
    """Share of rows in the same group, after the assignment of groups that makes it largest (Kuhn, 1955)."""
    table = contingency_matrix(reference, levels)
    rows, columns = linear_sum_assignment(-table)
    return float(table[rows, columns].sum() / table.sum())


def radius(points: Array) -> float:
    """Root mean square distance of points (N, Z) from their centre."""
    return float(np.sqrt(((points - points.mean(axis=0)) ** 2).sum(axis=1).mean()))


def wander(points: Array) -> Array:
    """Root mean square distance, (N,), of several versions (B, N, Z) of each point from their mean."""
    return np.asarray(np.sqrt(((points - points.mean(axis=0)) ** 2).sum(axis=2).mean(axis=0)))


def entropy(probs: Array) -> Array:
    """Entropy, (N,), of responsibilities (N, K), nats."""
    return np.asarray(-(probs * np.log(np.clip(probs, 1e-300, None))).sum(axis=1))
