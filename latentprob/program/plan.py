"""What becomes of each latent in `marginal`: drawn, summed or integrated. The choice goes by structure alone."""

from dataclasses import dataclass, field
from functools import cached_property

from latentprob.errors import ModelError
from latentprob.spec.distributions import Bernoulli, Categorical, MultivariateNormal, Normal
from latentprob.spec.dynamics import LinearDynamics
from latentprob.spec.maps import Linear, Spread
from latentprob.spec.model import Model, argument, parents, terms
from latentprob.spec.structure import RESIDUAL, encodes, processes, statement


@dataclass(frozen=True)
class Plan:
    """The roles of a model's variables for one set of observed names.

    sum: discrete latents taken out by a sum, observed ones with gaps among them.
    integrate: normal latents under linear maps and normal noise, taken out in closed form.
    draw: the rest.
    Levels of factors are none of these: they are drawn with the parameters.
    Deterministic variables are none of these: they are computed from the data.
    """

    model: Model
    observed: tuple[str, ...]
    missing: tuple[str, ...] = ()
    collapse: bool = True
    order: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "order", _sorted(self.model))
        _check(self)

    @cached_property
    def latents(self) -> tuple[str, ...]:
        """The random variables that the data do not hold, parents first."""
        return tuple(name for name in self.order if name not in (*self.observed, *self.model.embedded))

    @cached_property
    def sum(self) -> tuple[str, ...]:
        """Discrete latents, and discrete observed variables with gaps."""
        hidden = (name for name in self.order if name in (*self.latents, *self.missing))
        return tuple(name for name in hidden if self.model.is_level(name))

    @cached_property
    def integrate(self) -> tuple[str, ...]:
        """Normal latents whose children are observed, normal, and linear in them."""
        if not self.collapse:
            return ()
        found: list[str] = []
        for name in self.latents:
            if _is_linear_normal(self, name) and not set(self.model.parents(name)) & set(found):
                found.append(name)
        return tuple(found)

    @cached_property
    def draw(self) -> tuple[str, ...]:
        """The latents that no closed form reaches."""
        return tuple(name for name in self.latents if name not in (*self.sum, *self.integrate))

    @cached_property
    def chain(self) -> str | None:
        """The latent that moves along an ordered axis, if there is one."""
        return next((name for name in self.latents if self.model[name].ordered), None)

    @cached_property
    def residuals(self) -> tuple[str, ...]:
        """What the inducing values of the processes leave open in each row: drawn, with the law of the prior."""
        return tuple(f"{base}_{RESIDUAL}" for base, *_ in processes(self.model.statements))

    def role(self, name: str) -> str:
        """What becomes of a latent: "draw", "sum" or "integrate"."""
        return "sum" if name in self.sum else "integrate" if name in self.integrate else "draw"

    @cached_property
    def collapsed(self) -> tuple[str, ...]:
        """The variables whose density enters `joint`: what is taken out and all that reads it."""
        out = {*self.sum, *self.integrate}
        return tuple(n for n in self.order if n in out or out & set(self.model.parents(n)))

    @cached_property
    def groups(self) -> tuple[tuple[str, ...], ...]:
        """Integrated latents that share a child, and so a joint belief."""
        groups: list[set[str]] = []
        for name in self.integrate:
            linked = [g for g in groups if any(set(self.model.children(name)) & set(self.model.children(m)) for m in g)]
            groups = [g for g in groups if g not in linked] + [{name}.union(*linked)]
        return tuple(tuple(n for n in self.integrate if n in group) for group in groups)

    def given(self, name: str) -> tuple[str, ...]:
        """The summed latents that the belief of an integrated one depends on."""
        group = next(group for group in self.groups if name in group)
        readers = {*group, *(child for member in group for child in self.model.children(member))}
        read = {parent for reader in readers for parent in self.model.parents(reader)}
        return tuple(latent for latent in self.sum if latent in read)


def _sorted(model: Model) -> tuple[str, ...]:
    """The variables of a row, parents first."""
    found: list[str] = []
    waiting = [name for name in model if name not in model.factors]
    while waiting:
        ready = next(n for n in waiting if all(p in found or p not in waiting for p in _before(model, n)))
        found.append(ready)
        waiting.remove(ready)
    return tuple(found)


def _before(model: Model, name: str) -> tuple[str, ...]:
    """What must be there before `name`; what a deterministic variable encodes is there from the start."""
    return tuple(parent for parent in model.parents(name) if not encodes(model.statements, name, parent))


def _check(plan: Plan) -> None:
    model = plan.model
    for name in (*plan.observed, *plan.missing):
        if name not in model and name not in model.inputs:
            raise ModelError(f"the model has no variable '{name}'; it has {', '.join((*model, *model.inputs))}")
        if name in model.factors:
            raise ModelError(f"{name} has a value for each level of {model.factors[name]}, and cannot be observed")
    for name in model.inputs:
        if name not in plan.observed:
            raise ModelError(f"'{name}' is used and never stated: an input, which the data must hold")
    _check_embedded(plan)
    _check_chain(plan)
    for name in plan.latents:
        if not model.children(name):
            raise ModelError(
                f"'{name}' has no children and is not observed: nothing tells of it. "
                f"Give its data, or name it among the observed variables"
            )
        law = model[name]
        if law.support == "count":
            raise ModelError(
                f"{name} ~ {type(law).__name__} is hidden, and a hidden count has no sum that ends; "
                "use Categorical(size=...) for a hidden level, or observe it"
            )
        if isinstance(law, Categorical) and law.size is None:
            raise ModelError(f"{name} ~ Categorical is hidden and has no size; write {name} ~ Categorical(size=3), say")
        if isinstance(law, Bernoulli) and law.size not in (None, 1):
            raise ModelError(f"{name} ~ Bernoulli(size={law.size}) is hidden; write one statement for each bit")
    for group in plan.groups:
        if "_".join(group) in (*model, *model.inputs) and len(group) > 1:
            raise ModelError(f"'{'_'.join(group)}' is the name of {' and '.join(group)} together; write another name")
    for name in plan.missing:
        if name in model.inputs:
            raise ModelError(f"the input '{name}' has gaps; a covariate needs every cell. State its law, or fill it")
        if any(name in model.parents(each) for each in model) and not model.is_level(name):
            raise ModelError(
                f"'{name}' has gaps and other variables depend on it; only a discrete variable or one "
                "without children may have gaps. Fill it, or drop the rows"
            )


def _check_chain(plan: Plan) -> None:
    """A hidden chain has emissions in closed form, and is hidden at every step or at none."""
    for name in plan.missing:
        if name in plan.model and plan.model[name].ordered:
            raise ModelError(f"{name} is known at some steps alone; give its data at every step, or at none")
    if plan.chain in plan.draw:
        raise ModelError(
            f"{plan.chain} moves along an axis, and what reads it leaves no closed form; read it by Linear, in the "
            "loc of a Normal or MultivariateNormal that the data hold"
        )
    if any(plan.chain in group and (len(group) > 1 or plan.given(group[0])) for group in plan.groups):
        raise ModelError(
            f"what reads {plan.chain} reads other hidden variables beside it, and together they have no closed form; "
            "leave those out, or observe them"
        )
    if plan.chain is not None and (plan.draw or plan.residuals):
        raise ModelError(
            f"{plan.chain} is a chain, and {(*plan.draw, *plan.residuals)[0]} has no closed form given it; "
            "read normal latents by Linear alone, under normal noise"
        )


def _check_embedded(plan: Plan) -> None:
    """Deterministic variables are computed from what the data hold, and stand beside no hidden random variable."""
    model = plan.model
    for name in model.embedded:
        if name in plan.observed:
            raise ModelError(f"{statement(name, model[name])} is computed, not observed; leave {name} out of the data")
    for name in (*plan.latents, *plan.sum) if model.embedded else ():
        readers = [each for each in model.embedded if name in model.parents(each)]
        why = f"{statement(readers[0], model[readers[0]])} reads it" if readers else "the model has deterministic ones"
        raise ModelError(
            f"{name} is hidden, and {why}: a model has random or deterministic variables for what the data do not "
            f"hold, not both. Give the data of {name}, or state it by '='"
        )
    for name, law in model.statements.items():
        spreads = any(isinstance(term, Spread) for p in law.parameters for term in terms(argument(model, name, p)))
        if spreads and name not in plan.observed:
            raise ModelError(
                f"{name} is hidden, and scale=Spread() is its standard deviation in the data; write a number"
            )


def _is_linear_normal(plan: Plan, name: str) -> bool:
    model = plan.model
    if not isinstance(model[name], (Normal, MultivariateNormal, LinearDynamics)):
        return False
    if any(p in plan.latents and not model.is_level(p) for p in model.parents(name)):
        return False
    return all(_linear_child(plan, name, child) for child in model.children(name))


def _linear_child(plan: Plan, name: str, child: str) -> bool:
    law = plan.model[child]
    if child not in plan.observed or not isinstance(law, (Normal, MultivariateNormal)):
        return False
    if any(name in parents(argument(plan.model, child, p)) for p in law.parameters if p != "loc"):
        return False
    reading = (term for term in terms(argument(plan.model, child, "loc")) if name in parents(term))
    return all(term == name or (isinstance(term, Linear) and term.parent == name) for term in reading)
