"""What a model leaves open: the labels of hidden levels; sign, order and rotation of the dims of a hidden z."""

from collections.abc import Container
from typing import Any

from latentprob.spec.component import Map, lookup
from latentprob.spec.distributions import LKJ, Bernoulli, Distribution, Laplace, MultivariateNormal, Normal, StudentT
from latentprob.spec.dynamics import LinearDynamics
from latentprob.spec.maps import MLP, Dot, Linear, Module, Shared
from latentprob.spec.model import Model, argument, parents, terms
from latentprob.spec.sites import Free, free_parameters
from latentprob.spec.structure import MIXING, factor_names, fields, mixes, reads

Symmetry = frozenset[str]
ROTATION: Symmetry = frozenset({"sign", "order", "rotation"})


def arguments_of(model: Model, name: str) -> list[Any]:
    """The terms of all parameters of `name`, defaults among them."""
    return [term for p in model[name].parameters for term in terms(argument(model, name, p))]


def loadings_of(model: Model, name: str) -> tuple[Free, ...]:
    """The weights through which `name` is read, and the tables whose rows it weighs."""
    return tuple(f for f in free_parameters(model) if _loads(model, f) and f.source.parent == name)


def _loads(model: Model, free: Free) -> bool:
    return free.part == "weights" or mixes(model.statements, free.source)


def symmetry(model: Model, observed: Container[str], name: str) -> Symmetry:
    """Which of "sign", "order" and "rotation" the model leaves open for the dims of a hidden `name`."""
    law = model[name]
    if name in observed or model.is_level(name) or parents(law):
        return frozenset()
    if not _is_known(model, name) and not _is_correlated(law) and not isinstance(law, LinearDynamics):
        return frozenset()
    readers = [term for child in model.children(name) for term in arguments_of(model, child) if name in parents(term)]
    reads = [isinstance(term, Linear) or mixes(model.statements, term) for term in readers]
    if not all(reads) or any(term.parent != name for term in readers):
        return frozenset()
    found = _of_law(law, 1)
    if factor_names(model.statements, name):  # each factor has features of its own: none takes another's place
        found &= {"sign"}
    for free in loadings_of(model, name):
        place = len(free.axes) - free.axes.index(name)
        found &= ROTATION if free.prior in (None, "point") else _of_law(free.prior, place)
    return found


def level_groups(model: Model) -> dict[tuple[str, ...], Symmetry]:
    """Variables of factors whose dims turn together, as under a Dot of two, and what the model leaves open for them."""
    groups: list[set[str]] = [{name} for name in model.factors]
    for term in _terms(model):
        if isinstance(term, Dot):
            linked = [group for group in groups if group & set(parents(term))]
            groups = [group for group in groups if group not in linked] + ([set().union(*linked)] if linked else [])
    found = {tuple(name for name in model if name in group): _of_group(model, group) for group in groups}
    return {names: kind for names, kind in found.items() if kind}


def _of_group(model: Model, group: set[str]) -> Symmetry:
    found = ROTATION
    for name in group:
        law = model[name]
        fixed = any(name in free.axes for free in free_parameters(model) if free.variable == name != free.name)
        found &= frozenset() if isinstance(law, Map) or fixed else _of_law(law, 1)
    for term in (term for term in _terms(model) if group & set(parents(term))):
        found &= _of_reader(term, group)
    return found


def _of_reader(term: Any, group: set[str]) -> Symmetry:
    """What a term leaves open for the levels that it reads."""
    variables = {lookup(read)[0] for read in reads(term)}
    if isinstance(term, Dot):
        return frozenset() if term.third or not variables <= group else ROTATION
    if isinstance(term, Linear) and term.by is None:
        return ROTATION if term.weights in (None, "point") else _of_law(term.weights, 2)
    return frozenset()


def _terms(model: Model) -> list[Any]:
    return [term for name in model for term in arguments_of(model, name)]


def _is_known(model: Model, name: str) -> bool:
    """Whether a latent has exchangeable dims and no free parameter; of shares and positive factors one for all dims."""
    if model[name].support in MIXING:
        return all(isinstance(term, (int, float, tuple, Shared)) for term in arguments_of(model, name))
    if not isinstance(model[name], (Normal, StudentT)):
        return False
    return all(isinstance(term, (int, float, tuple, type(None))) for term in arguments_of(model, name))


def _is_correlated(law: Distribution) -> bool:
    """Whether the dims of a latent have free correlations, which change their sign with that of a dim."""
    return isinstance(law, MultivariateNormal) and isinstance(law.correlation, (Shared, LKJ))


def _of_dynamics(law: LinearDynamics) -> Symmetry:
    """What a state space leaves open: with the state turns the matrix that moves it."""
    if any(not isinstance(value, (int, float, type(None))) for value in (law.scale, law.initial)):
        return frozenset()
    moved = getattr(law.transition, "prior", law.transition)
    if moved in (None, "point") or isinstance(moved, (int, float)):
        return ROTATION
    turned = isinstance(moved, Normal) and not _any(moved.loc) and not any(varies(v, 1) for v in fields(moved).values())
    return ROTATION if turned else frozenset()


def is_oblique(model: Model, observed: Container[str], name: str) -> bool:
    """Whether correlated factors of unit scale may be turned into any others of unit scale: no pattern holds them."""
    law = model[name]
    if name in observed or not _is_correlated(law) or not isinstance(law.scale, (int, float)):
        return False
    readers = [term for child in model.children(name) for term in arguments_of(model, child) if name in parents(term)]
    return all(isinstance(term, Linear) and term.pattern is None and term.by is None for term in readers)


def _of_law(law: Distribution, place: int) -> Symmetry:
    """What a law leaves open along the axis `place` from the right."""
    if isinstance(law, LinearDynamics):
        return _of_dynamics(law)
    if isinstance(law, MultivariateNormal):
        known = isinstance(law.loc, (int, float, tuple)) and not _any(law.loc)
        return frozenset({"sign"}) if known else frozenset()
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
    if any(not even_matrix(t) if is_matrix(t) else varies(t, 1) for t in own if isinstance(t, tuple)):
        return False
    if isinstance(law, Bernoulli) and not all(_even(t) for t in own):
        return False
    return all(not _varies_along(free, name) for free in free_parameters(model))


def is_matrix(value: object) -> bool:
    """Whether nested numbers are a square matrix."""
    return isinstance(value, tuple) and isinstance(value[0], tuple) and len(value) == len(value[0])


def even_matrix(value: Any) -> bool:
    """Whether a matrix is the same when its levels change places: one number on the diagonal, another elsewhere."""
    size = len(value)
    own = {value[i][i] for i in range(size)}
    return len(own) == 1 and len({value[i][j] for i in range(size) for j in range(size) if i != j}) == 1


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
    place, values = len(free.axes) - free.axes.index(axis), [getattr(free.prior, p) for p in free.prior.parameters]
    if free.axes.count(axis) > 1:
        return any(not even_matrix(value) if is_matrix(value) else varies(value, 1) for value in values)
    return any(varies(value, place) for value in values)
