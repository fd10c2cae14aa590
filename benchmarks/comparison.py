"""A variational autoencoder of the digits beside its twin: the table of lp.compare, and its spread over seeds.

    python benchmarks/comparison.py            1,797 binarized digits, three seeds: ten minutes of one core each
    python benchmarks/comparison.py --quick    200 digits and a small budget: what the tests run

Numbers are means over the seeds, with the smallest and the largest behind them.
"""

import argparse
import json
import time
from pathlib import Path

import pandas as pd
from sklearn.datasets import load_digits

import latentprob as lp

SEEDS = (0, 1, 2)
SIDES = ("stochastic", "deterministic")


def comparison(rows: int, hidden: int, settings: lp.SVI | None, bootstraps: int, seed: int) -> lp.Comparison:
    """One comparison on the first digits."""
    digits = load_digits()
    model = lp.Model(f"z ~ Normal(0, 1, size=8)\nx ~ Bernoulli(logits=MLP(z, hidden=[{hidden}]))")
    x, labels = (digits.data[:rows] > 7).astype(float), digits.target[:rows]
    return lp.compare(model, x, labels=labels, seed=seed, inference=settings, bootstraps=bootstraps, progress=False)


def spread(tables: list[pd.DataFrame]) -> pd.DataFrame:
    """Mean, and range over the seeds, of every number."""
    each = pd.concat({seed: table[list(SIDES)] for seed, table in zip(SEEDS, tables, strict=False)})
    found = {}
    for side in SIDES:
        by_metric = each[side].groupby(level=1, sort=False)
        parts = zip(by_metric.mean(), by_metric.min(), by_metric.max(), strict=True)
        found[side] = ["—" if pd.isna(m) else f"{m:.3f} [{low:.3f}, {high:.3f}]" for m, low, high in parts]
    return pd.DataFrame(found, index=tables[0].index)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", type=Path, help="write the tables there, too")
    given = parser.parse_args()
    quick = given.quick
    rows, hidden, bootstraps = (200, 16, 2) if quick else (1797, 256, 5)
    settings = lp.SVI(steps=150) if quick else None
    tables = []
    for seed in SEEDS[: 2 if quick else None]:
        begin = time.perf_counter()
        tables.append(comparison(rows, hidden, settings, bootstraps, seed).table)
        print(f"seed {seed}: {time.perf_counter() - begin:.0f} s", flush=True)
    print(spread(tables).to_string())
    if given.json:
        found = {seed: json.loads(t.to_json(orient="index")) for seed, t in zip(SEEDS, tables, strict=False)}
        given.json.write_text(json.dumps(found))


if __name__ == "__main__":
    main()
