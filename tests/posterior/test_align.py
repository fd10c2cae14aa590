"""Symmetries planted in draws are undone."""

import numpy as np
import pytest
from scipy.stats import ortho_group

from latentprob.inference.assignment import assign
from latentprob.inference.problem import Draws
from latentprob.posterior import factors, labels
from latentprob.posterior.align import align
from latentprob.program import compile
from latentprob.spec.model import Model
from latentprob.spec.schema import Column, Schema
from latentprob.spec.symmetry import ROTATION, exchangeable, symmetry

MIXTURE = Model("c ~ Categorical(size=3)\nx ~ MultivariateNormal(loc=Table(c), covariance=Table(c))")
FACTORS = Model("z ~ Normal(0, 1, size=2)\nx ~ Normal(loc=Linear(z), scale=PerFeature())")
SCHEMA = Schema((Column("x", ("a", "b")),))


def switched(seed: int, draws: int = 60) -> tuple[dict[str, np.ndarray], np.ndarray, dict[str, np.ndarray]]:
    """Draws of a mixture's parameters, the permutation of each draw, and the draws after it."""
    rng = np.random.default_rng(seed)
    loc = np.array([[1.0, 5.0], [2.0, -5.0], [4.0, 0.0]])
    true = {
        "c_probs": np.array([0.5, 0.2, 0.3]) + 0.02 * rng.normal(size=(draws, 3)),
        "x_loc": loc + 0.2 * rng.normal(size=(draws, 3, 2)),
        "x_covariance": np.tile(np.eye(2), (draws, 3, 1, 1)) + 0.01 * rng.normal(size=(draws, 3, 1, 1)),
    }
    order = np.argsort(rng.random((draws, 3)), axis=1)
    rows = np.arange(draws)[:, None]
    return true, order, {name: values[rows, order] for name, values in true.items()}


AXES = {"c_probs": ("c",), "x_loc": ("c", "x"), "x_covariance": ("c", "x", "x")}


def test_planted_label_switching_is_undone_at_every_site() -> None:
    true, _, found = switched(0)
    order = labels.label_order("c", found, MIXTURE, {}, ())
    again = labels.relabel("c", order, found, AXES, MIXTURE)
    for name, values in true.items():  # the planted locations rise in the first feature, as the convention has it
        np.testing.assert_array_equal(again[name], values)


def test_the_order_of_labels_does_not_depend_on_the_draw_that_is_the_reference() -> None:
    _, _, found = switched(1)
    for pivot in (0, 7, 31):
        stats = {"log_p": np.eye(60)[pivot]}
        order = labels.label_order("c", found, MIXTURE, stats, ())
        means = labels.relabel("c", order, found, AXES, MIXTURE)["x_loc"].mean(axis=0)
        np.testing.assert_allclose(means[:, 0], [1, 2, 4], atol=0.1)


def test_components_that_overlap_in_one_parameter_are_told_apart_by_another() -> None:
    rng = np.random.default_rng(3)
    model = Model("c ~ Categorical(size=2)\nx ~ Normal(loc=0, scale=Table(c))")
    scale = np.array([[1.0], [4.0]]) * np.exp(0.05 * rng.normal(size=(80, 2, 1)))
    order = np.argsort(rng.random((80, 2)), axis=1)
    found = {"c_probs": np.full((80, 2), 0.5), "x_scale": np.take_along_axis(scale, order[:, :, None], 1)}
    again = labels.relabel(
        "c", labels.label_order("c", found, model, {}, ()), found, {"x_scale": ("c", "x"), "c_probs": ("c",)}, model
    )
    np.testing.assert_array_equal(again["x_scale"], scale)


def test_rounding_on_the_diagonal_of_a_correlation_tells_no_components_apart() -> None:
    rng = np.random.default_rng(4)
    model = Model("c ~ Categorical(size=2)\nx ~ MultivariateNormal(loc=Table(c), scale=Table(c), correlation=Table(c))")
    loc = np.array([[0.0, 0.0], [3.0, 3.0]]) + 0.1 * rng.normal(size=(80, 2, 2))
    correlation = np.ones((80, 2, 2, 2)) * (1 + 2e-16 * rng.integers(-1, 2, size=(80, 2, 2, 2)))
    correlation[..., 0, 1] = correlation[..., 1, 0] = 0.3 * rng.random((80, 2))
    order = np.argsort(rng.random((80, 2)), axis=1)
    found = {
        "x_loc": np.take_along_axis(loc, order[:, :, None], 1),
        "x_correlation": np.take_along_axis(correlation, order[:, :, None, None], 1),
    }
    axes = {"x_loc": ("c", "x"), "x_correlation": ("c", "x", "x")}
    again = labels.relabel("c", labels.label_order("c", found, model, {}, ()), found, axes, model)
    np.testing.assert_array_equal(again["x_loc"], loc)


@pytest.mark.parametrize(
    ("text", "expected"),
    {
        "free": ("c ~ Categorical(size=2)\nx ~ Normal(loc=Table(c), scale=Shared())", ("c",)),
        "unequal prior": (
            "c ~ Categorical(size=2, probs=Dirichlet([1, 5]))\nx ~ Normal(loc=Table(c), scale=Shared())",
            (),
        ),
        "equal prior, as a list": (
            "c ~ Categorical(size=2, probs=Dirichlet([3, 3]))\nx ~ Normal(loc=Table(c), scale=Shared())",
            ("c",),
        ),
        "known and unequal": (
            "c ~ Categorical(size=2, probs=[0.3, 0.7])\nx ~ Normal(loc=Table(c), scale=Shared())",
            (),
        ),
        "a prior for each feature": (
            "c ~ Categorical(size=2)\nx ~ Normal(loc=Table(c, prior=Normal([0, 9], 1)), scale=Shared())",
            ("c",),
        ),
        "observed": ("x ~ Categorical(size=2)\ny ~ Normal(loc=Table(x), scale=Shared())", ()),
    }.values(),
)
def test_labels_are_exchangeable_where_the_priors_say_so(text: str, expected: tuple[str, ...]) -> None:
    assert exchangeable(Model(text), SCHEMA) == expected


def test_a_hidden_bernoulli_is_flipped_with_its_probability() -> None:
    model = Model("b ~ Bernoulli()\nx ~ Normal(loc=Table(b), scale=Shared())")
    rng = np.random.default_rng(4)
    loc, probs = np.array([0.0, 3.0]) + 0.1 * rng.normal(size=(50, 2)), 0.3 + 0.01 * rng.normal(size=50)
    flip = rng.random(50) < 0.5
    found = {
        "b_probs": np.where(flip, 1 - probs, probs),
        "x_loc": np.where(flip[:, None], loc[:, ::-1], loc)[..., None],
    }
    assert exchangeable(model, SCHEMA) == ("b",)
    again = labels.relabel("b", labels.label_order("b", found, model, {}, ()), found, {"x_loc": ("b", "x")}, model)
    np.testing.assert_allclose(again["b_probs"], probs)
    np.testing.assert_allclose(again["x_loc"][..., 0], loc)


def test_assignment_equals_the_best_of_all_permutations() -> None:
    from itertools import permutations

    cost = np.random.default_rng(5).normal(size=(40, 4, 4))
    best = [min(permutations(range(4)), key=lambda p: sum(c[k, j] for j, k in enumerate(p))) for c in cost]
    np.testing.assert_array_equal(assign(cost), best)


def simple_loadings(rng: np.random.Generator, draws: int) -> np.ndarray:
    """Loadings (S, D, Z) of simple structure."""
    loadings = np.zeros((9, 3))
    loadings[:4, 0], loadings[4:7, 1], loadings[7:, 2] = 1.0, 0.8, 0.9
    return loadings + 0.03 * rng.normal(size=(draws, 9, 3))


def test_planted_rotations_are_undone() -> None:
    rng = np.random.default_rng(0)
    true = simple_loadings(rng, 100)
    turned = true @ ortho_group.rvs(3, size=100, random_state=1)
    found = turned @ factors.match(turned, ROTATION, {})
    np.testing.assert_allclose(found @ found.mT, true @ true.mT, atol=1e-12)  # what is invariant stays
    np.testing.assert_allclose(found.mean(axis=0), true.mean(axis=0), atol=0.02)
    assert found.std(axis=0).max() < 0.06


def test_planted_signs_and_orders_are_undone_exactly() -> None:
    rng = np.random.default_rng(2)
    true = simple_loadings(rng, 50)
    order = np.argsort(rng.random((50, 3)), axis=1)
    signs = rng.choice([-1.0, 1.0], size=(50, 1, 3))
    turned = np.take_along_axis(true, order[:, None, :], 2) * signs
    found = turned @ factors.match(turned, frozenset({"sign", "order"}), {})
    np.testing.assert_array_equal(found, true)


def test_varimax_reaches_the_maximum_over_all_angles() -> None:
    loadings = np.random.default_rng(6).normal(size=(1, 8, 2))
    unit = loadings[0] / np.linalg.norm(loadings[0], axis=1, keepdims=True)

    def criterion(rotation: np.ndarray) -> float:
        return float(((unit @ rotation) ** 2).var(axis=0).sum())

    angles = np.linspace(0, np.pi / 2, 20_001)
    best = max(criterion(np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]])) for a in angles)
    found = factors.varimax(loadings, np.eye(2)[None])[0]
    np.testing.assert_allclose(found @ found.T, np.eye(2), atol=1e-12)
    assert criterion(found) == pytest.approx(best, abs=1e-7)


@pytest.mark.parametrize(
    ("text", "expected"),
    {
        "rotation": (
            "z ~ Normal(0, 1, size=2)\nx ~ Normal(loc=Linear(z), scale=PerFeature())",
            {"sign", "order", "rotation"},
        ),
        "sparse loadings": (
            "z ~ Normal(0, 1, size=2)\nx ~ Normal(loc=Linear(z, weights=Laplace(0, 1)), scale=PerFeature())",
            {"sign", "order"},
        ),
        "positive loadings": (
            "z ~ Normal(0, 1, size=2)\nx ~ Normal(loc=Linear(z, weights=Normal(1, 1)), scale=PerFeature())",
            {"order"},
        ),
        "unequal scales": ("z ~ Normal(0, [1, 2], size=2)\nx ~ Normal(loc=Linear(z), scale=PerFeature())", {"sign"}),
        "heavy tails": (
            "z ~ StudentT(4, 0, 1, size=2)\nx ~ Normal(loc=Linear(z), scale=PerFeature())",
            {"sign", "order"},
        ),
        "network": ("z ~ Normal(0, 1, size=2)\nx ~ Normal(loc=MLP(z), scale=PerFeature())", set()),
        "a mean of its own": (
            "c ~ Categorical(size=2)\nz ~ Normal(loc=Table(c), scale=1, size=2)\nx ~ Normal(loc=Linear(z), scale=1)",
            set(),
        ),
    }.values(),
)
def test_what_is_open_follows_from_the_priors(text: str, expected: set[str]) -> None:
    assert symmetry(Model(text), SCHEMA, "z") == expected


def test_special_rotations_of_one_factor_are_its_sign() -> None:
    loadings = -np.abs(np.random.default_rng(7).normal(size=(20, 5, 1)))
    np.testing.assert_array_equal(loadings @ factors.match(loadings, ROTATION, {}), -loadings)


def raw(parameters: dict[str, np.ndarray], latents: dict[str, np.ndarray] | None = None, **stats: np.ndarray) -> Draws:
    return Draws(parameters, latents or {}, {}, stats, {})


def test_levels_and_the_rotations_within_them_are_resolved_together() -> None:
    rng = np.random.default_rng(8)
    model = Model(
        "c ~ Categorical(size=2)\nz ~ Normal(0, 1, size=3)\nx ~ Normal(loc=Linear(z, by=c), scale=PerFeature())"
    )
    true = np.stack([simple_loadings(rng, 60), 2 * simple_loadings(rng, 60)[:, ::-1]], axis=1)
    place = np.array([0.0, 5.0])[:, None] + 0.1 * rng.normal(size=(60, 2, 9))
    turns = ortho_group.rvs(3, size=120, random_state=3).reshape(60, 2, 3, 3)
    order, rows = np.argsort(rng.random((60, 2)), axis=1), np.arange(60)[:, None]
    weights = (true @ turns)[rows, order].mT  # (S, C, Z, D)
    schema = Schema((Column("x", tuple(range(9))),))
    program = compile(model, ["x"])
    shaped = {"x_loc_weights": weights, "x_loc_intercept": place[rows, order], "c_probs": np.full((60, 2), 0.5)}
    found = align(program, raw({name: v.reshape(2, 30, *v.shape[1:]) for name, v in shaped.items()}), schema).draws
    flat = {name: v.reshape(60, *v.shape[2:]) for name, v in found.parameters.items()}
    np.testing.assert_array_equal(flat["x_loc_intercept"], place)
    np.testing.assert_allclose(flat["x_loc_weights"].mT @ flat["x_loc_weights"], true @ true.mT, atol=1e-10)
    assert flat["x_loc_weights"].std(axis=0).max() < 0.15
    assert found.attrs["aligned"] == "c: labels; z: rotation, order, sign"


def test_chains_that_differ_by_their_labels_agree_after_alignment() -> None:
    true, _, _ = switched(2, draws=200)
    chains = {name: values.reshape(2, 100, *values.shape[1:]) for name, values in true.items()}
    crossed = {name: np.stack([values[0], values[1][:, ::-1]]) for name, values in chains.items()}
    found = align(compile(MIXTURE, ["x"]), raw(crossed), SCHEMA).draws
    for name, values in chains.items():
        np.testing.assert_array_equal(found.parameters[name], values)
    assert found.attrs["rhat_before_alignment"] > 1.8
    assert found.attrs["rhat_after_alignment"] < 1.1


def test_sampled_latents_are_turned_with_their_loadings() -> None:
    rng = np.random.default_rng(9)
    true, z = simple_loadings(rng, 40), rng.normal(size=(40, 7, 3))
    turns = ortho_group.rvs(3, size=40, random_state=4)
    weights, turned = (true @ turns).mT[None], (z @ turns)[None]
    schema = Schema((Column("x", tuple(range(9))),))
    program = compile(FACTORS, ["x"], collapse=False)
    found = align(program, raw({"x_loc_weights": weights}, {"z": turned}), schema).draws
    signal = found.latents["z"][0] @ found.parameters["x_loc_weights"][0]
    np.testing.assert_allclose(signal, z @ true.mT, atol=1e-10)
    np.testing.assert_allclose(found.latents["z"][0], z, atol=0.6)  # back in the planted frame, up to each draw's noise


def test_chains_of_encoder_models_take_the_frame_of_the_best() -> None:
    rng = np.random.default_rng(10)
    true = simple_loadings(rng, 60).reshape(3, 20, 9, 3)
    turns = ortho_group.rvs(3, size=3, random_state=5)[:, None]
    turns[1] = np.eye(3)[[2, 0, 1]] * [1, -1, -1]  # the best chain: its encoder is kept
    weights = (true @ turns).mT
    schema = Schema((Column("x", tuple(range(9))),))
    program = compile(FACTORS, ["x"], collapse=False)
    stats = {"score": np.array([-5.0, -9.0, -1.0, -4.0]), "kept": np.array([True, False, True, True])}
    aligned = align(program, raw({"x_loc_weights": weights}, **stats), schema)
    found, frame = aligned.draws.parameters["x_loc_weights"].mT, aligned.frames["z"]
    np.testing.assert_array_equal(np.abs(frame).sum(axis=0), np.ones(3))
    np.testing.assert_allclose(found[1], (true @ turns)[1] @ frame, atol=1e-12)
    np.testing.assert_allclose(found.mean(axis=1), np.tile(true.mean(axis=(0, 1)), (3, 1, 1)), atol=0.05)


def test_draws_without_symmetries_stay_as_they_are() -> None:
    model = Model("y ~ Normal(loc=Linear(u), scale=Shared())")
    schema = Schema((Column("y", ("y",), scalar=True), Column("u", ("u",), scalar=True)))
    draws = raw({"y_loc_weights": np.ones((1, 5, 1, 1))})
    assert align(compile(model, ["y", "u"]), draws, schema).draws is draws
