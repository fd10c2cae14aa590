"""Whole fits beside the libraries that people use for them, alternating, in one process.

    python benchmarks/fits.py            the sizes of the table
    python benchmarks/fits.py --quick    small sizes, two rounds: what the tests run

Times are medians in seconds of a whole fit from an array, ours with restarts=1 and without refinement; the score is the
mean log density of held-out rows, nats a row. Peers that are not installed are left out.
"""

import argparse
import json
import os
import platform
import statistics
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from scipy.special import logsumexp
from sklearn.decomposition import FactorAnalysis
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import BayesianGaussianMixture, GaussianMixture

import latentprob as lp

Array = np.ndarray
Fitter = Callable[[Array, Array], float]  # fits the first rows, scores the held-out ones
METHOD = lp.NaturalGradient(restarts=1, refine=False)
RNG = np.random.default_rng


@dataclass(frozen=True)
class Work:
    """One row of the table; limit: ours over the peer's time, at most."""

    name: str
    text: str
    make: Callable[[], tuple[Array, Array]]
    peers: dict[str, tuple[Fitter, float | None]]
    rounds: int | None = None
    latent: str | None = None
    times: dict[str, list[float]] = field(default_factory=dict)
    scores: dict[str, float] = field(default_factory=dict)


def ours(work: Work) -> Fitter:
    """A fit by natural gradients, with the belief of a latent where it is asked for."""
    model = lp.Model(work.text)

    def run(rows: Array, held: Array) -> float:
        fit = lp.fit(model, {"x": rows}, METHOD, progress=False)
        if work.latent is not None:
            fit.latent(work.latent)
        stop()
        return fit.score({"x": held})

    return run


def stop() -> None:
    """Note the end of the fit; what follows is scoring."""
    global ended
    ended = time.perf_counter()


ended = 0.0


def sklearn_peer(make: Callable[[], object], belief: bool = False) -> Fitter:
    """A scikit-learn model with `score`."""

    def run(rows: Array, held: Array) -> float:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            fitted = make().fit(rows)
        if belief:
            fitted.predict_proba(rows)
        stop()
        return float(fitted.score(held))

    return run


def latent_class_em(levels: int) -> Fitter:
    """EM in NumPy, the arithmetic of StepMix: random shares, a thousandth of a nat a row as its stop rule."""

    def run(rows: Array, held: Array) -> float:
        shares = RNG(0).dirichlet(np.ones(levels), len(rows))
        before = -np.inf
        for _ in range(1000):
            counts = shares.sum(0)
            probs = ((shares.T @ rows + 1e-10) / (counts[:, None] + 2e-10)).clip(1e-10, 1 - 1e-10)
            logits = _latent_class(rows, counts / len(rows), probs)
            each = logsumexp(logits, axis=1, keepdims=True)
            shares, now = np.exp(logits - each), each.mean()
            if now - before < TOLERANCE:
                break
            before = now
        stop()
        return float(logsumexp(_latent_class(held, counts / len(rows), probs), axis=1).mean())

    return run


TOLERANCE = 1e-6  # nats a row; StepMix's default of 1e-10 takes hundreds of iterations more


def _latent_class(rows: Array, weights: Array, probs: Array) -> Array:
    return rows @ np.log(probs).T + (1 - rows) @ np.log1p(-probs).T + np.log(weights)


def stepmix(levels: int) -> Fitter:
    """StepMix at its defaults."""
    from stepmix import StepMix

    return sklearn_peer(lambda: StepMix(levels, measurement="binary", random_state=0, verbose=0, progress_bar=0))


# -- data -----------------------------------------------------------------------------------------


def overlapping(rows: int, features: int, levels: int, held: int) -> tuple[Array, Array]:
    """A mixture of normals with full covariances, whose clusters overlap."""
    rng = RNG(0)
    locs = 0.3 * rng.normal(size=(levels, features))
    roots = np.eye(features) + 0.1 * rng.normal(size=(levels, features, features))
    level = rng.integers(levels, size=rows + held)
    x = rng.normal(size=(rows + held, features))
    for k in range(levels):
        x[level == k] = x[level == k] @ roots[k].T + locs[k]
    return x[:rows], x[rows:]


def loaded(rows: int, features: int, factors: int, held: int) -> tuple[Array, Array]:
    """Rows of a factor analysis."""
    rng = RNG(0)
    noise = rng.normal(size=(rows + held, features)) * rng.uniform(0.5, 2, features)
    x = rng.normal(size=(rows + held, factors)) @ rng.normal(size=(factors, features)) + noise
    return x[:rows], x[rows:]


def answers(rows: int, features: int, levels: int, held: int) -> tuple[Array, Array]:
    """Binary answers of people in latent classes."""
    rng = RNG(0)
    probs = rng.beta(1, 1, (levels, features))
    x = (rng.random((rows + held, features)) < probs[rng.integers(levels, size=rows + held)]).astype(float)
    return x[:rows], x[rows:]


def eruptions() -> tuple[Array, Array]:
    """Old Faithful; scored on its own rows."""
    x = lp.datasets.load("faithful").to_numpy(float)
    return x, x


def mixture(levels: int) -> str:
    """A mixture of normals with full covariances."""
    return f"c ~ Categorical(size={levels})\nx ~ MultivariateNormal(loc=Table(c), covariance=Table(c))"


def works(quick: bool) -> list[Work]:
    """The rows of the table."""
    rows, wide, few, held = (600, 5, 3, 200) if quick else (100_000, 20, 10, 10_000)
    million, many = (1_200, 4) if quick else (1_000_000, 20)
    tall, columns, factors = (300, 12, 2) if quick else (20_000, 100, 10)
    items, classes = (8, 3) if quick else (30, 6)
    classic = {
        "GaussianMixture": (sklearn_peer(lambda: GaussianMixture(few, random_state=0)), 0.2),
        "BayesianGaussianMixture": (
            sklearn_peer(lambda: BayesianGaussianMixture(n_components=few, random_state=0)),
            0.05,
        ),
    }
    answered = {"EM in NumPy": (latent_class_em(classes), 0.2)}
    if find_spec("stepmix") is not None:
        answered["StepMix"] = (stepmix(classes), 0.2)
    big = {"GaussianMixture": (sklearn_peer(lambda: GaussianMixture(many, random_state=0)), 0.1)}
    small = sklearn_peer(lambda: BayesianGaussianMixture(n_components=2, random_state=0), belief=True)
    return [
        Work(f"mixture {rows} x {wide}, K = {few}", mixture(few), lambda: overlapping(rows, wide, few, held), classic),
        Work(
            f"mixture {million} x {wide}, K = {many}",
            mixture(many),
            lambda: overlapping(million, wide, many, held),
            big,
            1,
        ),
        Work(
            "Old Faithful, K = 2, with latent",
            mixture(2),
            eruptions,
            {"BayesianGaussianMixture": (small, 12.0)},
            latent="c",
        ),
        Work(
            f"factor analysis {tall} x {columns}, {factors} factors",
            f"z ~ Normal(0, 1, size={factors})\nx ~ Normal(loc=Linear(z), scale=PerFeature())",
            lambda: loaded(tall, columns, factors, held // 5),
            {"FactorAnalysis": (sklearn_peer(lambda: FactorAnalysis(factors, svd_method="lapack")), 0.5)},
        ),
        Work(
            f"latent class {rows} x {items}, K = {classes}",
            f"c ~ Categorical(size={classes})\nx ~ Bernoulli(probs=Table(c))",
            lambda: answers(rows, items, classes, held),
            answered,
        ),
        *growth(quick),
    ]


def growth(quick: bool) -> list[Work]:
    """The same mixture on ten times as many rows, twice: time should grow as the rows do."""
    sizes = (200, 2_000) if quick else (10_000, 100_000, 1_000_000)
    return [Work(f"growth {n} x 10, K = 5", mixture(5), lambda n=n: overlapping(n, 10, 5, 100), {}, 3) for n in sizes]


def measure(work: Work, rounds: int) -> None:
    """Seconds of each fitter, which take turns, and their scores."""
    rows, held = work.make()
    fitters = {"ours": ours(work), **{name: peer for name, (peer, _) in work.peers.items()}}
    small = rows[: max(200, len(rows) // 100)]
    for name, fitter in fitters.items():
        fitter(small, held[:50])  # a warm process
        work.times[name] = []
    for _ in range(min(rounds, work.rounds or rounds)):
        for name, fitter in fitters.items():
            begin = time.perf_counter()
            work.scores[name] = fitter(rows, held)
            work.times[name].append(ended - begin)


def table(done: list[Work]) -> str:
    """The medians as Markdown."""
    lines = [
        "| work | ours, s | beside | s | ratio | limit | score, ours | score, theirs |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for work in done:
        own = statistics.median(work.times["ours"])
        for name, (_, limit) in work.peers.items():
            other = statistics.median(work.times[name])
            cells = [work.name, f"{own:.4f}", name, f"{other:.4f}", f"{own / other:.3f}", f"{limit}"]
            lines.append(f"| {' | '.join(cells)} | {work.scores['ours']:.4f} | {work.scores[name]:.4f} |")
        if not work.peers:
            lines.append(f"| {work.name} | {own:.4f} | | | | | {work.scores['ours']:.4f} | |")
    return "\n".join(lines)


def main() -> None:
    """Run the table and print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="small sizes, two rounds")
    parser.add_argument("--rounds", type=int, help="turns of each fitter")
    parser.add_argument("--only", help="rows of the table whose name holds this")
    parser.add_argument("--json", type=Path, help="write the numbers to this file")
    parser.add_argument("--markdown", type=Path, help="write the table to this file")
    options = parser.parse_args()
    done = [work for work in works(options.quick) if (options.only or "") in work.name]
    threads = torch.get_num_threads()
    print(f"torch {torch.__version__}, {threads} threads, {os.cpu_count()} cores, {platform.machine()}", flush=True)
    for work in done:
        measure(work, options.rounds or (2 if options.quick else 5))
        print(table([work]).splitlines()[-max(1, len(work.peers)) :], flush=True)
    print(table(done))
    if options.markdown:
        options.markdown.write_text(table(done) + "\n")
    if options.json:
        record = {work.name: {"seconds": work.times, "score": work.scores} for work in done}
        options.json.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
