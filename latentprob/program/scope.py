"""Scope: how the names of the model read in one method of the program.

A discrete latent is bound as *drawn* (a table is looked up, `x_loc[c]`) or as *summed* (the table keeps its axis,
`x_loc` with an axis c), so that the same functions serve `model`, `joint` and `belief`. An integrated latent is bound
as *zero* where its belief corrects for that.
"""

import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from latentprob.program.context import Context
from latentprob.program.expression import ROW, Expr
from latentprob.program.plan import Plan
from latentprob.spec.component import lookup
from latentprob.spec.distributions import Bernoulli, Distribution
from latentprob.spec.model import Model
from latentprob.spec.sites import Free, own_axes
from latentprob.spec.structure import reads


@dataclass
class Scope:
    """Names in one method: values of variables, which levels are summed, which latents are zero."""

    plan: Plan
    summed: frozenset[str] = frozenset()
    zero: frozenset[str] = frozenset()
    values: dict[str, Expr] = field(init=False)
    lines: list[str] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        names = [name for name in (*self.model, *self.model.inputs) if name not in (*self.summed, *self.model.factors)]
        self.values = {name: Expr(name, (ROW, *own_axes(self.model, name))) for name in names}
        for read in dict.fromkeys(read for law in self.model.statements.values() for read in reads(law)):
            if (name := lookup(read)[0]) in self.model.factors:
                self.values[read] = Expr(read, (ROW, name))

    @cached_property
    def context(self) -> Context:
        """The names of the whole program."""
        return Context(self.plan)

    @property
    def model(self) -> Model:
        """The model that is compiled."""
        return self.plan.model

    @cached_property
    def order(self) -> tuple[str, ...]:
        """All dims in the order in which every tensor of the program has them."""
        names = (*self.model.inputs, *self.model.factors, *self.plan.order)
        levels = [name for name in names if self.model.is_level(name)]
        vectors = [dim for name in names if name not in levels for dim in (name, f"{name}'", f"{name}.")]
        axes = [level for level in levels if level in self.summed]
        return (ROW, *axes, *vectors, *[level for level in levels if level not in self.summed])

    def free(self, name: str, parameter: str, source: Any, part: str) -> Free:
        """The free parameter behind one part of one term."""
        if isinstance(source, Distribution):
            return next(f for f in self.context.frees if (f.variable, f.parameter) == (name, parameter))
        key = (name, parameter, part)
        frees = self.context.frees
        return next(f for f in frees if (f.variable, f.parameter, f.part) == key and f.source == source)

    def let(self, local: str, expr: Expr) -> Expr:
        """A line that gives an expression a name."""
        if (line := f"{local} = {expr.text}") not in self.lines:
            self.lines.append(line)
        return Expr(local, expr.dims)

    def named(self, local: str, expr: Expr) -> Expr:
        """`let`, but for what is a name already."""
        return expr if expr.text.isidentifier() else self.let(local, expr)

    def bound(self, name: str, which: str, expr: Expr) -> Expr:
        """A parameter as one name: a compound expression gets a line of its own."""
        if expr.number is not None or re.fullmatch(r"[\w.\[\], :]*", expr.text):
            return expr
        local = f"{name}_{which}"
        if local in {free.name for free in self.context.frees}:
            local += "_total"
        return self.let(local, expr)

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
