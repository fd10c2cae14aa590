"""Scope: how the names of the model read in one method of the program.

A discrete latent is bound as *drawn* (a table is looked up, `x_loc[c]`) or as *summed* (the table keeps its axis,
`x_loc` with an axis c), so that the same functions serve `model`, `joint` and `belief`.
"""

import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from latentprob.program.expression import ROW, Expr
from latentprob.program.plan import Plan
from latentprob.spec.distributions import Bernoulli, Distribution, MultivariateNormal
from latentprob.spec.model import Model
from latentprob.spec.sites import Free, free_parameters, own_axes


@dataclass
class Scope:
    """Names in one method: values of variables, and which levels are summed."""

    plan: Plan
    summed: frozenset[str] = frozenset()
    values: dict[str, Expr] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        for name in (*self.model, *self.model.inputs):
            if name not in self.summed:
                self.values.setdefault(name, Expr(name, (ROW, *own_axes(self.model, name))))

    @property
    def model(self) -> Model:
        """The model that is compiled."""
        return self.plan.model

    @cached_property
    def frees(self) -> tuple[Free, ...]:
        """The free parameters of the model."""
        return free_parameters(self.model)

    @cached_property
    def order(self) -> tuple[str, ...]:
        """All dims in the order in which every tensor of the program has them."""
        names = (*self.model.inputs, *self.plan.order)
        levels = [name for name in names if self.model.is_level(name)]
        vectors = [dim for name in names if name not in levels for dim in (name, f"{name}'", f"{name}.")]
        axes = [level for level in levels if level in self.summed]
        return (ROW, *axes, *vectors, *[level for level in levels if level not in self.summed])

    def free(self, name: str, parameter: str, source: Any, part: str) -> Free:
        """The free parameter behind one part of one term."""
        if isinstance(source, Distribution):
            return next(f for f in self.frees if (f.variable, f.parameter) == (name, parameter))
        key = (name, parameter, part)
        return next(f for f in self.frees if (f.variable, f.parameter, f.part) == key and f.source == source)

    def bound(self, name: str, which: str, expr: Expr) -> Expr:
        """A parameter as one name: a compound expression gets a line of its own."""
        if expr.number is not None or re.fullmatch(r"[\w.\[\], :]*", expr.text):
            return expr
        local = f"{name}_{which}"
        if local in {free.name for free in self.frees}:
            local += "_total"
        if (line := f"{local} = {expr.text}") not in self.lines:
            self.lines.append(line)
        return Expr(local, expr.dims)

    def take(self) -> list[str]:
        """The lines that the expressions made so far need, once."""
        lines, self.lines = self.lines, []
        return lines

    def table(self, text: str, dims: tuple[str, ...], by: str | None) -> Expr:
        """A parameter with a leading axis of levels: whole where the level is summed, looked up where it is drawn."""
        if by is None or by in self.summed:
            return Expr(text, dims)
        index = self.values[by].text
        if isinstance(self.model.statements.get(by), Bernoulli):
            index += ".long()"
        return Expr(f"{text}[{index}]", (ROW, *dims[1:]))


def size(model: Model, axis: str) -> str:
    """The text of the length of an axis."""
    return f"self.{axis[:-1]}_levels" if axis.endswith(".") else f"self.{axis}_size"


def parameter_names(model: Model) -> tuple[str, ...]:
    """The local names that `priors` returns, in order: free parameters, a matrix as its Cholesky factor."""
    found: dict[str, None] = {}
    for free in free_parameters(model):
        law = model[free.variable]
        if isinstance(law, MultivariateNormal) and free.parameter != "loc":
            found[f"{free.variable}_scale_tril"] = None
        else:
            found[free.name] = None
    for name, law in model.statements.items():
        if isinstance(law, MultivariateNormal):
            found[f"{name}_scale_tril"] = None
    return tuple(found)

