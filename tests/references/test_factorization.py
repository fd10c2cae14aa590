"""Matrices as products of levels: points, whose optimum singular values say, and beliefs held to long runs of Stan."""

import networkx as nx
import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_wine

import latentprob as lp


def long(matrix):
    """A matrix as a table with a row for each cell."""
    row, column = np.indices(matrix.shape)
    return pd.DataFrame({"line": row.ravel(), "column": column.ravel(), "x": np.ravel(matrix)})


def lost(fit, cells):
    """What a fit of points minimizes: half of the squared errors, and of the ridges."""
    return -(fit.bound + 0.5 * cells * np.log(2 * np.pi))


@pytest.mark.slow
def test_ridges_are_a_soft_threshold_of_singular_values():
    """mf_map_set_A, wine_std_d3_s2=1.0_t2=0.5: the nuclear norm's identity (Mazumder, Hastie and Tibshirani, 2010)."""
    data = load_wine().data
    standard = (data - data.mean(0)) / data.std(0)
    model = lp.Model(
        "u[line] = Embedding(size=3, ridge=2)\nv[column] = Embedding(size=3, ridge=2)\n"
        "x ~ Normal(loc=Dot(u, v), scale=1)"
    )
    fit = lp.fit(model, long(standard), lp.SVI(restarts=1), progress=False)
    assert lost(fit, standard.size) == pytest.approx(513.38426, rel=1e-6)
    product = fit.embedding("u").values @ fit.embedding("v").values.T
    np.testing.assert_allclose(product[[0, 0, 1], [0, 1, 0]], [1.1076146, -0.47606485, 0.51876876], atol=1e-4)
    np.testing.assert_allclose(np.linalg.svd(product)[1][:3], [26.942034, 19.082251, 14.043716], atol=1e-4)


# ase_karate: Eckart-Young; of U U' the negative eigenvalues are left, which a product of two reaches.
KARATE = {
    "one embedding, 2": ("e[node] = Embedding(size=2)", "Dot(e[line], e[column])", 85.993722),
    "one embedding, 3": ("e[node] = Embedding(size=3)", "Dot(e[line], e[column])", 77.487711),
    "two embeddings, 3": (
        "u[line] = Embedding(size=3)\nv[column] = Embedding(size=3)",
        "Dot(u, v)",
        65.858496,
    ),
}


@pytest.mark.parametrize("case", KARATE)
def test_points_of_a_graph_are_its_eigenvectors(case):
    points, product, squared = KARATE[case]
    adjacency = nx.to_numpy_array(nx.karate_club_graph(), weight=None)
    model = lp.Model(f"{points}\nx ~ Normal(loc={product}, scale=1)")
    fit = lp.fit(model, long(adjacency), lp.SVI(restarts=3), progress=False)
    assert 2 * lost(fit, adjacency.size) == pytest.approx(squared, rel=1e-5)
