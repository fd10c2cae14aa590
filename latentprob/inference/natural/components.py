"""Which statements are conjugate, by structure, and the component that each one becomes."""

from collections.abc import Callable, Mapping
from functools import singledispatch
from typing import Any, cast

from latentprob.inference.natural.factors import factors
from latentprob.inference.natural.multivariate import multivariate
from latentprob.inference.natural.normals import POWERS, normals
from latentprob.inference.natural.part import Part
from latentprob.inference.natural.priors import Priors
from latentprob.inference.natural.rates import rates
from latentprob.inference.natural.shares import shares
from latentprob.program import Program
from latentprob.program.context import Context
from latentprob.program.defaults import CONJUGATE, conjugate_scale
from latentprob.spec import distributions as spec
from latentprob.spec.distributions import Distribution
from latentprob.spec.dynamics import STATIONARY, Markov
from latentprob.spec.maps import Linear, PerFeature, Shared, Table
from latentprob.spec.model import argument
from latentprob.spec.structure import fields, is_word

NUMBERS = (int, float, tuple)
Maker = Callable[[Any, str, Priors, int, bool], Part]


def supports(program: Program) -> bool:
    """Whether every parameter is conjugate given the latents, and the latents have a closed form given it."""
    names = [name for name in program.model if name not in _latents(program)]
    return (
        bool(names)
        and not program.model.embedded
        and len(_levels(program)) <= 1
        and all(role != "draw" for role in program.plan.values())
        and all(_is_latent(program, name) for name in _latents(program))
        and all(_is_open(program, name) and conjugate(program.model[name], program, name) for name in names)
    )


def level_of(program: Program) -> str | None:
    """The discrete variable that tells rows apart, hidden, observed or an input."""
    return next(iter(_levels(program)), None)


def _levels(program: Program) -> tuple[str, ...]:
    return tuple(name for name in (*program.model, *program.model.inputs) if program.model.is_level(name))


def _latents(program: Program) -> tuple[str, ...]:
    """What is no component of its own: the level, and what is integrated."""
    integrated = (name for name, role in program.plan.items() if role == "integrate")
    return (*(name for name in _levels(program) if name in program.model), *integrated)


def _is_latent(program: Program, name: str) -> bool:
    model, law = program.model, cast(Any, program.model[name])
    if isinstance(law, Markov):
        hidden = name == program.layout.chain and law.initial != STATIONARY
        return hidden and all(
            conjugate_value(argument(model, name, p), (spec.Dirichlet,)) for p in law.parameters if not is_word(law, p)
        )
    if model.is_level(name):
        return law.logits is None and conjugate_value(argument(model, name, "probs"), (spec.Dirichlet, spec.Beta))
    standard = isinstance(law, spec.Normal) and law.loc == 0 and 1 in (law.scale, law.variance, law.precision)
    return standard and len(model.children(name)) == 1


def _is_open(program: Program, name: str) -> bool:
    """Whether nothing reads an observed variable."""
    return not program.model.children(name)


def conjugate_value(value: Any, priors: tuple[type[Distribution], ...]) -> bool:
    """Whether an argument is known, or a free value under one of these priors or the default."""
    if isinstance(value, Distribution):
        return isinstance(value, priors)
    if isinstance(value, (Table, PerFeature, Shared)):
        return value.prior is None or isinstance(value.prior, priors)
    return isinstance(value, NUMBERS)


@singledispatch
def conjugate(law: Distribution, program: Program, name: str) -> bool:
    """Whether the parameters of an observed statement are conjugate."""
    return False


CONJUGATE_TO: Mapping[str, tuple[type[Distribution], ...]] = {
    "precision": (spec.Gamma,),
    "variance": (spec.InverseGamma,),
}


@conjugate.register(spec.Normal)
@conjugate.register(spec.LogNormal)
def _(law: Any, program: Program, name: str) -> bool:
    values = fields(law)
    parameter = next(p for p in POWERS if values.get(p) is not None)
    prior = CONJUGATE_TO.get(parameter, ())
    if not conjugate_value(values[parameter], prior):
        return False
    if isinstance(law.loc, Linear):
        return isinstance(law, spec.Normal) and _is_loaded(law.loc, program, name)
    return conjugate_value(law.loc, (spec.Normal,))


def _is_loaded(loc: Linear, program: Program, name: str) -> bool:
    """Whether a location is linear in one integrated latent, all weights normal, and no cell is hidden."""
    normal = all(prior is None or isinstance(prior, spec.Normal) for prior in (loc.weights, loc.intercept))
    whole = normal and loc.pattern is None and loc.by not in program.model.inputs
    return whole and program.plan.get(loc.parent) == "integrate" and name not in program.missing


@conjugate.register
def _(law: spec.MultivariateNormal, program: Program, name: str) -> bool:
    parameter = next((p for p in CONJUGATE if getattr(law, p) is not None), None)
    if parameter is None or name in program.missing or program.plan.keys() - set(_levels(program)):
        return False
    if not conjugate_value(getattr(law, parameter), (spec.NormalWishart,)) or isinstance(
        getattr(law, parameter), tuple
    ):
        return False
    context = Context(program.layout)
    loc = next((free for free in context.frees if (free.variable, free.parameter) == (name, "loc")), None)
    return loc is not None and loc.prior is None and conjugate_scale(context, loc) is not None


@conjugate.register
def _(law: spec.Bernoulli, program: Program, name: str) -> bool:
    return law.logits is None and _is_free(argument(program.model, name, "probs"), (spec.Beta,))


@conjugate.register
def _(law: spec.Categorical, program: Program, name: str) -> bool:
    return law.logits is None and _is_free(argument(program.model, name, "probs"), (spec.Dirichlet,))


@conjugate.register(spec.Poisson)
@conjugate.register(spec.Exponential)
def _(law: Any, program: Program, name: str) -> bool:
    return _is_free(law.rate, (spec.Gamma,))


def _is_free(value: Any, priors: tuple[type[Distribution], ...]) -> bool:
    return not isinstance(value, NUMBERS) and conjugate_value(value, priors)


MAKERS: Mapping[type[Distribution], Maker] = {
    spec.Normal: normals,
    spec.LogNormal: normals,
    spec.MultivariateNormal: multivariate,
    spec.Bernoulli: shares,
    spec.Categorical: shares,
    spec.Poisson: rates,
    spec.Exponential: rates,
}


def components(program: Program, priors: Priors, levels: int) -> list[Part]:
    """A component for each observed statement."""
    found: list[Part] = []
    for name, law in program.model.statements.items():
        if name not in _latents(program):
            maker = factors if isinstance(getattr(law, "loc", None), Linear) else MAKERS[type(law)]
            found.append(maker(law, name, priors, levels, name in program.missing))
    return found
