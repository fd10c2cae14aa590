"""Laws that move along an axis: how they are written, what they take, and what they leave open."""

import pytest

import latentprob as lp
from latentprob.errors import ModelError
from latentprob.spec.model import Model
from latentprob.spec.schema import Column, Schema
from latentprob.spec.sites import free_parameters, sites
from latentprob.spec.symmetry import exchangeable, symmetry

TEXTS = [
    "s[time] ~ Markov(size=3)",
    's[time] ~ Markov(size=3, initial="stationary")',
    's[time] ~ Markov(size=2, initial="uniform", transition=Dirichlet(concentration=[[9, 1], [1, 9]]))',
    "s[time] ~ Markov(size=2, initial=[0.5, 0.5], transition=[[0.9, 0.1], [0.2, 0.8]])",
]
STATES = [
    "z[time] ~ LinearDynamics(size=2)",
    "z[time] ~ LinearDynamics(transition=1, scale=Shared(), initial=1000)",
    "z[time] ~ LinearDynamics(size=2, transition=[[0.9, 0.1], [0, 0.5]], scale=HalfNormal(1))",
]


@pytest.mark.parametrize("text", [f"{text}\nx ~ Poisson(rate=Table(s))" for text in TEXTS])
def test_chains_round_trip(text):
    assert str(Model(text)) == text
    assert Model(text).axis == "time"
    assert Model(text).is_level("s")


@pytest.mark.parametrize("text", [f"{text}\nx ~ Normal(loc=Linear(z), scale=PerFeature())" for text in STATES])
def test_states_round_trip(text):
    assert str(Model(text)) == text
    assert not Model(text).is_level("z")


def test_objects_say_the_same():
    made = Model({"s[time]": lp.Markov(size=2, initial="uniform"), "x": lp.Poisson(rate=lp.Table("s"))})
    assert made == Model('s[time] ~ Markov(size=2, initial="uniform")\nx ~ Poisson(rate=Table(s))')


def test_a_point_model_keeps_its_words():
    model = Model('s[time] ~ Markov(size=2, initial="stationary")\nx ~ Poisson(rate=Table(s))').point()
    assert str(model["s"]) == 'Markov(size=2, initial="stationary", transition=Shared(prior="point"))'


def test_sites_of_chains():
    schema = Schema((Column("x", ("a", "b")),))
    found = sites(Model("s[time] ~ Markov(size=3)\nx ~ Poisson(rate=Table(s))"), schema)
    assert found["s_initial"].dims == ("s_level",)
    assert found["s_transition"].dims == ("s_level", "s_level_bis")
    assert found["s_transition"].shape == (3, 3)
    found = sites(
        Model("z[time] ~ LinearDynamics(size=2, scale=PerFeature())\nx ~ Normal(loc=Linear(z), scale=1)"), schema
    )
    assert found["z_transition"].dims == ("z_dim", "z_dim_bis")
    assert found["z_scale"].dims == ("z_dim",)


def test_what_is_known_is_no_parameter():
    text = 's[time] ~ Markov(initial="uniform", transition=[[0.9, 0.1], [0.2, 0.8]])\nx ~ Poisson(rate=Table(s))'
    assert [free.name for free in free_parameters(Model(text))] == ["x_rate"]


WRONG = {
    "word": ('s[time] ~ Markov(size=2, initial="steady")', '"steady" is no initial law; write "stationary", "uniform"'),
    "name": ("s[time] ~ Markov(size=2, initial=c)", "takes no variable; found c"),
    "no axis": ("s ~ Markov(size=2)", r"s ~ Markov\(size=2\) moves along an axis; write s\[time\]"),
    "rows": ("s[time] ~ Markov(transition=[[0.9, 0.2], [0.2, 0.8]])", "the numbers have the sum 1.1"),
    "no matrix": ("s[time] ~ Markov(transition=[0.9, 0.1])", "a row of 2 probabilities for each of 2 levels"),
    "number": ("s[time] ~ Markov(transition=0.9, size=2)", "found the number 0.9"),
    "one level": ("s[time] ~ Markov(size=1)", "s has a single level; write a size from 2"),
    "map": ("s[time] ~ Markov(size=2, transition=Table(c))", "a chain moves by the same law at every step"),
    "prior": ("s[time] ~ Markov(size=2, transition=Normal(0, 1))", "not all rows of probabilities with sum 1"),
    "two": ("s[time] ~ Markov(size=2)\nt[time] ~ Markov(size=2)", "s and t both move along an axis"),
}


@pytest.mark.parametrize(("text", "said"), WRONG.values(), ids=WRONG)
def test_what_has_no_meaning_is_refused(text, said):
    with pytest.raises(ModelError, match=said):
        Model(f"{text}\nx ~ Poisson(rate=Table(s))")


def test_a_matrix_of_dynamics_is_square():
    with pytest.raises(ModelError, match="found no square matrix; write 2 rows of 2 numbers"):
        Model("z[time] ~ LinearDynamics(transition=[[1, 0, 0], [0, 1, 0]])\nx ~ Normal(loc=Linear(z), scale=1)")


def test_a_chain_of_states_is_read_by_linear():
    with pytest.raises(ModelError, match=r"z has no levels \(LinearDynamics\)"):
        Model("z[time] ~ LinearDynamics(size=2)\nx ~ Normal(loc=Table(z), scale=1)")


LABELS = {
    "free": ("Markov(size=2)", True),
    "stationary": ('Markov(size=2, initial="stationary")', True),
    "sticky prior": ("Markov(size=2, transition=Dirichlet([[9, 1], [1, 9]]))", True),
    "prior of one level": ("Markov(size=2, transition=Dirichlet([[9, 1], [2, 9]]))", False),
    "prior of a column": ("Markov(size=2, transition=Dirichlet([9, 1]))", False),
    "known, even": ("Markov(transition=[[0.9, 0.1], [0.1, 0.9]])", True),
    "known": ("Markov(transition=[[0.9, 0.1], [0.2, 0.8]])", False),
    "first level known": ("Markov(size=2, initial=[1, 0])", False),
}


@pytest.mark.parametrize(("law", "open_"), LABELS.values(), ids=LABELS)
def test_labels_of_a_chain(law, open_):
    model = Model(f"s[time] ~ {law}\nx ~ Poisson(rate=Table(s))")
    assert exchangeable(model, ("x",)) == (("s",) if open_ else ())


TURNS = {
    "free": ("LinearDynamics(size=2)", {"sign", "order", "rotation"}),
    "random walk": ("LinearDynamics(size=2, transition=1)", {"sign", "order", "rotation"}),
    "prior": ("LinearDynamics(size=2, transition=Normal(0, 0.5))", {"sign", "order", "rotation"}),
    "prior off centre": ("LinearDynamics(size=2, transition=Normal(1, 0.5))", set()),
    "known": ("LinearDynamics(transition=[0.9, 0.5])", set()),
    "free scale": ("LinearDynamics(size=2, scale=PerFeature())", set()),
}


@pytest.mark.parametrize(("law", "open_"), TURNS.values(), ids=TURNS)
def test_turns_of_states(law, open_):
    model = Model(f"z[time] ~ {law}\nx ~ Normal(loc=Linear(z), scale=PerFeature())")
    assert symmetry(model, ("x",), "z") == open_
