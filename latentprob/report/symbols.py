"""The symbols of a model: a letter for every free parameter, and indices for rows, features, dims and levels."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from latentprob.report.notation import Formula, Marked, Name, bracketed, row
from latentprob.spec.component import lookup
from latentprob.spec.model import Model
from latentprob.spec.schema import Schema
from latentprob.spec.sites import MATRICES, Free, Site, free_parameters, sites
from latentprob.spec.structure import mixes, support_of

LETTERS = {
    "loc": "μ",
    "scale": "σ",
    "variance": "v",
    "precision": "τ",
    "covariance": "Σ",
    "scale_tril": "L",
    "correlation": "R",
    "df": "ν",
    "rate": "λ",
    "concentration": "α",
    "concentration1": "α",
    "concentration0": "β",
    "probs": "π",
    "logits": "η",
    "total_count": "r",
    "initial": "δ",
    "transition": "Γ",
}
PARTS = {
    "levels": "a",
    "mean": "m",
    "scale": "σ",
    "weights": "w",
    "intercept": "b",
    "lengthscale": "ℓ",
    "variance": "v",
    "inducing": "u",
}
DOMAINS = {"precision_matrix": "Λ"}  # letters of a matrix that differ from those of a number
INDICES = {"row": "nmit", "feature": "djpq", "dim": "jhrl", "level": "klgs"}  # the first that names no variable


@dataclass(frozen=True)
class Notation:
    """What the letters of a model's equations stand for.

    indices: the letter that counts rows, features, dims of latents and levels.
    letters: the symbol of every free parameter by name, without its indices.
    """

    model: Model
    schema: Schema
    indices: Mapping[str, str]
    letters: Mapping[str, Formula]

    @classmethod
    def of(cls, model: Model, schema: Schema) -> "Notation":
        """The notation of a model for data of this schema."""
        names = {*model, *model.inputs}
        indices: dict[str, str] = {}
        for what, candidates in INDICES.items():
            taken = {*names, *indices.values()}
            indices[what] = next((letter for letter in candidates if letter not in taken), what)
        return cls(model, schema, indices, _letters(model, schema, {*names, *indices.values()}))

    @cached_property
    def sites(self) -> dict[str, Site]:
        """Every variable with its dims."""
        return sites(self.model, self.schema)

    @cached_property
    def frees(self) -> tuple[Free, ...]:
        """Every free parameter that is no statement of its own."""
        return _parameters(self.model)

    def index(self, what: str) -> Name:
        """The letter that counts rows, features, dims or levels."""
        return Name(self.indices[what])

    def axis(self, name: str) -> Name | None:
        """The index of the features or dims of a variable; None where it is one number, or written as a vector."""
        site = self.sites[name]
        whole = getattr(self.model.statements.get(name), "over_features", False)
        if not is_vector(site) or site.support == "real_vector" or whole:
            return None
        return self.index("feature" if name in self.schema else "dim")

    def is_vector(self, name: str) -> bool:
        """Whether a row of the variable holds several numbers."""
        return is_vector(self.sites[name])

    def symbol(self, free: Free, level: Formula | None = None) -> Formula:
        """A parameter with its indices; at `level` of the discrete variable that picks it, else at any."""
        if _moves(self.model, free):
            return self.letters[free.name]
        found: list[Formula] = []
        own = free.axes[:-1] if free.domain in MATRICES else free.axes
        for axis in own:
            if axis.endswith((".", "*")) or (_by_parent(self.model, free) and axis == lookup(free.source.parent)[0]):
                continue  # these are what the bold letter's elements are counted by
            if axis in self.sites and self.model.is_level(axis) and axis != free.variable:
                found.append(level or self.index("level"))
            elif free.domain not in MATRICES and axis == free.variable and (mark := self._own(free)):
                found.append(mark)
        return subscripted(self.letters[free.name], found)

    def _own(self, free: Free) -> Name | None:
        return None if self.model.is_level(free.variable) else self.axis(free.variable)


def subscripted(letter: Formula, found: list[Formula]) -> Formula:
    """A letter with indices below it."""
    if not found:
        return letter
    below = found[0] if len(found) == 1 else row(*found)
    return Marked(letter.base, below, letter.above) if isinstance(letter, Marked) else Marked(letter, below)


def _letters(model: Model, schema: Schema, taken: set[str]) -> dict[str, Formula]:
    """Symbols of the free parameters: a letter; where it would stand for two, what tells them apart in brackets."""
    frees = _parameters(model)
    base = {free.name: _letter(model, schema, free) for free in frees}
    found: dict[str, Formula] = {}
    for free in frees:
        letter = base[free.name]
        same = [other for other in frees if base[other.name] == letter]
        found[free.name] = letter
        if len(same) > 1 or letter.text in taken:
            found[free.name] = Marked(letter, above=bracketed(Name(_mark(free, same))))
    return found


def _parameters(model: Model) -> tuple[Free, ...]:
    return tuple(free for free in free_parameters(model) if free.name not in model)


def _mark(free: Free, same: list[Free]) -> str:
    """What tells a parameter from those of the same letter: its variable, the parent that it weighs, or its name."""
    for mark in (lambda each: each.variable, lambda each: getattr(each.source, "parent", each.variable)):
        if len({mark(each) for each in same}) == len(same):
            return str(mark(free))
    return free.name


def _letter(model: Model, schema: Schema, free: Free) -> Name:
    law = model[free.variable]
    whole = support_of(type(law)) == "real_vector" or getattr(law, "over_features", False)
    several = whole or law.parameters[free.parameter] in ("simplex", "logits")
    by_parent = _by_parent(model, free) and is_vector(sites(model, schema)[lookup(free.source.parent)[0]])
    text = PARTS.get(free.part) or DOMAINS.get(free.domain) or LETTERS.get(free.parameter, free.parameter)
    text = "A" if _moves(model, free) and support_of(type(law)) == "real" else text
    matrix = free.domain in MATRICES or _moves(model, free)
    bold = several or by_parent or matrix or free.part == "inducing"
    return Name("W" if free.part == "weights" and several else text, bold)


def _moves(model: Model, free: Free) -> bool:
    """Whether a parameter is the matrix that takes one step of an ordered axis to the next."""
    return free.parameter == "transition" and len(free.axes) == 2


def _by_parent(model: Model, free: Free) -> bool:
    """Whether a parameter has a number for each dim of its parent, which the bold letter's elements are."""
    if free.part in ("mean", "scale"):
        return lookup(free.source.parent)[0] in free.axes
    return free.part in ("weights", "lengthscale") or mixes(model.statements, free.source)


def is_vector(site: Site) -> bool:
    """Whether a row, or a level, of a variable holds several numbers."""
    hidden = site.scalar_axes[1:] if site.role == "levels" else site.scalar_axes
    return bool(hidden) and not all(hidden)
