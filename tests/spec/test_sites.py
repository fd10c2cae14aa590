"""Names, dims and shapes of every variable."""

import pytest

import latentprob as lp
from latentprob.errors import ModelError
from latentprob.spec.schema import Column, Schema
from latentprob.spec.sites import free_parameters, sites

X = Column("x", features=("a", "b", "d"))

# the globals and latents that results show, with dims and shapes, for three columns of data
SHIPPED = {
    "gaussian_mixture": {
        "c_probs": {"c_level": 3},
        "x_loc": {"c_level": 3, "feature": 3},
        "x_covariance": {"c_level": 3, "feature": 3, "feature_bis": 3},
        "c": {},
    },
    "student_mixture": {
        "c_probs": {"c_level": 3},
        "x_df": {},
        "x_loc": {"c_level": 3, "feature": 3},
        "x_scale": {"c_level": 3, "feature": 3},
        "c": {},
    },
    "poisson_mixture": {"c_probs": {"c_level": 3}, "x_rate": {"c_level": 3, "feature": 3}, "c": {}},
    "latent_class": {"c_probs": {"c_level": 3}, "x_probs": {"c_level": 3, "feature": 3}, "c": {}},
    "factor_analysis": {
        "x_loc_intercept": {"feature": 3},
        "x_loc_weights": {"z_dim": 2, "feature": 3},
        "x_scale": {"feature": 3},
        "z": {"z_dim": 2},
    },
    "ppca": {
        "x_loc_intercept": {"feature": 3},
        "x_loc_weights": {"z_dim": 2, "feature": 3},
        "x_scale": {},
        "z": {"z_dim": 2},
    },
    "mixture_of_factor_analysers": {
        "c_probs": {"c_level": 3},
        "x_loc_intercept": {"c_level": 3, "feature": 3},
        "x_loc_weights": {"c_level": 3, "z_dim": 2, "feature": 3},
        "x_scale": {"feature": 3},
        "c": {},
        "z": {"z_dim": 2},
    },
    "vae": {"z": {"z_dim": 8}},
    "mixture_vae": {
        "c_probs": {"c_level": 10},
        "z_loc": {"c_level": 10, "z_dim": 8},
        "z_scale": {"c_level": 10, "z_dim": 8},
        "c": {},
        "z": {"z_dim": 8},
    },
}


@pytest.mark.parametrize("name", SHIPPED)
def test_dims_of_the_models_that_ship(name):
    found = sites(lp.Model.read(lp.models.path(name)), Schema((X,)))
    shown = {
        site.name: dict(zip(site.dims, site.shape, strict=True)) for site in found.values() if site.role != "observed"
    }
    assert shown == SHIPPED[name]
    assert found["x"].dims == ("feature",)
    assert found["x"].labels == (("a", "b", "d"),)


NAMES = {
    "number": ("x ~ Normal(0, 1)", []),
    "prior in place": ("x ~ Normal(0, HalfNormal(1))", ["x_scale"]),
    "left out": ("x ~ Bernoulli()", ["x_probs"]),
    "left out, a level": ("c ~ Categorical(size=2)\nx ~ Poisson(Table(c))", ["c_probs", "x_rate"]),
    "line": ("x ~ Normal(Linear(a), Shared())", ["x_loc_intercept", "x_loc_weights", "x_scale"]),
    "two lines": (
        "x ~ Normal(Linear(a) + Linear(b), 1)",
        ["x_loc_a_intercept", "x_loc_a_weights", "x_loc_b_weights"],
    ),
    "table and line": ("x ~ Normal(Linear(a) + Table(g), 1)", ["x_loc_weights", "x_loc"]),
    "two tables": ("x ~ Normal(Table(g) + Table(h), 1)", ["x_loc_g", "x_loc_h"]),
    "line and network": ("x ~ Normal(Linear(a) + MLP(b), 1)", ["x_loc_intercept", "x_loc_weights"]),
    "network": ("x ~ Normal(MLP(b), PerFeature())", ["x_scale"]),
    "process": (
        "x ~ Normal(GP(b), 1)",
        ["x_loc_intercept", "x_loc_lengthscale", "x_loc_variance", "x_loc_inducing"],
    ),
    "line and process": (
        "x ~ Normal(GP(b) + Linear(a), 1)",
        ["x_loc_lengthscale", "x_loc_variance", "x_loc_inducing", "x_loc_intercept", "x_loc_weights"],
    ),
    "two processes": (
        "x ~ Normal(GP(a) + GP(b), 1)",
        ["x_loc_a_intercept"] + [f"x_loc_{z}_{part}" for z in "ab" for part in ("lengthscale", "variance", "inducing")],
    ),
}


@pytest.mark.parametrize("case", NAMES)
def test_names_of_free_parameters(case):
    text, names = NAMES[case]
    assert [free.name for free in free_parameters(lp.Model(text))] == names


def test_a_predictor_lives_under_the_link():
    free = {free.name: free for free in free_parameters(lp.Model("x ~ Poisson(Table(g) + Linear(a))"))}
    assert (free["x_rate"].domain, free["x_rate"].predictor) == ("real", True)
    alone = free_parameters(lp.Model("x ~ Poisson(Table(g))"))[0]
    assert (alone.domain, alone.predictor) == ("positive", False)


def test_labels_of_inputs_and_levels_come_from_the_data():
    model = lp.Model("x ~ Normal(loc=Table(school) + Linear(age), scale=Shared())")
    schema = Schema((X, Column("school", levels=("A", "B")), Column("age", ("age",), scalar=True, dim="age")), row="id")
    found = sites(model, schema)
    assert found["x_loc"].dims == ("school", "feature")
    assert found["x_loc"].labels[0] == ("A", "B")
    assert found["x_loc_weights"].dims == ("age", "feature")
    assert found["x_loc_weights"].shown == ("feature",)
    assert [found[name].role for name in ("x", "school", "age")] == ["observed", "input", "input"]


def test_a_process_has_lengthscales_by_dim_and_values_by_inducing_point():
    model = lp.Model("z ~ Normal(0, 1, size=3)\nx ~ Poisson(rate=GP(z, inducing=5))")
    found = sites(model, Schema((X,)))
    assert found["x_rate_lengthscale"].dims == ("z_dim",)
    assert found["x_rate_lengthscale"].support == found["x_rate_variance"].support == "positive"
    assert found["x_rate_variance"].dims == ("feature",)
    assert found["x_rate_inducing"].dims == ("x_rate_point", "feature")
    assert found["x_rate_inducing"].shape == (5, len(X.features))
    assert found["x_rate_inducing"].support == found["x_rate_intercept"].support == "real"


def test_a_latent_of_length_one_shows_no_dim():
    found = sites(lp.Model("z ~ Normal(0, 1)\nx ~ Normal(loc=Linear(z), scale=1)"), Schema((X,)))
    assert (found["z"].shape, found["z"].shown) == ((1,), ())
    assert found["x_loc_weights"].shown == ("feature",)


def test_a_hidden_level_without_a_size_is_refused():
    model = lp.Model("c ~ Categorical()\nx ~ Poisson(Table(c))")
    with pytest.raises(ModelError, match=r"c is hidden and has no size; write c ~ Categorical\(size=3\)"):
        sites(model, Schema((X,)))


def test_a_hidden_level_with_known_probabilities_has_their_number():
    model = lp.Model("c ~ Categorical([0.2, 0.3, 0.5])\nx ~ Poisson(Table(c))")
    assert sites(model, Schema((X,)))["x_rate"].shape == (3, 3)
