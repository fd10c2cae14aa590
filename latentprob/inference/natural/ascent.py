"""Steps in natural-parameter space: minibatches with falling weights, then coordinate ascent, accelerated.

A step is a convex combination with the target (Hoffman et al., 2013). On all rows with weight 1 it is coordinate
ascent, which never lowers the bound. At the slow end of it Anderson's (1965) acceleration goes further, and is taken
back wherever the bound falls.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from latentprob.inference.natural.engine import Engine
from latentprob.inference.natural.part import Natural

Report = Callable[[int, np.ndarray], None]  # of the pass and the last bounds (R, pass)

MEMORY = 5  # differences that the acceleration looks back on
RIDGE = 1e-8  # of the mean square of the differences
NEAR = 1e-3  # nats a row: gains below it are those of a slow end, where acceleration pays
GAIN = 1e-4  # nats a natural parameter: gains below it move no parameter by a hundredth of its posterior sd
LONG_GAIN = 1e-3  # the same on many rows, where passes are long: by a twentieth of it
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
    engine: Engine, layout: Layout, vectors: Tensor, batches: Iterable[Tensor], delay: float, power: float
) -> Tensor:
    """Vectors (R, M) after a step on each minibatch, given by the places of its rows."""
    for step, index in enumerate(batches):
        naturals = layout.split(vectors)
        moments = [part.moments(natural) for part, natural in zip(engine.parts, naturals, strict=True)]
        # half the digits cost half the time, and the noise of a minibatch is far above them
        _, sums = engine.rows(engine.coefficients(moments).float(), index)
        scale = engine.weights.sum() / engine.weights[index].sum()
        goal = layout.join(engine.target(naturals, sums * scale))
        vectors = vectors + (step + delay) ** -power * (goal - vectors)
    return vectors


def growing(engine: Engine, layout: Layout, vectors: Tensor, order: Tensor) -> Tensor:
    """Vectors (R, M) after passes over parts of the rows in this order, each a few times as large as the last.

    Slow directions are gone far at the price of a part; Thiesson, Meek and Heckerman (2001), Machine Learning 45.
    """
    sizes = []
    size = len(order) // PART
    while size >= PART_ROWS:
        sizes.append(size)
        size //= PART
    for size in reversed(sizes):
        enough = PART_GAIN * vectors.shape[1] * len(order) / size
        vectors = _climb(
            engine, layout, vectors, PART_STEPS, enough, accelerate=True, coarse=True, index=order[:size]
        ).vectors
    return vectors


PART = 3  # how many times as large the next part is
PART_ROWS = 10_000  # rows of the smallest, at least
PART_STEPS = 50  # passes over a part, at most
PART_GAIN = 0.005  # nats a natural parameter, times the share of the part: the optimum of a part is not far then


def ascend(
    engine: Engine,
    layout: Layout,
    vectors: Tensor,
    steps: int,
    accelerate: bool = True,
    report: Report | None = None,
) -> Ascent:
    """Passes over all rows until every restart's bound has settled.

    On many rows they are made with half the digits, and one with all of them says whether what was found holds.
    """
    size = vectors.shape[1]
    if engine.fixed is not None or len(engine.weights) < COARSE_ROWS:
        return _climb(engine, layout, vectors, steps, GAIN * size, accelerate, report)
    enough = LONG_GAIN * size
    first = _climb(engine, layout, vectors, steps, enough, accelerate, report, coarse=True)
    done = first.bounds.shape[1]
    if done == steps:
        return Ascent(first.vectors, first.bounds, settled=False)
    known = torch.as_tensor(first.bounds[:, -1]).to(vectors) if first.settled else None
    later = None if report is None else lambda step, bounds: report(done + step, bounds)
    last = _climb(engine, layout, first.vectors, steps - done, enough, accelerate, later, known=known)
    bounds = np.concatenate([first.bounds, last.bounds], 1)
    return Ascent(last.vectors, np.minimum.accumulate(bounds[:, ::-1], 1)[:, ::-1], last.settled)


def _climb(
    engine: Engine,
    layout: Layout,
    vectors: Tensor,
    steps: int,
    enough: float,
    accelerate: bool,
    report: Report | None = None,
    coarse: bool = False,
    known: Tensor | None = None,
    index: Tensor | None = None,
) -> Ascent:
    """Passes until gains are not `enough`, nats, or until a coarse bound falls where only rounding can make it fall.

    known: what the bounds (R,) should be at the vectors; where they are, they have settled. index: some rows for all.
    """
    best, safe, at = vectors.new_full((len(vectors),), -torch.inf), vectors, vectors
    memory, rows = Memory(vectors), float(engine.weights.sum())
    still = torch.zeros(len(vectors), dtype=torch.long, device=vectors.device)
    beyond = torch.zeros_like(still, dtype=torch.bool)
    recorded: list[np.ndarray] = []
    for _ in range(steps):
        bound, naturals = engine.evaluate(layout.split(at), coarse, index)
        goal = layout.join(naturals)
        good = bound >= best - ROUNDING * bound.abs()
        gain = torch.where(good, bound - best, torch.inf)
        still = torch.where(gain < enough, still + 1, 0)
        if known is not None and not recorded:
            still = torch.where((bound - known).abs() < enough, STILL, 0)
        best = torch.where(good, bound.maximum(best), best)
        recorded.append(best.cpu().numpy())
        safe = torch.where(good[:, None], goal, safe)
        if bool((still >= STILL).all() or (coarse and (~good & ~beyond).any())):
            break
        beyond = good & (gain < NEAR * rows) & accelerate
        at = torch.where(beyond[:, None], memory.beyond(at, goal), safe) if accelerate else safe
        if report is not None:
            report(len(recorded), np.stack(recorded[-10:], 1))
    return Ascent(safe, np.stack(recorded, 1), bool((still >= STILL).all()))


ROUNDING = 1e-12  # of the bound
COARSE_ROWS = 20_000  # rows from which passes are made with half the digits


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
