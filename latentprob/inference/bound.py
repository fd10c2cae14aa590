"""The bound of several restarts at once: its captured gradient, and its value by many draws."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils._pytree import tree_map

from latentprob.inference.capture import Loss, Noise, captured, noise_count
from latentprob.inference.draws import in_chunks
from latentprob.inference.loop import Rows
from latentprob.inference.problem import Problem, rows_of

SCORE_ROWS = 5_000  # rows of one evaluation of the final bound
SCORE_CELLS = 2_000_000  # draws times rows of the final bound
SCORE_DRAWS = (16, 256)  # but so many draws at least and at most
SIGNAL_STEPS = 20  # by whose gradients signal and noise are told apart


@dataclass(frozen=True)
class Restarts:
    """Several states of one loss, side by side.

    anchor: parameters by name, (restart, ...). unit: how far one unit of the optimizer moves them; absent means 1.
    fixed: buffers and frozen parameters, the same for all.
    """

    loss: Loss
    anchor: dict[str, Tensor]
    unit: dict[str, Tensor]
    fixed: dict[str, Tensor]

    @classmethod
    def of(cls, losses: Sequence[Loss], units: Sequence[Mapping[str, Tensor]]) -> "Restarts":
        """The restarts whose states these losses have."""
        free = [name for name, parameter in losses[0].named_parameters() if parameter.requires_grad]
        states = [{**dict(loss.named_parameters()), **dict(loss.named_buffers())} for loss in losses]
        anchor = {name: torch.stack([state[name].detach().clone() for state in states]) for name in free}
        unit = {name: torch.stack([unit[name] for unit in units]) for name in units[0]}
        fixed = {name: value.detach() for name, value in states[0].items() if name not in anchor}
        return cls(losses[0], anchor, unit, fixed)

    @property
    def count(self) -> int:
        return len(next(iter(self.anchor.values())))

    def start(self) -> dict[str, Tensor]:
        """Where the optimizer starts: 0 for what moves in units, the value itself for the rest."""
        return {n: torch.zeros_like(v) if n in self.unit else v.clone() for n, v in self.anchor.items()}

    def parameters(self, free: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The loss's parameters where the optimizer is at `free`."""
        return {n: self.anchor[n] + self.unit[n] * v if n in self.unit else v for n, v in free.items()}

    def one(self, parameters: Mapping[str, Tensor], restart: int) -> dict[str, Tensor]:
        """The parameters of one restart."""
        return {name: value[restart].detach() for name, value in parameters.items()}


class Step:
    """Gradients and losses (restart,) at fresh noise and the next rows, by one captured graph."""

    def __init__(
        self, restarts: Restarts, problem: Problem, rows: Rows, particles: int, generator: torch.Generator
    ) -> None:
        self.batch, self.weights = problem.arguments()
        self.rows, self.generator = rows, generator
        batch, weights = self._next()
        self.shape = (restarts.count, particles, noise_count(restarts.loss, batch, weights))
        one = torch.func.grad_and_value(lambda *a: _loss(restarts, *a))
        function = _alone(one) if restarts.count == 1 else torch.vmap(one, in_dims=(0, 0, 0, 0, None, None))
        self.anchor, self.unit = restarts.anchor, restarts.unit
        self.graph = captured(function, restarts.start(), self.anchor, self.unit, self._noise(), batch, weights)
        self.run: Callable[..., Any] = self.graph

    def __call__(self, free: dict[str, Tensor]) -> tuple[dict[str, Tensor], Tensor]:
        batch, weights = self._next()
        return self.run(free, self.anchor, self.unit, self._noise(), batch, weights)

    def _noise(self) -> Tensor:
        return torch.randn(self.shape, generator=self.generator, dtype=self.weights.dtype, device=self.weights.device)

    def _next(self) -> tuple[dict[str, Tensor], Tensor]:
        index = self.rows.next()
        return (self.batch, self.weights) if index is None else (rows_of(self.batch, index), self.weights[index])


def _alone(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of one restart, given and answering with an axis of one restart; vmap's products would be slower."""

    def run(*arguments: Any) -> Any:
        stacked, shared = arguments[:4], arguments[4:]
        return tree_map(lambda t: t[None], function(*tree_map(lambda t: t[0], stacked), *shared))

    return run


def gradient_signal(step: Step, free: dict[str, Tensor]) -> np.ndarray:
    """Squared norm of the expected gradient over the variance in one step, (restart,), without bias.

    Far below 1 a step is noise, far above it is a climb (McCandlish et al., 2018). The noise that later draws use is
    as before.
    """
    before = step.generator.get_state()
    total = {name: torch.zeros_like(value) for name, value in free.items()}
    squares = torch.zeros(())
    with torch.no_grad():
        for _ in range(SIGNAL_STEPS):
            gradients, _ = step(free)
            total = {name: value + gradients[name] for name, value in total.items()}
            squares = squares + _squared_norm(gradients).double()
    step.generator.set_state(before)
    mean = _squared_norm(total).double() / SIGNAL_STEPS**2
    variance = (squares - SIGNAL_STEPS * mean) / (SIGNAL_STEPS - 1)
    signal = (mean - variance / SIGNAL_STEPS).clamp(min=0)
    return torch.where(variance > 0, signal / variance, torch.zeros_like(signal)).cpu().numpy()


def _squared_norm(values: Mapping[str, Tensor]) -> Tensor:
    """Sum of squares of all numbers of each restart, (restart,)."""
    return torch.stack([value.reshape(len(value), -1).square().sum(1) for value in values.values()]).sum(0)


def _loss(
    restarts: Restarts,
    free: Mapping[str, Tensor],
    anchor: Mapping[str, Tensor],
    unit: Mapping[str, Tensor],
    noise: Tensor,
    batch: Mapping[str, Tensor],
    weights: Tensor,
) -> Tensor:
    """The loss of one restart, the mean over noise (particle, M)."""
    parameters = {n: anchor[n] + unit[n] * v if n in unit else v for n, v in free.items()}
    return _losses(restarts, parameters, noise, batch, weights).mean()


def _losses(
    restarts: Restarts, parameters: Mapping[str, Tensor], noise: Tensor, batch: Mapping[str, Tensor], weights: Tensor
) -> Tensor:
    def particle(e: Tensor) -> Tensor:
        with Noise(e):
            state = (dict(parameters), restarts.fixed)
            return torch.func.functional_call(restarts.loss, state, (batch, weights))

    if len(noise) == 1:
        return particle(noise[0])[None]
    return torch.vmap(particle)(noise)


def score(
    restarts: Restarts, parameters: Mapping[str, Tensor], problem: Problem, generator: torch.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """The bound of each restart on all rows, averaged over many draws, and its standard error; (restart,), nats."""
    batch, weights = problem.arguments()
    draws = min(max(SCORE_CELLS // problem.rows, SCORE_DRAWS[0]), SCORE_DRAWS[1])
    total = weights.new_zeros(restarts.count, draws)
    size = problem.rows if problem.together else SCORE_ROWS
    for start in range(0, problem.rows, size):
        rows = slice(start, start + size)
        part = rows_of(batch, rows), weights[rows]
        count = noise_count(restarts.loss, *part)
        for restart in range(restarts.count):
            noise = torch.randn(draws, count, generator=generator, dtype=weights.dtype, device=weights.device)
            cells = len(part[1]) * problem.cells // problem.rows
            losses = _by_draw(restarts, restarts.one(parameters, restart), noise, cells, *part)
            total[restart] -= losses * len(part[1]) / problem.rows
    bounds = total.double().cpu().numpy()
    return bounds.mean(1), bounds.std(1, ddof=1) / np.sqrt(draws)


def _by_draw(
    restarts: Restarts,
    parameters: Mapping[str, Tensor],
    noise: Tensor,
    cells: int,
    batch: Mapping[str, Tensor],
    weights: Tensor,
) -> Tensor:
    """The losses of one restart at noise (S, M); cells: the numbers that one draw takes."""

    def one(e: Tensor) -> Tensor:
        return _losses(restarts, parameters, e[None], batch, weights)[0]

    return torch.as_tensor(in_chunks(one, cells)(noise))
