"""Steps in natural-parameter space: minibatches with falling weights, then coordinate ascent, accelerated.

A step is a convex combination with the target (Hoffman et al., 2013). On all rows with weight 1 it is coordinate
ascent, which never lowers the bound. At the slow end of it Anderson's (1965) acceleration goes further, and is taken
back wherever the bound falls.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from latentprob.inference.natural.engine import Engine
from latentprob.inference.natural.part import Natural

MEMORY = 5  # differences that the acceleration looks back on
RIDGE = 1e-8  # of the mean square of the differences
NEAR = 1e-3  # nats a row: gains below it are those of a slow end, where acceleration pays
GAIN = 1e-4  # nats a natural parameter: gains below it move no parameter by a hundredth of its posterior sd
STILL = 2  # passes in a row that gain less before the bound is settled


@dataclass(frozen=True)
class Layout:
    """Natural parameters of all components as one vector for each restart, (R, M)."""

    shapes: tuple[tuple[torch.Size, ...], ...]

    @classmethod
    def of(cls, naturals: Sequence[Natural]) -> "Layout":
        """The layout of naturals with a restart axis."""
        return cls(tuple(tuple(value.shape[1:] for value in natural) for natural in naturals))

    def join(self, naturals: Sequence[Natural]) -> Tensor:
        """The vectors (R, M)."""
        return torch.cat([value.flatten(1) for natural in naturals for value in natural], 1)

    def split(self, vectors: Tensor) -> list[Natural]:
        """The naturals, (R, ...)."""
        sizes = [shape.numel() for natural in self.shapes for shape in natural]
        pieces = iter(vectors.split(sizes, 1))
        return [tuple(next(pieces).reshape(-1, *shape) for shape in natural) for natural in self.shapes]


@dataclass(frozen=True)
class Ascent:
    """Where the restarts ended, (R, M), their bounds (R, step), nats, and whether all had settled."""

    vectors: Tensor
    bounds: np.ndarray
    settled: bool


def stochastic(
    engine: Engine, layout: Layout, vectors: Tensor, orders: Sequence[Tensor], batch: int, delay: float, power: float
) -> Tensor:
    """Vectors (R, M) after a pass over the rows in each of these orders, a minibatch a step."""
    step = 0
    for order in orders:
        for start in range(0, len(order) - batch + 1, batch):
            index = order[start : start + batch]
            naturals = layout.split(vectors)
            moments = [part.moments(natural) for part, natural in zip(engine.parts, naturals, strict=True)]
            # half the digits cost half the time, and the noise of a minibatch is far above them
            _, sums = engine.rows(engine.coefficients(moments).float(), index)
            scale = engine.weights.sum() / engine.weights[index].sum()
            goal = layout.join(engine.target(naturals, sums.to(vectors) * scale))
            vectors = vectors + (step + delay) ** -power * (goal - vectors)
            step += 1
    return vectors


def ascend(
    engine: Engine,
    layout: Layout,
    vectors: Tensor,
    steps: int,
    accelerate: bool = True,
    report: Callable[[int, np.ndarray], None] | None = None,
) -> Ascent:
    """Passes over all rows until every restart's bound has settled."""
    best, safe = vectors.new_full((len(vectors),), -torch.inf), vectors
    memory, rows = Memory(vectors), float(engine.weights.sum())
    coarse = engine.fixed is None and len(engine.weights) >= COARSE_ROWS
    recorded: list[np.ndarray] = []
    still = torch.zeros(len(vectors), dtype=torch.long, device=vectors.device)
    at = vectors
    for _ in range(steps):
        bound, naturals = engine.evaluate(layout.split(at), coarse)
        goal = layout.join(naturals)
        good = bound >= best - ROUNDING * bound.abs()
        gain = torch.where(good, bound - best, torch.inf)
        if coarse and not bool((gain > COARSE * rows).logical_and(good).all()):
            # what the coarse bound says is forgotten with it, and the place it fell to is left
            coarse, best, at = False, torch.full_like(best, -torch.inf), torch.where(good[:, None], goal, safe)
            recorded.append(recorded[-1] if recorded else bound.cpu().numpy())
            continue
        still = torch.where(gain < GAIN * at.shape[1], still + 1, 0)
        best = torch.where(good, bound.maximum(best), best)
        recorded.append(best.cpu().numpy())
        safe = torch.where(good[:, None], goal, safe)
        if bool((still >= STILL).all()):
            break
        if accelerate:
            near = good & (gain < NEAR * rows)
            at = torch.where(near[:, None], memory.beyond(at, goal), safe)
        else:
            at = safe
        if report is not None:
            report(len(recorded), np.stack(recorded[-10:], 1))
    settled = bool((still >= STILL).all())
    return Ascent(safe, np.stack(recorded, 1), settled)


ROUNDING = 1e-12  # of the bound
COARSE = 1e-4  # nats a row: gains above it are far above the rounding of half the digits
COARSE_ROWS = 20_000  # rows from which passes begin with half the digits


class Memory:
    """Anderson's acceleration of x -> goal(x), for each restart by itself."""

    def __init__(self, vectors: Tensor) -> None:
        self.unit = vectors.abs().mean(0) + torch.finfo(vectors.dtype).tiny
        self.last: tuple[Tensor, Tensor] | None = None
        self.moves: list[Tensor] = []
        self.changes: list[Tensor] = []

    def beyond(self, at: Tensor, goal: Tensor) -> Tensor:
        """Where the differences remembered say that the residual goal - x vanishes, (R, M)."""
        residual = goal - at
        if self.last is not None:
            before, rest = self.last
            known = (residual - rest).isfinite().all(1, keepdim=True)
            self.moves = [*self.moves, torch.where(known, at - before, 0.0)][-MEMORY:]
            self.changes = [*self.changes, torch.where(known, residual - rest, 0.0)][-MEMORY:]
        self.last = (at, residual)
        if not self.moves:
            return goal
        moves, changes = torch.stack(self.moves, -1), torch.stack(self.changes, -1)
        scaled = changes / self.unit[:, None]
        gram = scaled.mT @ scaled
        ridge = RIDGE * gram.diagonal(dim1=-2, dim2=-1).mean(-1) + torch.finfo(gram.dtype).tiny
        gram = gram + torch.diag_embed(ridge[:, None].expand(gram.shape[:-1]))
        share = torch.linalg.solve_ex(gram, scaled.mT @ (residual / self.unit)[..., None])[0]
        return goal - ((moves + changes) @ share)[..., 0]
