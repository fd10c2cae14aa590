"""Which argument may stand for which parameter: a meaning of every component, registered by class.

A number must lie in the parameter's domain, a prior must draw inside it, and a predictor needs a link that leads there.
"""

from dataclasses import dataclass
from functools import singledispatch
from typing import Any

from latentprob.errors import ModelError
from latentprob.spec.component import Map, lookup, written
from latentprob.spec.distributions import Distribution
from latentprob.spec.maps import (
    GP,
    MLP,
    Dot,
    Embedding,
    Linear,
    Module,
    Nearest,
    PerFeature,
    PerLevel,
    Shared,
    Spread,
    Table,
    Translation,
)
from latentprob.spec.numbers import At, check_dynamics, check_matrix, check_number, check_rows, check_vector
from latentprob.spec.priors import INSIDE, check_prior
from latentprob.spec.structure import MATRICES, Laws, fields, mixes, parents, places, statement, support_of

VECTORS = ("simplex", "logits", "transition")
CHECKS = {"transition": check_rows, "dynamics": check_dynamics}  # of known lists that are no vectors
CONES = ("real", "positive", "logits")  # domains that sums with positive weights do not leave
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
    check = CHECKS.get(where.domain, check_matrix if where.domain in MATRICES else check_vector)
    check(value, where.scale, where.place, where.at)


@fits.register
def _(value: str, where: Where) -> None:
    if where.domain in MATRICES or where.domain in VECTORS:
        raise where.error(f"found the name {value}; write Table({value}) or Shared()")
    name = lookup(value)[0]
    if name not in where.laws or where.summed:  # an input may hold anything
        return
    law = where.laws[name]
    # A discrete parent is refused for being read as numbers.
    beside = ("binary", "level") if where.domain != "real" else ("binary", "level", "count", "real_vector")
    if support_of(type(law)) not in (*INSIDE[where.domain], *beside):
        raise where.error(
            f"{statement(name, law)} can lie outside of what is allowed; write Linear({value}), which has a link"
        )


@fits.register(Linear)
@fits.register(MLP)
@fits.register(Module)
def _(value: Linear | MLP | Module, where: Where) -> None:
    if fields(value).get("size") is not None:
        raise where.error(f"the size is that of {where.at[0]}; leave size out", "size")
    _check_predictor(where)
    if fields(value).get("pattern") and where.domain in VECTORS:
        raise where.error("a pattern stands for one weight a feature, and here each level has its own", "pattern")
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
    if isinstance(value, Table) and mixes(where.laws, value):
        _check_mixed(value, where)
    check_prior(value.prior, where.scale, (*where.at, "prior"))


def _check_mixed(value: Table, where: Where) -> None:
    """Averages of rows stay in a convex domain; sums of rows with positive weights only in a cone."""
    law = where.laws[value.parent]
    if where.domain in MATRICES:
        raise where.error(f"found {value}, an average of matrices over {value.parent}; write Shared()")
    if law.support != "simplex" and where.scale not in CONES:
        raise where.error(
            f"found {value}, and {statement(value.parent, law)}: sums of rows with positive weights leave what is "
            f"allowed; write {value.parent} ~ Dirichlet(size=...), whose weights sum to 1"
        )


@fits.register
def _(value: Spread, where: Where) -> None:
    if where.summed or where.at[1] != "scale" or where.domain != "positive":
        raise where.error("found Spread(), the standard deviation of each feature in the data; write scale=Spread()")


@fits.register
def _(value: PerLevel, where: Where) -> None:
    _check_predictor(where)
    if value.prior is not None and value.scale is not None:
        raise where.error("a prior of all values leaves no scale to pool them by; leave scale or prior out", "scale")
    for part, domain in (("scale", "positive"), ("prior", "real"), ("intercept", "real")):
        check_prior(getattr(value, part), domain, (*where.at, part))


@fits.register(Dot)
@fits.register(Translation)
def _(value: Dot | Translation, where: Where) -> None:
    _check_predictor(where)


@fits.register
def _(value: Embedding, where: Where) -> None:
    raise where.error(f"{value} is a statement; write u[user] = {written(value)} and read u, by Linear(u) say")


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
    if fields(value).get("pattern"):
        raise ModelError(f"{name} is computed, and a pattern says what hidden factors load on", at=(name, "pattern"))
    for part in ("weights", "intercept"):
        check_prior(getattr(value, part, None), "real", (name, part))


@assigned.register
def _(value: Embedding, laws: Laws, name: str) -> None:
    """Points of any size."""


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
