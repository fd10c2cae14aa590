"""Levels of factors against the same models with a column for each level, and against the sums that Dot stands for."""

import numpy as np
import pytest
import torch
from scipy import stats

from latentprob.program import compile, evaluate
from latentprob.spec.model import Model

ROWS, LEVELS = 9, 4
RNG = np.random.default_rng(0)
USER, ITEM = RNG.integers(0, LEVELS, ROWS), RNG.integers(0, 3, ROWS)
X = torch.as_tensor(RNG.normal(size=(ROWS, 2)))
HOT = torch.nn.functional.one_hot(torch.as_tensor(USER), LEVELS).double()
BUFFERS = {
    "x_center": torch.zeros(2),
    "x_spread": torch.ones(2),
    "user_center": torch.full((LEVELS,), 1 / LEVELS),
    "item_center": torch.full((3,), 1 / 3),
    "hot_center": torch.zeros(LEVELS),
    "hot_spread": torch.ones(LEVELS),
}
BATCH = {"x": X, "user": torch.as_tensor(USER), "item": torch.as_tensor(ITEM), "hot": HOT}


def densities(text, draws):
    """log p of each row, (S, N)."""
    model = Model(text)
    program = compile(model, ["x", *model.inputs])
    module = program.build(BUFFERS)
    batch = {name: BATCH[name] for name in ("x", *model.inputs)}
    return evaluate.row_log_density(module, batch, draws)


def drawn(**shapes):
    torch.manual_seed(1)
    return {name: torch.randn(3, *shape).double() for name, shape in shapes.items()}


def test_a_lookup_is_a_column_for_each_level():
    """The same density, bit for bit: a sum with one term that is not zero is exact."""
    u = drawn(u=(LEVELS, 2), x_loc_intercept=(2,))
    looked_up = densities(
        "u[user] ~ Normal(0, 1, size=2)\nx ~ Normal(loc=PerFeature() + u, scale=0.5)",
        {"u": u["u"], "x_loc": u["x_loc_intercept"]},
    )
    dense = densities(
        "x ~ Normal(loc=Linear(hot), scale=0.5)", {"x_loc_weights": u["u"], "x_loc_intercept": u["x_loc_intercept"]}
    )
    assert torch.equal(looked_up, dense)


def test_pooled_levels_are_a_column_for_each_level():
    draws = drawn(x_loc_user=(LEVELS, 2), x_loc_intercept=(2,))
    scale = {"x_loc_user_scale": torch.ones(3, 2).double()}
    pooled = densities("x ~ Normal(loc=PerLevel(user), scale=0.5)", draws | scale)
    dense = densities(
        "x ~ Normal(loc=Linear(hot), scale=0.5)",
        {"x_loc_weights": draws["x_loc_user"], "x_loc_intercept": draws["x_loc_intercept"]},
    )
    assert torch.equal(pooled, dense)


def test_weights_of_levels_are_one_product():
    """x = b + W' u[user] is the regression on the columns with the weights U W."""
    draws = drawn(u=(LEVELS, 3), x_loc_weights=(3, 2), x_loc_intercept=(2,))
    looked_up = densities("u[user] ~ Normal(0, 1, size=3)\nx ~ Normal(loc=Linear(u), scale=0.5)", draws)
    both = {"x_loc_weights": draws["u"] @ draws["x_loc_weights"], "x_loc_intercept": draws["x_loc_intercept"]}
    torch.testing.assert_close(looked_up, densities("x ~ Normal(loc=Linear(hot), scale=0.5)", both))


def test_a_dot_is_its_sum():
    draws = drawn(u=(LEVELS, 3), v=(3, 3))
    text = "u[user] ~ Normal(0, 1, size=3)\nv[item] ~ Normal(0, 1, size=3)\nx ~ Normal(loc=Dot(u, v), scale=0.5)"
    found = densities(text, draws)
    u, v = (draws[name].numpy() for name in ("u", "v"))
    for s in range(3):
        loc = [sum(u[s, USER[n], k] * v[s, ITEM[n], k] for k in range(3)) for n in range(ROWS)]
        expected = stats.norm(np.array(loc)[:, None], 0.5).logpdf(X.numpy()).sum(1)
        np.testing.assert_allclose(found[s], expected, rtol=1e-12)


def test_a_translation_is_a_squared_distance():
    draws = drawn(e=(LEVELS, 3), r=(3, 3), x_loc=())
    text = (
        "e[user] ~ Normal(0, 1, size=3)\nr[item] ~ Normal(0, 1, size=3)\n"
        "x ~ Normal(loc=Shared() + Translation(e, r, e), scale=0.5)"
    )
    found = densities(text, draws)
    e, r = (draws[name].numpy() for name in ("e", "r"))
    away = np.linalg.norm(e[:, USER] + r[:, ITEM] - e[:, USER], axis=-1)
    loc = draws["x_loc"].numpy()[:, None] - away**2
    expected = stats.norm(loc[..., None], 0.5).logpdf(X.numpy()).sum(-1)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


PRIORS = {
    "known": ("u[user] ~ Normal(0.5, 2, size=2)", lambda u, h: stats.norm(0.5, 2).logpdf(u).sum()),
    "free scale": (
        "u[user] ~ Normal(0, HalfNormal(1), size=2)",
        lambda u, h: stats.norm(0, h).logpdf(u).sum() + stats.halfnorm(scale=1).logpdf(h),
    ),
    "positive": ("u[user] ~ Gamma(2, 3, size=2)", lambda u, h: stats.gamma(2, scale=1 / 3).logpdf(u).sum()),
    "heavy tails": ("u[user] ~ StudentT(4, 0, 1, size=2)", lambda u, h: stats.t(4).logpdf(u).sum()),
}


def test_weights_by_a_column_have_a_law_in_common():
    """Normal(mean, scale) around free means, one scale for each feature of what an input predicts."""
    model = Model("x ~ Normal(loc=Linear(hot, by=item), scale=0.5)")
    program = compile(model, ["x", "hot", "item"])
    module, batch = program.build(BUFFERS), {name: BATCH[name] for name in ("x", "hot", "item")}
    draws = drawn(
        x_loc_intercept_mean=(2,),
        x_loc_intercept_scale=(2,),
        x_loc_intercept=(3, 2),
        x_loc_weights_mean=(LEVELS, 2),
        x_loc_weights_scale=(LEVELS, 2),
        x_loc_weights=(3, LEVELS, 2),
    )
    draws |= {name: value.abs() for name, value in draws.items() if name.endswith("scale")}
    prior = evaluate.joint_log_density(module, batch, draws) - evaluate.row_log_density(module, batch, draws).sum(-1)
    for s in range(3):
        at = {name.removeprefix("x_loc_"): value[s].numpy() for name, value in draws.items()}
        expected = sum(
            stats.norm(at[f"{part}_mean"], at[f"{part}_scale"]).logpdf(at[part]).sum()
            + stats.norm(0, 2.5).logpdf(at[f"{part}_mean"]).sum()
            + stats.halfnorm(scale=1).logpdf(at[f"{part}_scale"]).sum()
            for part in ("intercept", "weights")
        )
        assert prior[s].item() == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("case", PRIORS)
def test_levels_have_the_density_of_their_law(case):
    statement, density = PRIORS[case]
    model = Model(f"{statement}\nx ~ Normal(loc=u, scale=0.5)")
    program = compile(model, ["x", "user"])
    draws = {"u": drawn(u=(LEVELS, 2))["u"].abs(), "u_scale": torch.tensor([0.5, 1, 2]).double()}
    draws = {name: draws[name] for name in program.site_axes}
    module, batch = program.build(BUFFERS), {"x": X, "user": BATCH["user"]}
    joint = evaluate.joint_log_density(module, batch, draws)
    prior = joint - evaluate.row_log_density(module, batch, draws).sum(-1)
    expected = [density(draws["u"][s].numpy(), draws.get("u_scale", torch.ones(3))[s].item()) for s in range(3)]
    np.testing.assert_allclose(prior, expected, rtol=1e-12)
