"""Model: statements in order, and the questions about their structure that every layer asks."""

from collections.abc import Iterator, Mapping
from functools import cached_property
from html import escape
from pathlib import Path
from types import MappingProxyType
from typing import Any

from latentprob.errors import ModelError
from latentprob.spec import check, grammar, structure
from latentprob.spec.component import Map, Sum
from latentprob.spec.distributions import Distribution
from latentprob.spec.maps import GP, Linear, PerFeature, Shared, Table
from latentprob.spec.source import read_text
from latentprob.spec.structure import Law, fields, intercept_of, is_predictor, parents, terms
from latentprob.spec.twin import twin

__all__ = ["Model", "argument", "is_predictor", "parents", "terms"]


class Model:
    """A latent-variable model: one statement for each variable, `~` for a random one, `=` for a deterministic one.

    From text, from a mapping of names to distributions and maps, or from keywords:

        Model("x ~ Normal(loc=Linear(z), scale=Shared())")
        Model(x=Normal(loc=Linear("z"), scale=Shared()))

    `str(model)` is its text, and `Model(str(model)) == model`. What is hidden is no property of the model: it is
    whatever the data leave out.
    """

    def __init__(self, text: str | Mapping[str, Law] | None = None, /, **statements: Law) -> None:
        found, source = _read(text, statements)
        check.statements(found, source)
        self._statements = MappingProxyType({name: structure.sized(law) for name, law in found.items()})

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

    def __str__(self) -> str:
        return "\n".join(structure.statement(name, law) for name, law in self.statements.items())

    def __repr__(self) -> str:
        return f'Model("""\n{self}\n""")'

    def _repr_html_(self) -> str:
        return f"<pre><b>Model</b>\n{escape(str(self))}</pre>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Model) and list(self.statements.items()) == list(other.statements.items())

    def __hash__(self) -> int:
        return hash(tuple(self.statements.items()))

    def __reduce__(self) -> tuple[type["Model"], tuple[dict[str, Law]]]:
        return Model, (dict(self.statements),)

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

    def parents(self, name: str) -> tuple[str, ...]:
        """The variables and inputs that the law of `name` reads."""
        return parents(self.statements[name])

    def children(self, name: str) -> tuple[str, ...]:
        """The variables whose law reads `name`; what encodes a random variable by `=` is not one of its children."""
        return structure.children(self.statements, name)

    @cached_property
    def embedded(self) -> tuple[str, ...]:
        """The deterministic variables, stated by `=`."""
        return tuple(name for name, law in self.statements.items() if isinstance(law, Map))

    @cached_property
    def is_objective(self) -> bool:
        """Whether a random variable depends on itself by way of its encoding: no density of rows, an objective."""
        return structure.is_objective(self.statements)

    def is_level(self, name: str) -> bool:
        """Whether `name` holds one level a row (it picks rows of a table) rather than a vector of features."""
        return structure.is_level(self.statements, name)

    def point(self) -> "Model":
        """The same model, every free parameter a point estimate without prior: maximum likelihood.

        >>> print(Model("x ~ Normal(loc=Linear(z), scale=HalfNormal(1))").point())
        x ~ Normal(loc=Linear(z, weights="point", intercept="point"), scale=Shared(prior="point"))
        """
        return Model({name: _point(self, name) for name in self.statements})

    def deterministic(self) -> "Model":
        r"""The twin whose hidden variable is a point, computed from the data.

        K-means for a mixture of normals, principal components for factor analysis, an autoencoder for networks. Its
        parameters are point estimates. Where the model gives each feature a spread of its own, so does the twin.

        >>> print(Model("c ~ Categorical(size=3)\nx ~ Normal(loc=Table(c), scale=Table(c))").deterministic())
        c = Nearest(x, size=3)
        x ~ Normal(loc=Table(c, prior="point"), scale=Spread())
        """
        return Model(twin(self.statements)).point()


def argument(model: Model, name: str, parameter: str) -> Any:
    """What stands for a parameter of `name`: as written, or its default."""
    return structure.argument_of(model.statements, name, parameter)


def _read(text: Any, statements: dict[str, Any]) -> tuple[dict[str, Any], Any]:
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
    return {**(text or {}), **statements}, None


def _point(model: Model, name: str) -> Law:
    law = model[name]
    if isinstance(law, Map):
        return _point_term(law, True)
    changed = {parameter: _point_argument(argument(model, name, parameter)) for parameter in law.parameters}
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
    if isinstance(value, GP):  # the process itself is no parameter: its values keep their law
        points = {"lengthscale": "point", "variance": "point", "intercept": "point" if intercept else None}
        return GP(**{**fields(value), **points})
    return value
