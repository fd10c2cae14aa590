"""A model and its text say the same, over all distributions and maps."""

import copy
import pickle

from hypothesis import given
from hypothesis import strategies as st

import latentprob as lp
from latentprob.spec import distributions, maps
from latentprob.spec.component import Map
from latentprob.spec.distributions import Distribution

POSITIVE = st.integers(1, 50) | st.floats(1e-9, 1e9)
REAL = st.integers(-50, 50) | st.floats(-1e9, 1e9)
UNIT = st.floats(0, 1)
SIZES = st.none() | st.integers(2, 30)

real_prior = st.one_of(
    st.builds(lp.Normal, REAL, POSITIVE),
    st.builds(lp.Normal, loc=REAL, variance=POSITIVE),
    st.builds(lp.Normal, loc=REAL, precision=POSITIVE),
    st.builds(lp.Laplace, REAL, POSITIVE),
    st.builds(lp.StudentT, POSITIVE, REAL, POSITIVE),
    st.builds(lp.Uniform, st.floats(-9, 0), st.floats(1, 9)),
)
positive_prior = st.one_of(
    st.builds(lp.HalfNormal, POSITIVE),
    st.builds(lp.HalfCauchy, POSITIVE),
    st.builds(lp.InverseGamma, POSITIVE, POSITIVE),
    st.builds(lp.Gamma, POSITIVE, POSITIVE),
    st.builds(lp.LogNormal, REAL, POSITIVE),
    st.builds(lp.Exponential, POSITIVE),
)
wishart = st.builds(lp.Wishart, POSITIVE, POSITIVE)
PRIORS = {
    "real": real_prior,
    "logits": real_prior,
    "positive": positive_prior,
    "unit": st.builds(lp.Beta, POSITIVE, POSITIVE),
    "simplex": st.builds(lp.Dirichlet, POSITIVE),
    "covariance": wishart,
    "precision_matrix": wishart,
    "scale_tril": st.nothing(),
    "correlation": st.builds(lp.LKJ, POSITIVE),
}
NUMBERS = {"real": REAL, "positive": POSITIVE, "unit": UNIT}
MATRICES = ("covariance", "precision_matrix", "scale_tril", "correlation")


def prior(domain):
    """What may stand in a map's prior."""
    return st.none() | st.just("point") | PRIORS[domain]


def tables(domain):
    """Maps on the parameter's own scale."""
    table = st.builds(lp.Table, parent=st.just("c"), prior=prior(domain))
    shared = st.builds(lp.Shared, prior=prior(domain))
    if domain in MATRICES:
        return table | shared
    narrow = st.builds(lp.Table, parent=st.just("c"), per_feature=st.just(False), prior=prior(domain))
    return table | shared | narrow | st.builds(lp.PerFeature, prior=prior(domain))


linear = st.builds(
    lp.Linear,
    parent=st.sampled_from(["z", "w"]),
    by=st.sampled_from([None, "c", "g"]),
    weights=prior("real"),
    intercept=prior("real"),
)
network = st.builds(
    lp.MLP,
    parent=st.just("z"),
    hidden=st.lists(st.integers(1, 300), max_size=3),
    activation=st.sampled_from(["relu", "tanh", "gelu", "silu", "softplus", "sigmoid"]),
)
process = st.builds(
    lp.GP,
    parent=st.sampled_from(["z", "w"]),
    inducing=st.integers(1, 300),
    lengthscale=prior("positive"),
    variance=prior("positive"),
    intercept=prior("real"),
)
module = st.builds(lp.Module, parent=st.just("w"), name=st.sampled_from(["decoder", "f"]))
total = st.builds(
    lambda table, weights, other, offset: table + lp.Linear("w", weights=weights) + other + offset,
    tables("real"),
    prior("real"),
    network | module | st.builds(lp.GP, parent=st.just("w"), inducing=st.integers(1, 300)),
    REAL,
)


@st.composite
def arguments(draw, domain):
    """An argument for a parameter of this domain."""
    choices = [tables(domain), PRIORS[domain]]
    if domain in NUMBERS:
        choices.append(NUMBERS[domain])
    if domain in ("real", "positive", "logits"):
        choices += [linear, network, process, module, total]
    if domain == "real":
        choices.append(st.just("w"))
    return draw(st.one_of(choices))


@st.composite
def laws(draw):
    """A distribution with one way of writing its parameters."""
    kinds = [getattr(distributions, name) for name in distributions.__all__]
    kind = draw(st.sampled_from([kind for kind in kinds if not kind.prior_only]))
    groups = [draw(st.sampled_from(group)) for group in kind.one_of]
    unused = {name for group in kind.one_of for way in group for name in way} - {n for way in groups for n in way}
    names = [name for name in kind.parameters if name not in unused]
    given_ = {name: draw(arguments(kind.parameters[name])) for name in names}
    optional = [name for name in given_ if name in kind.optional and draw(st.booleans())]
    return kind(**{name: value for name, value in given_.items() if name not in optional}, size=draw(SIZES))


@st.composite
def models(draw):
    """A model with a discrete and a normal latent, inputs w and g, and one or two observed variables."""
    latents = {
        "c": lp.Categorical(probs=draw(st.none() | PRIORS["simplex"]), size=draw(st.integers(2, 12))),
        "z": lp.Normal(loc=draw(tables("real") | REAL), scale=draw(tables("positive") | POSITIVE), size=draw(SIZES)),
    }
    observed = {name: draw(laws()) for name in ["x", "y"][: draw(st.integers(1, 2))]}
    return lp.Model({**latents, **observed})


pooled_by_a_law = st.builds(lp.PerLevel, parent=st.sampled_from(["user", "g"]), prior=prior("real"))


@st.composite
def indexed(draw):
    """A model with levels of one or two factors, looked up in columns of their names and of others."""
    free = st.one_of(tables("real").filter(lambda each: not isinstance(each, lp.Table)), REAL)
    law = st.builds(lp.Normal, free, st.one_of(POSITIVE, st.builds(lp.Shared, prior=prior("positive"))), size=SIZES)
    reads = [draw(st.sampled_from(names)) for names in (["u", "u[user]", "u[friend]"], ["e[head]", "e[tail]", "e"])]
    maps_ = draw(st.sampled_from([(lp.Linear, lp.MLP), (lambda read: read, lp.Linear)]))
    loc = sum((make(read) for make, read in zip(maps_, reads, strict=True)), start=draw(tables("real")))
    loc += draw(st.sampled_from([lp.Dot("w", "w"), lp.Translation("w", "w", "w"), lp.Dot("w", "w", "w")]))
    loc += draw(st.one_of(st.builds(lp.PerLevel, parent=st.just("g"), scale=prior("positive")), pooled_by_a_law))
    return lp.Model({"u[user]": draw(law), "e[entity]": draw(law), "y": lp.Normal(loc=loc, scale=1)})


encoders = st.one_of(
    st.builds(
        lp.Linear,
        parent=st.sampled_from(["x", "w"]),
        by=st.sampled_from([None, "g"]),
        weights=prior("real"),
        intercept=prior("real"),
        size=st.integers(1, 9),
    ),
    st.builds(
        lp.MLP,
        parent=st.sampled_from(["x", "w"]),
        hidden=st.lists(st.integers(1, 300), max_size=3),
        activation=st.sampled_from(["relu", "tanh"]),
        size=st.integers(1, 9),
    ),
)


@st.composite
def objectives(draw):
    """A model whose hidden variable is computed from the data."""
    if draw(st.booleans()):
        law = lp.Normal(loc=lp.Table("c", prior=draw(prior("real"))), scale=draw(tables("positive")))
        return lp.Model(c=lp.Nearest("x", size=draw(st.integers(2, 9))), x=law)
    scale = draw(st.one_of(POSITIVE, st.builds(lp.Spread), st.builds(lp.Shared, prior=prior("positive"))))
    decoder = draw(st.sampled_from([lp.Linear("z"), lp.MLP("z"), lp.Linear("z") + lp.Linear("w"), "z"]))
    return lp.Model(z=draw(encoders), x=lp.Normal(loc=decoder, scale=scale))


@given(st.one_of(models(), objectives(), indexed()))
def test_a_model_is_its_text(model):
    again = lp.Model(str(model))
    assert again == model
    assert hash(again) == hash(model)
    assert str(again) == str(model)


@given(st.one_of(models(), objectives(), indexed()))
def test_a_model_of_maximum_likelihood_is_its_text(model):
    point = model.point()
    assert lp.Model(str(point)) == point
    assert point.point() == point
    assert list(point) == list(model)


@given(st.one_of(models(), objectives(), indexed()))
def test_what_a_component_shows_in_python_makes_it_again(model):
    names = {name: getattr(lp, name) for name in (*distributions.__all__, *maps.__all__)}
    for law in model.statements.values():
        assert isinstance(law, (Distribution, Map))
        assert eval(repr(law), names) == law
    assert copy.deepcopy(model) == model
    assert pickle.loads(pickle.dumps(model)) == model
