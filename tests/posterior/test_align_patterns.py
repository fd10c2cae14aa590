"""Signs of factors with a pattern and free correlations, and the order of shares, resolved in the draws."""

import numpy as np
import torch

from latentprob.data import read, statistics
from latentprob.inference.problem import Draws
from latentprob.posterior.align import align
from latentprob.posterior.result import batch, restored
from latentprob.program import compile, evaluate
from latentprob.spec.model import Model

FACTORS = """
    z ~ MultivariateNormal(loc=0, scale=1, correlation=Shared(), size=3)
    x ~ Normal(loc=Linear(z, pattern={0: [0, 1], 1: [2, 3], 2: [4, 1]}), scale=PerFeature())
"""
CORRELATION = np.array([[1, 0.5, -0.2], [0.5, 1, 0.3], [-0.2, 0.3, 1]])
WEIGHTS = np.array([[1.0, 2, 0, 0, 0], [0, 0, 1, -2, 0], [0, 0.5, 0, 0, 1]])
SIGNS = np.array([[1, 1, 1], [-1, 1, 1], [1, -1, -1], [-1, -1, 1]])


def test_signs_of_loadings_and_correlations_turn_together():
    model, x = Model(FACTORS), np.random.default_rng(0).normal(size=(6, 5))
    values = read(model, {"x": x})
    program, numbers = compile(model, ["x"]), statistics(model, values)
    module = restored(program, numbers, {}, {})
    rng = np.random.default_rng(1)
    sites = []
    for sign in SIGNS:
        noise = 0.05 * rng.normal(size=WEIGHTS.shape) * (WEIGHTS != 0)
        named = {
            "x_loc_weights": sign[:, None] * (WEIGHTS + noise),
            "z_correlation": np.outer(sign, sign) * CORRELATION,
            "x_loc_intercept": np.zeros(5),
            "x_scale": np.ones(5),
        }
        found = {name: torch.as_tensor(value) for name, value in named.items()}
        sites.append({**found, **evaluate.to_sites(program, module, named)})
    drawn = {name: torch.stack([one[name] for one in sites]).numpy()[None] for name in sites[0]}
    aligned = align(program, Draws(drawn, {}, {}, {}, {}), values.schema).draws
    assert aligned.attrs["aligned"] == "z: sign"
    one = aligned.parameters
    assert (np.sign(one["x_loc_weights"]) == np.sign(one["x_loc_weights"][0, 0])).all()
    np.testing.assert_allclose(one["z_correlation"], np.broadcast_to(one["z_correlation"][0, 0], (1, 4, 3, 3)))
    tril = one["z_correlation_tril"]
    np.testing.assert_allclose(tril @ np.swapaxes(tril, -1, -2), one["z_correlation"])
    assert (np.diagonal(tril, axis1=-2, axis2=-1) > 0).all()
    data = batch(program, values, "cpu")
    names = list(program.site_axes)

    def density(draws):
        return evaluate.row_log_density(module, data, {n: torch.as_tensor(draws[n][0]) for n in names})

    torch.testing.assert_close(density(one), density(drawn))


def test_topics_take_the_order_of_one_draw():
    model = Model("t ~ Dirichlet(1, size=3)\nx ~ Multinomial(probs=Table(t))")
    values = read(model, {"x": np.random.default_rng(0).poisson(5, (6, 4)) + 1})
    program = compile(model, ["x"])
    topics = np.array([[0.7, 0.1, 0.1, 0.1], [0.1, 0.7, 0.1, 0.1], [0.1, 0.1, 0.4, 0.4]])
    chains = np.stack([np.stack([topics] * 3), np.stack([topics[[2, 0, 1]]] * 3)])
    aligned = align(program, Draws({"x_probs": chains}, {}, {}, {}, {}), values.schema)
    assert aligned.draws.attrs["aligned"] == "t: order"
    found = aligned.draws.parameters["x_probs"]
    np.testing.assert_allclose(found[0], found[1])
    # The encoder's shares of the best chain, the first, follow its topics.
    np.testing.assert_allclose(aligned.frames["t"].T @ topics, found[0, 0])
