"""`model`, the joint density row by row, and `joint` and `marginal`, with latents taken out, as program text."""

from dataclasses import dataclass

from latentprob.program.beliefs import belief, evidence
from latentprob.program.context import Context
from latentprob.program.distributions import law, log_levels, log_prob
from latentprob.program.dynamics import chain_call, states_call
from latentprob.program.expression import ROW, Expr, aligned, total
from latentprob.program.layout import Lines, method
from latentprob.program.maps import parameter
from latentprob.program.networks import is_double
from latentprob.program.plan import Plan
from latentprob.program.processes import residual_sites
from latentprob.program.products import row_products
from latentprob.program.scope import Scope
from latentprob.spec.distributions import Bernoulli
from latentprob.spec.maps import Nearest

CONSTRAINTS = {"real": "real", "positive": "positive", "unit": "unit_interval", "simplex": "simplex"}


@dataclass(frozen=True)
class Joint:
    """The text of log p(what has no latent left but the drawn ones, given the parameters), by row and summed level.

    drawn: the drawn latents that it is given.
    """

    lines: tuple[str, ...]
    drawn: tuple[str, ...]


def model_method(context: Context) -> list[str]:
    """The method `model`."""
    scope = Scope(context.plan)
    sites = [line for name in context.plan.order for line in site(scope, name)]
    embedded = " and ".join(context.model.embedded)
    said = f"The density of rows given their {embedded}." if embedded else "The joint density of rows and latents."
    lines: Lines = [(1, context.signature("model", rows=True)), (2, f'"""{said}"""')]
    lines += [(2, line) for line in context.unpacked(sites, "self.priors()")]
    return method([*lines, (2, context.plate()), *[(3, line) for line in sites]])


def site(scope: Scope, name: str) -> list[str]:
    """The statement that draws a variable, or scores it where the data hold it."""
    if name in scope.model.embedded:
        return _embedded(scope, name)
    plan, level = scope.plan, scope.model.is_level(name)
    gaps = name in plan.missing
    text = law(scope, name, f"{name}_seen" if gaps and not level else None).text
    residuals = residual_sites(scope.context, name)
    if name not in plan.observed:
        return [*residuals, *scope.take(), f'{name} = pyro.sample("{name}", {text})']
    mask = f", obs_mask={name}_seen" if gaps and level else ""
    target = f"{name} = " if mask else ""
    number = level and isinstance(scope.model[name], Bernoulli)
    value = f"{name}.to({scope.context.anchor})" if number else name
    return [*residuals, *scope.take(), f'{target}pyro.sample("{name}", {text}, obs={value}{mask})']


def _embedded(scope: Scope, name: str) -> list[str]:
    """The statements that compute a deterministic variable."""
    part, depth = scope.model[name], ", event_dim=1"
    if isinstance(part, Nearest):
        levels = Scope(scope.plan, frozenset({name}))
        text, depth = f"{_density(levels, part.parent).operand}.argmax(-1)", ""
        scope.lines += levels.take()
    else:
        text = parameter(scope, name, "value").text
    return [*scope.take(), f'{name} = pyro.deterministic("{name}", {text}{depth})']


def taken_out(context: Context) -> Scope:
    """The scope in which levels are summed, and integrated latents are zero, which their belief corrects for."""
    plan = context.plan
    return Scope(plan, frozenset(plan.sum), frozenset(plan.integrate))


def belief_methods(context: Context) -> list[str]:
    """One method for each group of integrated latents."""
    return [line for group in context.plan.groups for line in _belief_method(context, group)]


def _belief_method(context: Context, group: tuple[str, ...]) -> list[str]:
    if context.plan.chain in group:
        return _evidence_method(context, group[0])
    found = belief(taken_out(context), group)
    body = list(found.lines)
    said = f"Belief of {' and '.join(group)}: mean, covariance, log p(0) - log p(0 given the data)."
    lines: Lines = [
        (1, context.signature(f"{found.name}_belief", "parameters", drawn=context.drawn_in(body))),
        (2, f'"""{said}"""'),
        *[(2, line) for line in context.unpacked(body, "parameters")],
    ]
    return method([*lines, *[(2, line) for line in body]])


def _evidence_method(context: Context, name: str) -> list[str]:
    body = list(evidence(taken_out(context), name))
    lines: Lines = [
        (1, context.signature(f"{name}_evidence", "parameters")),
        (2, f'"""What the data of each row say of {name}: precision and shift of their density."""'),
        *[(2, line) for line in context.unpacked(body, "parameters")],
    ]
    return method([*lines, *[(2, line) for line in body]])


def _evidence_call(context: Context, name: str) -> str:
    parameters = "parameters" if context.parameters else "()"
    return f"self.{name}_evidence({', '.join((parameters, *context.arguments))})"


def belief_call(context: Context, group: tuple[str, ...]) -> str:
    """The call of the method that gives the belief of a group."""
    found = belief(taken_out(context), group)
    arguments = ("parameters", *context.arguments, *context.drawn_in(list(found.lines)))
    return f"self.{found.name}_belief({', '.join(arguments)})"


def joint(context: Context) -> Joint:
    """The text of the joint density of all that is taken out, summed levels as axes."""
    plan, scope = context.plan, taken_out(context)
    lines: list[str] = []
    terms: list[Expr] = []
    for name in (n for n in plan.collapsed if n not in (*plan.integrate, plan.chain)):
        terms.append(_density(scope, name))
        lines += scope.take()
    for group in plan.groups:
        if plan.chain in group:
            lines.append(f"precision, shift = {_evidence_call(context, group[0])}")
            lines.append(f"log_{group[0]} = {states_call(scope, 'states_log_prob', group[0])}")
            terms.append(Expr(f"log_{group[0]}", (ROW,)))
            continue
        found = belief(taken_out(context), group)
        lines.append(f"_, _, log_{found.name} = {belief_call(context, group)}")
        terms.append(Expr(f"log_{found.name}", found.log))
    dims = (ROW, *plan.sum)
    lines.append(f"return {aligned(total(terms, dims), dims).text}")
    drawn = context.drawn_in(lines)
    local = (*plan.draw, *plan.residuals)
    return Joint(tuple(lines), tuple(n for n in local if n in drawn or n in plan.collapsed))


def _density(scope: Scope, name: str) -> Expr:
    """The log density of one variable, bound to a local."""
    if name in scope.plan.sum:
        return _level_density(scope, name)
    if name in scope.plan.observed and is_double(scope.plan):
        found = row_products(scope, name)
        if found is not None:
            return scope.let(f"log_{name}", found)
    made = law(scope, name, f"{name}_seen" if name in scope.plan.missing else None)
    expr = log_prob(scope, name, made, f"{name}_law")
    scope.lines.append(f"{name}_law = {made.text}")
    return scope.let(f"log_{name}", expr)


def _level_density(scope: Scope, name: str) -> Expr:
    """log p of each level; minus infinity for what a known label excludes."""
    expr = log_levels(scope.model[name], scope, name)
    found = scope.let(f"log_{name}", expr)
    if name not in scope.plan.observed:
        return found
    dims = tuple(dim for dim in (ROW, *scope.plan.sum) if dim in (ROW, name, *expr.dims))
    levels = f"torch.arange(self.{name}_size, device={name}.device)"
    scope.lines.append(f"{name}_other = {name}_seen[:, None] & ({name}[:, None] != {levels})")
    other = aligned(Expr(f"{name}_other", (ROW, name)), dims)
    return scope.let(f"log_{name}", Expr(f"torch.where({other.text}, -math.inf, {aligned(found, dims).text})", dims))


def joint_method(context: Context) -> list[str]:
    """The method `joint`; empty where nothing is taken out."""
    plan = context.plan
    if not plan.collapsed:
        return []
    found = joint(context)
    body = list(found.lines)
    what = (*plan.sum, *(n for n in plan.collapsed if n not in (*plan.sum, *plan.integrate)))
    what = tuple(n for n in what if n != plan.chain)
    given = "the parameters" if plan.chain not in plan.sum else f"{plan.chain} and the parameters"
    levels = f" and level of {', '.join(plan.sum)}" if plan.sum else ""
    lines: Lines = [
        (1, context.signature("joint", "parameters", drawn=found.drawn)),
        (2, f'"""log p({", ".join(what)} given {given}), for each row{levels}."""'),
        *[(2, line) for line in context.unpacked(body, "parameters")],
    ]
    return method([*lines, *[(2, line) for line in body]])


def joint_call(context: Context) -> str:
    """The call of `joint`."""
    arguments = ("parameters" if context.parameters else "()", *context.arguments, *joint(context).drawn)
    return f"self.joint({', '.join(arguments)})"


def marginal_method(context: Context) -> list[str]:
    """The method `marginal`."""
    plan = context.plan
    lines: Lines = [(1, context.signature("marginal", rows=True))]
    if not plan.collapsed:
        call = f"return self.model({', '.join([*context.arguments, 'rows'])})"
        said = "Nothing is drawn: what is maximized" if context.model.embedded else "No latent has a closed form: "
        said += "." if context.model.embedded else "the joint density."
        return method([*lines, (2, f'"""{said}"""'), (2, call)])
    lines.append((2, f'"""The density of the rows with {" and ".join((*plan.sum, *plan.integrate))} taken out."""'))
    scope = Scope(plan)
    sites = [line for name in plan.order for line in _marginal_site(scope, name)]
    sites += _factor(context, f"{plan.collapsed[-1]}_marginal")
    lines += [(2, "parameters = self.priors()")] if context.parameters else []
    lines += [(2, line) for line in context.unpacked(sites, "parameters")]
    return method([*lines, (2, context.plate()), *[(3, line) for line in sites]])


def _factor(context: Context, site: str) -> list[str]:
    """The lines that score each row with all levels summed out: of a chain, given the rows before it."""
    density = joint_call(context) + _summed(context.plan, tuple(n for n in context.plan.sum if n != context.plan.chain))
    if context.plan.chain not in context.plan.sum:
        return [f'pyro.factor("{site}", {density})']
    local = f"log_{site.removesuffix('_marginal')}"
    call = chain_call(Scope(context.plan), "chain_log_prob", str(context.plan.chain), local)
    return [f"{local} = {density}", f'pyro.factor("{site}", {call})']


def _summed(plan: Plan, levels: tuple[str, ...]) -> str:
    """The call that sums densities over the axes of some levels."""
    axes = tuple(plan.sum.index(name) - len(plan.sum) for name in levels)
    return f".logsumexp({axes[0] if len(axes) == 1 else axes})" if axes else ""


def _marginal_site(scope: Scope, name: str) -> list[str]:
    plan = scope.plan
    if name not in plan.collapsed:
        return site(scope, name)
    residuals = residual_sites(scope.context, name)
    if name not in plan.draw:
        return residuals
    constraint = CONSTRAINTS[scope.model[name].support]
    flat = f"dist.ImproperUniform(constraints.{constraint}, (), (self.{name}_size,))"
    return [*residuals, f'{name} = pyro.sample("{name}", {flat})']


def belief_method(context: Context) -> list[str]:
    """The method `belief`; empty where nothing is taken out."""
    plan = context.plan
    if not plan.collapsed:
        return []
    lines: Lines = [
        (1, context.signature("belief", "parameters", drawn=joint(context).drawn)),
        (2, '"""What was taken out, given the data, the parameters and what was drawn; exact."""'),
    ]
    found: dict[str, str] = {}
    if plan.sum:
        beliefs = _level_beliefs(context, found)
        lines += [(2, line) for line in (*context.unpacked(beliefs, "parameters"), *beliefs)]
    for group in plan.groups:
        lines += [(2, line) for line in _normal_beliefs(context, group, found)]
    pairs = ", ".join(f'"{key}": {text}' for key, text in found.items())
    return method([*lines, (2, f"return {{{pairs}}}")])


def _level_beliefs(context: Context, found: dict[str, str]) -> list[str]:
    levels, chain = context.plan.sum, context.plan.chain
    if chain is not None and levels == (chain,):
        found |= {f"{chain}_probs": f"{chain}_probs", f"{chain}_later": f"{chain}_later"}
        call = chain_call(Scope(context.plan), "chain_belief", chain, joint_call(context))
        return [f"{chain}_probs, {chain}_later = {call}"]
    if len(levels) == 1:
        found[f"{levels[0]}_probs"] = f"{levels[0]}_probs"
        return [f"{levels[0]}_probs = {joint_call(context)}.softmax(-1)"]
    together: list[tuple[str, ...]] = [(name,) for name in levels]
    together += sorted({context.plan.given(n) for n in context.plan.integrate if len(context.plan.given(n)) > 1})
    for names in together:
        others = tuple(at + 1 for at, other in enumerate(levels) if other not in names)
        axes = others[0] if len(others) == 1 else others
        found["_".join(names) + "_probs"] = f"probs.sum({axes})" if others else "probs"
    whole = [f"joint = {joint_call(context)}", "probs = joint.flatten(1).softmax(-1).view_as(joint)"]
    found |= {} if chain is None else {f"{chain}_later": f"{chain}_later"}
    return whole if chain is None else _beside_chain(context, chain)


def _beside_chain(context: Context, chain: str) -> list[str]:
    """The lines that make the probabilities of all levels together: those of the chain, and of the rest given it."""
    axes = tuple(at + 1 for at, name in enumerate(context.plan.sum) if name != chain)
    index = ", ".join(":" if name == chain else "None" for name in (chain, *context.plan.sum)[1:])
    belief = chain_call(Scope(context.plan), "chain_belief", chain, f"log_{chain}")
    return [
        f"joint = {joint_call(context)}",
        f"log_{chain} = joint.logsumexp({axes[0] if len(axes) == 1 else axes})",
        f"{chain}_probs, {chain}_later = {belief}",
        f"probs = (joint - log_{chain}[:, {index}]).exp() * {chain}_probs[:, {index}]",
    ]


def _normal_beliefs(context: Context, group: tuple[str, ...], found: dict[str, str]) -> list[str]:
    if context.plan.chain in group:
        return _state_beliefs(context, group[0], found)
    whole = "_".join(group)
    lines = [f"{whole}_loc, {whole}_covariance, _ = {belief_call(context, group)}"]
    found |= {f"{whole}_loc": f"{whole}_loc", f"{whole}_covariance": f"{whole}_covariance"}
    if len(group) == 1:
        return lines
    start = "0"
    for name in group:
        end = f"self.{name}_size" if start == "0" else f"{start} + self.{name}_size"
        lines.append(f"{name} = slice({start}, {end})")
        found[f"{name}_loc"] = f"{whole}_loc[..., {name}]"
        found[f"{name}_covariance"] = f"{whole}_covariance[..., {name}, {name}]"
        start = end
    return lines


def _state_beliefs(context: Context, name: str, found: dict[str, str]) -> list[str]:
    """The lines that smooth a state space: moments, and a state given the one a step later and the data so far."""
    parts = [f"{name}_{part}" for part in ("loc", "covariance", "later_map", "later_loc", "later_covariance")]
    found |= {part: part for part in parts}
    call = states_call(Scope(context.plan), "states_belief", name)
    lines = [f"precision, shift = {_evidence_call(context, name)}", f"{', '.join(parts)} = {call}"]
    return [*context.unpacked(lines, "parameters"), *lines]
