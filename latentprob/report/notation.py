"""Formulas as trees, and their two writings: MathML, which browsers typeset by themselves, and LaTeX."""

from dataclasses import dataclass
from functools import singledispatch
from html import escape
from typing import Union

SIGNS = {
    "α": r"\alpha",
    "β": r"\beta",
    "δ": r"\delta",
    "η": r"\eta",
    "λ": r"\lambda",
    "μ": r"\mu",
    "ν": r"\nu",
    "π": r"\pi",
    "σ": r"\sigma",
    "τ": r"\tau",
    "ℓ": r"\ell",
    "Γ": r"\Gamma",
    "Λ": r"\Lambda",
    "Σ": r"\Sigma",
    "∼": r"\sim",
    "⊤": r"\top",
    "−": "-",
    "∈": r"\in",
    "…": r"\ldots",
    "∣": r"\mid",
    "⟨": r"\langle",
    "⟩": r"\rangle",
    "‖": r"\Vert",
}
ESCAPED = {"_": r"\_", "%": r"\%", "&": r"\&", "#": r"\#", "$": r"\$", "{": r"\{", "}": r"\}"}


@dataclass(frozen=True)
class Name:
    """A letter, or a word, which stands upright; bold for a vector or matrix."""

    text: str
    bold: bool = False


@dataclass(frozen=True)
class Number:
    """A number as it is written."""

    text: str


@dataclass(frozen=True)
class Sign:
    """An operator, a relation or a bracket."""

    text: str


@dataclass(frozen=True)
class Row:
    """Parts one after the other."""

    parts: tuple["Formula", ...]


@dataclass(frozen=True)
class Marked:
    """A base with what stands below and above at its right."""

    base: "Formula"
    below: Union["Formula", None] = None
    above: Union["Formula", None] = None


@dataclass(frozen=True)
class Bar:
    """A mean: its base under a bar."""

    base: "Formula"


Formula = Name | Number | Sign | Row | Marked | Bar


def row(*parts: Formula) -> Row:
    """Parts one after the other."""
    return Row(parts)


def bracketed(inner: Formula, left: str = "(", right: str = ")") -> Row:
    """A formula within brackets."""
    return row(Sign(left), inner, Sign(right))


def listed(parts: list[Formula], between: str = ",") -> Row:
    """Parts with a sign between them."""
    found: list[Formula] = []
    for part in parts:
        found += [Sign(between), part] if found else [part]
    return Row(tuple(found))


def applied(function: str, *arguments: Formula) -> Row:
    """A named function, or a law, of its arguments."""
    return row(Name(function), bracketed(listed(list(arguments))))


@singledispatch
def mathml(formula: Formula) -> str:
    """The formula as MathML elements, text escaped."""
    raise TypeError(f"{type(formula).__name__} is no formula")


@mathml.register
def _(formula: Name) -> str:
    style = ' style="font-weight:bold"' if formula.bold else ""
    upright = ' mathvariant="normal"' if len(formula.text) == 1 and (formula.bold or not formula.text.isalpha()) else ""
    return f"<mi{upright}{style}>{escape(formula.text)}</mi>"


@mathml.register
def _(formula: Number) -> str:
    return f"<mn>{escape(formula.text)}</mn>"


@mathml.register
def _(formula: Sign) -> str:
    flat = ' stretchy="false"' if formula.text in "()[]" else ""
    return f"<mo{flat}>{escape(formula.text)}</mo>"


@mathml.register
def _(formula: Row) -> str:
    return f"<mrow>{''.join(mathml(part) for part in formula.parts)}</mrow>"


@mathml.register
def _(formula: Marked) -> str:
    base, below, above = mathml(formula.base), formula.below, formula.above
    if below is not None and above is not None:
        return f"<msubsup>{base}{mathml(below)}{mathml(above)}</msubsup>"
    if below is not None:
        return f"<msub>{base}{mathml(below)}</msub>"
    return base if above is None else f"<msup>{base}{mathml(above)}</msup>"


@mathml.register
def _(formula: Bar) -> str:
    return f"<mover>{mathml(formula.base)}<mo>¯</mo></mover>"


@singledispatch
def latex(formula: Formula) -> str:
    r"""The formula as LaTeX, with amsmath's \text and \boldsymbol.

    >>> latex(row(Marked(Name("x", bold=True), Name("n")), Sign("∼"), applied("Poisson", Name("λ"))))
    '\\boldsymbol{x}_{n} \\sim \\mathrm{Poisson} ( \\lambda )'
    """
    raise TypeError(f"{type(formula).__name__} is no formula")


@latex.register
def _(formula: Name) -> str:
    word = "".join(ESCAPED.get(letter, letter) for letter in formula.text)
    if len(formula.text) > 1:
        return rf"\mathbf{{{word}}}" if formula.bold else rf"\mathrm{{{word}}}"
    sign = SIGNS.get(formula.text, word)
    return rf"\boldsymbol{{{sign}}}" if formula.bold else sign


@latex.register
def _(formula: Number) -> str:
    return formula.text


@latex.register
def _(formula: Sign) -> str:
    return SIGNS.get(formula.text, formula.text)


@latex.register
def _(formula: Row) -> str:
    return " ".join(latex(part) for part in formula.parts)


@latex.register
def _(formula: Marked) -> str:
    below = "" if formula.below is None else f"_{{{latex(formula.below)}}}"
    above = "" if formula.above is None else f"^{{{latex(formula.above)}}}"
    return f"{latex(formula.base)}{below}{above}"


@latex.register
def _(formula: Bar) -> str:
    return rf"\bar{{{latex(formula.base)}}}"
