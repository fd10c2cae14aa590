"""Which prior may stand for which parameter: a law of known numbers that draws inside the parameter's domain."""

from collections.abc import Iterator
from typing import Any

from latentprob.errors import ModelError
from latentprob.spec import distributions
from latentprob.spec.distributions import Distribution, Uniform
from latentprob.spec.numbers import At, check_matrix, check_number
from latentprob.spec.structure import MATRICES, fields, support_of

REAL = ("real", "positive", "unit", "interval")
INSIDE: dict[str, tuple[str, ...]] = {  # the supports of priors that lie inside a domain
    "real": REAL,
    "logits": REAL,
    "positive": ("positive", "unit"),
    "unit": ("unit",),
    "simplex": ("simplex",),
    "transition": ("simplex",),
    "dynamics": REAL,
    "covariance": ("precision_matrix",),
    "precision_matrix": ("precision_matrix",),
    "scale_tril": (),
    "correlation": ("correlation",),
}


DOMAINS = {
    "real": "real numbers",
    "logits": "real numbers",
    "positive": "above 0",
    "unit": "from 0 to 1",
    "simplex": "probabilities with sum 1",
    "transition": "rows of probabilities with sum 1",
    "dynamics": "real numbers",
    "covariance": "covariance matrices",
    "precision_matrix": "precision matrices",
    "scale_tril": "triangular factors of a covariance",
    "correlation": "correlation matrices",
}


def check_written(law: Distribution, at: At, optional: tuple[str, ...]) -> None:
    """Of each group exactly one way is written, and every other parameter unless it is optional."""
    kind = type(law).__name__
    written = [name for name in law.parameters if getattr(law, name) is not None]
    grouped = [name for group in law.one_of for way in group for name in way]
    for name in law.parameters:
        if name not in (*written, *grouped, *optional):
            raise ModelError(f"{kind} needs {name}; write {name}=..., a number or a map, say", at=at)
    for group in law.one_of:
        members = {name for way in group for name in way}
        ways, names = " or ".join(" with ".join(way) for way in group), [name for name in written if name in members]
        if not names and not members & set(optional):
            raise ModelError(f"{kind} needs {ways}; write one of these", at=at)
        if names and set(names) not in [set(way) for way in group]:
            raise ModelError(f"{kind} takes exactly one of {ways}; found {' and '.join(names)}", at=(*at, names[-1]))


def check_prior(value: Any, domain: str, at: At) -> None:
    """Refuses a prior that does not fit a parameter of this domain."""
    if not isinstance(value, Distribution):
        return
    kind = type(value).__name__
    check_written(value, at, optional=())
    if fields(value).get("size") is not None:
        raise ModelError(f"{kind}(size=...): a size has no meaning in a prior; leave it out", at=(*at, "size"))
    for name, inner in value.parameters.items():
        if (number := getattr(value, name)) is not None:
            _check_known(number, inner, f"{kind}({name}=...)", (*at, name))
            if value.support in MATRICES and inner not in MATRICES and name != "loc" and isinstance(number, tuple):
                raise ModelError(f"{kind}({name}=...): found a list; write one number", at=(*at, name))
    if isinstance(value, Uniform) and not min(_numbers(value.high)) > max(_numbers(value.low)):
        raise ModelError(f"{value}: the upper bound is not above the lower; write Uniform(low, high)", at=at)
    if not _draws_inside(value, domain):
        raise ModelError(
            f"{value} does not fit as a prior: its draws are not all {DOMAINS[domain]}; {_choice(domain)}", at=at
        )


def _check_known(value: Any, domain: str, place: str, at: At) -> None:
    """The arguments of a prior are known: numbers, or lists of them."""
    if not isinstance(value, (int, float, tuple)):
        raise ModelError(f"{place}: the arguments of a prior are known numbers; found {value}, write a number", at=at)
    if domain in MATRICES and isinstance(value, tuple) and isinstance(value[0], tuple):
        check_matrix(value, domain, place, at)
        return
    # One number for a Wishart's scale stands for a multiple of the identity, a list for a diagonal.
    for number in _numbers(value):
        check_number(number, "positive" if domain in MATRICES else domain, place, at)


def _numbers(value: Any) -> Iterator[float]:
    if isinstance(value, tuple):
        for item in value:
            yield from _numbers(item)
    else:
        yield value


def _draws_inside(law: Distribution, domain: str) -> bool:
    if isinstance(law, Uniform) and domain in ("positive", "unit"):
        return min(_numbers(law.low)) >= 0 and (domain == "positive" or max(_numbers(law.high)) <= 1)
    return support_of(type(law)) in INSIDE[domain]


def _choice(domain: str) -> str:
    kinds = [getattr(distributions, name) for name in distributions.__all__]
    names = [kind.__name__ for kind in kinds if support_of(kind) in INSIDE[domain]]
    return f"write one of {', '.join(names)}" if names else "leave the prior out"
