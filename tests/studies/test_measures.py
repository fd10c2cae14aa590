"""What representations are measured by, against definitions written out and values that are known."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from scipy.stats import ortho_group

from latentprob.studies import measures

RNG = np.random.default_rng(0)
POINTS = RNG.normal(size=(40, 3))
TURN = ortho_group.rvs(3, random_state=1)


def test_the_mean_leaves_all_variance_unexplained():
    center = POINTS.mean(axis=0)
    assert measures.unexplained(POINTS, np.broadcast_to(center, POINTS.shape), center) == 1
    assert measures.unexplained(POINTS, POINTS, center) == 0


def test_trustworthiness_is_that_of_its_definition():
    z, k, rows = RNG.normal(size=(40, 2)), 5, 40
    ranks = cdist(POINTS, POINTS).argsort(axis=1).argsort(axis=1)  # of each row, itself 0
    near = cdist(z, z).argsort(axis=1)[:, 1 : k + 1]
    penalty = sum(max(0, ranks[i, j] - k) for i in range(rows) for j in near[i])
    expected = 1 - 2 / (rows * k * (2 * rows - 3 * k - 1)) * penalty
    assert measures.kept_neighbours(POINTS, z, k) == pytest.approx(expected)
    assert measures.kept_neighbours(POINTS, 3 * POINTS @ TURN + 1, k) == 1


def test_alignment_sees_no_shift_rotation_or_scale():
    moved = 4 * POINTS @ TURN + np.arange(3)
    assert measures.linear_cka(POINTS, moved) == pytest.approx(1)
    assert measures.disparity(POINTS, moved) == pytest.approx(0, abs=1e-12)
    np.testing.assert_allclose(measures.aligned(moved, POINTS), POINTS)


def test_linear_cka_is_the_kernels_correlation():
    z = RNG.normal(size=(40, 2))
    center = np.eye(40) - 1 / 40
    kernels = [center @ a @ a.T @ center for a in (POINTS, z)]
    expected = (kernels[0] * kernels[1]).sum() / np.prod([np.linalg.norm(kernel) for kernel in kernels])
    assert measures.linear_cka(POINTS, z) == pytest.approx(expected)


def test_levels_take_the_names_under_which_most_rows_agree():
    reference = np.array([0, 0, 0, 1, 1, 2, 2, 2])
    levels = np.array([2, 2, 1, 0, 0, 1, 1, 1])
    np.testing.assert_array_equal(measures.names_in(levels, reference, 3)[levels], [0, 0, 2, 1, 1, 2, 2, 2])
    assert measures.agreement(levels, reference) == 7 / 8
    assert measures.agreement(np.zeros(8, int), reference) == 3 / 8


def test_a_probe_finds_labels_that_a_line_parts_and_no_others():
    z = RNG.normal(size=(200, 2))
    assert measures.probe(z, np.where(z[:, 0] > 0, "a", "b"), 0) > 0.95
    assert measures.probe(z, RNG.integers(0, 2, 200), 0) < 0.65


def test_partitions_agree_whatever_their_names():
    labels = np.array(["a", "a", "b", "b", "c", "c"])
    assert measures.rand_index(np.array([2, 2, 0, 0, 1, 1]), labels) == 1
    assert measures.mutual_information(np.array([2, 2, 0, 0, 1, 1]), labels) == pytest.approx(1)
    assert measures.rand_index(np.array([0, 1, 0, 1, 0, 1]), labels) < 0
    assert set(measures.grouped(np.repeat([[0.0, 0], [9, 9]], 3, axis=0), 2, 0)[[0, 3]]) == {0, 1}


def test_wandering_is_the_distance_from_the_mean_version():
    versions = np.stack([POINTS + 1, POINTS - 1])
    np.testing.assert_allclose(measures.wander(versions), np.sqrt(3))
    assert measures.radius(np.array([[1.0, 0], [-1, 0]])) == 1


def test_entropy_of_responsibilities():
    np.testing.assert_allclose(measures.entropy(np.array([[1.0, 0], [0.5, 0.5]])), [0, np.log(2)], atol=1e-12)
