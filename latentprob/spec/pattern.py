"""Patterns: which factor may load on which feature."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from latentprob.errors import DataError, ModelError

Label = str | int
Mask = tuple[tuple[bool, ...], ...]  # (Z, D): whether a factor may load on a feature
EXAMPLE = '{"visual": ["x1", "x2"], "textual": ["x3", "x4"]}'


@dataclass(frozen=True)
class Pattern:
    """The features that each factor loads on, by their labels, in the order of the factors.

    A factor is called by a name, or by its number.

    >>> print(Pattern.of({"visual": ["x1", "x2"], "textual": ["x3"]}))
    {"visual": ["x1", "x2"], "textual": ["x3"]}
    """

    factors: tuple[tuple[Label, tuple[Label, ...]], ...]

    @classmethod
    def of(cls, value: Any) -> "Pattern":
        """The pattern that a mapping from factors to lists of features says."""
        if isinstance(value, Pattern):
            return value
        if not isinstance(value, Mapping) or not value:
            raise ModelError(f"{value!r} is no pattern; write the features of each factor, such as {EXAMPLE}")
        found = tuple((_label(factor), _features(factor, features)) for factor, features in value.items())
        if all(isinstance(factor, int) for factor, _ in found):
            found = tuple(sorted(found))
        _check_factors(found)
        return cls(found)

    @property
    def names(self) -> tuple[Label, ...]:
        """What the factors are called."""
        return tuple(factor for factor, _ in self.factors)

    def mask(self, features: Sequence[Hashable], place: str) -> Mask:
        """Whether each factor may load on each of the data's features. place: how messages name it."""
        known = {str(label) for label in features}
        for feature in (feature for _, listed in self.factors for feature in listed):
            if str(feature) not in known:
                shown = ", ".join(map(str, features[:8])) + (", ..." if len(features) > 8 else "")
                raise DataError(
                    f"{place}: the pattern names the feature {feature!r}, and the data have {shown}. "
                    "Name the features as in the data."
                )
        loaded = [{str(feature) for feature in listed} for _, listed in self.factors]
        return tuple(tuple(str(label) in own for label in features) for own in loaded)

    def __str__(self) -> str:
        parts = (f"{_text(factor)}: [{', '.join(map(_text, features))}]" for factor, features in self.factors)
        return f"{{{', '.join(parts)}}}"

    __repr__ = __str__


def check_pattern(value: Any) -> Pattern | None:
    """None, or a mapping from factors to lists of features."""
    return None if value is None else Pattern.of(value)


def _text(label: Label) -> str:
    return f'"{label}"' if isinstance(label, str) else str(label)


def _label(value: Any) -> Label:
    """A label that stands between quotes in the language, or a whole number."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and value and value.isprintable() and not set(value) & set('"\\'):
        return value
    raise ModelError(f"{value!r} is no label; write text in quotes, or a whole number, as in {EXAMPLE}")


def _features(factor: Any, value: Any) -> tuple[Label, ...]:
    if not isinstance(value, (list, tuple)) or not value:
        raise ModelError(f"factor {factor!r} needs a list of features, such as {EXAMPLE}; found {value!r}")
    found = tuple(_label(label) for label in value)
    if len(set(map(str, found))) < len(found):
        raise ModelError(f"factor {factor!r} names a feature twice; write it once")
    return found


def _check_factors(found: tuple[tuple[Label, tuple[Label, ...]], ...]) -> None:
    """Factors are called by names, or are 0, 1, ...; no two of them load on the same features."""
    numbers = [factor for factor, _ in found if isinstance(factor, int)]
    if numbers and numbers != list(range(len(found))):
        raise ModelError(
            f"the factors are called {', '.join(_text(factor) for factor, _ in found)}; give all of them names, "
            f"or the numbers 0 to {len(found) - 1}"
        )
    for (one, first), (other, second) in combinations(found, 2):
        if set(map(str, first)) == set(map(str, second)):
            raise ModelError(
                f"factors {one!r} and {other!r} load on the same features, so nothing tells them apart; "
                "give each a feature of its own, or leave the pattern out"
            )
