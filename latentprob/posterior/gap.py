"""The amortization gap: what each row's bound gains when its belief alone is refined (Cremer, Li and Duvenaud, 2018).

The belief stays in its family, a normal law without correlations before the transform to the latent's support; the
parameters stay as they are, drawn from the posterior.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from latentprob.errors import NotAvailable
from latentprob.posterior.beliefs import framed
from latentprob.posterior.encoder import encoded, law_of, normal, placed
from latentprob.posterior.matching import Array
from latentprob.posterior.result import BLOCK_VALUES, Result, count, thinned
from latentprob.program import evaluate

STEPS = 200  # of Adam, in units of each belief's own scale
LEARNING_RATE = 0.1  # at first; it falls to zero as a cosine
PARTICLES = 4  # fresh draws of a step: those of one step alone would be fitted themselves
CLIMBS = (PARTICLES, 32)  # particles of a belief that begins far off: first to where it lies, then as it is
JUDGED = 64  # draws by which both bounds are had, the same for both
SEED = 0


@dataclass(frozen=True)
class Gap:
    """Bounds of rows before and after their beliefs were refined, (N,), nats; the refined locations and scales.

    beliefs: of each drawn latent (N, 2, Z), before the transform to its support.
    """

    before: Array
    after: Array
    beliefs: Mapping[str, Array]

    @property
    def gain(self) -> Array:
        """Nats that each row gains, (N,): the amortization gap."""
        return self.after - self.before


def amortized(result: Result) -> bool:
    """Whether an encoder, and nothing else, gives beliefs of latents row by row."""
    drawn = result.drawn
    return bool(drawn) and not result.draws.latents and drawn == tuple(result.program.layout.draw)


def gap(result: Result) -> Gap:
    """What the beliefs of all fitted rows gain by being refined; a row that gains nothing keeps its belief."""
    if not amortized(result):
        raise NotAvailable(
            "refined beliefs: no encoder gives the beliefs of this fit alone; those of a closed form are exact, "
            "and those of a sampler are mended by more draws"
        )
    found = [_refined(result, rows) for rows in _row_blocks(result)]
    names = found[0].beliefs
    return Gap(
        np.concatenate([part.before for part in found]),
        np.concatenate([part.after for part in found]),
        {name: np.concatenate([part.beliefs[name] for part in found]) for name in names},
    )


def alone(result: Result) -> dict[str, Array]:
    """Locations and scales (N, 2, Z) of the beliefs of all rows, each fitted by itself from a standard normal law."""
    found: list[dict[str, Array]] = []
    for rows in _row_blocks(result):
        bound = Bound(result, rows)
        laws = encoded(result, result.values, bound.batch, rows)
        start = {name: torch.zeros_like(bound.split(law)) for name, law in laws.items()}
        start = {name: torch.stack([law[:, 0], law[:, 1] + 1], 1) for name, law in start.items()}
        for particles in CLIMBS:
            start = bound.climb(start, particles)
        found.append({name: _array(belief) for name, belief in start.items()})
    return {name: np.concatenate([part[name] for part in found]) for name in found[0]}


def _row_blocks(result: Result) -> Iterator[slice]:
    rows, step = count(result.values), max(1, BLOCK_VALUES // (PARTICLES * result.width))
    return (slice(start, min(start + step, rows)) for start in range(0, rows, step))


def _refined(result: Result, rows: slice) -> Gap:
    bound = Bound(result, rows)
    start = {name: bound.split(law) for name, law in encoded(result, result.values, bound.batch, rows).items()}
    end = bound.climb(start)
    before, after = bound.judged(start), bound.judged(end)
    better = after > before
    beliefs = {name: torch.where(better[:, None, None], end[name], start[name]) for name in start}
    return Gap(_array(before), _array(torch.where(better, after, before)), {n: _array(b) for n, b in beliefs.items()})


def _array(values: Tensor) -> Array:
    return values.double().cpu().numpy()


class Bound:
    """The bound of single rows as a function of their beliefs: locations and scales (N, 2, Z) of each drawn latent."""

    def __init__(self, result: Result, rows: slice) -> None:
        self.result = result
        self.batch = result.batch(result.values, rows)
        self.draws = thinned(result, count(result.values), JUDGED)
        self.generator = torch.Generator(result.device).manual_seed(SEED)

    @staticmethod
    def split(law: object) -> Tensor:
        """Location and scale of a belief, (N, 2, Z)."""
        own = normal(law)
        return torch.stack([own.loc, own.scale], 1).detach()

    def __call__(self, beliefs: Mapping[str, Tensor], noise: Mapping[str, Tensor], draws: np.ndarray) -> Tensor:
        """E_q[log p(x, z) - log q(z)] by draws (S, N, Z) of noise, each under a draw of the parameters; (N,), nats."""
        values, log_q = {}, torch.zeros(())
        for name, belief in beliefs.items():
            law = law_of(self.result.model[name].support, *belief.unbind(1))
            own = normal(law)
            inner = own.loc + own.scale * noise[name]
            raw, volume = placed(law, inner)
            values[name], log_q = framed(self.result, name, raw), log_q + own.log_prob(inner).sum(-1) - volume
        sites = self.result.take(draws)
        log_p = evaluate.row_log_density(
            self.result.module, self.batch, sites, values, gradient=torch.is_grad_enabled()
        )
        return (log_p - log_q).mean(0)

    def noise(self, beliefs: Mapping[str, Tensor], particles: int) -> dict[str, Tensor]:
        """Standard normal numbers (S, N, Z) for each latent."""
        shapes = {name: (particles, belief.shape[0], belief.shape[2]) for name, belief in beliefs.items()}
        like = next(iter(beliefs.values()))
        return {
            name: torch.randn(shape, generator=self.generator, dtype=like.dtype, device=like.device)
            for name, shape in shapes.items()
        }

    def climb(self, start: Mapping[str, Tensor], particles: int = PARTICLES) -> dict[str, Tensor]:
        """Beliefs refined by Adam: each row moves in units of its own scale."""
        moves = {name: torch.zeros_like(belief, requires_grad=True) for name, belief in start.items()}
        optimizer = torch.optim.Adam(list(moves.values()), lr=LEARNING_RATE)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, STEPS)
        for step in range(STEPS):
            draws = self.draws[
                np.arange(particles) * len(self.draws) // particles + step % max(1, len(self.draws) // particles)
            ]
            loss = -self({n: _moved(start[n], moves[n]) for n in start}, self.noise(start, particles), draws).sum()
            gradients = torch.autograd.grad(loss, list(moves.values()))
            for move, gradient in zip(moves.values(), gradients, strict=True):
                move.grad = gradient.nan_to_num()
            optimizer.step()
            schedule.step()
        return {name: _moved(start[name], moves[name]).detach() for name in start}

    def judged(self, beliefs: Mapping[str, Tensor]) -> Tensor:
        """The bound (N,) by many draws; the same noise at every call."""
        self.generator.manual_seed(SEED)
        total = torch.zeros(())
        with torch.no_grad():
            for part in np.array_split(self.draws[:JUDGED], JUDGED // PARTICLES):
                total = total + self(beliefs, self.noise(beliefs, len(part)), part) * (len(part) / JUDGED)
        return total


def _moved(start: Tensor, move: Tensor) -> Tensor:
    loc, scale = start.unbind(1)
    return torch.stack([loc + scale * move[:, 0], scale * move[:, 1].exp()], 1)
