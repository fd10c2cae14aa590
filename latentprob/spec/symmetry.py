"""What a model leaves open: the sign, order and rotation of the dims of a hidden continuous variable."""

from collections.abc import Container
from typing import Any

from latentprob.spec.distributions import Distribution, Laplace, Normal, StudentT
from latentprob.spec.maps import Linear
from latentprob.spec.model import Model, argument, parents, terms
from latentprob.spec.sites import Free, free_parameters

Symmetry = frozenset[str]
ROTATION: Symmetry = frozenset({"sign", "order", "rotation"})


def arguments_of(model: Model, name: str) -> list[Any]:
    """The terms of all parameters of `name`, defaults among them."""
    return [term for p in model[name].parameters for term in terms(argument(model, name, p))]


def loadings_of(model: Model, name: str) -> tuple[Free, ...]:
    """The weights through which `name` is read."""
    return tuple(f for f in free_parameters(model) if f.part == "weights" and f.source.parent == name)


def symmetry(model: Model, observed: Container[str], name: str) -> Symmetry:
    """Which of "sign", "order" and "rotation" the model leaves open for the dims of a hidden `name`."""
    law = model[name]
    if name in observed or model.is_level(name) or parents(law) or not isinstance(law, (Normal, StudentT)):
        return frozenset()
    if any(not isinstance(term, (int, float, tuple, type(None))) for term in arguments_of(model, name)):
        return frozenset()
    readers = [term for child in model.children(name) for term in arguments_of(model, child) if name in parents(term)]
    if not all(isinstance(term, Linear) and term.parent == name for term in readers):
        return frozenset()
    found = _of_law(law, 1)
    for free in loadings_of(model, name):
        place = len(free.axes) - free.axes.index(name)
        found &= ROTATION if free.prior in (None, "point") else _of_law(free.prior, place)
    return found


def _of_law(law: Distribution, place: int) -> Symmetry:
    """What a law leaves open along the axis `place` from the right."""
    same = not any(varies(getattr(law, p), place) for p in law.parameters)
    centred = isinstance(law, (Normal, StudentT, Laplace)) and not _any(law.loc or 0)
    found = {"order"} if same else set()
    found |= {"sign"} if centred else set()
    found |= {"rotation"} if same and centred and isinstance(law, Normal) else set()
    return frozenset(found)


def varies(value: object, place: int) -> bool:
    """Whether nested numbers differ along the axis `place` from the right."""
    depth = _depth(value)
    if not isinstance(value, tuple) or depth < place:
        return False
    if depth == place:
        return any(one != value[0] for one in value[1:])
    return any(varies(one, place) for one in value)


def _depth(value: object) -> int:
    return 1 + max(map(_depth, value), default=0) if isinstance(value, tuple) else 0


def _any(value: object) -> bool:
    return any(map(_any, value)) if isinstance(value, tuple) else bool(value)
