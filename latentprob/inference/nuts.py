"""The no-U-turn sampler on `marginal`: Pyro's NUTS over a captured graph, in coordinates whitened at the mode.

Hoffman and Gelman (2014), JMLR 15.
"""

import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from pydantic import Field
from pyro.infer import NUTS as Kernel
from pyro.infer.autoguide import AutoDelta
from torch import Tensor

from latentprob.errors import InferenceError
from latentprob.inference.capture import Density, captured, compiled
from latentprob.inference.draws import arrays, in_chunks, sites
from latentprob.inference.modes import Place, places
from latentprob.inference.problem import Attrs, Draws, Problem, isolated
from latentprob.inference.progress import Progress
from latentprob.inference.restarts import gathered
from latentprob.inference.settings import Settings
from latentprob.inference.starts import starts
from latentprob.inference.unconstrain import space_of
from latentprob.program.evaluate import fed

OVERDISPERSED = 2.0  # standard deviations of a chain's start around its mode
LEAPS = 8  # leapfrog steps that a transition takes, about: for what compiling pays
WORSE = 10.0  # nats: a mode so far below the best one holds no mass, and its chain starts at the best one


class NUTS(Settings):
    """Draws of the exact posterior of small models on small data. Drawn latents are sampled too.

    >>> import latentprob as lp
    >>> model = lp.Model("x ~ Normal(loc=PerFeature(), scale=1)")
    >>> fit = lp.fit(model, {"x": [0.5, -1.0, 2.0]}, lp.NUTS(draws=50, warmup=50, chains=1), progress=False)
    >>> fit.posterior["x_loc"].sizes["draw"]
    50
    """

    draws: int = Field(default=1000, ge=1, description="draws of each chain after warm-up, from 1")
    warmup: int = Field(default=500, ge=10, description="steps of adaptation, from 10")
    chains: int = Field(
        default=4, ge=1, description="chains, one after the other, each from a start of its own, from 1"
    )
    target_accept: float = Field(
        default=0.8, gt=0, lt=1, description="acceptance that the step size aims at, in (0, 1)"
    )
    max_tree_depth: int = Field(default=10, ge=1, le=15, description="doublings of a trajectory at most, 1 to 15")

    compile: bool | None = Field(
        default=None, description="torch.compile the density; None: where the draws pay for it"
    )

    def run(self, problem: Problem, seed: int = 0, progress: bool | None = None) -> Draws:
        """Sample; a seed gives the same numbers, bit for bit, on one machine."""
        begin = time.perf_counter()
        with isolated(seed):
            target = Target.of(problem, self.chains, seed)
            target.capture(LEAPS * self.chains * (self.draws + self.warmup), self.compile)
            chains = []
            with Progress(self.chains * (self.draws + self.warmup), "nuts", progress) as bar:
                for number, place in enumerate(target.places):
                    torch.default_generator.manual_seed(_own_seed(seed, number))
                    chains.append(_chain(target, place, self, bar))
            parameters, latents = target.values([vectors for vectors, _ in chains])
        stats = gathered([stats for _, stats in chains])
        attrs: Attrs = {
            "method": "nuts",
            "settled": True,
            "seed": seed,
            "divergences": int(stats["diverging"].sum()),
            "warmup": self.warmup,
            "seconds": time.perf_counter() - begin,
        }
        return Draws(parameters, latents, target.state(), stats, attrs)


class Target:
    """The log density of a problem in float64, and where its chains start."""

    def __init__(self, problem: Problem, density: Density, where: list[Place]) -> None:
        self.density, self.places = density, where
        self.batch, self.weights = problem.arguments(torch.float64)

    @classmethod
    def of(cls, problem: Problem, chains: int, seed: int) -> "Target":
        module = problem.build(AutoDelta).double()
        batch, weights = problem.arguments(torch.float64)
        begun = starts(problem, module, range(chains), seed)
        at = [{n: v.double() for n, v in start.values.items()} for start in begun]
        space = space_of(fed(module.marginal, batch, problem.rows), at[0])
        if any(part.point for part in space.parts):
            raise InferenceError("NUTS needs a prior on every parameter; fit a point model by SVI()")
        density = Density(module, space, problem.rows)
        _check_no_networks(density, batch, weights)
        if any(part.local for part in space.parts):
            where = [Place(space.join({**space.split(space.start)[0], **start}), space.spread, None) for start in at]
        else:
            where = _best(places(batch, weights, density, at, problem.program.model), density, batch, weights)
        return cls(problem, density, where)

    def capture(self, runs: int, compile: bool | None) -> None:
        """Capture the density in whitened coordinates, once for all chains."""

        def density(u: Tensor, center: Tensor, root: Tensor, batch: Any, weights: Tensor) -> Tensor:
            return self.density(center + root @ u, batch, weights)

        center = self.places[0].vector
        example = (torch.zeros_like(center), center, _root(self.places[0]), self.batch, self.weights)
        self.run = compiled(captured(torch.func.grad_and_value(density), *example), runs, compile)

    def values(self, chains: list[Tensor]) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """Global sites and drawn latents, (chain, draw, ...), of vectors (draw, P) by chain."""
        space, program = self.density.space, self.density.program

        def one(vector: Tensor) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
            values = space.split(vector)[0]
            local = {part.name: values.pop(part.name) for part in space.parts if part.local}
            return (sites(program, values) if values else {}), local

        both = [in_chunks(one, len(self.weights))(vectors) for vectors in chains]
        return gathered([arrays(found) for found, _ in both]), gathered([arrays(local) for _, local in both])

    def state(self) -> dict[str, Tensor]:
        return {name: value.detach() for name, value in self.density.program.state_dict().items()}


def _root(place: Place) -> Tensor:
    return place.laplace.everywhere if place.laplace is not None else place.scales.diag()


class Potential(torch.autograd.Function):
    """Minus a captured log density, whose gradient the graph has already computed."""

    @staticmethod
    def forward(context: Any, vector: Tensor, evaluate: Callable[[Tensor], tuple[Tensor, Tensor]]) -> Tensor:
        gradient, value = evaluate(vector)
        context.gradient = -gradient
        return -value

    @staticmethod
    def backward(context: Any, upstream: Tensor) -> tuple[Tensor, None]:
        return upstream * context.gradient, None


class Recorded(Kernel):
    """Pyro's NUTS that keeps the energy of each transition, which Pyro forgets."""

    energy = math.nan

    def _sample_r(self, name: str) -> Any:
        scaled, momentum = super()._sample_r(name)
        self.energy = float(self._kinetic_energy(momentum) + self._potential_energy_last)
        return scaled, momentum


def _chain(target: Target, place: Place, settings: NUTS, bar: Progress) -> tuple[Tensor, dict[str, np.ndarray]]:
    """Vectors (draw, P) of one chain, and its statistics (draw,)."""
    center, root = place.vector, _root(place)
    start = OVERDISPERSED * torch.rand_like(center) - OVERDISPERSED / 2
    calls = 0

    def potential(at: dict[str, Tensor]) -> Tensor:
        nonlocal calls
        calls += 1
        return Potential.apply(at["u"], lambda u: target.run(u, center, root, target.batch, target.weights))

    kernel = Recorded(
        potential_fn=potential, target_accept_prob=settings.target_accept, max_tree_depth=settings.max_tree_depth
    )
    kernel.initial_params = {"u": start}
    kernel.setup(settings.warmup)
    at, drawn, rows = kernel.initial_params, [], []
    for step in range(settings.warmup + settings.draws):
        before, mean, diverged = calls, kernel._mean_accept_prob, len(kernel._divergences)
        at = kernel.sample(at)
        bar.tick()
        number = step - settings.warmup
        if number >= 0:
            accept = kernel._mean_accept_prob * (number + 1) - mean * number
            drawn.append(at["u"])
            rows.append((kernel.energy, accept, kernel.step_size, calls - before, len(kernel._divergences) > diverged))
    energy, rate, size, leaps, diverging = (np.array(column) for column in zip(*rows, strict=True))
    stats = {
        "energy": energy,
        "acceptance_rate": rate,
        "step_size": size,
        "n_steps": leaps,
        "tree_depth": np.ceil(np.log2(leaps + 1)).astype(int),
        "diverging": diverging,
    }
    return center + torch.stack(drawn) @ root.mT, stats


def _best(found: list[Place], density: Density, batch: Any, weights: Tensor) -> list[Place]:
    """The modes, with the best in the place of those that are far below it."""
    with torch.no_grad():
        heights = [density(place.vector, batch, weights).item() for place in found]
    top = int(np.argmax(heights))
    return [
        place if height > heights[top] - WORSE else found[top] for place, height in zip(found, heights, strict=True)
    ]


def _own_seed(seed: int, chain: int) -> int:
    return int(np.random.SeedSequence([seed, chain]).generate_state(1)[0])


def _check_no_networks(density: Density, batch: Any, weights: Tensor) -> None:
    """NUTS moves sites; weights that the density reads would stay where they are."""
    weights_of = {n: p for n, p in density.program.named_parameters() if p.requires_grad}
    if not weights_of:
        return
    value = density(density.space.start, batch, weights)
    used = torch.autograd.grad(value, list(weights_of.values()), allow_unused=True) if value.requires_grad else ()
    for name, gradient in zip(weights_of, used, strict=False):
        if gradient is not None:
            raise InferenceError(
                f"NUTS needs a prior on every parameter, and the network's weights {name} have none: use SVI()"
            )
