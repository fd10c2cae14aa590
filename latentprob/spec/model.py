"""Model: statements in order, and the questions about their structure that every layer asks."""

from collections.abc import Callable, Iterator, Mapping
from functools import cache, cached_property
from html import escape
from pathlib import Path
from types import MappingProxyType
from typing import Any

from latentprob.errors import ModelError
from latentprob.spec import check, grammar, structure
from latentprob.spec.component import Map, Sum, lookup
from latentprob.spec.distributions import Distribution
from latentprob.spec.maps import GP, Linear, PerFeature, PerLevel, Shared, Table
from latentprob.spec.source import read_text
from latentprob.spec.structure import Law, fields, intercept_of, is_predictor, parents, terms
from latentprob.spec.twin import twin

__all__ = ["Model", "argument", "is_predictor", "parents", "terms"]


class Model:
    """A latent-variable model: one statement for each variable, `~` for a random one, `=` for a deterministic one.

    From text, from a mapping of names to distributions and maps, or from keywords:

        Model("x ~ Normal(loc=Linear(z), scale=Shared())")
        Model(x=Normal(loc=Linear("z"), scale=Shared()))

    `u[user]` states one value for each level of a factor, a column of the data, `s[time]` one for each step of an
    ordered axis; in Python such a target is a key of the mapping, {"u[user]": Normal(0, 1)}.

    `str(model)` is its text, and `Model(str(model)) == model`. What is hidden is no property of the model: it is
    whatever the data leave out.
    """

    def __init__(self, text: str | Mapping[str, Law] | None = None, /, **statements: Law) -> None:
        found, indices, source = _read(text, statements)
        factors = structure.factors_of(found, indices)
        found = {name: structure.qualified(law, factors) for name, law in found.items()}
        check.statements(found, indices, source)
        self._statements = MappingProxyType({name: structure.sized(law) for name, law in found.items()})
        self._indices = MappingProxyType(indices)

    @classmethod
    def read(cls, path: str | Path) -> "Model":
        """The model in a text file."""
        try:
            return cls(read_text(path))
        except ModelError as error:
            raise ModelError(f"{path}: {error}", at=error.at, line=error.line, column=error.column) from None

    @property
    def statements(self) -> Mapping[str, Any]:
        """The distribution of each random variable and the map of each deterministic one, in order; read-only."""
        return self._statements

    @property
    def indices(self) -> Mapping[str, str]:
        r"""The index of each variable that has one, a factor or an ordered axis; read-only.

        >>> dict(Model("u[user] ~ Normal(0, 1)\ny ~ Normal(loc=u, scale=1)").indices)
        {'u': 'user'}
        """
        return self._indices

    @cached_property
    def factors(self) -> Mapping[str, str]:
        """The factor of each variable that has one value for each level of it."""
        return structure.factors_of(self.statements, self.indices)

    @cached_property
    def lookups(self) -> Mapping[str, str]:
        """The columns in which levels are looked up, each with its factor: {"head": "entity", "tail": "entity"}."""
        own = {name: name for name in self.factors.values() if name in self.inputs}
        return {**own, **structure.lookups(self.statements, self.factors)}

    @cached_property
    def pooled(self) -> tuple[str, ...]:
        """The columns in which levels that the fitted data lack have a belief, that of the prior."""
        return structure.pooled(self.statements, self.factors)

    def column_of(self, factor: str) -> str:
        """A column that holds the levels of a factor; all of them hold the same."""
        return next(column for column, own in self.lookups.items() if own == factor)

    def indexed(self, laws: Mapping[str, Law]) -> dict[str, Law]:
        """Laws by their target, the name with its index, from which a model of the same indices is made."""
        return {structure.target(name, self.indices): law for name, law in laws.items()}

    def __str__(self) -> str:
        bare = {name: structure.unqualified(law, self.factors) for name, law in self.statements.items()}
        return "\n".join(structure.statement(target, law) for target, law in self.indexed(bare).items())

    def __repr__(self) -> str:
        return f'Model("""\n{self}\n""")'

    def _repr_html_(self) -> str:
        return f"<pre><b>Model</b>\n{escape(str(self))}</pre>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Model) and self._said() == other._said()

    def __hash__(self) -> int:
        return hash(self._said())

    def __reduce__(self) -> tuple[type["Model"], tuple[dict[str, Law]]]:
        return Model, (dict(self._said()),)

    def _said(self) -> tuple[tuple[str, Law], ...]:
        return tuple(self.indexed(self.statements).items())

    def __getitem__(self, name: str) -> Any:
        return self.statements[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.statements)

    def __len__(self) -> int:
        return len(self.statements)

    def __contains__(self, name: object) -> bool:
        return name in self.statements

    @cached_property
    def inputs(self) -> tuple[str, ...]:
        """Names used and never stated: the data must hold them."""
        used = dict.fromkeys(name for law in self.statements.values() for name in parents(law))
        return tuple(name for name in used if name not in self.statements)

    @cached_property
    def axis(self) -> str | None:
        """The ordered axis along which a variable moves, if there is one."""
        return next((on for name, on in self.indices.items() if name not in self.factors), None)

    def parents(self, name: str) -> tuple[str, ...]:
        """The variables and inputs that the law of `name` reads."""
        return parents(self.statements[name])

    def children(self, name: str) -> tuple[str, ...]:
        """The variables whose law reads `name`; what encodes a random variable by `=` is not one of its children."""
        return structure.children(self.statements, name)

    @cached_property
    def embedded(self) -> tuple[str, ...]:
        """The deterministic variables of a row, stated by `=`."""
        return tuple(n for n, law in self.statements.items() if isinstance(law, Map) and n not in self.factors)

    @cached_property
    def is_objective(self) -> bool:
        """Whether a random variable depends on itself by way of its encoding: no density of rows, an objective."""
        return structure.is_objective(self.statements)

    def is_level(self, name: str) -> bool:
        """Whether `name` holds one level a row (it picks rows of a table) rather than a vector of features."""
        return self._is_level(name)

    @cached_property
    def _is_level(self) -> Callable[[str], bool]:
        return cache(lambda name: structure.is_level(self.statements, name))

    def point(self) -> "Model":
        """The same model, every free parameter a point estimate without prior: maximum likelihood.

        >>> print(Model("x ~ Normal(loc=Linear(z), scale=HalfNormal(1))").point())
        x ~ Normal(loc=Linear(z, weights="point", intercept="point"), scale=Shared(prior="point"))
        """
        return Model(self.indexed({name: _point(self, name) for name in self.statements}))

    def deterministic(self) -> "Model":
        r"""The twin whose hidden variable is a point, computed from the data.

        K-means for a mixture of normals, principal components for factor analysis, an autoencoder for networks. Its
        parameters are point estimates. Where the model gives each feature a spread of its own, so does the twin.

        >>> print(Model("c ~ Categorical(size=3)\nx ~ Normal(loc=Table(c), scale=Table(c))").deterministic())
        c = Nearest(x, size=3)
        x ~ Normal(loc=Table(c, prior="point"), scale=Spread())
        """
        return Model(self.indexed(twin(self.statements, self.factors))).point()


def argument(model: Model, name: str, parameter: str) -> Any:
    """What stands for a parameter of `name`: as written, or its default."""
    return structure.argument_of(model.statements, name, parameter)


def _read(text: Any, statements: dict[str, Any]) -> tuple[dict[str, Any], dict[str, str], Any]:
    if isinstance(text, str):
        if statements:
            raise ModelError("a model is made from text or from keywords, not from both; write one of the two")
        return grammar.parse(text)
    if text is not None and not isinstance(text, Mapping):
        raise ModelError(
            f"a model is made from text, from a mapping of names to distributions, or from keywords; found {text!r}"
        )
    if twice := sorted(set(text or {}) & set(statements)):
        raise ModelError(f"{twice[0]} is stated twice, in the mapping and as a keyword; leave one out")
    return *_split({**(text or {}), **statements}), None


def _split(targets: dict[Any, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """Laws and indices by bare name."""
    found: dict[str, Any] = {}
    indices: dict[str, str] = {}
    for target, law in targets.items():
        name, index = lookup(target) if isinstance(target, str) else (target, None)
        if name in found:
            raise ModelError(f"{name} is stated twice, with an index and without, or with two; leave one out")
        found[name] = law
        if index is not None:
            indices[name] = index
    return found, indices


def _point(model: Model, name: str) -> Law:
    law = model[name]
    if isinstance(law, Map):
        return _point_term(law, True)
    free = [parameter for parameter in law.parameters if not structure.is_word(law, parameter)]
    changed = {parameter: _point_argument(argument(model, name, parameter)) for parameter in free}
    return type(law)(**{**fields(law), **changed})


def _point_argument(value: Any) -> Any:
    if isinstance(value, Sum):
        intercept = intercept_of(value)
        return Sum(terms=tuple(_point_term(term, term is intercept) for term in value.terms))
    return _point_term(value, True)


def _point_term(value: Any, intercept: bool) -> Any:
    if isinstance(value, Distribution):
        return Shared(prior="point")
    if isinstance(value, (Table, PerFeature, Shared)):
        return type(value)(**{**fields(value), "prior": "point"})
    if isinstance(value, Linear):
        return Linear(**{**fields(value), "weights": "point", "intercept": "point" if intercept else None})
    if isinstance(value, PerLevel):
        return PerLevel(parent=value.parent, prior="point", intercept="point" if intercept else None)
    if isinstance(value, GP):  # the process itself is no parameter: its values keep their law
        points = {"lengthscale": "point", "variance": "point", "intercept": "point" if intercept else None}
        return GP(**{**fields(value), **points})
    return value
