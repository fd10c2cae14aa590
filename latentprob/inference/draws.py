"""Draws of the global parameters: from a guide, or at given unconstrained vectors."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from pyro import poutine
from pyro.distributions import Unit
from torch import Tensor, nn

from latentprob.inference.capture import Density, Noise, automatic_guide, log_prob
from latentprob.inference.problem import Problem
from latentprob.program.evaluate import fed

CELLS = 2_000_000  # draws times rows that are held at once
DENSITY_CELLS = 50_000_000  # draws times rows up to which the joint density of every draw is computed


class Sampler(nn.Module):
    """One draw of the guide: the values of all global sites, log p(x, theta) and log q(theta), nats."""

    def __init__(self, program: Any, rows: int, density: bool) -> None:
        super().__init__()
        self.program: Any = program
        self.rows = rows
        self.density = density

    def forward(self, batch: Mapping[str, Tensor], weights: Tensor) -> tuple[dict[str, Tensor], Tensor, Tensor]:
        parameter_guide = automatic_guide(self.program)
        if parameter_guide is None:
            return {}, weights.new_zeros(()), weights.new_zeros(())
        guide = poutine.trace(parameter_guide).get_trace()
        drawn: dict[str, Any] = {
            name: site["value"] for name, site in guide.iter_stochastic_nodes() if not _auxiliary(site)
        }
        log_p = log_q = weights.new_zeros(())
        if self.density:
            at = poutine.condition(fed(self.program.marginal, batch, self.rows), data=drawn)
            log_p = log_prob(poutine.trace(at).get_trace(), weights)
            log_q = log_prob(guide, weights)
        return sites(self.program, drawn), log_p, log_q


def sites(program: Any, values: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The global sites at these values, with what follows from them."""
    trace = poutine.trace(poutine.condition(program.priors, data=dict(values))).get_trace()
    nodes: Mapping[str, Any] = trace.nodes
    drawn = {name: site for name, site in nodes.items() if site["type"] == "sample"}
    return {name: site["value"] for name, site in drawn.items() if not isinstance(site["fn"], Unit)}


def from_guide(
    sampler: Sampler,
    parameters: Mapping[str, Tensor],
    fixed: Mapping[str, Tensor],
    problem: Problem,
    draws: int,
    generator: torch.Generator,
) -> dict[str, np.ndarray]:
    """`draws` draws of the guide with these parameters; "log_p" and "log_q" where the density was asked for."""
    batch, weights = problem.arguments()

    def one(noise: Tensor) -> tuple[dict[str, Tensor], Tensor, Tensor]:
        with Noise(noise):
            return torch.func.functional_call(sampler, (dict(parameters), dict(fixed)), (batch, weights))

    with Noise() as count, torch.no_grad():
        sampler(batch, weights)
    noise = torch.randn(draws, count.used, generator=generator, dtype=weights.dtype, device=weights.device)
    values, log_p, log_q = in_chunks(one, problem.cells if sampler.density else 1)(noise)
    found = arrays(values)
    return {**found, **arrays({"log_p": log_p, "log_q": log_q})} if sampler.density else found


def at_vectors(density: Density, vectors: Tensor) -> dict[str, np.ndarray]:
    """The global sites at unconstrained vectors (S, P)."""

    def one(vector: Tensor) -> dict[str, Tensor]:
        values = density.space.split(vector)[0]
        return sites(density.program, {part.name: values[part.name] for part in density.space.parts if not part.local})

    return arrays(in_chunks(one, 1)(vectors))


def in_chunks(function: Callable[..., Any], rows: int) -> Callable[..., Any]:
    """A function of one draw mapped over many, as many at once as memory allows; without gradients."""
    mapped = torch.vmap(function, chunk_size=max(1, CELLS // rows))

    def run(*arguments: Any) -> Any:
        with torch.no_grad():
            return mapped(*arguments)

    return run


def arrays(values: Mapping[str, Tensor]) -> dict[str, np.ndarray]:
    """Tensors as arrays of float64."""
    return {name: value.detach().double().cpu().numpy() for name, value in values.items()}


def _auxiliary(site: Mapping[str, Any]) -> bool:
    return bool(site["infer"].get("is_auxiliary"))
