"""The deterministic twin: what each model becomes, and what has none."""

import pytest

import latentprob as lp
from latentprob.errors import ModelError
from latentprob.spec import distributions, maps
from latentprob.spec.twin import embedded, encoder, observed

PCA = (
    'z = Linear(x, weights="point", intercept="point", size=2)\n'
    'x ~ Normal(loc=Linear(z, weights="point", intercept="point"), '
)
KMEANS = 'c = Nearest(x, size=3)\nx ~ Normal(loc=Table(c, prior="point"), '
FILES = {
    "gaussian_mixture": KMEANS + "scale=Spread())",
    "factor_analysis": PCA + "scale=Spread())",
    "ppca": PCA + 'scale=Shared(prior="point"))',
    "vae": "z = MLP(x, hidden=[256], size=8)\nx ~ Bernoulli(logits=MLP(z, hidden=[256]))",
    "gplvm": "z = MLP(x, hidden=[64, 64], size=2)\n"
    'x ~ Normal(loc=MLP(z, hidden=[64, 64]), scale=Shared(prior="point"))',
}
TEXTS = {
    "one spread for all": (
        "c ~ Categorical(size=3)\nx ~ Normal(loc=Table(c), scale=Shared())",
        'scale=Shared(prior="point")',
    ),
    "a spread a level": (
        "c ~ Categorical(size=3)\nx ~ Normal(loc=Table(c), variance=Table(c, per_feature=False))",
        'scale=Shared(prior="point")',
    ),
    "a spread a feature": (
        "c ~ Categorical(size=3)\nx ~ Normal(loc=Table(c), precision=PerFeature())",
        "scale=Spread()",
    ),
    "known": ("c ~ Categorical(size=3)\nx ~ Normal(loc=Table(c), scale=0.1)", "scale=0.1)"),
    "a prior": (
        "c ~ Categorical(size=3)\nx ~ Normal(loc=Table(c), scale=HalfNormal(1))",
        'scale=Shared(prior="point")',
    ),
    "two levels": ("c ~ Bernoulli()\nx ~ Normal(loc=Table(c), scale=1)", "c = Nearest(x, size=2)"),
    "a mirrored network": (
        'z ~ Normal(0, 1, size=2)\nx ~ Poisson(rate=MLP(z, hidden=[32, 8], activation="tanh"))',
        'z = MLP(x, hidden=[8, 32], activation="tanh", size=2)',
    ),
    "a module": (
        'z ~ Normal(0, 1, size=2)\nx ~ Bernoulli(logits=Module(z, name="f"))',
        "z = MLP(x, hidden=[64, 64], size=2)",
    ),
    "one dim": ("z ~ Normal(0, 1)\nx ~ Normal(loc=Linear(z), scale=PerFeature())", "size=1)"),
}
NONE = {
    "mixture_vae": "c and z are hidden together",
    "mixture_of_factor_analysers": "c and z are hidden together",
    "latent_class": r"under Bernoulli\(probs=Table\(c\)\) nothing but the noise of a normal law",
    "poisson_mixture": "under Poisson",
    "student_mixture": "under StudentT",
    "kmeans": "c is deterministic already",
}
REFUSED = {
    "nothing hidden": ("x ~ Normal(0, 1)", "no variable is hidden"),
    "of an input": ("z ~ Normal(loc=Linear(w), scale=1, size=2)\nx ~ Normal(loc=Linear(z), scale=1)", "z reads w"),
    "two that are explained": (
        "z ~ Normal(0, 1)\nx ~ Normal(loc=Linear(z), scale=1)\ny ~ Normal(loc=Linear(z), scale=1)",
        "z explains x and y",
    ),
    "twice": ("z ~ Normal(0, 1)\nx ~ Normal(loc=Linear(z), scale=MLP(z))", "x reads z more than once"),
    "more than a table": ("c ~ Categorical(size=2)\nx ~ Normal(loc=Linear(w, by=c), scale=1)", "by more than a Table"),
    "no size": ("c ~ Categorical()\nx ~ Normal(loc=Table(c), scale=1)", "c has no size"),
    "as it is": ("z ~ Normal(0, 1)\nx ~ Normal(loc=z, scale=1)", "z has no encoder"),
    "another law": ("z ~ Gamma(1, 1)\nx ~ Normal(loc=Linear(z), scale=1)", "has no point that stands for it"),
    "no noise": ("z ~ Normal(0, 1)\nx ~ Bernoulli(logits=Linear(z))", "nothing but the noise of a normal law"),
    "known precision": (
        "c ~ Categorical(size=2)\nx ~ Normal(loc=Table(c), precision=4)",
        "a known variance or precision",
    ),
    "loadings by level": ("z ~ Normal(0, 1)\nx ~ Normal(loc=Linear(z, by=g), scale=1)", "weights for each level"),
}


@pytest.mark.parametrize("name", FILES)
def test_the_twin_of_a_model_that_ships(name):
    twin = lp.Model.read(lp.models.path(name)).deterministic()
    assert str(twin) == FILES[name]
    assert lp.Model(str(twin)) == twin


@pytest.mark.parametrize(("text", "shown"), TEXTS.values(), ids=TEXTS)
def test_the_twin_has_the_metric_and_the_size_of_the_model(text, shown):
    assert shown in str(lp.Model(text).deterministic())


@pytest.mark.parametrize("name", NONE)
def test_a_model_that_ships_without_a_twin(name):
    with pytest.raises(ModelError, match=f"this model has no deterministic twin: {NONE[name]}.*; twins are there for"):
        lp.Model.read(lp.models.path(name)).deterministic()


@pytest.mark.parametrize(("text", "why"), REFUSED.values(), ids=REFUSED)
def test_what_has_no_twin_says_so(text, why):
    with pytest.raises(ModelError, match=f"this model has no deterministic twin: .*{why}"):
        lp.Model(text).deterministic()


ENCODED = ("GP", "Linear", "MLP", "Module")
HIDDEN = ("Bernoulli", "Categorical", "MultivariateNormal", "Normal")


@pytest.mark.parametrize("name", maps.__all__)
def test_every_map_has_an_encoder_or_says_that_it_has_none(name):
    assert (encoder.dispatch(getattr(maps, name)) is not encoder.dispatch(object)) == (name in ENCODED)


@pytest.mark.parametrize("name", [n for n in distributions.__all__ if not getattr(distributions, n).prior_only])
def test_every_law_has_a_point_or_says_that_it_has_none(name):
    kind = getattr(distributions, name)
    assert (embedded.dispatch(kind) is not embedded.dispatch(object)) == (name in HIDDEN)
    assert (observed.dispatch(kind) is not observed.dispatch(object)) == (name in ("MultivariateNormal", "Normal"))
