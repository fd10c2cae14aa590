"""What is believed of levels of factors, of those that were fitted and of those that were not."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import latentprob as lp
from latentprob.errors import NotAvailable, UnseenLevels
from latentprob.inference.problem import Draws
from latentprob.posterior.align import align
from latentprob.spec.schema import Column, Schema

SIZES = np.array([1, 2, 5, 10, 40])
RNG = np.random.default_rng(3)
GROUP = np.repeat([f"g{k}" for k in range(5)], SIZES)
TABLE = pd.DataFrame({"group": GROUP, "x": RNG.normal(np.repeat(RNG.normal(size=5), SIZES), 0.5)})
MODEL = lp.Model("u[group] ~ Normal(0, 1)\nx ~ Normal(loc=u, scale=0.5)")


@pytest.fixture(scope="module")
def fit():
    return lp.fit(MODEL, TABLE, lp.SVI(draws=2000, restarts=1), seed=0, progress=False)


def exact():
    """The belief of each level: normal means under a normal prior (Gelman et al., Bayesian Data Analysis, 2.12)."""
    precision = 1 + SIZES / 0.25
    return TABLE.groupby("group")["x"].sum().to_numpy() / 0.25 / precision, precision**-0.5


def test_the_belief_of_levels_is_exact_where_it_is_normal(fit):
    belief, (loc, scale) = fit.latent("u"), exact()
    assert belief["loc"].dims == ("group",)
    assert belief["group"].values.tolist() == [f"g{k}" for k in range(5)]
    np.testing.assert_allclose(belief["loc"], loc, atol=0.05)
    np.testing.assert_allclose(belief["scale"], scale, rtol=0.1)


def test_draws_and_points_of_levels(fit):
    draws = fit.sample_latent("u", 1500, seed=2)
    assert draws.dims == ("draw", "group")
    np.testing.assert_allclose(draws.std("draw"), exact()[1], rtol=0.15)
    np.testing.assert_allclose(fit.embedding("u"), fit.latent("u")["loc"])


def test_levels_stand_in_the_latent_group_and_not_among_the_parameters(fit):
    assert set(fit.tree["latent"].data_vars) == {"u_belief_loc", "u_belief_scale"}
    assert fit.tree["latent"]["u_belief_loc"].dims == ("group",)
    np.testing.assert_allclose(fit.tree["latent"]["u_belief_scale"], fit.latent("u")["scale"])
    assert "u" not in fit.posterior
    assert fit.log_likelihood().attrs["given"] == "the levels of group"


def test_a_level_that_was_not_fitted_has_the_belief_of_the_prior(fit):
    new = pd.DataFrame({"group": ["g4", "new"], "x": [np.nan, np.nan]})
    with pytest.warns(UnseenLevels, match="no row of group 'new': what is said of them is the prior's belief"):
        belief = fit.latent("u", new)
    assert belief["group"].values.tolist() == [*(f"g{k}" for k in range(5)), "new"]
    assert abs(belief["loc"].sel(group="new").item()) < 0.1
    assert belief["scale"].sel(group="new").item() == pytest.approx(1, abs=0.1)
    with pytest.warns(UnseenLevels):
        filled = fit.impute(new)["x"].values
    assert filled[0] == pytest.approx(exact()[0][4], abs=0.05)
    assert abs(filled[1]) < 0.1
    with pytest.warns(UnseenLevels):  # the marginal of a new group: normal, with the variances of level and noise
        score = fit.score(pd.DataFrame({"group": ["new"], "x": [0.7]}))
    assert score == pytest.approx(stats.norm(0, 1.25**0.5).logpdf(0.7), abs=0.1)


def test_new_rows_of_fitted_levels(fit):
    loc, scale = exact()
    found = fit.score(pd.DataFrame({"group": ["g0"], "x": [0.3]}))
    assert found == pytest.approx(stats.norm(loc[0], np.hypot(scale[0], 0.5)).logpdf(0.3), abs=0.05)


def test_rows_that_are_simulated_have_levels_of_the_data(fit):
    rows = fit.simulate(20, seed=1)
    assert set(rows["group"].values) <= set(GROUP)
    assert np.isfinite(rows["x"]).all()


def test_a_saved_fit_says_the_same(fit, tmp_path):
    fit.save(tmp_path / "fit")
    again = lp.load(tmp_path / "fit")
    assert again.model == fit.model
    np.testing.assert_array_equal(again.latent("u")["loc"], fit.latent("u")["loc"])


def test_a_level_without_rows_has_the_belief_of_the_prior():
    table = TABLE.assign(group=pd.Categorical(GROUP, [*(f"g{k}" for k in range(5)), "empty"]))
    fit = lp.fit(MODEL, table, lp.SVI(draws=2000, restarts=1), seed=0, progress=False)
    belief = fit.latent("u").sel(group="empty")
    assert belief["scale"].item() == pytest.approx(1, abs=0.1)


def test_given_levels_are_taken_as_they_are():
    known = lp.condition(MODEL, {"u": [0.0, 1, 2, 3, 4]}, TABLE)
    assert known.embedding("u").values.tolist() == [0, 1, 2, 3, 4]
    expected = stats.norm(np.repeat(np.arange(5), SIZES), 0.5).logpdf(TABLE["x"])
    np.testing.assert_allclose(known.log_likelihood().values[0, 0], expected)


def test_points_have_no_belief():
    fit = lp.fit(MODEL.deterministic(), TABLE, progress=False)
    np.testing.assert_allclose(fit.embedding("u"), TABLE.groupby("group")["x"].mean(), atol=1e-5)
    with pytest.raises(NotAvailable, match=r"u\[group\] = Embedding\(\) is a point for each level.*embedding\('u'\)"):
        fit.latent("u")


def test_points_that_were_not_fitted_stand_where_their_ridge_is_least():
    model = lp.Model("u[group] = Embedding(ridge=1)\nx ~ Normal(loc=u, scale=0.5)")
    fit = lp.fit(model, TABLE, progress=False)
    np.testing.assert_allclose(fit.embedding("u"), exact()[0], atol=1e-5)  # the mode of the normal belief
    with pytest.warns(UnseenLevels, match="no row of group 'new'"):
        found = fit.embedding("u", pd.DataFrame({"group": ["g1", "new"], "x": [0.0, 1.0]}))
    assert found.sel(group="new").item() == 0
    np.testing.assert_allclose(found.sel(group="g1"), exact()[0][1], atol=1e-5)


def test_no_comparison_of_levels():
    with pytest.raises(NotAvailable, match="side by side what two fits say of rows, and u hold levels"):
        lp.compare(MODEL, TABLE)


def rotated(factor, rng, size=2):
    """Draws of levels under a Dot, each turned by a rotation of its own."""
    turns = np.linalg.qr(rng.normal(size=(200, size, size)))[0]
    return [np.einsum("lz,szy->sly", levels, turns) + 0.01 * rng.normal(size=(200, *levels.shape)) for levels in factor]


def test_levels_of_a_product_turn_together():
    """Draws that differ by rotations are brought to one frame: what varied as the levels do varies as the noise."""
    rng = np.random.default_rng(0)
    model = lp.Model(
        "u[user] ~ Normal(0, 1, size=2)\nv[item] ~ Normal(0, 1, size=2)\nx ~ Normal(loc=Dot(u, v), scale=1)"
    )
    u, v = rotated([rng.normal(size=(7, 2)), rng.normal(size=(5, 2))], rng)
    given = Draws({"u": u[None], "v": v[None]}, {}, {}, {}, {"method": "nuts"})
    program = lp.compile(model, ["x", "user", "item"])
    schema = Schema((Column("x", ("x",), True), Column("user", levels=tuple(range(7))), Column("item", levels=(0, 1))))
    found = align(program, given, schema).draws
    assert found.attrs["aligned"] == "u and v: rotation, order, sign"
    assert found.parameters["u"].std(1).max() < 0.1 * u.std(0).max()
    before, after = (np.einsum("cslz,csmz->cslm", d["u"], d["v"]) for d in (given.parameters, found.parameters))
    np.testing.assert_allclose(before, after, atol=1e-9)


def test_columns_may_bear_the_names_of_arguments_of_pyro():
    table = TABLE.rename(columns={"group": "context"}).assign(fn=TABLE["group"])
    model = lp.Model("u[context] ~ Normal(0, 1)\nv[fn] ~ Normal(0, 1)\nx ~ Normal(loc=u + v, scale=0.5)")
    found = lp.fit(model, table, lp.SVI(steps=20, draws=20), progress=False)
    assert found.latent("v")["loc"].dims == ("fn",)
    assert found.simulate(3)["x"].sizes["row"] == 3
