"""The questions of a comparison: each a number for the belief and one for the point, with a sentence."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.stats import norm, spearmanr

from latentprob.data import Values
from latentprob.posterior import density, latent, predict
from latentprob.posterior.aggregate import kl_by_dim, prior_moments
from latentprob.posterior.beliefs import PARTICLES
from latentprob.posterior.result import count
from latentprob.program.expression import ROW
from latentprob.studies import measures
from latentprob.studies.spaces import Array, Side, features, simulated

NEIGHBOURS = 12
NEIGHBOUR_ROWS = 2_000  # rows whose neighbours are looked at: all distances of them are held
COVERED = 0.9  # nominal coverage of the belief's intervals
COVERAGE_ROWS = 1_000
SAME = 1e-6  # relative variation of widths below which they are one number
LEVELS = "levels have no neighbours"
NO_LABELS = "no labels were given"


@dataclass(frozen=True)
class Study:
    """Two fits to the same rows, and what they are asked about.

    name: the variable that is a belief on one side, a point on the other. child: what it explains.
    held: rows that no fit has seen. labels: (N,) of the fitted rows, or None.
    """

    belief: Side
    point: Side
    name: str
    child: str
    held: Values
    labels: Array | None
    seed: int

    @cached_property
    def is_level(self) -> bool:
        """Whether what is compared is a level."""
        return self.belief.space.levels is not None

    def of_both(self, name: str, sentence: str, measure: Callable[[Side], float]) -> "Measured":
        """The same number for each side."""
        return Measured(name, measure(self.belief), measure(self.point), sentence)

    def between(self, name: str, sentence: str, value: float) -> "Measured":
        """One number for the pair."""
        return Measured(name, value, value, sentence)


@dataclass(frozen=True)
class Measured:
    """One row of the table; NaN where the sentence says why there is no number."""

    name: str
    stochastic: float
    deterministic: float
    sentence: str


def reconstruction(study: Study) -> Measured:
    """Reconstruction error of held-out rows, over that of the features' means, in the metric of the twin.

    sum (x - E[x given z(x)])^2 / sum (x - mean)^2, each feature in units of its spread where the twin standardizes; the
    share of variance that is not explained, 0 at best.
    """

    def error(side: Side) -> float:
        result = side.fit.result
        x, units = features(study.point.fit.result, study.child, study.held)
        fitted = predict.reconstruct(result, study.held)[study.child].values.reshape(x.shape) / units
        center = result.statistics[f"{study.child}_center"].reshape(-1) / units
        return measures.unexplained(x, fitted, center)

    return study.of_both("reconstruction error", "share of held-out variance not explained; lower is better", error)


def trustworthiness(study: Study) -> Measured:
    """Trustworthiness: whether neighbours in the representation are neighbours in the data (Venna and Kaski, 2001)."""
    return _neighbours(study, "trustworthiness", "neighbours here are neighbours in the data; 1 is best", False)


def continuity(study: Study) -> Measured:
    """Continuity: whether neighbours in the data stay neighbours in the representation (Venna and Kaski, 2001)."""
    return _neighbours(study, "continuity", "neighbours in the data stay neighbours here; 1 is best", True)


def _neighbours(study: Study, name: str, sentence: str, exchanged: bool) -> Measured:
    if study.is_level:
        return Measured(name, math.nan, math.nan, f"missing: {LEVELS}")
    x, _ = features(study.point.fit.result, study.child, study.point.values)
    some = np.random.default_rng(study.seed).permutation(len(x))[:NEIGHBOUR_ROWS]
    near = min(NEIGHBOURS, (len(some) - 1) // 2)

    def kept(side: Side) -> float:
        spaces = (x[some], side.space.points[some])
        return measures.kept_neighbours(*(spaces[::-1] if exchanged else spaces), near)

    return study.of_both(name, f"{sentence} ({near} neighbours)", kept)


def cka_with_data(study: Study) -> Measured:
    """Linear CKA of the representation with the data, in the metric of the twin (Kornblith et al., 2019)."""
    x, _ = features(study.point.fit.result, study.child, study.point.values)

    def alike(side: Side) -> float:
        return measures.linear_cka(x, side.space.points)

    return study.of_both("CKA with the data", "linear likeness of geometry to the data; 1 is the same", alike)


def cka_between(study: Study) -> Measured:
    """Linear CKA between the two representations (Kornblith et al., 2019)."""
    value = measures.linear_cka(study.belief.space.points, study.point.space.points)
    return study.between("CKA between the two", "linear likeness of the two geometries; 1 is the same", value)


def procrustes(study: Study) -> Measured:
    """Procrustes disparity of the two spaces (Gower, 1975); of levels the share of rows in other groups."""
    a, b = study.belief.space, study.point.space
    if a.levels is not None and b.levels is not None:
        value = 1 - measures.agreement(b.levels, a.levels)
        return study.between("disagreement", "share of rows in another group, groups assigned; 0 is the same", value)
    value = measures.disparity(a.points, b.points)
    return study.between("Procrustes disparity", "what is left after the best rotation and scale; 0 is the same", value)


def probe_accuracy(study: Study) -> Measured:
    """Accuracy of a logistic regression from the representation to the labels, five-fold (Alain and Bengio, 2017)."""
    name = "probe accuracy"
    labels = study.labels
    if labels is None:
        return Measured(name, math.nan, math.nan, f"missing: {NO_LABELS}")
    if np.unique(labels, return_counts=True)[1].min() < 2:
        return Measured(name, math.nan, math.nan, "missing: a label stands on one row alone")
    sentence = "a linear classifier finds the labels, cross-validated; higher is better"
    return study.of_both(name, sentence, lambda side: measures.probe(side.space.points, labels, study.seed))


def rand_index(study: Study) -> Measured:
    """Adjusted Rand index of groups and labels (Hubert and Arabie, 1985); groups of points by k-means."""
    return _groups(study, "ARI", "groups agree with the labels beyond chance; 1 is best", measures.rand_index)


def mutual_information(study: Study) -> Measured:
    """Normalized mutual information of groups and labels (Vinh, Epps and Bailey, 2010); groups of points by k-means."""
    return _groups(study, "NMI", "groups and labels share information; 1 is best", measures.mutual_information)


def _groups(study: Study, name: str, sentence: str, measure: Callable[[Array, Array], float]) -> Measured:
    labels = study.labels
    if labels is None:
        return Measured(name, math.nan, math.nan, f"missing: {NO_LABELS}")
    kinds = len(np.unique(labels))

    def agree(side: Side) -> float:
        own = side.space.levels
        return measure(measures.grouped(side.space.points, kinds, study.seed) if own is None else own, labels)

    return study.of_both(name, sentence, agree)


def resampling(study: Study) -> Measured:
    """How far rows wander when the fit is repeated on rows drawn with replacement (Efron, 1979), spaces aligned.

    Root mean square distance from the mean over the refits, over the root mean square radius of the space; of levels,
    the mean share of refits in which a row's level changes.
    """

    def relative(side: Side) -> float:
        if side.space.levels is not None:
            return float(side.spread.mean())
        return float(np.sqrt((side.spread**2).mean()) / measures.radius(side.space.points))

    what = "share of levels that change" if study.is_level else "spread over the radius of the space"
    times = len(study.point.refits)
    return study.of_both("resampling", f"{what}, over {times} bootstrap refits; lower is better", relative)


def input_noise(study: Study) -> Measured:
    """How far rows move when a tenth of their cells is replaced by what another row has there.

    Root mean square distance over the radius of the space; of levels, the share that changes.
    """
    what = "share of levels that change" if study.is_level else "shift over the radius of the space"
    sentence = f"{what}, a tenth of the cells replaced; lower is better"
    return study.of_both("input noise", sentence, lambda side: side.blurred(study.seed))


def predictive_density(study: Study) -> Measured:
    """Log posterior predictive density of held-out rows, mean, nats a row; an objective has none."""
    value = density.score(study.belief.fit.result, study.held, PARTICLES)
    sentence = "nats a held-out row, higher is better; a point explains rows by themselves and has no density"
    return Measured("predictive density", value, math.nan, sentence)


def coverage(study: Study) -> Measured:
    """How often the 90 % intervals of the belief hold the latent that a row was simulated with (Cook et al., 2006).

    Rows are drawn from the fitted model, where the truth is known: beliefs in closed form cover 90 %, an encoder's may
    not. Of a level, the smallest set of levels that holds 90 %.
    """
    result = study.belief.fit.result
    values, truth = simulated(result, study.name, min(count(study.belief.values), COVERAGE_ROWS), study.seed)
    belief = latent.latent(result, study.name, values)
    if "probs" in belief:
        value = _in_smallest_set(belief["probs"].values, truth.astype(int))
    else:
        loc, scale = (belief[m].values.reshape(truth.shape) for m in ("loc", "scale"))
        value = float((np.abs(truth - loc) <= norm.ppf(0.5 + COVERED / 2) * scale).mean())
    sentence = f"of {COVERED:.0%} intervals, on rows simulated from the fit; a point has no interval"
    return Measured("coverage", value, math.nan, sentence)


def _in_smallest_set(probs: Array, levels: Array) -> float:
    """Share of rows whose level (N,) is in the smallest set of levels that holds COVERED of probs (N, K)."""
    own = probs[np.arange(len(levels)), levels][:, None]
    above = np.where(probs > own, probs, 0).sum(axis=1)
    return float((above < COVERED).mean())


def information(study: Study) -> Measured:
    """Information of a row's belief, nats a dim: KL(belief || prior), mean over rows (Hoffman and Johnson, 2016).

    Of a level the mutual information of rows and levels: KL of the responsibilities from their mean.
    """
    name, sentence = "information", "nats a dim that a row tells of the latent; a point has no finite information"
    result = study.belief.fit.result
    belief = latent.latent(result, study.name, study.belief.values)
    if "probs" in belief:
        probs = belief["probs"].values
        value = measures.entropy(probs.mean(axis=0)[None])[0] - measures.entropy(probs).mean()
        return Measured(name, float(value), math.nan, sentence)
    prior = prior_moments(result, study.name)
    if prior is None:
        return Measured(name, math.nan, math.nan, f"missing: the prior of {study.name} is no Normal of known numbers")
    return Measured(name, float(kl_by_dim(belief, prior).mean()), math.nan, sentence)


def width_tells_instability(study: Study) -> Measured:
    """Whether the belief's width predicts where the embedding is unstable: Spearman's rank correlation over rows.

    Between the sd of a row's belief (of a level, its entropy) and how far its embedding wanders over the refits.
    """
    name, sentence = "width and instability", "rank correlation of a row's sd with the wandering of its embedding"
    width, wander = study.belief.space.width, study.point.spread
    if width is None or _is_constant(study) or np.ptp(width) <= SAME * width.max():
        return study.between(name, "missing: the belief is equally wide for every row", math.nan)
    if np.ptp(wander) == 0:
        return study.between(name, "missing: the embedding of no row moved over the refits", math.nan)
    return study.between(name, sentence, float(spearmanr(width, wander).statistic))


def _is_constant(study: Study) -> bool:
    """Whether the covariance of the belief does not depend on the row, as under linear maps without gaps."""
    program = study.belief.fit.program
    if program.plan[study.name] != "integrate" or program.given[study.name]:
        return False
    return ROW not in program.belief_axes[study.name][1]


METRICS: tuple[Callable[[Study], Measured], ...] = (
    reconstruction,
    trustworthiness,
    continuity,
    cka_with_data,
    cka_between,
    procrustes,
    probe_accuracy,
    rand_index,
    mutual_information,
    resampling,
    input_noise,
    predictive_density,
    coverage,
    information,
    width_tells_instability,
)
