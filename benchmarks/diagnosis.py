"""Seconds of a fit and of its diagnosis, 10,000 rows x 50 features: the second should not be the longer.

python benchmarks/diagnosis.py [--quick] [--json FILE]
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np

import latentprob as lp

ROWS, FEATURES = 10_000, 50
MODELS = {
    "Gaussian mixture": "c ~ Categorical(size=5)\nx ~ MultivariateNormal(loc=Table(c), covariance=Table(c))",
    "factor analysis": "z ~ Normal(0, 1, size=4)\nx ~ Normal(loc=Linear(z), scale=PerFeature())",
}


def data(name: str, rows: int, features: int) -> np.ndarray:
    """Rows (N, D) of five clusters, or of four factors, with noise."""
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(rows, features))
    if name == "Gaussian mixture":
        return 1.5 * rng.normal(size=(5, features))[rng.integers(5, size=rows)] + noise
    return rng.normal(size=(rows, 4)) @ rng.normal(size=(4, features)) + 0.7 * noise


def measured(name: str, rows: int, features: int) -> dict[str, float]:
    """Seconds of the fit and of the diagnosis."""
    x = data(name, rows, features)
    begin = time.perf_counter()
    fit = lp.fit(lp.Model(MODELS[name]), x, progress=False)
    between = (fit.result, time.perf_counter())[1]
    fit.diagnose()
    return {"fit": between - begin, "diagnosis": time.perf_counter() - between}


def main() -> None:
    """Measure, print, and write what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small data, to see that it runs")
    parser.add_argument("--json", type=Path, help="file for the seconds")
    asked = parser.parse_args()
    size = (200, 5) if asked.quick else (ROWS, FEATURES)
    found = {name: measured(name, *size) for name in MODELS}
    for name, seconds in found.items():
        print(f"{name:18} fit {seconds['fit']:7.1f} s   diagnosis {seconds['diagnosis']:7.1f} s")
    if asked.json:
        asked.json.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
