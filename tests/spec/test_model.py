"""Model: the ways to make one, and the questions about its structure."""

import doctest
import importlib
import pkgutil

import numpy as np
import pytest

import latentprob as lp
from latentprob import spec
from latentprob.errors import FileError, ModelError

MIXTURE = "c ~ Categorical(size=2)\nx ~ Normal(loc=Table(c), scale=Table(c))"


def test_text_mapping_and_keywords_make_the_same_model():
    laws = {"c": lp.Categorical(size=2), "x": lp.Normal(loc=lp.Table("c"), scale=lp.Table(parent="c"))}
    assert lp.Model(MIXTURE) == lp.Model(laws) == lp.Model(**laws)
    assert len({lp.Model(MIXTURE), lp.Model(laws), lp.Model(**laws)}) == 1


def test_models_that_say_different_things_differ():
    assert lp.Model(MIXTURE) != lp.Model(MIXTURE.replace("size=2", "size=3"))
    assert lp.Model(MIXTURE) != lp.Model("\n".join(reversed(MIXTURE.splitlines())))
    assert lp.Model(MIXTURE) != MIXTURE


def test_numbers_and_arrays_of_numpy_are_numbers():
    model = lp.Model(x=lp.MultivariateNormal(np.zeros(2), np.eye(2), size=np.int64(2)))
    assert str(model) == "x ~ MultivariateNormal(loc=[0.0, 0.0], covariance=[[1.0, 0.0], [0.0, 1.0]], size=2)"
    assert lp.Normal(np.float32(0.5), np.int64(2)) == lp.Normal(0.5, 2)


def test_sums_are_flat_and_keep_their_order():
    total = "offset" + lp.Table("c") + (lp.Linear("z") + 2)
    assert str(total) == "offset + Table(c) + Linear(z) + 2"
    assert lp.Model(f"x ~ Normal(loc={total}, scale=1)") == lp.Model(x=lp.Normal(loc=total, scale=1))


def test_a_model_is_read_from_a_file(tmp_path):
    file = tmp_path / "mixture.latent"
    file.write_bytes(b"\xef\xbb\xbf# Mischung \xc3\xb6\r\n" + MIXTURE.replace("\n", "\r\n").encode())
    assert lp.Model.read(file) == lp.Model.read(str(file)) == lp.Model(MIXTURE)


def test_a_mistake_in_a_file_names_the_file(tmp_path):
    file = tmp_path / "bad.latent"
    file.write_text("x ~ Normal(0, -1)")
    with pytest.raises(ModelError, match=r"bad\.latent: line 1, column 15: .*above 0") as found:
        lp.Model.read(file)
    assert (found.value.line, found.value.column) == (1, 15)


FILES = {
    "not text": (b"\x89PNG\r\n\x1a\n", FileError, r"model\.latent is not text \(byte 0 is not UTF-8\)"),
    "zero bytes": (b"x ~ \0\0", FileError, "is not text .it holds zero bytes"),
    "empty": (b"", ModelError, r"model\.latent: the model is empty"),
    "other text": (b"a,b\n1,2\n", ModelError, r"model\.latent: line 1, column 1: found no '~'"),
}


@pytest.mark.parametrize("case", FILES)
def test_a_file_that_is_no_model_is_refused(case, tmp_path):
    content, kind, message = FILES[case]
    (tmp_path / "model.latent").write_bytes(content)
    with pytest.raises(kind, match=message):
        lp.Model.read(tmp_path / "model.latent")


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(FileError, match=r"nothing\.latent: there is no such file"):
        lp.Model.read(tmp_path / "nothing.latent")
    with pytest.raises(FileError, match="is a folder"):
        lp.Model.read(tmp_path)


def test_a_model_cannot_be_changed():
    model = lp.Model(MIXTURE)
    with pytest.raises(TypeError, match="does not support item assignment"):
        model.statements["y"] = lp.Normal(0, 1)
    with pytest.raises(AttributeError, match="statements"):
        model.statements = {}


def test_a_model_shows_its_text():
    model = lp.Model("x ~ Normal(loc=Linear(z), scale=1)")
    assert repr(model) == 'Model("""\nx ~ Normal(loc=Linear(z), scale=1)\n""")'
    assert "x ~ Normal(loc=Linear(z), scale=1)" in model._repr_html_()
    assert repr(model["x"]) == 'Normal(loc=Linear("z"), scale=1)'


def test_the_structure_of_a_model():
    model = lp.Model(
        "c ~ Categorical(logits=Linear(age), size=3)\n"
        "z ~ Normal(loc=Table(c), scale=1, size=2)\n"
        "x ~ Normal(loc=Linear(z, by=c) + Table(group), scale=Shared())"
    )
    assert list(model) == ["c", "z", "x"]
    assert model.inputs == ("age", "group")
    assert model.children("c") == ("z", "x")
    assert model.children("x") == ()
    assert model.parents("x") == ("z", "c", "group")
    assert [name for name in (*model, *model.inputs) if model.is_level(name)] == ["c", "group"]


LEVELS = (
    "u[user] ~ Normal(0, 1, size=2)\ne[entity] ~ Normal(0, scale=Shared())\n"
    "y ~ Normal(loc=Linear(u) + Linear(u[friend]) + e[head] + e[tail], scale=1)"
)


def test_the_indices_of_a_model():
    model = lp.Model(LEVELS)
    assert list(model) == ["u", "e", "y"]
    assert dict(model.indices) == dict(model.factors) == {"u": "user", "e": "entity"}
    assert dict(model.lookups) == {"user": "user", "friend": "user", "head": "entity", "tail": "entity"}
    assert model.inputs == ("user", "friend", "head", "tail")
    assert model.parents("y") == ("u", "user", "friend", "e", "head", "tail")
    assert model.children("u") == ("y",)
    assert [name for name in (*model, *model.inputs) if model.is_level(name)] == ["user", "friend", "head", "tail"]
    with pytest.raises(TypeError, match="does not support item assignment"):
        model.indices["y"] = "user"


def test_a_bare_factor_variable_is_looked_up_in_the_column_of_its_factor():
    model = lp.Model(LEVELS)
    assert model["y"].loc.terms[0] == lp.Linear("u[user]")
    assert str(model) == LEVELS
    assert lp.Model(LEVELS.replace("Linear(u)", "Linear(u[user])")) == model
    laws = {"u[user]": model["u"], "e[entity]": model["e"], "y": model["y"]}
    assert lp.Model(laws) == lp.Model(
        {**laws, "y": lp.Normal(lp.Linear("u") + model["y"].loc.terms[1] + "e[head]" + "e[tail]", 1)}
    )


def test_models_that_differ_in_an_index_differ():
    assert lp.Model("u[user] ~ Normal(0, 1)\ny ~ Normal(u[a], 1)") != lp.Model(
        "u[item] ~ Normal(0, 1)\ny ~ Normal(u[a], 1)"
    )
    assert lp.Model("u[a] ~ Normal(0, 1)\ny ~ Normal(u, 1)") != lp.Model("u ~ Normal(0, 1)\ny ~ Normal(u, 1)")


def test_a_discrete_variable_without_children_is_no_level():
    assert not lp.Model("x ~ Bernoulli(0.5)").is_level("x")
    assert lp.Model("b ~ Bernoulli(0.5)\nx ~ Poisson(Table(b))").is_level("b")


POINTS = {
    "tables": (MIXTURE, 'x ~ Normal(loc=Table(c, prior="point"), scale=Table(c, prior="point"))'),
    "defaults": (MIXTURE, 'c ~ Categorical(probs=Shared(prior="point"), size=2)'),
    "priors": ("x ~ Normal(Normal(0, 1), 2)", 'x ~ Normal(loc=Shared(prior="point"), scale=2)'),
    "lines": (
        "x ~ Normal(Linear(z, by=c, weights=Laplace(0, 1)), 1)",
        'x ~ Normal(loc=Linear(z, by=c, weights="point", intercept="point"), scale=1)',
    ),
    "one intercept in a sum": (
        "x ~ Poisson(Table(c) + Linear(z))",
        'x ~ Poisson(rate=Table(c, prior="point") + Linear(z, weights="point"))',
    ),
    "degrees of freedom": ("x ~ StudentT(loc=0, scale=1)", 'x ~ StudentT(df=Shared(prior="point"), loc=0, scale=1)'),
    "processes": (
        "x ~ Normal(GP(z, variance=HalfNormal(1)), 1)",
        'x ~ Normal(loc=GP(z, inducing=32, lengthscale="point", variance="point", intercept="point"), scale=1)',
    ),
    "networks": ("x ~ Bernoulli(logits=MLP(z))", "x ~ Bernoulli(logits=MLP(z))"),
}


@pytest.mark.parametrize("case", POINTS)
def test_maximum_likelihood_takes_the_priors_away(case):
    text, statement = POINTS[case]
    assert statement in str(lp.Model(text).point()).splitlines()


def test_a_known_list_states_the_size():
    assert lp.Model("c ~ Categorical([0.2, 0.8])")["c"].size == 2
    assert lp.Model("z ~ Normal(loc=[0, 0, 0], scale=1)")["z"].size == 3


MODULES = [f"latentprob.spec.{module.name}" for module in pkgutil.iter_modules(spec.__path__)]


@pytest.mark.parametrize("name", [*MODULES, "latentprob.models"])
def test_the_examples_of_docstrings_are_right(name):
    assert doctest.testmod(importlib.import_module(name)).failed == 0
