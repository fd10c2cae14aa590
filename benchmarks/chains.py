"""Hidden Markov models of counts beside hmmlearn: whole fits, alternating in one process, and ratios of their times.

    python benchmarks/chains.py            one chain of 100,000 steps, 1,000 chains of 100: minutes of one core
    python benchmarks/chains.py --quick    2,000 steps: what the tests run

hmmlearn (the extra `bench`) maximizes the likelihood from one start, by at most 100 iterations; ours is the posterior,
from `restarts` starts. Score: log-likelihood of the rows, nats; ours at the posterior's mean.
"""

import argparse
import json
import logging
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

import latentprob as lp

LEVELS, STAY = 5, 0.92
RATES = np.array([2.0, 6.0, 12.0, 20.0, 32.0])
TEXT = f"s[time] ~ Markov(size={LEVELS})\nx ~ Poisson(rate=Table(s))"
WORKS = {"one chain of 100,000": (100_000, 1), "1,000 chains of 100": (100, 1_000)}
QUICK = {"one chain of 1,000": (1_000, 1), "10 chains of 100": (100, 10)}
Fitted = Callable[[], float]


def simulated(steps: int, series: int, seed: int = 0) -> np.ndarray:
    """Counts (series * steps,) of chains that start at random."""
    rng = np.random.default_rng(seed)
    moves = np.full((LEVELS, LEVELS), (1 - STAY) / (LEVELS - 1)) + np.eye(LEVELS) * (STAY - (1 - STAY) / (LEVELS - 1))
    levels = np.empty((series, steps), int)
    levels[:, 0] = rng.integers(LEVELS, size=series)
    for step in range(1, steps):
        levels[:, step] = (rng.random(series)[:, None] > moves[levels[:, step - 1]].cumsum(1)).sum(1)
    return rng.poisson(RATES[levels]).ravel()


def ours(x: np.ndarray, steps: int, restarts: int) -> Fitted:
    """A fit by natural gradients; what comes back scores it."""
    data = {"x": x.astype(float), "series": np.repeat(np.arange(len(x) // steps), steps)}
    fit = lp.fit(lp.Model(TEXT), data, lp.NaturalGradient(restarts=restarts, draws=100, refine=False), progress=False)
    means = {name: draws.mean(("chain", "draw")).values for name, draws in fit.posterior.data_vars.items()}
    return lambda: float(lp.condition(fit.model, means, data).log_likelihood().sum())


def hmmlearn(x: np.ndarray, steps: int, restarts: int) -> Fitted:
    """A fit by hmmlearn's EM."""
    from hmmlearn.hmm import PoissonHMM

    logging.getLogger("hmmlearn").setLevel(logging.ERROR)  # it warns of decreases by rounding
    lengths = [steps] * (len(x) // steps)
    fit = PoissonHMM(LEVELS, n_iter=100, tol=1e-2, random_state=0).fit(x[:, None], lengths)
    return lambda: float(fit.score(x[:, None], lengths))


def measured(steps: int, series: int, restarts: int, times: int) -> dict[str, dict[str, list[float]]]:
    """Seconds and scores of each side, alternating."""
    x = simulated(steps, series)
    found: dict[str, dict[str, list[float]]] = {name: {"seconds": [], "score": []} for name in ("ours", "hmmlearn")}
    for _ in range(times):
        for name, side in (("ours", ours), ("hmmlearn", hmmlearn)):
            begin = time.perf_counter()
            score = side(x, steps, restarts)
            found[name]["seconds"].append(time.perf_counter() - begin)
            found[name]["score"].append(score())
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--restarts", type=int, default=1)
    parser.add_argument("--times", type=int, default=1)
    parser.add_argument("--json", type=Path, help="write the table there, too")
    given = parser.parse_args()
    ours(simulated(50, 2), 50, 1)  # what is imported and compiled once is no part of a fit
    table = {}
    for name, (steps, series) in (QUICK if given.quick else WORKS).items():
        found = table[name] = measured(steps, series, given.restarts, given.times)
        seconds = {side: float(np.median(numbers["seconds"])) for side, numbers in found.items()}
        scores = ", ".join(f"{side} {numbers['score'][0]:.1f}" for side, numbers in found.items())
        told = f"ours {seconds['ours']:.1f} s, hmmlearn {seconds['hmmlearn']:.1f} s"
        print(f"{name}: {told}, ratio {seconds['ours'] / seconds['hmmlearn']:.2f}; score {scores}", flush=True)
    if given.json:
        given.json.write_text(json.dumps(table))


if __name__ == "__main__":
    main()
