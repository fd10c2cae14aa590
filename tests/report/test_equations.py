"""Equations of models: the formulas that a statistician would write, and none left out."""

import re
import xml.etree.ElementTree as ET

import pytest

from latentprob import models
from latentprob.report.equations import equations, to_latex, to_mathml
from latentprob.report.notation import latex
from latentprob.report.symbols import Notation
from latentprob.spec import distributions, maps
from latentprob.spec.model import Model
from latentprob.spec.schema import Column, Schema

EXPECTED = {
    "gaussian mixture": (
        "c ~ Categorical(size=3)\nx ~ MultivariateNormal(loc=Table(c), covariance=Table(c))",
        [
            r"c_{n} \sim \mathrm{Categorical} ( \boldsymbol{\pi} )",
            r"\boldsymbol{x}_{n} \sim \mathrm{Normal} ( \boldsymbol{\mu}_{c_{n}} , \boldsymbol{\Sigma}_{c_{n}} )",
        ],
    ),
    "factor analysers, mixed": (
        "c ~ Categorical(size=3)\nz ~ Normal(0, 1, size=2)\nx ~ Normal(loc=Linear(z, by=c), scale=PerFeature())",
        [
            r"c_{n} \sim \mathrm{Categorical} ( \boldsymbol{\pi} )",
            r"z_{n j} \sim \mathrm{Normal} ( 0 , 1 )",
            r"x_{n d} \sim \mathrm{Normal} ( b_{c_{n} d} + \boldsymbol{w}_{c_{n} d}^{\top} \boldsymbol{z}_{n} "
            r", \sigma_{d}^{2} )",
        ],
    ),
    "topics": (
        "t ~ Dirichlet(0.5, size=2)\nx ~ Multinomial(probs=Table(t))",
        [
            r"\boldsymbol{t}_{n} \sim \mathrm{Dirichlet} ( 0.5 )",
            r"\boldsymbol{x}_{n} \sim \mathrm{Multinomial} ( \boldsymbol{\pi}^{\top} \boldsymbol{t}_{n} )",
        ],
    ),
    "weighed rates": (
        "z ~ Gamma(1, 1, size=2)\nx ~ Poisson(rate=Table(z))",
        [
            r"z_{n j} \sim \mathrm{Gamma} ( 1 , 1 )",
            r"x_{n d} \sim \mathrm{Poisson} ( \boldsymbol{\lambda}_{d}^{\top} \boldsymbol{z}_{n} )",
        ],
    ),
    "chain": (
        "s[time] ~ Markov(size=3)\nx ~ Poisson(rate=Table(s))",
        [
            r"s_{n} \sim \mathrm{Categorical} ( \boldsymbol{\Gamma}_{s_{n - 1}} )",
            r"s_{1} \sim \mathrm{Categorical} ( \boldsymbol{\delta} )",
            r"x_{n d} \sim \mathrm{Poisson} ( \lambda_{s_{n} d} )",
        ],
    ),
    "states": (
        "z[time] ~ LinearDynamics(size=2)\nx ~ Normal(loc=Linear(z), scale=0.5)",
        [
            r"\boldsymbol{z}_{n} \sim \mathrm{Normal} ( \boldsymbol{A} \boldsymbol{z}_{n - 1} , \boldsymbol{I} )",
            r"\boldsymbol{z}_{1} \sim \mathrm{Normal} ( 0 , \boldsymbol{I} )",
            r"x_{n d} \sim \mathrm{Normal} ( b_{d} + \boldsymbol{w}_{d}^{\top} \boldsymbol{z}_{n} , 0.5^{2} )",
        ],
    ),
    "one factor": (
        "a ~ Normal(0, 1)\nx ~ Bernoulli(logits=Linear(a))",
        [
            r"a_{n} \sim \mathrm{Normal} ( 0 , 1 )",
            r"x_{n d} \sim \mathrm{Bernoulli} ( \mathrm{logistic} ( b_{d} + w_{d} a_{n} ) )",
        ],
    ),
    "network": (
        "z ~ Normal(-1.5, 0.4, size=2)\nx ~ Poisson(rate=MLP(z))",
        [
            r"z_{n j} \sim \mathrm{Normal} ( - 1.5 , 0.4^{2} )",
            r"x_{n d} \sim \mathrm{Poisson} ( \mathrm{exp} ( \mathrm{MLP} ( \boldsymbol{z}_{n} )_{d} ) )",
        ],
    ),
    "letters that stand for two": (
        "c ~ Categorical(size=2)\nx ~ Bernoulli(probs=Table(c))\ny ~ Bernoulli(probs=Table(c))",
        [
            r"c_{n} \sim \mathrm{Categorical} ( \boldsymbol{\pi} )",
            r"x_{n d} \sim \mathrm{Bernoulli} ( \pi_{c_{n} d}^{( x )} )",
            r"y_{n d} \sim \mathrm{Bernoulli} ( \pi_{c_{n} d}^{( y )} )",
        ],
    ),
    "weights of two parents": (
        "z ~ Normal(0, 1, size=2)\nx ~ Normal(loc=Linear(z) + Linear(u), precision=HalfNormal(1))",
        [
            r"z_{n j} \sim \mathrm{Normal} ( 0 , 1 )",
            r"x_{n d} \sim \mathrm{Normal} ( b_{d} + ( \boldsymbol{w}_{d}^{( z )} )^{\top} \boldsymbol{z}_{n} "
            r"+ ( \boldsymbol{w}_{d}^{( u )} )^{\top} \boldsymbol{u}_{n} , \tau^{- 1} )",
        ],
    ),
    "names that are indices": (
        "d ~ Normal(0, 1)\nn ~ Normal(loc=Linear(d), variance=Shared())",
        [
            r"d_{m} \sim \mathrm{Normal} ( 0 , 1 )",
            r"n_{m j} \sim \mathrm{Normal} ( b_{j} + w_{j} d_{m} , v )",
        ],
    ),
    "matrices": (
        "x ~ MultivariateNormal(loc=[0, 0], scale=2, correlation=LKJ(2))",
        [
            r"\boldsymbol{x}_{n} \sim \mathrm{Normal} ( [ 0 , 0 ] "
            r", \mathrm{diag} ( 2 ) \boldsymbol{R} \mathrm{diag} ( 2 ) )",
        ],
    ),
    "process": (
        "z ~ Normal(0, 1, size=2)\nx ~ Normal(loc=GP(z), scale=Shared())",
        [
            r"z_{n j} \sim \mathrm{Normal} ( 0 , 1 )",
            r"x_{n d} \sim \mathrm{Normal} ( b_{d} + g_{d} ( \boldsymbol{z}_{n} ) , \sigma^{2} )",
            r"g_{d} \sim \mathrm{GP} ( 0 , v_{d} k_{\boldsymbol{\ell}} )",
        ],
    ),
    "k-means": (
        "c = Nearest(x, size=3)\nx ~ Normal(loc=Table(c), scale=Spread())",
        [
            r"c_{n} = \mathrm{arg max}_{k} p ( \boldsymbol{x}_{n} \mid c_{n} = k )",
            r"x_{n d} \sim \mathrm{Normal} ( \mu_{c_{n} d} , \mathrm{spread}_{d}^{2} )",
        ],
    ),
    "autoencoder": (
        "z = Linear(x, size=2)\nx ~ Normal(loc=Linear(z), scale=1)",
        [
            r"z_{n j} = b_{j}^{( z )} + ( \boldsymbol{w}_{j}^{( z )} )^{\top} "
            r"( \boldsymbol{x}_{n} - \bar{\boldsymbol{x}} )",
            r"x_{n d} \sim \mathrm{Normal} ( b_{d}^{( x )} + ( \boldsymbol{w}_{d}^{( x )} )^{\top} "
            r"\boldsymbol{z}_{n} , 1 )",
        ],
    ),
}


def schema(model: Model) -> Schema:
    """Data that hold the inputs, and the variables that no other random variable is made of, two features each."""
    leaves = [name for name in model if all(child in model and is_map(model, child) for child in model.children(name))]
    observed = [name for name in leaves if not is_map(model, name)]
    levels = [name for name in model.inputs if model.is_level(name)]
    features = [name for name in (*observed, *model.inputs) if name not in levels]
    made = [*(Column(name, ("a", "b")) for name in features), *(Column(name, levels=("a", "b")) for name in levels)]
    return Schema(tuple(made))


def is_map(model: Model, name: str) -> bool:
    return type(model[name]).__name__ in maps.__all__


def written(text: str) -> list[str]:
    model = Model(text)
    lines = to_latex(equations(model, schema(model))).splitlines()[1:-1]
    return [line.strip().removesuffix(r" \\").replace("&", "") for line in lines]


@pytest.mark.parametrize("case", EXPECTED)
def test_equations_are_those_of_the_text_books(case: str) -> None:
    text, expected = EXPECTED[case]
    assert written(text) == expected


NUMBERS = {"positive": "1", "real": "0", "unit": "0.5"}
PARENTS = {
    "Nearest": "c = Nearest(x, size=3)\nx ~ Normal(loc=Table(c), scale=1)",
    "Embedding": "u[user] = Embedding(size=2)\nx ~ Normal(loc=Linear(u), scale=1)",
    "PerLevel": "x ~ Normal(loc=PerLevel(user), scale=1)",
    "Dot": "u[user] ~ Normal(0, 1, size=2)\nv[item] ~ Normal(0, 1, size=2)\nx ~ Normal(loc=Dot(u, v), scale=1)",
    "Translation": "e[entity] ~ Normal(0, 1, size=2)\nr[relation] ~ Normal(0, 1, size=2)\n"
    "x ~ Bernoulli(logits=Translation(e[head], r, e[tail]))",
}


def of_distribution(name: str) -> str:
    kind = getattr(distributions, name)
    if kind.prior_only:
        return ""
    ways = [way for group in kind.one_of for way in group]
    first = [p for group in kind.one_of for p in group[0]]
    chosen = [p for p in kind.parameters if p in first or not any(p in way for way in ways)]
    given = ", ".join(f"{p}=PerFeature()" if kind.parameters[p] in NUMBERS else f"{p}=Shared()" for p in chosen)
    size = ", size=2" if name == "Categorical" else ""
    return f"x ~ {name}({given}{size})"


def of_map(name: str) -> str:
    if name in PARENTS:
        return PARENTS[name]
    takes = getattr(maps, name).model_fields
    level = "c ~ Categorical(size=2)\n" if name == "Table" else "z ~ Normal(0, 1, size=2)\n"
    given = ["c" if name == "Table" else "z"] if "parent" in takes else []
    given += ['name="net"'] if "name" in takes else []
    argument = f"{name}({', '.join(given)})"
    place = f"loc=0, scale={argument}" if name == "Spread" else f"loc={argument}, scale=1"
    return f"{level if given else ''}x ~ Normal({place})"


COMPONENTS = {
    **{name: of_distribution(name) for name in distributions.__all__ if not getattr(distributions, name).prior_only},
    **{name: of_map(name) for name in maps.__all__},
}


@pytest.mark.parametrize("name", COMPONENTS)
def test_every_component_has_an_equation(name: str) -> None:
    """Well-formed, with every variable and every free parameter of the law in it."""
    model = Model(COMPONENTS[name])
    found = equations(model, schema(model))
    tree = ET.fromstring(to_mathml(found))
    assert len(tree.findall("./mtable/mtr")) >= len(model)
    letters = {"".join(node.itertext()) for node in tree.iter("mi")}
    assert {*model, *model.inputs} <= letters
    for free in Notation.of(model, schema(model)).frees:
        if free.part != "inducing":
            bare = Notation.of(model, schema(model)).letters[free.name]
            assert latex(bare) in to_latex(found)


@pytest.mark.parametrize("name", [path.stem for path in sorted(models.path("vae").parent.glob("*.latent"))])
def test_every_shipped_model_has_equations(name: str) -> None:
    model = Model.read(models.path(name))
    assert len(equations(model, schema(model))) >= len(model)


def test_names_are_escaped_in_both_writings() -> None:
    model = Model("my_z ~ Normal(0, 1)\nx ~ Normal(loc=Linear(my_z), scale=1)")
    found = equations(model, schema(model))
    assert r"\mathrm{my\_z}_{n}" in to_latex(found)
    assert "<mi>my_z</mi>" in to_mathml(found)


def test_brackets_balance() -> None:
    for text, _ in EXPECTED.values():
        for line in written(text):
            assert line.count("{") == line.count("}")
            assert len(re.findall(r"[([]", line)) == len(re.findall(r"[)\]]", line))
