"""Every component of the language has its meaning in the program, and every law its density."""

import pytest
import torch
from program_cases import CLOSED, DRAWN, LONG, SHIPPED, Case

from latentprob.errors import ModelError
from latentprob.program import evaluate
from latentprob.program.densities import CONSTRAINTS
from latentprob.program.guides import LAWS
from latentprob.program.layout import WIDTH, laid_out
from latentprob.program.maps import LINKS, term
from latentprob.program.priors import CONSTRAINTS as DOMAINS
from latentprob.spec import distributions, maps
from latentprob.spec.domains import LINKED
from latentprob.spec.model import Model

TEXTS = "\n".join({**CLOSED, **DRAWN, **LONG, **SHIPPED}.values())
DISTRIBUTIONS = {name: getattr(distributions, name) for name in distributions.__all__}
VARIABLES = {name: kind for name, kind in DISTRIBUTIONS.items() if not kind.prior_only}
MAPS = {name: getattr(maps, name) for name in maps.__all__}
PARAMETERS = [(name, which) for name, kind in VARIABLES.items() for which in kind.parameters]
# One text for each law and parameter with the default prior, and for each prior its place.
DEFAULTS = {
    f"{name}, {which}": (name, which) for name, which in PARAMETERS if name not in ("MultivariateNormal", "Categorical")
}
KNOWN = {"loc": "0", "probs": "0.5", "logits": "0", "df": "3"}
PRIORS = {
    "Dirichlet": "c ~ Categorical(probs=Dirichlet(2), size=2)\nx ~ Normal(loc=Table(c), scale=1)",
    "LKJ": "x ~ MultivariateNormal(loc=0, scale=1, correlation=Shared(prior=LKJ(2)))",
    "Wishart": "x ~ MultivariateNormal(loc=0, covariance=Shared(prior=Wishart(6, 1)))",
    "NormalWishart": "x ~ MultivariateNormal(loc=PerFeature(), covariance=Shared(prior=NormalWishart(0, 1, 6, 1)))",
    "Uniform": "x ~ Normal(loc=0, scale=PerFeature(prior=Uniform(1, 2)))",
    "InverseGamma": "x ~ Normal(loc=0, variance=PerFeature(prior=InverseGamma(2, 2)))",
    **{name: f"x ~ Normal(loc=0, scale=PerFeature(prior={name}(1)))" for name in ("HalfNormal", "HalfCauchy")},
    "Laplace": "x ~ Normal(loc=PerFeature(prior=Laplace(0, 1)), scale=1)",
}


@pytest.mark.parametrize("name", VARIABLES)
def test_every_variable_is_tested(name):
    """The cases, which are held to the reference, use every law."""
    assert f"~ {name}(" in TEXTS


# Nearest is a level, which the density of its codebook gives, and Embedding are points, drawn with the parameters.
@pytest.mark.parametrize("name", [name for name in MAPS if name not in ("Nearest", "Embedding")])
def test_every_map_has_a_text(name):
    assert term.dispatch(MAPS[name]) is not term.dispatch(object)


def test_what_the_program_does_not_know_is_refused():
    with pytest.raises(TypeError, match="no program text for complex"):
        term(1j, None, "x", "loc")


@pytest.mark.parametrize(("name", "which"), DEFAULTS.values(), ids=DEFAULTS)
def test_every_parameter_has_a_default_prior(name, which):
    law, others = VARIABLES[name], []
    for group in law.one_of:
        others += [p for way in group for p in way if which not in [q for w in group for q in w] and way == group[0]]
    grouped = [p for group in law.one_of for way in group for p in way]
    others += [p for p in law.parameters if p not in (*grouped, which)]
    text = ", ".join([f"{which}=PerFeature()", *(f"{other}={KNOWN.get(other, '1')}" for other in others)])
    finite(Case(f"x ~ {name}({text})"))


@pytest.mark.parametrize("name", [name for name, kind in DISTRIBUTIONS.items() if kind.prior_only])
def test_every_prior_has_a_text(name):
    finite(Case(PRIORS[name]))


def finite(case: Case):
    assert case.program.site_axes
    assert evaluate.joint_log_density(case.module, case.batch, case.draws()).isfinite().all()


def test_every_linked_domain_has_a_link():
    assert set(LINKED) == set(LINKS)


def test_every_support_of_a_drawn_latent_has_a_guide():
    drawn = {kind.support for kind in VARIABLES.values()} - {"level", "binary", "count"}
    assert drawn == set(LAWS) == set(CONSTRAINTS)


def test_every_domain_has_a_point_estimate():
    domains = {domain for kind in VARIABLES.values() for domain in kind.parameters.values()}
    matrices = {"covariance", "precision_matrix", "scale_tril", "correlation"}
    assert domains - matrices == set(DOMAINS)


@pytest.mark.parametrize("which", ["covariance", "precision", "scale_tril", "correlation"])
def test_every_matrix_has_a_point_estimate(which):
    scale = "scale=1, " if which == "correlation" else ""
    case = Case(f"x ~ MultivariateNormal(loc=0, {scale}{which}=Shared())", point=True)
    assert "ImproperUniform" in case.program.source


LOCALS = ("precision", "tril", "shift", "covariance", "mean", "z_mean", "joint", "probs", "prior", "freedom", "seen")
PARTS = ("_loaded", "_residual", "_shown", "_pairs", "_masked", "_offset", "_inverse", "_weights", "_shift", "_other")


@pytest.mark.parametrize("name", [*LOCALS, *(f"x{part}" for part in PARTS), "x_log_norm", "x_log_odds", "z_precision"])
def test_a_name_of_the_text_is_refused_or_does_no_harm(name):
    """A variable with the name of a local of the emitted text gives the same densities as under another name."""
    text = (
        "c ~ Categorical(size=2)\nz ~ Normal(loc=Table(c), scale=1, size=2)\n"
        "x ~ Normal(loc=Linear(z, by=c), scale=PerFeature())\n{} ~ Normal(loc=Linear(z) + Table(c), scale=0.5)"
    )
    try:
        model = Model(text.format(name))
    except ModelError:
        return
    plain, named = Case(text.format("y"), ("x",)), Case(str(model), ("x",))
    batch = {**plain.batch, name: plain.batch["y"]}
    batch.pop("y")
    centers = {key.replace("y_", f"{name}_", 1) if key.startswith("y_") else key: v for key, v in plain.buffers.items()}
    module = named.program.build(centers)
    draws = plain.draws()
    same = {key.replace("y_", f"{name}_", 1) if key.startswith("y_") else key: value for key, value in draws.items()}
    expected = evaluate.row_log_density(plain.module, plain.batch, draws)
    torch.testing.assert_close(evaluate.row_log_density(module, batch, same), expected)
    for key, value in evaluate.beliefs(plain.module, plain.batch, draws).items():
        torch.testing.assert_close(evaluate.beliefs(module, batch, same)[key], value)


def test_lines_keep_their_words():
    line = 'x = torch.einsum("ab,bc->ac", first_operand_of_the_product, second_operand_of_the_product) + third'
    wrapped = laid_out(line, 2)
    assert max(map(len, wrapped)) <= WIDTH
    assert len(wrapped) > 1
