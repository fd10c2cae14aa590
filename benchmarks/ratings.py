"""Ratings of items by users: factorization with beliefs beside stochastic gradients, on ratings that neither has seen.

    python benchmarks/ratings.py --data ml-100k.inter    MovieLens-100K (GroupLens; recbole's wheel holds it)
    python benchmarks/ratings.py                         ratings simulated at its size
    python benchmarks/ratings.py --quick                 a small simulation: what the tests run

Every tenth rating is held out. `sgd` minimizes squared errors of the same predictor by Adam, without a penalty, and
stops where a tenth of the ratings that it sees, kept aside, has its least error. Coverage is the share of held-out
ratings in their 90 % predictive intervals.
"""

import argparse
import json
import time
import warnings
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import nn

import latentprob as lp
from latentprob.errors import UnseenLevels

MODEL = (
    "u[user] ~ Normal(0, Shared(), size={size})\nv[item] ~ Normal(0, 1, size={size})\n"
    "rating ~ Normal(loc=Dot(u, v) + PerLevel(user) + PerLevel(item), scale=Shared())"
)
SHAPE = (943, 1682, 100_000)  # users, items and ratings of MovieLens-100K
NORMAL_90 = 1.6448536


def movielens(path: Path) -> pd.DataFrame:
    """The ratings of MovieLens-100K, in the order of the file."""
    table = pd.read_csv(path, sep="\t").iloc[:, :3]
    return table.set_axis(["user", "item", "rating"], axis=1).astype({"rating": float})


def simulated(users: int, items: int, ratings: int, size: int = 5, seed: int = 0) -> pd.DataFrame:
    """Ratings of a factorization, with users and items as unevenly frequent as in MovieLens."""
    rng = np.random.default_rng(seed)
    user, item = (rng.choice(n, ratings, p=_frequencies(n)) for n in (users, items))
    u, v = 0.6 * rng.normal(size=(users, size)), 0.6 * rng.normal(size=(items, size))
    biases = 0.4 * rng.normal(size=users)[user] + 0.5 * rng.normal(size=items)[item]
    loc = 3.5 + (u[user] * v[item]).sum(1) + biases
    return pd.DataFrame({"user": user, "item": item, "rating": loc + 0.8 * rng.normal(size=ratings)})


def _frequencies(count: int) -> np.ndarray:
    each = 1 / (np.arange(count) + count / 20)
    return each / each.sum()


def believed(train: pd.DataFrame, test: pd.DataFrame, size: int) -> dict[str, float]:
    """Root mean squared error, coverage and nats a rating of the fitted model; seconds of the fit."""
    begin = time.perf_counter()
    fit = lp.fit(lp.Model(MODEL.format(size=size)), train, seed=0, progress=False)
    seconds = time.perf_counter() - begin
    known = test[test["user"].isin(train["user"]) & test["item"].isin(train["item"])]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UnseenLevels)
        mean = fit.impute(test.assign(rating=np.nan))["rating"].to_numpy()
        score = fit.score(test)
    loc, scale = _predicted(fit, known)
    inside = np.abs(known["rating"].to_numpy() - loc) <= NORMAL_90 * scale
    error = _error(mean, test)
    return {"rmse": error, "coverage": float(inside.mean()), "nats": score, "seconds": seconds}


def _predicted(fit: lp.Fit, rows: pd.DataFrame, draws: int = 200) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation (N,) of the posterior predictive of ratings of fitted users and items."""
    flat = fit.result.flat
    chosen = np.linspace(0, len(flat["u"]) - 1, draws).round().astype(int)
    schema = fit.result.values.schema
    user, item = (pd.Index(schema[name].levels).get_indexer(rows[name]) for name in ("user", "item"))
    first, second = np.zeros(len(rows)), np.zeros(len(rows))
    for s in chosen:
        at = {name: array[s] for name, array in flat.items()}
        loc = (at["u"][user] * at["v"][item]).sum(1) + at["rating_loc_intercept"]
        loc = loc + at["rating_loc_user"][user, 0] + at["rating_loc_item"][item, 0]
        first += loc / draws
        second += (loc**2 + at["rating_scale"] ** 2) / draws
    return first, np.sqrt(second - first**2)


class Factors(nn.Module):
    """b + b_user + b_item + u_user v_item."""

    def __init__(self, users: int, items: int, size: int, mean: float) -> None:
        super().__init__()
        self.u, self.v = nn.Embedding(users, size), nn.Embedding(items, size)
        self.a, self.b = nn.Embedding(users, 1), nn.Embedding(items, 1)
        self.mean = nn.Parameter(torch.tensor(mean))
        for part in (self.u, self.v, self.a, self.b):
            nn.init.normal_(part.weight, std=0.1)

    def forward(self, user: torch.Tensor, item: torch.Tensor) -> torch.Tensor:
        return (self.u(user) * self.v(item)).sum(-1) + self.a(user)[:, 0] + self.b(item)[:, 0] + self.mean


def descended(train: pd.DataFrame, test: pd.DataFrame, size: int, epochs: int = 60) -> dict[str, float]:
    """Root mean squared error of stochastic gradient descent, and its seconds."""
    torch.manual_seed(0)
    begin = time.perf_counter()
    levels = {name: pd.Index(pd.concat([train[name], test[name]]).unique()) for name in ("user", "item")}
    aside = np.arange(len(train)) % 10 == 5
    model = Factors(len(levels["user"]), len(levels["item"]), size, float(train["rating"].mean()))
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    seen, checked = _tensors(train[~aside], levels), _tensors(train[aside], levels)
    best, state, worse = np.inf, model.state_dict(), 0
    for _ in range(epochs):
        for some in torch.randperm(len(seen[2])).split(1024):
            optimizer.zero_grad()
            ((model(seen[0][some], seen[1][some]) - seen[2][some]) ** 2).mean().backward()
            optimizer.step()
        with torch.no_grad():
            error = float(((model(*checked[:2]) - checked[2]) ** 2).mean())
        worse = 0 if error < best else worse + 1
        if error < best:
            best, state = error, {name: value.clone() for name, value in model.state_dict().items()}
        if worse == 3:
            break
    model.load_state_dict(state)
    with torch.no_grad():
        found = model(*_tensors(test, levels)[:2]).numpy()
    return {"rmse": _error(found, test), "seconds": time.perf_counter() - begin}


def _tensors(table: pd.DataFrame, levels: Mapping[str, pd.Index]) -> tuple[torch.Tensor, ...]:
    codes = [torch.as_tensor(levels[name].get_indexer(table[name])) for name in ("user", "item")]
    return (*codes, torch.as_tensor(table["rating"].to_numpy(), dtype=torch.float32))


def _error(found: np.ndarray, test: pd.DataFrame) -> float:
    return float(np.sqrt(np.mean((found - test["rating"]) ** 2)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="the file ml-100k.inter")
    parser.add_argument("--size", type=int, default=10, help="dims of the factors")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", type=Path, help="write the table there, too")
    given = parser.parse_args()
    table = simulated(*((60, 40, 3000) if given.quick else SHAPE)) if given.data is None else movielens(given.data)
    size = 2 if given.quick else given.size
    held = np.arange(len(table)) % 10 == 0
    train, test = table[~held], table[held]
    found = {"ours": believed(train, test, size), "sgd": descended(train, test, size)}
    print(pd.DataFrame(found).T.to_string(float_format="{:.4f}".format, na_rep="-"))
    if given.json:
        given.json.write_text(json.dumps(found))


if __name__ == "__main__":
    main()
