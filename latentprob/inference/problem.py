"""What an inference is given, and what it gives back."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyro
import torch
from torch import Tensor, nn

from latentprob.program import Program

CPU = torch.device("cpu")
STATE_MATRICES = 10  # of a step of a state space, about, that its filter makes
ModelFunction = Callable[[], Any]
GuideFactory = Callable[[ModelFunction], nn.Module]
Attrs = dict[str, float | int | str | bool]


@dataclass(frozen=True)
class Problem:
    """A program and the data it is fitted to.

    batch: one tensor for each observed variable, N rows first, and masks of seen cells.
    weights: how often each row counts, (N,), or None.
    """

    program: Program
    buffers: Mapping[str, Tensor]
    batch: Mapping[str, Tensor]
    rows: int
    weights: Tensor | None = None
    device: torch.device = CPU
    modules: Mapping[str, nn.Module] = field(default_factory=dict)

    def build(self, parameter_guide: GuideFactory) -> Any:
        """The program as a module on the device; its guide is not set up."""
        module = self.program.build(self.buffers, parameter_guide=parameter_guide, modules=self.modules)
        return module.to(self.device, self.program.dtype)

    def ready(self, parameter_guide: GuideFactory) -> Any:
        """The program as a module on the device, its guide set up."""
        module = self.build(parameter_guide)
        batch, _ = self.arguments()
        with torch.no_grad():
            module.guide(**rows_of(batch, slice(0, 2)), rows=self.rows)
        return module.to(self.device, self.program.dtype)

    @property
    def together(self) -> bool:
        """Whether rows are steps of series, which no minibatch may tear apart."""
        return self.program.model.axis is not None

    @property
    def cells(self) -> int:
        """Rows, times the numbers that a step of a chain takes: a matrix over its levels, several over its dims."""
        chain = self.program.layout.chain
        if chain is None:
            return self.rows
        matrices = 1 if self.program.model.is_level(chain) else STATE_MATRICES
        return self.rows * matrices * (self.program.model[chain].size or 1) ** 2

    @property
    def drawn(self) -> tuple[str, ...]:
        """The latents that no closed form reaches."""
        return tuple(name for name, role in self.program.plan.items() if role == "draw")

    def arguments(self, dtype: torch.dtype | None = None) -> tuple[dict[str, Tensor], Tensor]:
        """All rows and their weights, on the device, in the program's dtype or another."""
        to = dtype or self.program.dtype
        batch = {n: v.to(self.device, to if v.is_floating_point() else v.dtype) for n, v in self.batch.items()}
        weights = torch.ones(self.rows) if self.weights is None else self.weights
        return batch, weights.to(self.device, to)


@dataclass(frozen=True)
class Draws:
    """Draws of the posterior, not aligned.

    parameters: (chain, draw, ...) every global site and deterministic of the program.
    latents: (chain, draw, N, ...) local latents that were drawn (NUTS).
    state: the state of the best restart's module: networks, encoder, guide.
    stats: "bound" (restart, step), "score" and "kept" (restart,), "log_p" and "log_q" (chain, draw), NUTS statistics.
    attrs: numbers and sentences on how it went.
    """

    parameters: dict[str, np.ndarray]
    latents: dict[str, np.ndarray]
    state: dict[str, Tensor]
    stats: dict[str, np.ndarray]
    attrs: Attrs


def rows_of(batch: Mapping[str, Tensor], index: slice | Tensor) -> dict[str, Tensor]:
    """Some rows of a batch."""
    if isinstance(index, slice):
        return {name: values[index] for name, values in batch.items()}
    return {name: values.index_select(0, index) for name, values in batch.items()}


@contextmanager
def isolated(seed: int) -> Iterator[None]:
    """Pyro with parameters in their modules, without validation, with random numbers of its own; all is put back."""
    with (
        pyro.settings.context(module_local_params=True),
        pyro.validation_enabled(False),
        torch.random.fork_rng(devices=[]),
    ):
        torch.default_generator.manual_seed(seed)
        yield
