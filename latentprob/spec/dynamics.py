"""Laws that move along an ordered axis, step by step: s[time] ~ Markov(size=3). Data, no behaviour.

Two more domains of parameters:

    transition     a matrix whose rows are probabilities over the next level
    dynamics       a matrix that the state is multiplied by; a number stands for its multiple of the identity
"""

from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator

from latentprob.errors import ModelError
from latentprob.spec.component import Argument, Size, check_argument
from latentprob.spec.distributions import Distribution

STATIONARY, UNIFORM = "stationary", "uniform"


def check_initial(value: Any) -> Any:
    """What a first step is drawn from: "stationary", "uniform", or an argument that is no name."""
    if isinstance(value, str) and value not in (STATIONARY, UNIFORM):
        raise ModelError(
            f'"{value}" is no initial law; write "{STATIONARY}", "{UNIFORM}", a list of probabilities, '
            "or a prior such as Dirichlet(1)"
        )
    return check_argument(value)


class Dynamics(Distribution):
    """A law of one step given the step before it, along an ordered axis; its parameters are the same at every step."""

    ordered: ClassVar[bool] = True
    known: ClassVar[dict[str, float]] = {}  # what a parameter is that is left out; others are free then

    @classmethod
    def reads(cls) -> tuple[str, ...]:
        """The fields in which a string is the name of a parent: none."""
        return ()


class Markov(Dynamics):
    """s_t given s_t-1 ~ Categorical(transition[s_t-1]), s_t in {0, ..., size - 1}; the first step is of `initial`.

    `initial` is free where it is left out; "stationary" is the law that the transitions leave as it is, "uniform" gives
    each level the same probability.

    >>> print(Markov(size=3, initial="stationary"))
    Markov(size=3, initial="stationary")
    >>> print(Markov(size=2, transition=[[0.9, 0.1], [0.2, 0.8]]))
    Markov(size=2, transition=[[0.9, 0.1], [0.2, 0.8]])
    """

    size: Size = None
    initial: Annotated[Any, BeforeValidator(check_initial)] = None
    transition: Argument = None

    parameters: ClassVar = {"initial": "simplex", "transition": "transition"}
    optional: ClassVar = ("initial", "transition")
    support: ClassVar = "level"


class LinearDynamics(Dynamics):
    """z_t = transition z_t-1 + scale * noise, noise ~ Normal(0, 1), z real; the first is initial * noise.

    `transition` is a matrix, a list (its diagonal), or a number that stands for its multiple of the identity: 1 makes
    a random walk. It is free where it is left out; `scale` and `initial` are 1 then, which settles the scale of free
    loadings.

    >>> print(LinearDynamics(size=2))
    LinearDynamics(size=2)
    >>> print(LinearDynamics(transition=1, scale=38, initial=1000))
    LinearDynamics(transition=1, scale=38, initial=1000)
    """

    size: Size = None
    transition: Argument = None
    scale: Argument = None
    initial: Argument = None

    parameters: ClassVar = {"transition": "dynamics", "scale": "positive", "initial": "positive"}
    optional: ClassVar = ("transition", "scale", "initial")
    known: ClassVar = {"scale": 1, "initial": 1}


__all__ = ["LinearDynamics", "Markov"]
