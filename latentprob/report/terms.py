"""Arguments of a statement as formulas: a meaning of every map, registered by class."""

from functools import singledispatch
from typing import Any

from latentprob.report.notation import Bar, Formula, Marked, Name, Number, Sign, applied, bracketed, listed, row
from latentprob.report.symbols import Notation, subscripted
from latentprob.spec.component import Component, Map, lookup, written
from latentprob.spec.distributions import Distribution
from latentprob.spec.maps import GP, Dot, Linear, Module, PerFeature, PerLevel, Shared, Spread, Table, Translation
from latentprob.spec.model import argument, is_predictor, parents, terms
from latentprob.spec.sites import Free, intercept_of
from latentprob.spec.structure import mixes, reads

LINKS = {"positive": "exp"}  # functions that lead from a predictor to the parameter's domain
LOGITS = {"real": "logistic", "logits": "softmax"}  # and from logits to probabilities
LISTED = 4  # numbers that are written out


def variable(notation: Notation, read: str, like: str | None = None) -> Formula:
    """A variable in a row: a number by its index, or a vector; like: the variable whose index its numbers have."""
    name = lookup(read)[0]
    index = notation.axis(like or name) if notation.axis(name) is not None else None
    letter = Name(name, bold=notation.is_vector(name) and index is None)
    return subscripted(letter, [_place(notation, read), *([index] if index else [])])


def whole(notation: Notation, read: str) -> Formula:
    """All that a variable holds in a row."""
    name = lookup(read)[0]
    return subscripted(Name(name, bold=notation.is_vector(name)), [_place(notation, read)])


def _place(notation: Notation, read: str) -> Formula:
    """What a variable is counted by: its row, the level in a column of the row, or any level."""
    name, column = lookup(read)
    if column is not None:
        return variable(notation, column)
    return notation.index("level" if name in notation.model.factors else "row")


def parameter(notation: Notation, name: str, which: str) -> Formula:
    """A parameter of a variable's law: the sum of its terms, under the link where they are a predictor."""
    value = argument(notation.model, name, which)
    found = _sum([term(part, notation, name, which) for part in terms(value)])
    domain = notation.model[name].parameters[which]
    if which == "logits":
        return applied(LOGITS[domain], found)
    if is_predictor(value) and domain in LINKS:
        return applied(LINKS[domain], found)
    return found


def _sum(parts: list[Formula]) -> Formula:
    return parts[0] if len(parts) == 1 else listed(parts, "+")


@singledispatch
def term(part: Any, notation: Notation, name: str, which: str) -> Formula:
    """One term of an argument."""
    raise TypeError(f"no formula for {type(part).__name__}")


@term.register(int)
@term.register(float)
def _(part: float, notation: Notation, name: str, which: str) -> Formula:
    return row(Sign("−"), Number(f"{-part:g}")) if part < 0 else Number(f"{part:g}")


@term.register
def _(part: tuple, notation: Notation, name: str, which: str) -> Formula:
    shown = [*part[:LISTED], *(["…"] if len(part) > LISTED else [])]
    inner = [Sign(p) if isinstance(p, str) else term(p, notation, name, which) for p in shown]
    return bracketed(listed(inner), "[", "]")


@term.register
def _(part: str, notation: Notation, name: str, which: str) -> Formula:
    return variable(notation, part, like=name)


@term.register(Distribution)
@term.register(PerFeature)
@term.register(Shared)
def _(part: Component, notation: Notation, name: str, which: str) -> Formula:
    return notation.symbol(_free(part, notation, name, which), level=_level(part, notation))


@term.register
def _(part: Table, notation: Notation, name: str, which: str) -> Formula:
    if mixes(notation.model.statements, part):
        weighed = notation.symbol(_free(part, notation, name, which))
        return row(_transposed(weighed), whole(notation, part.parent))
    return notation.symbol(_free(part, notation, name, which), level=_level(part, notation))


@term.register
def _(part: Spread, notation: Notation, name: str, which: str) -> Formula:
    index = notation.axis(name)
    return subscripted(Name("spread"), [index] if index else [])


@term.register
def _(part: Map, notation: Notation, name: str, which: str) -> Formula:
    return _function(type(part).__name__, part, notation, name)


@term.register
def _(part: Module, notation: Notation, name: str, which: str) -> Formula:
    return _function(part.name, part, notation, name)


@term.register
def _(part: Linear, notation: Notation, name: str, which: str) -> Formula:
    weights = notation.symbol(_free(part, notation, name, which, "weights"), _level(part, notation))
    read: Formula = whole(notation, part.parent)
    if isinstance(notation.model[name], Map):  # a deterministic variable reads the data from their centre
        centre = Bar(Name(part.parent, bold=notation.is_vector(part.parent)))
        read = bracketed(row(read, Sign("−"), centre))
    slope = row(_transposed(weights) if notation.is_vector(lookup(part.parent)[0]) else weights, read)
    return _with_intercept(part, slope, notation, name, which)


@term.register
def _(part: PerLevel, notation: Notation, name: str, which: str) -> Formula:
    found = notation.symbol(_free(part, notation, name, which, "levels"), _level(part, notation))
    return _with_intercept(part, found, notation, name, which)


@term.register
def _(part: Dot, notation: Notation, name: str, which: str) -> Formula:
    factors = [whole(notation, read) for read in reads(part)]
    if not any(notation.is_vector(parent) for parent in parents(part)):
        return row(*factors)
    return row(_transposed(factors[0]), factors[1]) if len(factors) == 2 else bracketed(listed(factors), "⟨", "⟩")


@term.register
def _(part: Translation, notation: Notation, name: str, which: str) -> Formula:
    first, second, third = (whole(notation, read) for read in reads(part))
    length = row(Sign("‖"), first, Sign("+"), second, Sign("−"), third, Marked(Sign("‖"), above=Number("2")))
    return row(Sign("−"), length)


@term.register
def _(part: GP, notation: Notation, name: str, which: str) -> Formula:
    found = row(_process(part, notation, name, which), bracketed(whole(notation, part.parent)))
    return _with_intercept(part, found, notation, name, which)


def _with_intercept(part: Map, found: Formula, notation: Notation, name: str, which: str) -> Formula:
    if part is not intercept_of(argument(notation.model, name, which)):
        return found
    intercept = _free(part, notation, name, which, "intercept")
    return row(notation.symbol(intercept, _level(part, notation)), Sign("+"), found)


@singledispatch
def defined(part: Any, notation: Notation, name: str, which: str) -> list[tuple[Formula, str, Formula]]:
    """Left side, relation and right side of the equations that say what a term uses, where it needs some."""
    return []


@defined.register
def _(part: GP, notation: Notation, name: str, which: str) -> list[tuple[Formula, str, Formula]]:
    variance, lengths = (
        notation.symbol(_free(part, notation, name, which, each)) for each in ("variance", "lengthscale")
    )
    kernel = row(variance, Marked(Name("k"), below=lengths))
    return [(_process(part, notation, name, which), "∼", applied("GP", Number("0"), kernel))]


@defined.register
def _(part: PerLevel, notation: Notation, name: str, which: str) -> list[tuple[Formula, str, Formula]]:
    if part.prior is not None:
        return []
    levels, scale = (notation.symbol(_free(part, notation, name, which, each)) for each in ("levels", "scale"))
    return [(levels, "∼", applied("Normal", Number("0"), _squared(scale)))]


@defined.register
def _(part: Linear, notation: Notation, name: str, which: str) -> list[tuple[Formula, str, Formula]]:
    pooled = [f for f in notation.frees if f.pooled and (f.variable, f.parameter, f.source) == (name, which, part)]
    by_name = {free.name: free for free in notation.frees}
    law = {f: [notation.symbol(by_name[f"{f.name}_{each}"]) for each in ("mean", "scale")] for f in pooled}
    return [(notation.symbol(f), "∼", applied("Normal", mean, _squared(scale))) for f, (mean, scale) in law.items()]


def _squared(formula: Formula) -> Formula:
    marked = isinstance(formula, Marked) and formula.above is not None
    return Marked(bracketed(formula) if marked else formula, above=Number("2"))


def _process(part: GP, notation: Notation, name: str, which: str) -> Formula:
    """The letter of the process, marked as its variance is."""
    letter, index = notation.letters[_free(part, notation, name, which, "variance").name], notation.axis(name)
    above = letter.above if isinstance(letter, Marked) else None
    return subscripted(Marked(Name("g"), above=above) if above else Name("g"), [index] if index else [])


def _function(called: str, part: Map, notation: Notation, name: str) -> Formula:
    """A function of the parents of a map, at the index of the variable."""
    found = applied(called, *(whole(notation, read) for read in reads(part)))
    index = notation.axis(name)
    return Marked(found, below=index) if index else found


def _free(part: Any, notation: Notation, name: str, which: str, what: str = "value") -> Free:
    """The free parameter that a term stands for; a prior in a parameter's place is a value shared by all rows."""
    prior = isinstance(part, Distribution)
    for free in notation.frees:
        source = free.prior if prior else free.source
        if (free.variable, free.parameter, free.part) == (name, which, what) and source == part:
            return free
    raise TypeError(f"{written(part)} of {name} has no free parameter")


def _level(part: Any, notation: Notation) -> Formula | None:
    """The level that picks a row of a table, in each row of the data."""
    picking = part.parent if isinstance(part, (Table, PerLevel)) else getattr(part, "by", None)
    return None if picking is None else variable(notation, picking)


def _transposed(formula: Formula) -> Formula:
    if isinstance(formula, Marked) and formula.above is not None:
        return Marked(bracketed(formula), above=Sign("⊤"))
    base, below = (formula.base, formula.below) if isinstance(formula, Marked) else (formula, None)
    return Marked(base, below, Sign("⊤"))
