"""A step of the compiled program beside hand-written Pyro and a plain-torch loop, alternating, in one process.

    python benchmarks/steps.py               the sizes of the table
    python benchmarks/steps.py --only VAE    one row of it
    python benchmarks/steps.py --quick       small sizes, a few steps: what the tests run

A step is forward, backward and update; a turn of the autoencoder is an epoch. Printed are medians over the turns, in
milliseconds a step, and ours over the peer's. Ours runs eagerly here: torch.compile is for longer fits.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyro
import pyro.distributions as dist
import torch
from pyro import poutine
from pyro.infer import SVI, Trace_ELBO, TraceEnum_ELBO, TraceMeanField_ELBO, config_enumerate
from pyro.infer.autoguide import AutoNormal
from torch import Tensor, nn

import latentprob as lp
from latentprob.data import read
from latentprob.data import statistics as centres
from latentprob.inference.bound import Restarts, Step
from latentprob.inference.capture import Loss
from latentprob.inference.loop import Rows
from latentprob.inference.problem import Problem, isolated
from latentprob.posterior.result import batch as tensors

Stepper = Callable[[], None]


@dataclass(frozen=True)
class Work:
    """One row of the table: the model, its data, and the peers that do the same arithmetic.

    rows: of a batch. peers: with the limit of ours over theirs. turn: steps of a turn.
    """

    name: str
    text: str
    data: np.ndarray
    rows: int
    peers: dict[str, tuple[Callable[["Work"], Iterator[None]], float | None]]
    turn: int


def ours(work: Work) -> Iterator[None]:
    """The captured graph of the compiled program under one fused Adam: what `lp.SVI` runs."""
    model = lp.Model(work.text)
    values = read(model, {"x": work.data})
    program = lp.compile(model, values.schema.observed)
    numbers = centres(model, values)
    with isolated(0):
        buffers = {name: torch.as_tensor(numbers[name]) for name in program.buffers}
        problem = Problem(program, buffers, tensors(program, values, "cpu"), len(work.data))
        loss = Loss(problem.ready(AutoNormal), problem.rows)
        restarts = Restarts.of([loss], [{}])
        generator = torch.Generator().manual_seed(0)
        step = Step(restarts, problem, Rows(problem.rows, work.rows, generator), 1, generator)
    leaves = restarts.start()
    optimizer = torch.optim.Adam(list(leaves.values()), lr=1e-3, fused=True)
    while True:
        gradients, _ = step(leaves)
        for name, leaf in leaves.items():
            leaf.grad = gradients[name]
        optimizer.step()
        yield


def pyro_svi(model: Callable, guide: Callable, elbo: pyro.infer.ELBO, work: Work) -> Iterator[None]:
    """Pyro's own `SVI.step`, validation off."""
    pyro.clear_param_store()
    svi = SVI(model, guide, pyro.optim.Adam({"lr": 1e-3}), elbo)
    x = torch.as_tensor(work.data, dtype=torch.float32 if "MLP" in work.text else torch.float64)
    generator = torch.Generator().manual_seed(0)
    while True:
        rows = torch.randperm(len(x), generator=generator)[: work.rows] if work.rows < len(x) else slice(None)
        with pyro.validation_enabled(False):
            svi.step(x[rows], len(x))
        yield


# -- VAE ------------------------------------------------------------------------------------------


class HandVAE(nn.Module):
    """784-400-20, as in Pyro's tutorial."""

    def __init__(self, features: int, hidden: int, latent: int) -> None:
        super().__init__()
        self.latent = latent
        self.encoder = nn.Sequential(nn.Linear(features, hidden), nn.ReLU(), nn.Linear(hidden, 2 * latent))
        self.decoder = nn.Sequential(nn.Linear(latent, hidden), nn.ReLU(), nn.Linear(hidden, features))

    def model(self, x: Tensor, rows: int) -> None:
        pyro.module("decoder", self.decoder)
        with pyro.plate("row", rows, subsample=x):
            z = pyro.sample("z", dist.Normal(x.new_zeros(self.latent), 1.0).to_event(1))
            pyro.sample("x", dist.Bernoulli(logits=self.decoder(z)).to_event(1), obs=x)

    def guide(self, x: Tensor, rows: int) -> None:
        pyro.module("encoder", self.encoder)
        loc, log_scale = self.encoder(2 * x - 1).chunk(2, -1)
        with pyro.plate("row", rows, subsample=x):
            pyro.sample("z", dist.Normal(loc, log_scale.exp()).to_event(1))


def vae_pyro(work: Work) -> Iterator[None]:
    torch.manual_seed(0)
    net = HandVAE(work.data.shape[1], *_vae_sizes(work))
    return pyro_svi(net.model, net.guide, TraceMeanField_ELBO(), work)


def vae_torch(work: Work) -> Iterator[None]:
    torch.manual_seed(0)
    net = HandVAE(work.data.shape[1], *_vae_sizes(work))
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3, fused=True)
    x = torch.as_tensor(work.data, dtype=torch.float32)
    while True:
        batch = x[torch.randperm(len(x))[: work.rows]]
        optimizer.zero_grad()
        loc, log_scale = net.encoder(2 * batch - 1).chunk(2, -1)
        z = loc + log_scale.exp() * torch.randn_like(loc)
        likelihood = nn.functional.binary_cross_entropy_with_logits(net.decoder(z), batch, reduction="sum")
        divergence = 0.5 * (loc.square() + (2 * log_scale).exp() - 1 - 2 * log_scale).sum()
        (likelihood + divergence).backward()
        optimizer.step()
        yield


def _vae_sizes(work: Work) -> tuple[int, int]:
    model = lp.Model(work.text)
    return model["x"].logits.hidden[0], model["z"].size


# -- mixture of normals ---------------------------------------------------------------------------


def mixture_pyro(work: Work) -> Iterator[None]:
    """Parallel enumeration of c, as Pyro's documentation has it."""
    levels, features = lp.Model(work.text)["c"].size, work.data.shape[1]
    x = torch.as_tensor(work.data)
    center, spread = x.mean(0), x.std(0)

    @config_enumerate
    def model(x: Tensor, rows: int) -> None:
        probs = pyro.sample("c_probs", dist.Dirichlet(x.new_ones(levels)))
        precision = dist.Gamma(x.new_full([levels, features], 2.0), 0.1 * spread**2)
        scale = pyro.sample("x_precision", precision.to_event(2)).rsqrt()
        loc = pyro.sample("x_loc", dist.Normal(center, 10 * scale).to_event(2))
        with pyro.plate("row", rows, subsample=x):
            c = pyro.sample("c", dist.Categorical(probs))
            pyro.sample("x", dist.Normal(loc[c], scale[c]).to_event(1), obs=x)

    guide = AutoNormal(poutine.block(model, hide=["c"]))
    return pyro_svi(model, guide, TraceEnum_ELBO(max_plate_nesting=1), work)


def mixture_torch(work: Work) -> Iterator[None]:
    """The same bound by the mixture's log density alone: MAP, which is less work than a bound."""
    levels, features = lp.Model(work.text)["c"].size, work.data.shape[1]
    x = torch.as_tensor(work.data)
    logits = x.new_zeros(levels, requires_grad=True)
    loc = x[:levels].clone().requires_grad_()
    log_scale = x.new_zeros(levels, features, requires_grad=True)
    optimizer = torch.optim.Adam([logits, loc, log_scale], lr=1e-3, fused=True)
    while True:
        optimizer.zero_grad()
        whitened = (x[:, None] - loc) * (-log_scale).exp()
        log_x = -0.5 * whitened.square().sum(-1) - log_scale.sum(-1)
        (-(logits.log_softmax(-1) + log_x).logsumexp(-1).sum()).backward()
        optimizer.step()
        yield


# -- factor analysis ------------------------------------------------------------------------------


def factors_pyro(work: Work) -> Iterator[None]:
    """z integrated out by hand, as LowRankMultivariateNormal."""
    factors, features = lp.Model(work.text)["z"].size, work.data.shape[1]
    x = torch.as_tensor(work.data)
    center, spread = x.mean(0), x.std(0)

    def model(x: Tensor, rows: int) -> None:
        scale = pyro.sample("x_precision", dist.Gamma(2.0, 0.1 * spread**2).to_event(1)).rsqrt()
        loc = pyro.sample("x_loc_intercept", dist.Normal(center, 2.5 * spread).to_event(1))
        prior = dist.Normal(0.0, 2.5 * spread).expand([factors, features])
        weights = pyro.sample("x_loc_weights", prior.to_event(2))
        with pyro.plate("row", rows, subsample=x):
            pyro.sample("x", dist.LowRankMultivariateNormal(loc, weights.mT, scale**2), obs=x)

    return pyro_svi(model, AutoNormal(model), Trace_ELBO(), work)


def works(quick: bool) -> list[Work]:
    """The rows of the table."""
    generator = np.random.default_rng(0)
    images = (generator.random((200 if quick else 10_000, 64 if quick else 784)) > 0.8).astype(float)
    hidden, latent, batch = (16, 2, 50) if quick else (400, 20, 128)
    rows, levels = (200, 2) if quick else (10_000, 10)
    points = generator.normal(size=(rows, 10)) + 4 * generator.integers(levels, size=rows)[:, None]
    turn = 2 if quick else 10
    count, features, factors = (200, 10, 2) if quick else (20_000, 100, 10)
    scores = generator.normal(size=(count, factors)) @ generator.normal(size=(factors, features))
    table = scores + generator.normal(size=(count, features))
    return [
        Work(
            f"VAE {images.shape[1]}-{hidden}-{latent}, batch {batch}",
            f"z ~ Normal(0, 1, size={latent})\nx ~ Bernoulli(logits=MLP(z, hidden=[{hidden}]))",
            images,
            batch,
            {"Pyro": (vae_pyro, 0.7), "torch": (vae_torch, 1.1)},
            len(images) // batch,
        ),
        Work(
            f"mixture {rows} x 10, K = {levels}, diagonal",
            f"c ~ Categorical(size={levels})\nx ~ Normal(loc=Table(c), scale=Table(c))",
            points,
            rows,
            {"Pyro": (mixture_pyro, 0.5), "torch": (mixture_torch, None)},
            turn,
        ),
        Work(
            f"factor analysis {count} x {features}, {factors} factors",
            f"z ~ Normal(0, 1, size={factors})\nx ~ Normal(loc=Linear(z), scale=PerFeature())",
            table,
            count,
            {"Pyro": (factors_pyro, None)},
            turn,
        ),
    ]


def measure(work: Work, rounds: int) -> dict[str, float]:
    """Median milliseconds a step: ours and the peers take turns."""
    runners = {"ours": ours(work), **{name: make(work) for name, (make, _) in work.peers.items()}}
    for runner in runners.values():
        for _ in range(3):
            next(runner)
    found: dict[str, list[float]] = {name: [] for name in runners}
    for _ in range(rounds):
        for name, runner in runners.items():
            begin = time.perf_counter()
            for _ in range(work.turn):
                next(runner)
            found[name].append(1e3 * (time.perf_counter() - begin) / work.turn)
    return {name: statistics.median(times) for name, times in found.items()}


def lines(work: Work, times: dict[str, float]) -> list[str]:
    """A line of Markdown for each peer."""
    found = []
    for name, (_, limit) in work.peers.items():
        ratio, most = times["ours"] / times[name], "" if limit is None else limit
        found.append(f"| {work.name} | {times['ours']:.2f} | {name} | {times[name]:.2f} | {ratio:.2f} | {most} |")
    return found


HEAD = ["| a step of | ours, ms | beside | ms | ratio | limit |", "|---|---|---|---|---|---|"]


def main() -> None:
    """Run the table and print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="small sizes, a few steps")
    parser.add_argument("--rounds", type=int, help="turns of each runner")
    parser.add_argument("--only", help="rows of the table whose name holds this")
    parser.add_argument("--json", type=Path, help="also write the numbers to this file")
    parser.add_argument("--markdown", type=Path, help="also write the table to this file")
    options = parser.parse_args()
    rounds = options.rounds or (2 if options.quick else 7)
    print(f"torch {torch.__version__}, pyro {pyro.__version__}, {torch.get_num_threads()} threads; medians of {rounds}")
    record, table = {}, [*HEAD]
    print(*HEAD, sep="\n", flush=True)
    for work in (work for work in works(options.quick) if (options.only or "") in work.name):
        record[work.name] = times = measure(work, rounds)
        table += lines(work, times)
        print(*lines(work, times), sep="\n", flush=True)
    if options.markdown:
        options.markdown.write_text("\n".join(table) + "\n")
    if options.json:
        options.json.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
