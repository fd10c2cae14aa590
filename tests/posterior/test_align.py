"""Symmetries planted in draws are undone."""

import numpy as np
import pytest
from scipy.stats import ortho_group

from latentprob.posterior import factors, labels
from latentprob.posterior.matching import assign
from latentprob.spec.model import Model
from latentprob.spec.schema import Column, Schema

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
    assert labels.exchangeable(Model(text), SCHEMA) == expected


def test_a_hidden_bernoulli_is_flipped_with_its_probability() -> None:
    model = Model("b ~ Bernoulli()\nx ~ Normal(loc=Table(b), scale=Shared())")
    rng = np.random.default_rng(4)
    loc, probs = np.array([0.0, 3.0]) + 0.1 * rng.normal(size=(50, 2)), 0.3 + 0.01 * rng.normal(size=50)
    flip = rng.random(50) < 0.5
    found = {
        "b_probs": np.where(flip, 1 - probs, probs),
        "x_loc": np.where(flip[:, None], loc[:, ::-1], loc)[..., None],
    }
    assert labels.exchangeable(model, SCHEMA) == ("b",)
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
    found = turned @ factors.match(turned, factors.ROTATION, {})
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
    assert factors.symmetry(Model(text), SCHEMA, "z") == expected


def test_special_rotations_of_one_factor_are_its_sign() -> None:
    loadings = -np.abs(np.random.default_rng(7).normal(size=(20, 5, 1)))
    np.testing.assert_array_equal(loadings @ factors.match(loadings, factors.ROTATION, {}), -loadings)
