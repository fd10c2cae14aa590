"""The Swiss roll: which representation in two dims follows the roll's own two coordinates.

    python benchmarks/swiss_roll.py            1,500 rows, three rolls
    python benchmarks/swiss_roll.py --quick    few rows and steps: what the tests run

angle and height: the best rank correlation (Spearman) of a linear direction with each coordinate; trust: how far the
12 nearest neighbours of the embedding are near in the data (trustworthiness, Venna and Kaski, 2001); the worst of the
rolls. seconds: the median. PCA does not unroll, Isomap is the yardstick.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy.stats import spearmanr
from sklearn.datasets import make_swiss_roll
from sklearn.decomposition import PCA
from sklearn.manifold import Isomap, trustworthiness

import latentprob as lp

Array = np.ndarray
NEIGHBOURS = 12  # of the trustworthiness
TURNS = np.linspace(0, np.pi, 181)


def ours(text: str, steps: int | None) -> Callable[[Array], Array]:
    """The embedding of a model, fitted with default settings but for a budget of steps."""
    model = lp.Model(text)
    return lambda x: lp.fit(model, {"x": x}, lp.SVI(steps=steps), progress=False).embedding("z").values


def ways(quick: bool) -> dict[str, Callable[[Array], Array]]:
    """Each representation, as a function from rows (N, 3) to points (N, 2)."""
    steps = 100 if quick else None
    z = "z ~ Normal(0, 1, size=2)\nx ~ Normal(loc={}, scale=Shared())"
    return {
        "PCA": PCA(2).fit_transform,
        "Isomap": Isomap(n_neighbors=10, n_components=2).fit_transform,
        "GP": ours(z.format("GP(z, inducing=64)"), steps),
        "MLP": ours(z.format("MLP(z)"), steps),
    }


def follows(z: Array, coordinate: Array) -> float:
    """The best rank correlation of a linear direction of z (N, 2) with a coordinate (N,)."""
    return max(abs(spearmanr(z @ [np.cos(turn), np.sin(turn)], coordinate).statistic) for turn in TURNS)


def measured(way: Callable[[Array], Array], rows: int, seed: int) -> dict[str, float]:
    """What one representation keeps of one roll."""
    x, angle = make_swiss_roll(rows, noise=0.05, random_state=seed)
    begin = time.perf_counter()
    z = way(x)
    seconds = time.perf_counter() - begin
    trust = trustworthiness(x, z, n_neighbors=NEIGHBOURS)
    return {"angle": follows(z, angle), "height": follows(z, x[:, 1]), "trust": float(trust), "seconds": seconds}


def table(rows: int, seeds: range, quick: bool) -> dict[str, dict[str, float]]:
    """The worst of the rolls by representation, and the median of the seconds."""
    found = {}
    for name, way in ways(quick).items():
        each = [measured(way, rows, seed) for seed in seeds]
        found[name] = {key: min(one[key] for one in each) for key in ("angle", "height", "trust")}
        found[name]["seconds"] = statistics.median(one["seconds"] for one in each)
    return found


def main() -> None:
    """Print the table; --json FILE writes it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args()
    found = table(800 if chosen.quick else 1500, range(1 if chosen.quick else 3), chosen.quick)
    print(f"{'':8}{'angle':>8}{'height':>8}{'trust':>8}{'seconds':>9}")
    for name, one in found.items():
        print(f"{name:8}{one['angle']:8.4f}{one['height']:8.4f}{one['trust']:8.4f}{one['seconds']:9.1f}")
    if chosen.json:
        chosen.json.write_text(json.dumps(found))


if __name__ == "__main__":
    main()
