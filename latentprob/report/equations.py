"""A model as equations: each statement as a formula over the rows, and a symbol for every free parameter.

Laws that have a scale are written with its square, the variance: Normal(μ, σ²).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import singledispatch
from typing import Any

from latentprob.report.notation import Formula, Marked, Name, Number, Sign, applied, bracketed, latex, mathml, row
from latentprob.report.symbols import Notation, subscripted
from latentprob.report.terms import defined, parameter, variable, whole
from latentprob.spec.component import Map
from latentprob.spec.distributions import Distribution, LogNormal, MultivariateNormal, Normal, StudentT
from latentprob.spec.dynamics import Dynamics, LinearDynamics, Markov
from latentprob.spec.maps import Embedding, Nearest
from latentprob.spec.model import Model, argument, terms
from latentprob.spec.schema import Schema

ONE, TWO, TRANSPOSED = Number("1"), Number("2"), Sign("⊤")
INVERSE = row(Sign("−"), ONE)


@dataclass(frozen=True)
class Equation:
    """What stands at the left of a relation, the relation (∼ or =), and what stands at its right."""

    left: Formula
    relation: str
    right: Formula


def equations(model: Model, schema: Schema) -> tuple[Equation, ...]:
    """An equation for each statement, each followed by those that define what it uses."""
    notation = Notation.of(model, schema)
    return tuple(equation for name in model for equation in _of_variable(notation, name))


def _of_variable(notation: Notation, name: str) -> Iterator[Equation]:
    law = notation.model[name]
    relation, right = statement(law, notation, name)
    ordered = isinstance(law, Dynamics)
    yield Equation(whole(notation, name) if ordered else variable(notation, name), relation, right)
    if ordered:
        yield Equation(_step(notation, name, ONE), "∼", first(law, notation, name))
    for which in law.parameters:
        for part in terms(argument(notation.model, name, which)):
            yield from (Equation(*found) for found in defined(part, notation, name, which))


@singledispatch
def statement(law: Any, notation: Notation, name: str) -> tuple[str, Formula]:
    """The relation and the right side of the statement of a variable."""
    raise TypeError(f"no equation for {type(law).__name__}")


@statement.register
def _(law: Distribution, notation: Notation, name: str) -> tuple[str, Formula]:
    return "∼", applied(type(law).__name__, *_arguments(law, notation, name))


def _arguments(law: Distribution, notation: Notation, name: str) -> list[Formula]:
    written = (which for which in law.parameters if argument(notation.model, name, which) is not None)
    return [parameter(notation, name, which) for which in written]


@statement.register(Normal)
@statement.register(LogNormal)
@statement.register(StudentT)
def _(law: Any, notation: Notation, name: str) -> tuple[str, Formula]:
    *before, spread = _arguments(law, notation, name)
    variance = {"scale": squared, "variance": lambda formula: formula, "precision": inverted}
    written = [which for which in law.parameters if argument(notation.model, name, which) is not None]
    return "∼", applied(type(law).__name__, *before, variance[written[-1]](spread))


@statement.register
def _(law: MultivariateNormal, notation: Notation, name: str) -> tuple[str, Formula]:
    given = {which: parameter(notation, name, which) for which in law.parameters if getattr(law, which) is not None}
    if "precision" in given:
        covariance = inverted(given["precision"])
    elif "scale_tril" in given:
        covariance = row(given["scale_tril"], raised(given["scale_tril"], TRANSPOSED))
    elif "correlation" in given:
        spread = [] if given["scale"] == ONE else [applied("diag", given["scale"])]
        covariance = row(*spread, given["correlation"], *spread)
    else:
        covariance = given["covariance"]
    return "∼", applied("Normal", given["loc"], covariance)


@statement.register
def _(law: Markov, notation: Notation, name: str) -> tuple[str, Formula]:
    before = _step(notation, name, _before(notation))
    return "∼", applied("Categorical", subscripted(parameter(notation, name, "transition"), [before]))


@statement.register
def _(law: LinearDynamics, notation: Notation, name: str) -> tuple[str, Formula]:
    moved = row(parameter(notation, name, "transition"), _step(notation, name, _before(notation)))
    return "∼", applied("Normal", moved, _spread(notation, name, "scale"))


@singledispatch
def first(law: Any, notation: Notation, name: str) -> Formula:
    """What the first step of a series is drawn from."""
    raise TypeError(f"no equation for the first step of {type(law).__name__}")


@first.register
def _(law: Markov, notation: Notation, name: str) -> Formula:
    if isinstance(law.initial, str):
        return Name(law.initial)
    return applied("Categorical", parameter(notation, name, "initial"))


@first.register
def _(law: LinearDynamics, notation: Notation, name: str) -> Formula:
    return applied("Normal", Number("0"), _spread(notation, name, "initial"))


def _step(notation: Notation, name: str, at: Formula) -> Formula:
    """All that a variable holds at one step."""
    return subscripted(Name(name, bold=notation.is_vector(name)), [at])


def _before(notation: Notation) -> Formula:
    """The index of the step before."""
    return row(notation.index("row"), Sign("−"), ONE)


def _spread(notation: Notation, name: str, which: str) -> Formula:
    """The covariance of independent noise with these standard deviations."""
    spread = parameter(notation, name, which)
    if not notation.is_vector(name):
        return squared(spread)
    return Name("I", bold=True) if spread == ONE else raised(applied("diag", spread), TWO)


@statement.register
def _(law: Map, notation: Notation, name: str) -> tuple[str, Formula]:
    return "=", parameter(notation, name, "value")


@statement.register
def _(law: Embedding, notation: Notation, name: str) -> tuple[str, Formula]:
    space = Name("R", bold=True)
    return "∈", space if law.size is None or notation.axis(name) else Marked(space, above=Number(str(law.size)))


@statement.register
def _(law: Nearest, notation: Notation, name: str) -> tuple[str, Formula]:
    best = Marked(Name("arg max"), below=Name("k"))
    case = row(whole(notation, law.parent), Sign("∣"), variable(notation, name), Sign("="), Name("k"))
    return "=", row(best, Name("p"), bracketed(case))


def squared(formula: Formula) -> Formula:
    """The square; of a number one, itself."""
    return formula if formula == ONE else raised(formula, TWO)


def inverted(formula: Formula) -> Formula:
    """The inverse."""
    return raised(formula, INVERSE)


def raised(formula: Formula, above: Formula) -> Formula:
    """A formula with an exponent, in brackets where it is not a single letter or number."""
    if isinstance(formula, Marked) and formula.above is None:
        return Marked(formula.base, formula.below, above)
    return Marked(formula if isinstance(formula, (Name, Number)) else bracketed(formula), above=above)


def to_mathml(found: tuple[Equation, ...]) -> str:
    """The equations as one MathML block, aligned at their relations."""
    cells = ((mathml(e.left), mathml(Sign(e.relation)), mathml(e.right)) for e in found)
    rows = "".join(f"<mtr>{''.join(f'<mtd>{cell}</mtd>' for cell in line)}</mtr>" for line in cells)
    return f'<math display="block"><mtable displaystyle="true">{rows}</mtable></math>'


def to_latex(found: tuple[Equation, ...]) -> str:
    """The equations as an align environment of amsmath."""
    lines = (f"    {latex(e.left)} &{latex(Sign(e.relation))} {latex(e.right)}" for e in found)
    return "\\begin{align*}\n" + " \\\\\n".join(lines) + "\n\\end{align*}"
