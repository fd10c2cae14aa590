"""The numbers of the priors, read from the program itself: the laws that `priors` draws its sites from."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from pyro import poutine
from torch import Tensor

from latentprob.program import Program
from latentprob.program.context import Context
from latentprob.program.defaults import conjugate_scale
from latentprob.spec.sites import Free


@dataclass(frozen=True)
class Priors:
    """Free parameters by variable and parameter, with the laws of their sites.

    batch: all rows; level: the discrete variable that tells rows apart, if there is one.
    """

    program: Program
    module: Any
    nodes: Mapping[str, Any]
    batch: Mapping[str, Tensor]
    level: str | None

    @classmethod
    def of(cls, program: Program, module: Any, batch: Mapping[str, Tensor], level: str | None) -> "Priors":
        """The priors of a built program."""
        nodes = poutine.trace(module.priors).get_trace().nodes if program.site_axes else {}
        return cls(program, module, nodes, batch, level)

    def features(self, name: str) -> int:
        """The number of features of an observed variable."""
        return self.batch[name].shape[1]

    def free(self, variable: str, parameter: str, part: str = "value") -> Any:
        """The `Free` parameter, or None where it is known or absent."""
        for free in Context(self.program.layout).frees:
            if (free.variable, free.parameter, free.part) == (variable, parameter, part):
                return free
        return None

    def is_joint(self, free: Free) -> bool:
        """Whether the prior of a location is proportional to its scale."""
        return conjugate_scale(Context(self.program.layout), free) is not None

    def law(self, site: str, kind: type) -> Any:
        """The innermost law of a kind behind a site."""
        law = self.nodes[site]["fn"]
        while not isinstance(law, kind):
            law = law.base_dist
        return law

    def value(self, site: str) -> Tensor:
        """The value at which the laws of what depends on it were traced."""
        return self.nodes[site]["value"]

    def buffer(self, name: str) -> Tensor:
        """A constant of the program."""
        return getattr(self.module, name)

    def units(self, name: str) -> tuple[Tensor, Tensor]:
        """Origin and unit of each feature, (D,): the centres and spreads that the program has, or those of the rows."""
        x = self.batch[name]
        center, spread = getattr(self.module, f"{name}_center", None), getattr(self.module, f"{name}_spread", None)
        spread = x.std(0) if spread is None else spread
        return x.mean(0) if center is None else center, torch.where(spread > 0, spread, 1.0)

    def cells(self, free: Free, values: Tensor) -> Tensor:
        """A parameter's values (its axes) as cells (1 or K, 1 or D, ...)."""
        axes = free.axes[: values.ndim]
        if free.variable not in axes:
            values = values.unsqueeze(len(axes) if self.level in axes else 0)
        return values if self.level in axes else values[None]

    def shown(self, free: Free, cells: Tensor) -> Tensor:
        """Cells (S, 1 or K, 1 or D, ...) as a parameter's values (S, *axes)."""
        if free.variable not in free.axes:
            cells = cells.select(2, 0)
        return cells if self.level in free.axes else cells.select(1, 0)
