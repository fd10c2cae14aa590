"""What the laws of an ordered axis are in a program; the file mirrors spec/."""

from latentprob.program.context import size
from latentprob.program.distributions import Law, build
from latentprob.program.expression import ROW
from latentprob.program.maps import expanded, filled, parameter
from latentprob.program.scope import Scope
from latentprob.spec.dynamics import STATIONARY, UNIFORM, LinearDynamics, Markov
from latentprob.spec.model import argument


def first(scope: Scope, name: str) -> str:
    """The argument that marks where a series starts."""
    return f"{scope.model.indices[name]}_first"


def markov_text(scope: Scope, name: str) -> tuple[str, str]:
    """The initial law and the transitions of a Markov chain."""
    transition = parameter(scope, name, "transition").text
    initial = scope.model[name].initial
    if initial == STATIONARY:
        return f"stationary({transition})", transition
    if initial == UNIFORM:
        return f"{filled(scope.context.anchor, f'[{size(name)}]', 1)} / {size(name)}", transition
    return parameter(scope, name, "initial").text, transition


@build.register
def _(component: Markov, scope: Scope, name: str, mask: str | None) -> Law:
    return Law(f"Chain({', '.join([*markov_text(scope, name), first(scope, name)])})", (ROW,), ())


def chain_call(scope: Scope, function: str, name: str, densities: str) -> str:
    """The call of a function of log densities (N, K) in each level of a chain, and of its law."""
    initial, transition = markov_text(scope, name)
    return f"{function}({densities}, {first(scope, name)}, {initial}, {transition})"


@build.register
def _(component: LinearDynamics, scope: Scope, name: str, mask: str | None) -> Law:
    return Law(f"States({', '.join([*_states_text(scope, name), first(scope, name)])})", (ROW,), (name,))


def states_call(scope: Scope, function: str, name: str) -> str:
    """The call of a function of `precision` and `shift`, what rows say of their state, and of the state's law."""
    return f"{function}({', '.join(['precision', 'shift', first(scope, name), *_states_text(scope, name)])})"


def _states_text(scope: Scope, name: str) -> tuple[str, str, str]:
    """The matrix that moves a state space, and the scales (Z,) of its noise and of its first state."""
    scale, initial = (expanded(parameter(scope, name, which), name, scope).text for which in ("scale", "initial"))
    known = argument(scope.model, name, "transition")
    if isinstance(known, (int, float)):
        return f"{filled(scope.context.anchor, f'[{size(name)}]', known)}.diag()", scale, initial
    text = parameter(scope, name, "transition").text
    return text if not isinstance(known, tuple) or isinstance(known[0], tuple) else f"{text}.diag()", scale, initial
