"""Processes and networks fitted to a first guess of the latents, before the bound is maximized.

At the guess the joint density of data and parameters is maximized, and with it the encoder's density of the guess; of
a deterministic encoder, the density under noise of sd 1.
"""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from pyro import poutine
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from torch import Tensor, nn

from latentprob.inference.capture import captured, log_prob
from latentprob.inference.guesses import Guess
from latentprob.inference.problem import Problem, rows_of
from latentprob.inference.unconstrain import Space, space_of
from latentprob.program import Program
from latentprob.program.evaluate import fed
from latentprob.spec.structure import processes

STEPS = 300
RATE = 0.02  # of Adam, falling to zero along a cosine
GROUPING = 10  # iterations of k-means for the inducing inputs
ROWS = 512  # of one step, at most
INFORMATION_ROWS = 512  # whose squared gradients stand for the information

Batch = Mapping[str, Tensor]


def wanted(program: Program, guess: Guess) -> bool:
    """Whether a start is pretrained: where there is a process, or a latent was unrolled for a network."""
    real = all(program.model[name].support == "real" for name in program.layout.draw)
    return real and (bool(program.layout.residuals) or "isomap" in guess.how.values())


def encoded(program: Program, guess: Guess) -> tuple[str, ...]:
    """The deterministic variables that were unrolled."""
    return tuple(name for name in program.model.embedded if guess.how.get(name) == "isomap")


@dataclass(frozen=True)
class Pretrained:
    """Values of the sites, the state of networks and inducing inputs, and conditional scales (P,) of the sites."""

    values: dict[str, Tensor]
    state: dict[str, Tensor]
    scales: Tensor


class Pretraining(nn.Module):
    """Minus log p(x, z, theta) - log q(z given x) at a guess z and an unconstrained theta, nats.

    encoded: the deterministic variables among z.
    """

    def __init__(self, program: Any, space: Space, rows: int, encoded: tuple[str, ...]) -> None:
        super().__init__()
        self.program: Any = program
        self.space = space
        self.rows = rows
        self.encoded = encoded

    def forward(self, vector: Tensor, batch: Batch, latents: Batch, weights: Tensor) -> Tensor:
        values, log_jacobian = self.space.split(vector)
        at = poutine.condition(fed(self.program.marginal, batch, self.rows), data={**values, **latents})
        trace = poutine.trace(at).get_trace()
        density = log_prob(trace, weights) + log_jacobian
        for name in self.encoded:  # what the encoder says, where the program was given the guess
            point: Any = trace.nodes[name]["fn"]
            error = latents[name] - point.mean
            density = density - 0.5 * (error.square().sum(-1) * weights).sum()
        if hasattr(self.program, "latent_guide"):
            guide = poutine.condition(fed(self.program.latent_guide, batch, self.rows), data=dict(latents))
            density = density + log_prob(poutine.trace(guide).get_trace(), weights)
        return -density


def pretrained(
    problem: Problem, module: Any, guess: Guess, values: Mapping[str, Tensor], rng: np.random.Generator
) -> Pretrained:
    """Sites, networks and inducing inputs at a guess of the latents."""
    _place_points(problem, module, guess, rng)
    space = space_of(module.priors, values) if problem.program.site_axes else space_of(lambda: None, {})
    loss = Pretraining(module, space, len(guess.rows), encoded(problem.program, guess))
    # the automatic guide is not set up, so that what is left are networks and inducing inputs
    free = {"vector": torch.zeros_like(space.start)} | {n: p.detach().clone() for n, p in loss.named_parameters()}
    generator = torch.Generator(problem.device)
    generator.manual_seed(int(rng.integers(2**31)))
    data = _Data(problem, module, guess, generator)
    fixed, start, unit = dict(loss.named_buffers()), space.join(values), space.spread

    def function(free: dict[str, Tensor], batch: Batch, latents: Batch, weights: Tensor) -> Tensor:
        state = {name: value for name, value in free.items() if name != "vector"}
        vector = start + unit * free["vector"]
        return torch.func.functional_call(loss, (state, fixed), (vector, batch, latents, weights))

    graph = captured(torch.func.grad(function), free, *data.next())
    _descend(graph, free, data)
    vector = start + unit * free.pop("vector")
    values, _ = space.split(vector)
    scales = _scales(loss, vector, {**free, **fixed}, data)
    return Pretrained(dict(values), {name.removeprefix("program."): value for name, value in free.items()}, scales)


def _scales(loss: Pretraining, vector: Tensor, state: Batch, data: "_Data") -> Tensor:
    """Conditional standard deviations (P,) from the rows' squared gradients and the priors' spreads."""

    def gradient(row: Batch, latents: Batch, weight: Tensor) -> Tensor:
        one, drawn = ({name: value[None] for name, value in each.items()} for each in (row, latents))

        def density(vector: Tensor) -> Tensor:
            return torch.func.functional_call(loss, dict(state), (vector, one, drawn, weight[None]))

        return torch.func.grad(density)(vector)

    squared = torch.vmap(gradient, chunk_size=64)(*data.next(INFORMATION_ROWS)).square().mean(0)
    return (squared / loss.rows + loss.space.spread**-2).rsqrt()


def _descend(graph: Any, free: dict[str, Tensor], data: "_Data") -> None:
    """Adam at a rate that falls to zero; the tensors are changed in place."""
    optimizer = torch.optim.Adam(list(free.values()), lr=RATE, fused=True)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, STEPS)
    with torch.no_grad():
        for _ in range(STEPS):
            gradients = graph(free, *data.next())
            for name, leaf in free.items():
                leaf.grad = gradients[name]
            optimizer.step()
            schedule.step()
    for leaf in free.values():
        leaf.grad = None


class _Data:
    """Minibatches of the guess's rows: data, latents with fresh residuals of the processes, weights."""

    def __init__(self, problem: Problem, module: Any, guess: Guess, generator: torch.Generator) -> None:
        batch, weights = problem.arguments()
        rows = torch.as_tensor(guess.rows, device=problem.device)
        self.batch, self.weights = rows_of(batch, rows), weights[rows]
        held = (*problem.program.layout.draw, *encoded(problem.program, guess))
        self.latents = {name: torch.as_tensor(guess.values[name]).to(weights) for name in held}
        self.shapes = _residual_shapes(problem, module)
        self.generator = generator

    def next(self, rows: int = ROWS) -> tuple[dict[str, Tensor], dict[str, Tensor], Tensor]:
        some = torch.arange(len(self.weights), device=self.weights.device)
        if len(some) > rows:
            some = torch.randperm(len(some), generator=self.generator, device=some.device)[:rows]
        latents = rows_of(self.latents, some)
        for name, shape in self.shapes.items():
            empty = self.weights.new_empty(len(some), *shape)
            latents[name] = empty.normal_(generator=self.generator)
        return rows_of(self.batch, some), latents, self.weights[some]


def _residual_shapes(problem: Problem, module: Any) -> dict[str, tuple[int, ...]]:
    """The shape of one row of each process's residual."""
    names = problem.program.layout.residuals
    if not names:
        return {}
    batch, _ = problem.arguments()
    with torch.no_grad():
        trace = poutine.trace(fed(module.latent_guide, rows_of(batch, slice(0, 2)), problem.rows)).get_trace()
    nodes: Any = trace.nodes
    return {name: tuple(nodes[name]["value"].shape[1:]) for name in names}


def _place_points(problem: Problem, module: Any, guess: Guess, rng: np.random.Generator) -> None:
    """Inducing inputs at the centres of as many groups of rows of the process's parent."""
    for base, _, _, part in processes(problem.program.model.statements):
        values = guess.values[part.parent].reshape(len(guess.rows), -1)
        groups = min(part.inducing, len(np.unique(values, axis=0)))
        means = KMeans(groups, n_init=1, max_iter=GROUPING, random_state=int(rng.integers(2**31)))
        points = getattr(module, f"{base}_points")
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            found = means.fit(values, sample_weight=guess.weights).cluster_centers_
            points[:groups] = torch.as_tensor(found).to(points)
