"""No variable can bear a name that a program's own text uses."""

import ast

import pytest

import latentprob as lp
from latentprob.errors import ModelError

MODELS = {
    **{name: lp.models.path(name).read_text(encoding="utf-8") for name in lp.models.names()},
    "mixture of mixed kinds": "c ~ Categorical(logits=Linear(w), size=2)\nx ~ Poisson(rate=Table(c) + Linear(w))",
    "correlation": "c ~ Categorical(size=2)\nx ~ MultivariateNormal(Table(c), scale=Table(c), correlation=Shared())",
    "matrices": "z ~ MultivariateNormal(0, Shared(), size=2)\nx ~ MultivariateNormal(Linear(z), precision=Shared())",
    "network of a module": 'z ~ Normal(0, 1, size=2)\nx ~ NegativeBinomial(PerFeature(), logits=Module(z, name="net"))',
    "parts of a total": "c ~ Categorical(size=3)\nx ~ Multinomial(probs=Table(c))",
    "pattern": "z ~ Normal(0, 1, size=2)\nx ~ Normal(loc=Linear(z, pattern={0: [0, 1], 1: [2]}), scale=PerFeature())",
    "level under a level": "b ~ Bernoulli()\nc ~ Categorical(probs=Table(b), size=3)\nx ~ Normal(Table(c), 1)",
}


def words(source: str, model: lp.Model) -> set[str]:
    """The names that the methods of a program read or bind, but for variables and the constructor's own."""
    classes = [node for node in ast.parse(source).body if isinstance(node, ast.ClassDef)]
    program = next(node for node in classes if node.name == "Program")
    methods = [node for node in program.body if isinstance(node, ast.FunctionDef) and node.name != "__init__"]
    nodes = [node for method in methods for node in ast.walk(method)]
    found = {node.id for node in nodes if isinstance(node, ast.Name)}
    found |= {node.arg for node in nodes if isinstance(node, ast.arg)}
    return found - {*model, *model.inputs}


def refused(model: lp.Model, word: str) -> bool:
    """Whether a variable of this name is refused for its name."""
    try:
        lp.Model(f"{model}\n{word} ~ Normal(0, 1)")
    except ModelError as error:
        return f"'{word}' " in str(error)
    return False


def ends(model: lp.Model) -> list[str]:
    """The variables that the data must hold."""
    return [name for name in model if not model.children(name)]


# What is computed from the data leaves them no gaps.
GAPS = [(name, gaps) for name in MODELS for gaps in (False, True) if not (gaps and lp.Model(MODELS[name]).embedded)]


@pytest.mark.parametrize(("name", "gaps"), GAPS)
@pytest.mark.parametrize("point", [False, True], ids=["priors", "point"])
def test_no_variable_can_bear_a_word_of_the_program(name, point, gaps):
    model = lp.Model(MODELS[name])
    model = model.point() if point else model
    program = lp.compile(model, [*ends(model), *model.inputs], ends(model) if gaps else ())
    assert [word for word in words(program.source, model) if not refused(model, word)] == []
