"""Relations between nations: triples that no fit has seen, ranked by beliefs and by the points of the twin.

    python benchmarks/relations.py --data nations/    train.txt, valid.txt, test.txt (pykeen's wheel holds them)
    python benchmarks/relations.py                    triples simulated at their size
    python benchmarks/relations.py --quick            a small simulation: what the tests run

Each triple of the training set comes with negative samples, its head or its tail replaced by an entity drawn evenly.
A held-out triple is ranked among those with all other tails, and all other heads, known triples left out ("filtered");
MRR is the mean of the inverse ranks. `width` is the mean scale of the belief of an entity; its correlation with the
number of the entity's facts is below zero where few facts make wide beliefs.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import expit
from scipy.stats import spearmanr

import latentprob as lp

MODEL = (
    "e[entity] ~ Normal(0, 1, size={size})\nr[relation] ~ Normal(0, 1, size={size})\n"
    "holds ~ Bernoulli(logits=Dot(e[head], r[relation], e[tail]))"
)
COLUMNS = ["head", "relation", "tail"]
NEGATIVES = 5


def nations(folder: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Training triples, and those held out."""
    parts = [pd.read_csv(folder / f"{n}.txt", sep="\t", names=COLUMNS, dtype=str) for n in ("train", "valid", "test")]
    return parts[0], pd.concat(parts[1:], ignore_index=True)


def simulated(entities: int, relations: int, triples: int, seed: int = 0) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Triples of a DistMult world, a tenth of them held out; some entities are seen much less than others."""
    rng = np.random.default_rng(seed)
    e, r = rng.normal(size=(entities, 4)), rng.normal(size=(relations, 4))
    logits = np.einsum("hk,rk,tk->hrt", e, r, e) + np.log(np.linspace(0.05, 1, entities))[:, None, None] - 1
    holds = np.argwhere(rng.random(logits.shape) < expit(logits))
    chosen = rng.permutation(holds)[:triples]
    table = pd.DataFrame({"head": chosen[:, 0], "relation": chosen[:, 1], "tail": chosen[:, 2]})
    held = np.arange(len(table)) % 10 == 0
    return table[~held], table[held]


def sampled(triples: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """Triples that hold, each with negative samples."""
    rng, entities = np.random.default_rng(seed), np.unique(triples[["head", "tail"]])
    wrong = triples.loc[np.repeat(triples.index, NEGATIVES)].reset_index(drop=True)
    drawn, at_head = rng.choice(entities, len(wrong)), rng.random(len(wrong)) < 0.5
    wrong["head"] = np.where(at_head, drawn, wrong["head"])
    wrong["tail"] = np.where(at_head, wrong["tail"], drawn)
    known = pd.MultiIndex.from_frame(triples)
    wrong = wrong[~pd.MultiIndex.from_frame(wrong).isin(known)]
    both = pd.concat([triples.assign(holds=1.0), wrong.assign(holds=0.0)], ignore_index=True)
    return both.sample(frac=1, random_state=seed, ignore_index=True)


def ranks(chances: np.ndarray, held: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Filtered ranks (2 T,) of held-out triples (T, 3) by their chances (E, R, E); known: (E, R, E), bool."""
    found = []
    for h, r, t in held:
        for own, others, left_out in ((t, chances[h, r], known[h, r]), (h, chances[:, r, t], known[:, r, t])):
            rivals = others[~left_out]
            better, level = (rivals > others[own]).sum(), (rivals == others[own]).sum()
            found.append(1 + better + level / 2)
    return np.asarray(found)


def judged(
    model: lp.Model, train: pd.DataFrame, held: pd.DataFrame, method: lp.SVI | None
) -> tuple[dict[str, float], lp.Fit]:
    """Mean reciprocal rank, the share among the first three, and seconds."""
    begin = time.perf_counter()
    fit = lp.fit(model, train, method, seed=0, progress=False)
    seconds = time.perf_counter() - begin
    entities, relations = (fit.result.values.schema[name].levels for name in ("head", "relation"))
    chances = np.zeros((len(entities), len(relations), len(entities)))
    places = np.linspace(0, len(fit.result.flat["e"]) - 1, 200).round().astype(int)
    for s in np.unique(places):
        e, r = fit.result.flat["e"][s], fit.result.flat["r"][s]
        chances += expit(np.einsum("hk,rk,tk->hrt", e, r, e))
    names = {"head": entities, "relation": relations, "tail": entities}
    kept = held[held["relation"].isin(relations) & held["head"].isin(entities) & held["tail"].isin(entities)]
    codes = np.stack([pd.Index(names[name]).get_indexer(kept[name]) for name in COLUMNS], 1)
    true = train[train["holds"] == 1]
    known = np.zeros(chances.shape, bool)
    known[tuple(pd.Index(names[name]).get_indexer(true[name]) for name in COLUMNS)] = True
    known[tuple(codes.T)] = True
    found = ranks(chances, codes, known)
    return {"MRR": float((1 / found).mean()), "in 3": float((found <= 3).mean()), "seconds": seconds}, fit


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="the folder with train.txt, valid.txt, test.txt")
    parser.add_argument("--size", type=int, default=16, help="dims of the embeddings")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", type=Path, help="write the table there, too")
    given = parser.parse_args()
    world = (10, 4, 120) if given.quick else (14, 55, 2000)
    triples, held = simulated(*world) if given.data is None else nations(given.data)
    train, model = sampled(triples), lp.Model(MODEL.format(size=3 if given.quick else given.size))
    stochastic, fit = judged(model, train, held, None)
    deterministic, _ = judged(model.deterministic(), train, held, lp.SVI(restarts=1))
    facts = pd.concat([triples["head"], triples["tail"]]).value_counts()
    width = fit.latent("e")["scale"].mean("e_dim").to_series()
    stochastic["width"] = float(spearmanr(width, facts.reindex(width.index).fillna(0)).statistic)
    found = {"stochastic": stochastic, "deterministic": deterministic}
    print(pd.DataFrame(found).T.to_string(float_format="{:.3f}".format, na_rep="-"))
    if given.json:
        given.json.write_text(json.dumps(found))


if __name__ == "__main__":
    main()
