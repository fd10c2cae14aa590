"""Result: all that the questions about a fit are answered from."""

from collections.abc import Callable, Hashable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from latentprob.data import Values
from latentprob.inference.problem import Draws
from latentprob.posterior.matching import Array
from latentprob.program import Program
from latentprob.spec.distributions import Categorical
from latentprob.spec.model import Model
from latentprob.spec.sites import Site, levels_of, sites

BLOCK_VALUES = 4_000_000  # numbers that one block of draws x rows may take at once
WORK_VALUES = 2_000_000_000  # numbers that one answer may go through before draws are thinned
DRAWS_MIN = 50  # draws that thinning always leaves


@dataclass(frozen=True)
class Result:
    """A model with its program, the data it was fitted to, and aligned draws of its parameters.

    module: the built program with the fitted networks in it.
    statistics: centres and spreads of the data, the program's buffers among them.
    frames: signed permutations from an encoder's dims to those of the draws (`align.Aligned`).
    weights: (N,) of the fitted rows, or None.
    refined: of a drawn latent, locations and scales (N, 2, Z) before the transform that replace the encoder's in the
        fitted rows; NaN where the encoder's stand.
    """

    model: Model
    program: Program
    module: torch.nn.Module
    values: Values
    statistics: Mapping[str, np.ndarray]
    draws: Draws
    frames: Mapping[str, Array] = field(default_factory=dict)
    weights: np.ndarray | None = None
    device: str = "cpu"
    refined: Mapping[str, Array] = field(default_factory=dict)

    @cached_property
    def sites(self) -> dict[str, Site]:
        """Every variable with its dims and labels."""
        return sites(self.model, self.values.schema)

    @cached_property
    def shape(self) -> tuple[int, int]:
        """Numbers of chains and of draws in each."""
        for array in (*self.draws.parameters.values(), *self.draws.latents.values()):
            return array.shape[:2]
        return (1, 1)

    @cached_property
    def flat(self) -> dict[str, Array]:
        """Draws (S, *shape) of every site, chains one after the other."""
        return {name: array.reshape(-1, *array.shape[2:]) for name, array in self.draws.parameters.items()}

    @cached_property
    def drawn(self) -> tuple[str, ...]:
        """What no closed form reaches, row by row: latents, and what inducing values leave open of a process."""
        return (*self.program.layout.draw, *self.program.layout.residuals)

    @property
    def is_point(self) -> bool:
        """Whether there is one value of the parameters rather than a posterior."""
        return self.shape == (1, 1)

    @cached_property
    def width(self) -> int:
        """About how many numbers one row takes under one draw of the parameters."""
        levels = 1
        for name, role in self.program.plan.items():
            if role == "sum":
                levels *= max(2, len(self.level_labels(name)))
        rowwise = [site for site in self.sites.values() if site.role != "global"]
        lengths = [max(s.shape[1:] if s.role == "levels" else s.shape, default=1) for s in rowwise]
        inner = max([1, *(self.sites[n].shape[0] for n, role in self.program.plan.items() if role == "integrate")])
        gaps = max(lengths) if self.program.missing else 1
        networks = [max(p.shape) for p in self.module.parameters()] if self.drawn else []
        moves = 1 if self.program.layout.chain is None else max(levels, inner)  # a matrix for each step
        return levels * max(lengths) * max(inner, gaps) * moves + max(networks, default=0)

    def level_labels(self, name: str) -> tuple[Hashable, ...]:
        """The labels of the levels of a discrete latent."""
        return levels_of(self.model, self.values.schema, name)

    def labels(self, name: str) -> tuple[Hashable, ...]:
        """Labels of the values of a discrete variable; () for one whose values are numbers."""
        categorical = isinstance(self.model.statements.get(name), Categorical)
        if not categorical and not self.model.is_level(name):
            return ()
        return self.level_labels(name)

    def blocks(self, draws: int, rows: int) -> Iterator[tuple[slice, slice]]:
        """Blocks of draws x rows that cover all of them; of series, which belong together, with all rows in each."""
        return blocks(draws, rows, self.width, whole=self.model.axis is not None)

    def take(self, index: np.ndarray) -> dict[str, Tensor]:
        """The draws of every site at places `index` of the chains laid end to end."""
        return {name: self.tensor(array[index]) for name, array in self.flat.items()}

    def tensor(self, array: np.ndarray) -> Tensor:
        """An array as the program takes it."""
        dtype = self.program.dtype if np.issubdtype(array.dtype, np.floating) else None
        return torch.as_tensor(np.ascontiguousarray(array), dtype=dtype, device=self.device)

    def batch(self, values: Values, rows: slice = slice(None)) -> dict[str, Tensor]:
        """The rows as tensors, with masks for the variables with gaps."""
        return batch(self.program, values, self.device, rows)


def restored(
    program: Program,
    statistics: Mapping[str, np.ndarray],
    state: Mapping[str, Tensor],
    modules: Mapping[str, torch.nn.Module],
    device: str = "cpu",
) -> torch.nn.Module:
    """The built program with the fitted networks; the guide of the parameters has done its work and is left out."""
    module = program.build(statistics, parameter_guide=_silent, modules=deepcopy(dict(modules)))
    own = module.state_dict()
    module.load_state_dict({name: state.get(name, value) for name, value in own.items()})
    return module.to(device).eval()


def _silent(model: Callable[[], Any]) -> Callable[[], None]:
    return lambda: None


def batch(program: Program, values: Values, device: str, rows: slice = slice(None)) -> dict[str, Tensor]:
    """Values as the program takes them: numbers in its dtype, levels as int64, masks for what has gaps."""
    found: dict[str, Tensor] = {}
    for name, array in values.arrays.items():
        dtype = program.dtype if array.dtype.kind == "f" else torch.int64
        found[name] = torch.as_tensor(array[rows], dtype=dtype, device=device)
        if name in program.missing:
            seen = values.seen.get(name, np.ones(array.shape, bool))
            found[f"{name}_seen"] = torch.as_tensor(seen[rows], device=device)
    if values.series is not None:
        found[f"{values.series.axis}_first"] = torch.as_tensor(values.series.first[rows], device=device)
    return found


def whole(batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A batch as if no cell were hidden."""
    return {name: torch.ones_like(t) if name.endswith("_seen") else t for name, t in batch.items()}


def thinned(result: Result, rows: int, at_least: int = 1, at_most: int | None = None) -> np.ndarray:
    """Places (S',) of evenly spaced draws of all chains, as many as the work allows; repeated up to `at_least`."""
    chains, length = result.shape
    allowed = max(DRAWS_MIN, WORK_VALUES // max(1, rows * result.width))
    allowed = min(allowed, at_most or allowed)
    kept = min(length, max(1, allowed // chains))
    within = np.linspace(0, length - 1, kept).round().astype(int)
    index = (np.arange(chains)[:, None] * length + within).ravel()
    return np.repeat(index, -(-at_least // len(index)))


def blocks(draws: int, rows: int, width: int, whole: bool = False) -> Iterator[tuple[slice, slice]]:
    """Blocks of draws x rows that cover all of them and hold at most BLOCK_VALUES numbers each.

    whole: whether each block has all rows.
    """
    step_rows = rows if whole else max(1, min(rows, BLOCK_VALUES // width))
    step_draws = max(1, min(draws, BLOCK_VALUES // (width * step_rows)))
    for row in range(0, rows, step_rows):
        for draw in range(0, draws, step_draws):
            yield slice(draw, min(draw + step_draws, draws)), slice(row, min(row + step_rows, rows))


def count(values: Values) -> int:
    """Number of rows."""
    return len(values.rows)
