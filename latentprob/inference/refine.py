"""The correction of an approximation: importance resampling of `marginal` around the modes that the restarts found."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from latentprob.errors import InferenceError
from latentprob.inference.capture import Density
from latentprob.inference.cell import cell
from latentprob.inference.draws import at_vectors, in_chunks
from latentprob.inference.importance import ROUND, Resampled, resample
from latentprob.inference.laplace import Laplace
from latentprob.inference.modes import places
from latentprob.inference.problem import Attrs, Problem
from latentprob.inference.restarts import kept
from latentprob.inference.unconstrain import space_of

NUMBERS = 100  # global numbers up to which it is tried unasked
CELLS = 50_000_000  # proposals times rows up to which it is
SAME = 1e-2  # nats: modes that close are one, up to its symmetries


@dataclass(frozen=True)
class Refinement:
    """Chains of sites (S, ...), the starts they belong to, and the worst Pareto k; no chains where it failed."""

    chains: list[dict[str, np.ndarray]] = field(default_factory=list)
    kept: list[int] = field(default_factory=list)
    pareto_k: float | None = None

    @property
    def attrs(self) -> Attrs:
        """What the attributes of the draws say of it."""
        return {"refined": bool(self.chains), **({} if self.pareto_k is None else {"pareto_k": self.pareto_k})}


def refined(
    problem: Problem,
    module: Any,
    starts: Sequence[Mapping[str, Tensor]],
    draws: int,
    generator: torch.Generator,
    wanted: bool | None,
    closed: bool = True,
) -> Refinement:
    """A chain for each start, but for those whose mode has clearly less evidence than the best.

    There is none where the structure or the cost does not allow it. closed: whether nothing but global sites is hidden.
    """
    most = CELLS // problem.cells
    if wanted is False or (wanted is None and (not closed or most < ROUND * draws)):
        return Refinement()
    space = space_of(module.priors, starts[0], probit=True) if closed and problem.program.site_axes else None
    possible = space is not None and not any(part.point for part in space.parts)
    if space is None or not possible or (wanted is None and space.size > NUMBERS):
        return _refused(wanted)
    batch, weights = problem.arguments()
    density = Density(module, space, problem.rows)
    with torch.enable_grad():
        found = [place.laplace for place in places(batch, weights, density, starts, problem.program.model)]
    modes = [near for near in found if near is not None and not near.flat]
    if len(modes) < len(found):
        return _refused(wanted)
    mapped = in_chunks(lambda vector: density(vector, batch, weights), problem.cells)
    chains = _chains(problem, density, mapped, modes, draws, generator, most)
    if not chains[-1].good:
        return Refinement(pareto_k=chains[-1].pareto_k)
    evidence = np.array([chain.log_evidence for chain in chains])
    keep = [int(at) for at in np.flatnonzero(kept(evidence, np.zeros_like(evidence), np.zeros_like(evidence, bool)))]
    values = [{**at_vectors(density, chains[at].vectors), **chains[at].densities} for at in keep]
    return Refinement(values, keep, max(chains[at].pareto_k for at in keep))


def _refused(wanted: bool | None) -> Refinement:
    if wanted:
        raise InferenceError(
            "refine=True needs a closed form of the density around one mode: no networks, no drawn latents, "
            "no point estimates and no direction in which the density is flat; leave refine out, or use NUTS"
        )
    return Refinement()


def _chains(
    problem: Problem,
    density: Density,
    mapped: Callable[[Tensor], Tensor],
    modes: Sequence[Laplace],
    draws: int,
    generator: torch.Generator,
    most: int,
) -> list[Resampled]:
    """A chain around each mode; those of modes that are one but for labels and signs are drawn together.

    The first that is not good ends them.
    """
    heights = mapped(torch.stack([near.mode for near in modes]))
    twins = [int((heights[: at + 1] - height).abs().lt(SAME).nonzero()[0]) for at, height in enumerate(heights)]
    chains: dict[int, Resampled] = {}
    for first in dict.fromkeys(twins):
        own = [at for at, twin in enumerate(twins) if twin == first]
        inside = cell(problem.program.model, tuple(problem.batch), density.space, modes[first])
        found = resample(mapped, modes[first], draws * len(own), generator, most, inside)
        chains |= dict(zip(own, found.split(draws), strict=True))
        if not found.good:
            return [found]
    return [chains[at] for at in sorted(chains)]
