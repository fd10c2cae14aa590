"""Rotations taken out of a density: the same likelihood, and the volume that makes the integral right."""

import numpy as np
import pytest
import torch
from scipy.integrate import dblquad
from scipy.stats import norm

import latentprob as lp
from latentprob.inference.gauge import Gauge, turned
from latentprob.inference.unconstrain import Part, Space

MODEL = lp.Model("z ~ Normal(0, 1, size=2)\nx ~ Normal(loc=Linear(z), scale=PerFeature())")
MIXED = lp.Model(
    "c ~ Categorical(size=3)\nz ~ Normal(0, 1, size=2)\nx ~ Normal(loc=Linear(z, by=c), scale=PerFeature())"
)


def space(**shapes: tuple[int, ...]) -> Space:
    """Real sites of these shapes."""
    real = torch.distributions.identity_transform
    parts = [Part(n, real, torch.Size(s), torch.ones(s), False, False, None) for n, s in shapes.items()]
    return Space(tuple(parts), torch.zeros(sum(part.size for part in parts), dtype=torch.float64))


@pytest.mark.parametrize(("model", "lead"), [(MODEL, ()), (MIXED, (3,))], ids=["one rotation", "one a level"])
def test_a_turned_vector_has_the_same_covariance_and_a_triangle_of_zeros(model, lead):
    place = space(x_scale=(5,), x_loc_weights=(*lead, 2, 5))
    vector = torch.as_tensor(np.random.default_rng(0).normal(size=place.size))
    found, gauge = turned(model, ["x"], place, vector)
    before, after = (place.split(v)[0]["x_loc_weights"] for v in (vector, found))
    assert torch.allclose(before.mT @ before, after.mT @ after)
    assert torch.equal(found[:5], vector[:5])
    levels = int(np.prod(lead)) if lead else 1
    assert (found == 0).sum() == levels
    assert len(gauge.free) == place.size - levels
    assert torch.equal(gauge.whole(found[gauge.free], place.size), found)


def test_what_has_no_rotation_is_left_as_it_is():
    model = lp.Model("z ~ Normal(0, 1, size=2)\nx ~ Normal(loc=Linear(z, weights=Laplace(0, 1)), scale=PerFeature())")
    place = space(x_loc_weights=(2, 4))
    vector = torch.arange(8, dtype=torch.float64)
    found, gauge = turned(model, ["x"], place, vector)
    assert torch.equal(found, vector)
    assert len(gauge.free) == 8


def test_the_volume_makes_the_integral_over_triangles_that_over_all_weights():
    # Weights (2, 2) of independent standard normals: W'W is Wishart, and E[|W_1|^2] of a column is 2.
    place = space(x_loc_weights=(2, 2))
    _, gauge = turned(MODEL, ["x"], place, torch.tensor([2.0, 0.5, 0.3, 1.0], dtype=torch.float64))
    held = int(np.setdiff1d(np.arange(4), gauge.free)[0])
    corner = int(gauge.diagonal[0])
    assert held // 2 == 1
    assert corner == held - 2
    # The free entries besides the corner are normal and independent of it, so one of them integrates alone.

    def weight(corner_value: float) -> float:
        vector = torch.zeros(4, dtype=torch.float64)
        vector[corner] = corner_value
        last = int(gauge.diagonal[1])
        vector[last] = 1.0
        return float(gauge.log_volume(vector).exp()) * norm.pdf(corner_value)

    total = dblquad(lambda r, s: weight(r) * norm.pdf(s), -9, 9, 0, 9)[0]
    square = dblquad(lambda r, s: r**2 * weight(r) * norm.pdf(s), -9, 9, 0, 9)[0]
    assert square / total == pytest.approx(2.0, rel=1e-6)  # chi-squared with two degrees of freedom


def test_no_gauge_holds_nothing():
    vector = torch.tensor([1.0, 2.0], dtype=torch.float64)
    none = Gauge.none(2)
    assert none.log_volume(vector) == 0
    assert torch.equal(none.whole(vector, 2), vector)
