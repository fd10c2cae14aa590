"""What every text of one program is written with: its names, its buffers, its arguments."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from latentprob.program.plan import Plan
from latentprob.spec.component import Map
from latentprob.spec.distributions import MultivariateNormal
from latentprob.spec.model import Model
from latentprob.spec.sites import MATRICES, POINTS, Free, free_parameters


@dataclass(frozen=True)
class Context:
    """The plan of a program, and the names that follow from it."""

    plan: Plan

    @property
    def model(self) -> Model:
        """The model that is compiled."""
        return self.plan.model

    @cached_property
    def frees(self) -> tuple[Free, ...]:
        """The free parameters of the model."""
        return free_parameters(self.model)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """What the data hold, parents first, then inputs: the arguments of the program's methods."""
        names = (*self.plan.order, *self.model.inputs)
        return tuple(name for name in names if name in self.plan.observed)

    @cached_property
    def arguments(self) -> tuple[str, ...]:
        """`names`, each followed by its mask of seen cells where it has gaps; where the series of an axis start."""
        masked = self.plan.missing
        cells = (a for name in self.names for a in ((name, f"{name}_seen") if name in masked else (name,)))
        return (*cells, *(f"{axis}_first" for axis in (self.model.axis,) if axis is not None))

    @cached_property
    def anchor(self) -> str:
        """A buffer that gives new tensors their dtype and device."""
        return next(f"self.{name}_center" for name in self.names if not self.model.is_level(name))

    @cached_property
    def parameters(self) -> tuple[str, ...]:
        """The local names that `priors` returns: free parameters, a matrix as its Cholesky factor."""
        found: dict[str, None] = {}
        for free in self.frees:
            inside = isinstance(self.model[free.variable], MultivariateNormal) and free.parameter not in (
                "loc",
                "value",
            )
            found[f"{free.variable}_scale_tril" if inside else free.name] = None
        for name, law in self.model.statements.items():
            if isinstance(law, MultivariateNormal):
                found[f"{name}_scale_tril"] = None
        return tuple(found)

    @cached_property
    def points(self) -> tuple[str, ...]:
        """The variables of factors whose levels are points."""
        return tuple(name for name in self.model.factors if isinstance(self.model[name], Map))

    def center(self, name: str) -> str | None:
        """The buffer of the centre of an observed variable; None for a latent."""
        return f"self.{name}_center" if name in self.plan.observed else None

    def spread(self, name: str) -> str | None:
        """The buffer of the spread of an observed variable; None for a latent."""
        return f"self.{name}_spread" if name in self.plan.observed else None

    def signature(self, method: str, *first: str, drawn: Iterable[str] = (), rows: bool = False) -> str:
        """The line that begins a method over the data."""
        arguments = ", ".join(["self", *first, *self.arguments, *drawn, *(["rows"] if rows else [])])
        return f"def {method}({arguments}):"

    def plate(self) -> str:
        """The line that opens the plate of rows."""
        return f'with pyro.plate("row", rows, subsample={self.names[0]}):'

    def unpacked(self, body: list[str], source: str) -> list[str]:
        """The line that gives a method the parameters that its body reads."""
        used = [reads(body, name) for name in self.parameters]
        if not any(used):
            return [] if source == "parameters" or not self.parameters else [source]
        names = [name if use else "_" for name, use in zip(self.parameters, used, strict=True)]
        return [f"{tuple_text(names)} = {source}"]

    def drawn_in(self, body: list[str]) -> tuple[str, ...]:
        """The drawn latents, and residuals of processes, that a body reads."""
        return tuple(name for name in (*self.plan.draw, *self.plan.residuals) if reads(body, name))


def is_matrix(free: Free) -> bool:
    """Whether a parameter is a matrix, which is made of sites of other names."""
    return free.domain in MATRICES


def size(axis: str) -> str:
    """The text of the length of an axis."""
    if axis.endswith(POINTS):
        return f"len(self.{axis[: -len(POINTS)]}_points)"
    return f"self.{axis[:-1]}_levels" if axis.endswith(".") else f"self.{axis}_size"


def tuple_text(names: Iterable[str]) -> str:
    """The text of a tuple."""
    listed = list(names)
    return f"({listed[0]},)" if len(listed) == 1 else ", ".join(listed)


def reads(body: list[str], name: str) -> bool:
    """Whether lines of text read a local name."""
    code = re.sub(r'"[^"]*"', "", "\n".join(body))
    return re.search(rf"(?<![\w.]){re.escape(name)}\b(?!\s*=[^=])", code) is not None
