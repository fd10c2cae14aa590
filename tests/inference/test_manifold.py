"""Isomap as a start: when it is tried, what it finds, and what it says where it fails."""

import numpy as np
import pytest
import torch
from pyro.infer.autoguide import AutoDelta
from scipy.stats import spearmanr
from sklearn.datasets import make_swiss_roll

from latentprob.inference.manifold import unrolled, unrolls
from latentprob.inference.problem import isolated
from latentprob.inference.starts import starts
from latentprob.program import compile
from latentprob.spec.model import Model

ROLL, ANGLE = make_swiss_roll(800, noise=0.05, random_state=0)
Z = "z ~ Normal(0, 1, size=2)\n"
PROCESS = Z + "x ~ Normal(loc=GP(z, inducing=12), scale=Shared())"
UNROLLED = {
    "process": (PROCESS, True),
    "process of a discrete x": (Z + "x ~ Bernoulli(logits=GP(z))", True),
    "network": (Z + "x ~ Normal(loc=MLP(z), scale=Shared())", True),
    "network beside a table": ("c ~ Categorical(size=2)\n" + Z + "x ~ Normal(loc=MLP(z) + Table(c), scale=1)", True),
    "network of a binary x": (Z + "x ~ Bernoulli(logits=MLP(z))", False),
    "network of a code": ("z ~ Normal(0, 1, size=8)\nx ~ Normal(loc=MLP(z), scale=Shared())", False),
    "process and line": (Z + "x ~ Normal(loc=GP(z), scale=1)\ny ~ Bernoulli(logits=Linear(z))", False),
    "line": (Z + "x ~ Bernoulli(logits=Linear(z))", False),
    "latent of another law": ("z ~ StudentT(4, 0, 1, size=2)\nx ~ Normal(loc=GP(z), scale=1)", False),
    "latent under a level": (
        "c ~ Categorical(size=2)\nz ~ Normal(loc=Table(c), scale=1, size=2)\nx ~ Normal(loc=GP(z), scale=1)",
        False,
    ),
    "network of a network": ("z = MLP(x, size=2)\nx ~ Normal(loc=MLP(z), scale=Shared())", True),
    "network of a line": ("z = Linear(x, size=2)\nx ~ Normal(loc=MLP(z), scale=1)", False),
    "network of an input's network": ("z = MLP(w, size=2)\nx ~ Normal(loc=MLP(z), scale=1)", False),
    "networks without layers": ("z = MLP(x, hidden=[], size=2)\nx ~ Normal(loc=MLP(z, hidden=[]), scale=1)", False),
    "networks of a binary x": ("z = MLP(x, size=2)\nx ~ Bernoulli(logits=MLP(z))", False),
}


@pytest.mark.parametrize(("text", "expected"), UNROLLED.values(), ids=UNROLLED)
def test_what_is_unrolled(text, expected):
    assert unrolls(compile(Model(text)), "z") is expected


def follows(z: np.ndarray, angle: np.ndarray) -> float:
    """The best rank correlation of a direction of z with the angle."""
    turns = np.linspace(0, np.pi, 90)
    return max(abs(spearmanr(z @ [np.cos(turn), np.sin(turn)], angle).statistic) for turn in turns)


def test_a_roll_is_unrolled():
    found, notes = unrolled("z", ROLL, 2)
    assert notes == []
    assert follows(found, ANGLE) > 0.99
    np.testing.assert_allclose(found.mean(0), 0, atol=1e-8)
    np.testing.assert_allclose(found.std(0), 1, atol=1e-8)


def test_as_many_dims_as_features_are_not_unrolled():
    assert unrolled("z", ROLL, 3) == (None, [])


FAILED = {
    "two clouds": (np.concatenate([ROLL, ROLL + 500]), "z starts at principal axes.*falls apart into 2 pieces"),
    "few rows": (ROLL[:6], "z starts at principal axes.*6 rows are too few"),
}


@pytest.mark.parametrize(("rows", "said"), FAILED.values(), ids=FAILED)
def test_where_it_fails_the_start_says_so(problem, rows, said):
    start = begun(problem, PROCESS, rows)
    assert start.how == "principal axes"
    with pytest.raises(AssertionError, match=said):
        raise AssertionError(*start.notes)
    assert all(value.isfinite().all() for value in (*start.values.values(), *start.state.values(), start.scales))


def begun(problem, text, rows, seed=0):
    at = problem(text, rows)
    with isolated(seed):
        return starts(at, at.build(AutoDelta), [0], seed)[0]


def test_a_process_is_pretrained_to_say_the_data(problem):
    start = begun(problem, PROCESS, ROLL)
    assert start.how == "isomap"
    assert start.notes == ()
    assert {"x_loc_points", "z_encoder.0.weight"} <= set(start.state)
    assert start.values["x_scale"] < 0.3 * ROLL.std()
    at = problem(PROCESS, ROLL)
    with isolated(0):
        module = at.build(AutoDelta)
        module.load_state_dict(start.state, strict=False)
        z, _ = module.encode(at.batch["x"])
    assert follows(z.detach().numpy(), ANGLE) > 0.99


@pytest.mark.parametrize("scale", ["Shared()", "Spread()"])
def test_a_deterministic_encoder_is_pretrained_to_unroll(problem, scale):
    text = f"z = MLP(x, size=2)\nx ~ Normal(loc=MLP(z), scale={scale})"
    start = begun(problem, text, ROLL)
    assert (start.how, start.notes) == ("isomap", ())
    at = problem(text, ROLL)
    with isolated(0):
        module = at.build(AutoDelta)
        module.load_state_dict(start.state, strict=False)
        z = module.z_encoder((at.batch["x"] - module.x_center) / module.x_spread)
        again = module.x_loc_network(z)
    assert follows(z.detach().numpy(), ANGLE) > 0.99
    assert (at.batch["x"] - again).square().mean().sqrt() < 0.3 * ROLL.std()


def test_a_seed_gives_the_same_start(problem):
    one, two = (begun(problem, Z + "x ~ Normal(loc=MLP(z, hidden=[16]), scale=Shared())", ROLL) for _ in range(2))
    for name, value in {**one.values, **one.state}.items():
        torch.testing.assert_close(value, {**two.values, **two.state}[name], rtol=0, atol=0)
    assert one.how == "isomap"


def test_a_network_of_binary_data_starts_as_it_is_made(problem):
    start = begun(problem, Z + "x ~ Bernoulli(logits=MLP(z, hidden=[8]))", (ROLL > 0).astype(float))
    assert (start.how, start.state, start.scales) == ("principal axes", {}, None)


def test_a_regression_by_a_process_is_pretrained_on_its_input(problem):
    w = np.linspace(-3, 3, 200)
    data = {"x": np.sin(2 * w)[:, None] + 5, "w": w[:, None]}
    start = begun(problem, "x ~ Normal(loc=GP(w, inducing=10), scale=Shared())", data)
    assert start.values["x_scale"] < 0.3
    points = start.state["x_loc_points"]
    assert points.min() > -3.5
    assert points.max() < 3.5
