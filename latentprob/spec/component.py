"""The base of all components of the language, what may stand in an argument's place, and how it is written."""

import re
import sys
from collections.abc import Iterable
from difflib import get_close_matches
from numbers import Integral, Real
from typing import Annotated, Any, ClassVar, Never

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from latentprob.errors import ModelError

SYNONYMS = {
    "mean": "loc",
    "mu": "loc",
    "sd": "scale",
    "std": "scale",
    "sigma": "scale",
    "var": "variance",
    "cov": "covariance",
    "p": "probs",
    "nu": "df",
    "k": "size",
    "n_components": "size",
    "dim": "size",
}


class Component(BaseModel):
    """A frozen record: two components are equal when they say the same."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    def __init__(self, /, *args: Any, **kwargs: Any) -> None:
        kind, names = type(self), list(type(self).model_fields)
        if len(args) > len(names):
            raise ModelError(
                f"{kind.__name__} takes at most {len(names)} arguments ({', '.join(names)}); found {len(args)}"
            )
        for name, value in zip(names, args, strict=False):
            if name in kwargs:
                raise ModelError(f"{kind.__name__} got '{name}' twice; write it once", at=(name,))
            kwargs[name] = value
        try:
            super().__init__(**kwargs)
        except ValidationError as error:
            raise _refusal(kind, error) from None

    def __setattr__(self, name: str, value: Any) -> Never:
        raise ModelError(f"{type(self).__name__} is frozen; make a new one with {name}={value!r}")

    def __delattr__(self, name: str) -> Never:
        raise ModelError(f"{type(self).__name__} is frozen; make a new one without '{name}'")

    positional: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def reads(cls) -> tuple[str, ...]:
        """The fields in which a string is the name of a parent."""
        return ()

    def __str__(self) -> str:
        return written(self)

    def __repr__(self) -> str:
        return written(self, quoted=True)


class Map(Component):
    """A parameter as a function of its parents; maps add up with `+`.

    As a statement, `z = Linear(x, size=2)`, a map is the value of a deterministic variable.
    """

    parameters: ClassVar[dict[str, str]] = {"value": "real"}  # as a statement: the map itself
    support: ClassVar[str] = "real"
    levels: ClassVar[tuple[str, ...]] = ("by",)  # the fields that read levels, not numbers
    positional: ClassVar[tuple[str, ...]] = ("parent",)  # the fields that go by position in the text

    @property
    def value(self) -> "Map":
        """What stands for the only parameter of a deterministic variable."""
        return self

    @classmethod
    def reads(cls) -> tuple[str, ...]:
        """The fields in which a string is the name of a parent."""
        return tuple(field for field in ("parent", "by") if field in cls.model_fields)

    def __add__(self, other: Any) -> "Sum":
        return add(self, other)

    def __radd__(self, other: Any) -> "Sum":
        return add(other, self)


def check_terms(value: Any) -> tuple[Any, ...]:
    """The terms of a sum: arguments, at least one of them no number."""
    terms = tuple(check_argument(term) for term in value) if isinstance(value, (list, tuple)) else ()
    if len(terms) < 2 or not any(isinstance(term, (str, Component)) for term in terms):
        raise ModelError(
            f"{' + '.join(map(str, terms))} is no sum of maps: write one number, or Table(c) + Linear(z), say"
        )
    return terms


class Sum(Component):
    """The sum of several arguments, in the order written."""

    terms: Annotated[tuple[Any, ...], BeforeValidator(check_terms)]

    def __add__(self, other: Any) -> "Sum":
        return add(self, other)

    def __radd__(self, other: Any) -> "Sum":
        return add(other, self)


def add(left: Any, right: Any) -> Sum:
    """The sum of two arguments, flat."""
    parts = [term.terms if isinstance(term, Sum) else (term,) for term in (left, right)]
    return Sum(terms=(*parts[0], *parts[1]))


def check_argument(value: Any) -> Any:
    """A number, a list of numbers, a name, a map, a prior, or a sum of these; lists and arrays become tuples."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if value is None or isinstance(value, (str, Component)):
        return value
    if isinstance(value, (list, tuple)):
        return _check_list(value)
    return _check_number(value)


def _check_number(value: Any) -> int | float:
    if isinstance(value, bool):
        raise ModelError(f"{value} is no number; write {int(value)}")
    if not isinstance(value, Real):
        raise ModelError(
            f"{value!r} cannot stand for a parameter; allowed are a number, a list, a name, a map such as Table(c), "
            "a prior such as HalfNormal(1), and sums of these"
        )
    number = int(value) if isinstance(value, Integral) else float(value)
    if not abs(number) <= sys.float_info.max:  # which NaN is not either
        raise ModelError(f"{value} is not finite; write a finite number")
    return number


def _check_list(value: Iterable[Any]) -> tuple[Any, ...]:
    """A list of numbers, or of lists of one length."""
    items = tuple(check_argument(item) for item in value)
    for item in items:
        if not isinstance(item, (int, float, tuple)):
            raise ModelError(f"a list holds numbers; found {item}")
    if not items:
        raise ModelError("the list is empty; write at least one number")
    if len({len(item) if isinstance(item, tuple) else -1 for item in items}) > 1:
        raise ModelError(f"the rows of {written(items)} differ in length; write rows of one length")
    return items


def check_size(value: Any) -> Any:
    """A whole number from 1."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, Integral) or value < 1:
        raise ModelError(f"{_found(value)} is no size; write a whole number from 1, such as size=2")
    return int(value)


def lookup(read: str) -> tuple[str, str | None]:
    """Variable and column of what a field reads: ("e", "head") of "e[head]", ("z", None) of "z"."""
    found = re.fullmatch(r"([^\s\[\]]+)\[([^\s\[\]]+)\]", read)
    return (found[1], found[2]) if found else (read, None)


def check_name(value: Any) -> Any:
    """The name of a variable."""
    if not isinstance(value, str):
        raise ModelError(f"{_found(value)} is no name; write the name of one variable")
    return value


# A parent is a string in Python objects; in the text it is a bare name.
Argument = Annotated[Any, BeforeValidator(check_argument)]
Size = Annotated[int | None, BeforeValidator(check_size)]
Parent = Annotated[str, BeforeValidator(check_name)]


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that is most like `name`, or None."""
    known = list(known)
    if SYNONYMS.get(name.lower()) in known:
        return SYNONYMS[name.lower()]
    folded = {each.lower(): each for each in known}
    found = get_close_matches(name.lower(), folded, n=1)
    return folded[found[0]] if found else None


def written(value: Any, quoted: bool = False) -> str:
    """An argument as the language writes it; with `quoted`, as Python does: names in quotes.

    Numbers are always written, other values where they differ from the default. Numbers that are parameters and the
    parent of a map go by position as long as nothing before them was left out; all else goes by name.
    """
    if isinstance(value, Sum):
        return " + ".join(written(term, quoted) for term in value.terms)
    if isinstance(value, Component):
        return f"{type(value).__name__}({', '.join(_arguments(value, quoted))})"
    if isinstance(value, tuple):
        return "[" + ", ".join(written(item) for item in value) + "]"
    return f'"{value}"' if isinstance(value, str) and quoted else str(value)


def _arguments(component: Component, quoted: bool) -> list[str]:
    kind, found, positional = type(component), [], True
    for field, info in kind.model_fields.items():
        value = getattr(component, field)
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if value == info.default and not number:
            positional = False
            continue
        named = field in kind.reads()
        positional = positional and (field in kind.positional or (number and named))
        text = written(value, quoted or not named)
        found.append(text if positional else f"{field}={text}")
    return found


def _refusal(kind: type[Component], error: ValidationError) -> ModelError:
    """What pydantic found, as a sentence of the language."""
    first = min(error.errors(include_url=False), key=lambda each: each["type"] != "extra_forbidden")
    field = str(first["loc"][0])
    place = "" if kind is Sum else f"{kind.__name__}({field}=...): "
    if first["type"] == "extra_forbidden":
        sentence = unknown_argument(kind, field)
    elif first["type"] == "missing":
        sentence = f"{kind.__name__} needs '{field}', a name; it takes {', '.join(kind.model_fields)}"
    elif first["type"] == "value_error":
        sentence = f"{place}{first['ctx']['error']}"
    elif first["type"] == "literal_error":
        sentence = f"{place}{_found(first['input'])} is not known; write {first['ctx']['expected']}"
        close = nearest(str(first["input"]), _literals(first["ctx"]["expected"]))
        sentence += f". Nearest is '{close}'" if close else ""
    else:
        sentence = f"{place}{first['msg']}; found {_found(first['input'])}"
    return ModelError(sentence, at=(field,))


def unknown_argument(kind: type[Component], name: str) -> str:
    """The sentence for an argument that a component does not take."""
    close = nearest(name, kind.model_fields)
    takes = ", ".join(kind.model_fields) or "no arguments"
    return f"{kind.__name__} has no argument '{name}'{f'; write {close}=' if close else ''}. It takes {takes}"


def _literals(expected: str) -> list[str]:
    return expected.replace("'", "").replace(" or ", ", ").split(", ")


def _found(value: Any) -> str:
    return str(value) if isinstance(value, Component) else repr(value)
