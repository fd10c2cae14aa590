"""The carried law of counts of which each row has its own total."""

import numpy as np
import pyro
import pytest
import torch
from program_cases import Case
from scipy import stats


@pytest.fixture(scope="module")
def counts():
    return Case("x ~ Multinomial()").program.cls.model.__globals__["Counts"]


def test_draws_have_their_totals_and_means(counts):
    total, probs = torch.tensor([3.0, 0.0, 400.0]), torch.tensor([0.25, 0.5, 0.25]).double()
    law = counts(total.double(), probs)
    torch.manual_seed(0)
    drawn = law.sample((500,))
    assert drawn.shape == (500, 3, 3)
    assert (drawn.sum(-1) == total).all()
    spread = (total[:, None] * probs * (1 - probs)).sqrt()
    assert ((drawn.mean(0) - law.mean).abs() <= 5 * spread / 500**0.5).all()


def test_density_is_scipys_with_probabilities_of_zero(counts):
    probs = torch.tensor([[0.5, 0.5, 0.0], [0.25, 0.25, 0.5]]).double()
    x = torch.tensor([[2.0, 3.0, 0.0], [1.0, 0.0, 4.0]]).double()
    with pyro.validation_enabled(True):
        found = counts(x.sum(-1), probs).log_prob(x)
    np.testing.assert_allclose(
        found, stats.multinomial.logpmf(x.numpy(), x.sum(-1).int().numpy(), probs.numpy()), rtol=1e-10
    )
