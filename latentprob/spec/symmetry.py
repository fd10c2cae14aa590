"""What a model leaves open: the labels of hidden levels; sign, order and rotation of the dims of a hidden z."""

from collections.abc import Container
from typing import Any

from latentprob.spec.distributions import Bernoulli, Distribution, Laplace, Normal, StudentT
from latentprob.spec.maps import MLP, Linear, Module
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


def exchangeable(model: Model, observed: Container[str]) -> tuple[str, ...]:
    """Hidden discrete variables whose levels may change places without changing the model."""
    hidden = [name for name in model if model.is_level(name) and name not in observed]
    return tuple(name for name in hidden if _symmetric(model, name))


def _symmetric(model: Model, name: str) -> bool:
    law, own = model[name], arguments_of(model, name)
    readers = [term for child in model.children(name) for term in arguments_of(model, child)]
    networks = (MLP, Module)
    if any(isinstance(t, networks) and t.parent == name for t in readers) or any(isinstance(t, networks) for t in own):
        return False
    if any(varies(t, 1) for t in own if isinstance(t, tuple)):
        return False
    if isinstance(law, Bernoulli) and not all(_even(t) for t in own):
        return False
    return all(not _varies_along(free, name) for free in free_parameters(model))


def _even(term: object) -> bool:
    """Whether a Bernoulli's parameter is the same for 0 and for 1."""
    if isinstance(term, (int, float, tuple, str)):
        return False
    prior = getattr(term, "weights", getattr(term, "prior", None))
    concentrations = [getattr(prior, field, None) for field in ("concentration1", "concentration0")]
    return prior in (None, "point") or (None not in concentrations and concentrations[0] == concentrations[1])


def _varies_along(free: Free, axis: str) -> bool:
    if axis not in free.axes or not isinstance(free.prior, Distribution):
        return False
    place = len(free.axes) - free.axes.index(axis)
    return any(varies(getattr(free.prior, p), place) for p in free.prior.parameters)
