"""Which argument may stand for which parameter: a meaning of every component, registered by class.

A number must lie in the parameter's domain, a prior must draw inside it, and a predictor needs a link that leads there.
"""

from dataclasses import dataclass
from functools import singledispatch
from typing import Any

from latentprob.errors import ModelError
from latentprob.spec.component import Map, written
from latentprob.spec.distributions import Distribution
from latentprob.spec.maps import GP, MLP, Linear, Module, Nearest, PerFeature, Shared, Spread, Table
from latentprob.spec.numbers import At, check_matrix, check_number, check_vector
from latentprob.spec.priors import INSIDE, check_prior
from latentprob.spec.structure import MATRICES, Laws, fields, parents, places, statement, support_of

VECTORS = ("simplex", "logits")
LINKED = ("real", "positive", "logits")  # parameters that a predictor reaches by a link


@dataclass(frozen=True)
class Where:
    """The place of an argument, or of a term of a sum: the parameter that it stands for."""

    laws: Laws
    law: Distribution
    at: At
    domain: str
    summed: bool

    @classmethod
    def of(cls, laws: Laws, at: tuple[Any, ...]) -> "Where":
        """The place ("x", "loc") or, in a sum, ("x", "loc", 0)."""
        law: Any = laws[at[0]]
        return cls(laws, law, at, law.parameters[at[1]], summed=len(at) > 2)

    @property
    def scale(self) -> str:
        """The domain in which a term lies: that of the parameter, or of what is under its link."""
        return "real" if self.summed else self.domain

    @property
    def place(self) -> str:
        """How messages name it."""
        return f"{type(self.law).__name__}({self.at[1]}=...)"

    def error(self, message: str, *below: str | int) -> ModelError:
        """An error at this place, or at a part of it."""
        return ModelError(f"{self.place}: {message}", at=(*self.at, *below))


@singledispatch
def fits(value: Any, where: Where) -> None:
    """Refuses an argument that cannot stand for the parameter at this place."""
    raise where.error(f"{value!r} has no meaning here; write a number, a map or a prior")


@fits.register(int)
@fits.register(float)
def _(value: float, where: Where) -> None:
    if where.domain in VECTORS and not where.summed:
        raise where.error(
            f"found the number {value}; write a list with one number for each level, Table(c) or Shared()"
        )
    if where.domain in MATRICES:
        raise where.error(f"found the number {value}; write a matrix such as [[1, 0], [0, 1]], Table(c) or Shared()")
    check_number(value, where.scale, where.place, where.at)


@fits.register
def _(value: tuple, where: Where) -> None:
    check = check_matrix if where.domain in MATRICES else check_vector
    check(value, where.scale, where.place, where.at)


@fits.register
def _(value: str, where: Where) -> None:
    if where.domain in MATRICES or where.domain in VECTORS:
        raise where.error(f"found the name {value}; write Table({value}) or Shared()")
    if value not in where.laws or where.summed:  # an input may hold anything
        return
    law = where.laws[value]
    # A discrete parent is refused for being read as numbers.
    beside = ("binary", "level") if where.domain != "real" else ("binary", "level", "count", "real_vector")
    if support_of(type(law)) not in (*INSIDE[where.domain], *beside):
        raise where.error(
            f"{statement(value, law)} can lie outside of what is allowed; write Linear({value}), which has a link"
        )


@fits.register(Linear)
@fits.register(MLP)
@fits.register(Module)
def _(value: Linear | MLP | Module, where: Where) -> None:
    if fields(value).get("size") is not None:
        raise where.error(f"the size is that of {where.at[0]}; leave size out", "size")
    _check_predictor(where)
    for part in ("weights", "intercept"):
        check_prior(getattr(value, part, None), "real", (*where.at, part))


@fits.register
def _(value: GP, where: Where) -> None:
    _check_predictor(where)
    for part, domain in (("lengthscale", "positive"), ("variance", "positive"), ("intercept", "real")):
        check_prior(getattr(value, part), domain, (*where.at, part))


@fits.register(Table)
@fits.register(PerFeature)
@fits.register(Shared)
def _(value: Table | PerFeature | Shared, where: Where) -> None:
    if where.summed:
        _check_predictor(where)
    elif where.domain in MATRICES and isinstance(value, PerFeature):
        raise where.error("found PerFeature(), and this is one matrix over all features; write Shared() or Table(c)")
    elif where.domain in MATRICES and not getattr(value, "per_feature", True):
        raise where.error("a matrix is over all features; leave per_feature=False out", "per_feature")
    check_prior(value.prior, where.scale, (*where.at, "prior"))


@fits.register
def _(value: Spread, where: Where) -> None:
    if where.summed or where.at[1] != "scale" or where.domain != "positive":
        raise where.error("found Spread(), the standard deviation of each feature in the data; write scale=Spread()")


@fits.register
def _(value: Nearest, where: Where) -> None:
    raise where.error(f"{value} is a level; write c = {written(value)} and read it by Table(c)")


@fits.register
def _(value: Distribution, where: Where) -> None:
    if where.summed:
        raise where.error(f"a prior is no term of a sum; write Shared(prior={value})")
    check_prior(value, where.domain, where.at)


@singledispatch
def assigned(value: Map, laws: Laws, name: str) -> None:
    """Refuses a map that cannot be the value of the deterministic variable `name`."""
    raise ModelError(
        f"{type(value).__name__} stands only in an argument of a distribution; "
        f"write {name} = Linear(...), MLP(...) or Nearest(...)",
        at=(name,),
    )


@assigned.register(Linear)
@assigned.register(MLP)
def _(value: Linear | MLP, laws: Laws, name: str) -> None:
    if value.size is None:
        raise ModelError(f"the size of {name} is missing; write size=2, say", at=(name,))
    for part in ("weights", "intercept"):
        check_prior(getattr(value, part, None), "real", (name, part))


@assigned.register
def _(value: Nearest, laws: Laws, name: str) -> None:
    if value.size is None or value.size < 2:
        raise ModelError(f"{name} needs a size from 2; write size=3, say", at=(name,))
    law, read = laws.get(value.parent), value.parent
    if not isinstance(law, Distribution) or not any(_is_codebook(part, name) for _, part in places(law, read)):
        raise ModelError(
            f"{value} takes the row of {read}'s table that is nearest to {read}, and {read} has none; "
            f"write {read} ~ Normal(loc=Table({name}), scale=Shared())",
            at=(name, "parent"),
        )
    for other in parents(law):
        if other != name and other in laws:
            raise ModelError(
                f"{read} reads {other} beside {name}, and its table alone does not say which row is nearest; "
                f"leave {other} or {name} out",
                at=(name, "parent"),
            )


def _is_codebook(part: Any, name: str) -> bool:
    return isinstance(part, Table) and part.parent == name


def _check_predictor(where: Where) -> None:
    """A predictor needs a parameter with a link."""
    if where.domain in LINKED:
        return
    whole = getattr(where.law, str(where.at[1]))
    if where.domain in MATRICES:
        raise where.error(f"found {whole}, and a matrix has no predictor; write Table(c), Shared() or a known matrix")
    raise where.error(f"found {whole}, a predictor, which knows no bounds; write logits={whole}")
