"""What becomes of each latent, and which models and data are refused."""

import pytest
import torch
from program_cases import CLOSED, DRAWN, SHIPPED, Case

from latentprob.errors import DataError, InferenceError, ModelError
from latentprob.program import compile
from latentprob.spec.model import Model

PLANS = {
    **{name: {} for name in ("no latent", "regression")},
    "normal, diagonal": {"c": "sum"},
    "two levels": {"c": "sum", "d": "sum"},
    "bernoulli level": {"c": "sum"},
    "factors": {"z": "integrate"},
    "factors by level": {"c": "sum", "z": "integrate"},
    "factors under level": {"c": "sum", "z": "integrate"},
    "factors, scale by input": {"z": "integrate"},
    "noise twice": {"z": "integrate"},
    "two factors in a row": {"a": "integrate", "b": "integrate"},
    "binary factor": {"ability": "draw"},
    "gamma latent": {"z": "draw"},
    "student latent": {"z": "draw"},
    "binary under level": {"c": "sum", "z": "draw"},
    "factors under factors": {"a": "draw", "z": "draw"},
    "drawn and integrated": {"u": "draw", "z": "integrate"},
    "scale by network": {"z": "draw"},
    "gaussian_mixture": {"c": "sum"},
    "mixture_of_factor_analysers": {"c": "sum", "z": "integrate"},
    "mixture_vae": {"c": "sum", "z": "draw"},
    "vae": {"z": "draw"},
}
GIVEN = {
    "factors": {"z": ()},
    "factors by level": {"z": ("c",)},
    "factors and table": {"z": ("c",)},
    "factors under level, by level": {"z": ("c", "d")},
    "two factors under levels": {"a": ("c", "d"), "b": ("c", "d")},
    "two separate factors": {"a": (), "b": ()},
}
TEXTS = {**CLOSED, **DRAWN, **SHIPPED}


@pytest.mark.parametrize(("name", "plan"), PLANS.items(), ids=PLANS)
def test_plan(name, plan):
    assert Case(TEXTS[name]).program.plan == plan


@pytest.mark.parametrize(("name", "given"), GIVEN.items(), ids=GIVEN)
def test_given(name, given):
    assert Case(TEXTS[name]).program.given == given


def test_observed_by_default():
    program = compile(Model(CLOSED["mixture of experts"]))
    assert program.observed == ("x", "w")


def test_a_level_with_gaps_is_summed_and_a_held_one_is_not():
    model = Model(CLOSED["normal, diagonal"])
    assert compile(model, ["x", "c"], ["c"]).plan == {"c": "sum"}
    assert compile(model, ["x", "c"]).plan == {}


def test_uncollapsed_program_draws_what_could_be_integrated():
    program = compile(Model(CLOSED["factors by level"]), collapse=False)
    assert program.plan == {"c": "sum", "z": "draw"}
    assert program.dtype == torch.float32
    assert compile(Model(CLOSED["factors by level"])).dtype == torch.float64


MIXTURE = "c ~ Categorical(size=2)\nx ~ Normal(loc=Table(c), scale=Shared())"
REFUSED = {
    "unknown name": (MIXTURE, ["x", "y"], [], r"the model has no variable 'y'; it has c, x"),
    "input not held": ("x ~ Normal(loc=Linear(w), scale=1)", ["x"], [], r"'w' is used and never stated: an input"),
    "childless and hidden": (MIXTURE, ["c"], [], r"'x' has no children and is not observed"),
    "hidden count": (
        "n ~ Poisson(rate=3)\nx ~ Normal(loc=Linear(n), scale=1)",
        ["x"],
        [],
        r"a hidden count has no sum",
    ),
    "hidden level of no size": (
        "c ~ Categorical()\nx ~ Normal(loc=Table(c), scale=1)",
        ["x"],
        [],
        r"c ~ Categorical\(size=3\)",
    ),
    "input with gaps": ("x ~ Normal(loc=Linear(w), scale=1)", ["x", "w"], ["w"], r"the input 'w' has gaps"),
    "parent with gaps": (
        "y ~ Normal(0, 1)\nx ~ Normal(loc=Linear(y), scale=1)",
        ["x", "y"],
        ["y"],
        r"'y' has gaps and other variables depend on it",
    ),
    "names in conflict": (
        "a ~ Normal(0, 1)\nb ~ Normal(0, 1)\na_b ~ Categorical(size=2)\n"
        "x ~ Normal(loc=Linear(a) + Linear(b) + Table(a_b), scale=1)",
        ["x"],
        [],
        r"'a_b' is the name of a and b together",
    ),
}


@pytest.mark.parametrize(("text", "observed", "missing", "message"), REFUSED.values(), ids=REFUSED)
def test_refused(text, observed, missing, message):
    with pytest.raises(ModelError, match=message):
        compile(Model(text), observed, missing)


def test_a_name_is_no_list_of_names():
    with pytest.raises(InferenceError, match=r"lists of names, such as observed=\['x'\]"):
        compile(Model(MIXTURE), "x")


def buffers(**sizes: int) -> dict[str, torch.Tensor]:
    """Centres and spreads of variables of these sizes."""
    return {f"{name}_{what}": torch.full((n,), 0.5) for name, n in sizes.items() for what in ("center", "spread")}


MISFITS = {
    "size": ("x ~ Normal(0, 1, size=3)", {"x": 4}, r"states 3 features, but the data hold 4"),
    "known list": ("x ~ Normal(loc=[0, 1, 2], scale=1)", {"x": 4}, r"states 3 features, but the data hold 4"),
    "known matrix": (
        "x ~ MultivariateNormal(loc=0, covariance=[[1, 0], [0, 1]])",
        {"x": 3},
        r"states 2 features, but the data hold 3",
    ),
    "list in a prior": (
        "x ~ Normal(loc=PerFeature(prior=Normal([0, 1], 1)), scale=1)",
        {"x": 3},
        r"x_loc ~ Normal\(loc=\[0, 1\], scale=1\): the list has 2 values, but the data say 3",
    ),
    "list in a prior of levels": (
        "c ~ Categorical(probs=Dirichlet([1, 1]), size=3)\nx ~ Normal(loc=Table(c), scale=1)",
        {"x": 3},
        r"c_probs ~ Dirichlet\(concentration=\[1, 1\]\): the list has 2 values, but the data say 3",
    ),
    "input as it is": ("x ~ Normal(loc=w, scale=1)", {"x": 3, "w": 2}, r"x has 3 features, and loc=w, which has 2"),
    "latent as it is": (
        "z ~ Normal(0, 1, size=2)\nx ~ Normal(loc=z, scale=1)",
        {"x": 3},
        r"x has 3 features, and loc=z, which has 2. Write loc=Linear\(z\)",
    ),
}


@pytest.mark.parametrize(("text", "sizes", "message"), MISFITS.values(), ids=MISFITS)
def test_data_of_another_size(text, sizes, message):
    with pytest.raises(DataError, match=message):
        compile(Model(text)).build(buffers(**sizes))


def test_levels_of_another_number():
    program = compile(Model("c ~ Categorical(size=2)\nx ~ Categorical(probs=Table(c), size=4)"))
    with pytest.raises(DataError, match="states 4 levels, but the data hold 3"):
        program.build({"x_center": torch.full((2, 3), 1 / 3)})


def test_module_that_is_not_handed_over():
    program = compile(Model('z ~ Normal(0, 1)\nx ~ Normal(loc=Module(z, name="decoder"), scale=1)'))
    with pytest.raises(InferenceError, match=r"names the module 'decoder'; hand it over: modules=\{'decoder': ...\}"):
        program.build(buffers(x=2))
    module = program.build(buffers(x=2), modules={"decoder": torch.nn.Linear(1, 2)})
    assert module.decoder.weight.dtype == program.dtype
