"""The optimization loop: one fused Adam over all restarts, and a stop rule on the bound."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

BLOCKS = 10  # a window's standard error comes from that many block means
DECAY = 0.3  # of the learning rate, at a plateau
STAGES = 3  # plateaus until it counts as settled
SIGNAL = 2.0  # standard errors that a gain must exceed to be one


@dataclass
class Plateau:
    """Judges windows of the bound: go on, lower the learning rate, or stop.

    A window is held against the last one that was a gain, so that slow gains add up until they show.
    """

    stages: int = STAGES
    patience: int = 1  # windows without a gain that make a plateau
    stage: int = 0
    waited: int = 0
    before: tuple[np.ndarray, np.ndarray] | None = None

    def judge(self, window: np.ndarray) -> bool:
        """Whether the bound has stopped improving beyond its noise: means of blocks, (restart, block)."""
        mean, error = window.mean(1), window.std(1, ddof=1) / np.sqrt(window.shape[1])
        if self.before is None:
            self.before = mean, error
            return False
        gained = mean - self.before[0] > SIGNAL * np.hypot(error, self.before[1])
        if gained.any():  # a restart that is no longer finite gains nothing, and holds up no other
            self.before, self.waited = (mean, error), 0
            return False
        self.waited += 1
        if self.waited < self.patience:
            return False
        self.stage, self.waited, self.before = self.stage + 1, 0, None
        return True

    @property
    def settled(self) -> bool:
        return self.stage >= self.stages


@dataclass(frozen=True)
class Climb:
    """Where the loop ended: averaged parameters with restarts in front, bounds (restart, step), whether it settled."""

    parameters: dict[str, Tensor]
    bounds: np.ndarray
    steps: int
    settled: bool


@dataclass
class Rows:
    """Minibatches by a new permutation in each epoch; all rows at once where they fit."""

    rows: int
    size: int
    generator: torch.Generator
    order: Tensor = field(default_factory=lambda: torch.empty(0, dtype=torch.long))
    at: int = 0

    def next(self) -> Tensor | None:
        """Indices of the next rows, or None for all."""
        if self.size >= self.rows:
            return None
        if self.at + self.size > len(self.order):
            self.order = torch.randperm(self.rows, generator=self.generator, device=self.generator.device)
            self.at = 0
        self.at += self.size
        return self.order[self.at - self.size : self.at]


def window_steps(rows: int, batch: int, least: int) -> int:
    """Steps between two looks at the bound: 20 epochs, but `least` at least and about 500 at most."""
    steps = min(500, max(least, 20 * (rows // batch) if batch < rows else 0))
    return -(-steps // BLOCKS) * BLOCKS


def climb(
    step: Callable[[dict[str, Tensor]], tuple[dict[str, Tensor], Tensor]],
    parameters: dict[str, Tensor],
    *,
    learning_rate: float,
    steps: int,
    window: int,
    patience: int = 1,
    stages: int = STAGES,
    report: Callable[[int, np.ndarray], None] = lambda at, bounds: None,
) -> Climb:
    """Minimize the losses (restart,) of `step`, which returns their gradients and values at the parameters."""
    leaves = {name: value.detach().clone() for name, value in parameters.items()}
    optimizer = torch.optim.Adam(list(leaves.values()), lr=learning_rate, fused=True)
    average = {name: value.clone() for name, value in leaves.items()}
    restarts = len(next(iter(leaves.values())))
    losses = next(iter(leaves.values())).new_full((restarts, steps), float("nan"))
    plateau, done = Plateau(stages, patience), 0
    for size in _windows(steps, window):
        with torch.no_grad():
            for at in range(done, done + size):
                gradients, losses[:, at] = step(leaves)
                for name, leaf in leaves.items():
                    leaf.grad = gradients[name]
                optimizer.step()
                torch._foreach_lerp_(list(average.values()), list(leaves.values()), 2.0 / window)
        done += size
        bounds = -losses[:, done - size : done].double().cpu().numpy()
        report(done, bounds)
        if size == window and plateau.judge(bounds.reshape(restarts, BLOCKS, -1).mean(2)):
            optimizer.param_groups[0]["lr"] *= DECAY
        if plateau.settled:
            break
    return Climb(average, -losses[:, :done].double().cpu().numpy(), done, plateau.settled)


def _windows(steps: int, window: int) -> Iterator[int]:
    for start in range(0, steps, window):
        yield min(window, steps - start)
