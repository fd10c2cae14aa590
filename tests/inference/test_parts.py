"""First guesses of shares, positive factors and factors with a pattern."""

import numpy as np
import pytest

from latentprob.inference.guesses import first_guess
from latentprob.inference.starts import parameters

WORDS = np.kron(np.eye(3), np.full(4, 0.25))  # three topics without a common word


@pytest.fixture
def counts():
    rng = np.random.default_rng(0)
    shares = rng.dirichlet(np.full(3, 0.3), 80)
    return shares, np.stack([rng.multinomial(100, p) for p in shares @ WORDS])


def test_shares_and_topics_are_found_up_to_their_order(problem, counts):
    shares, x = counts
    made = problem("t ~ Dirichlet(1, size=3)\nx ~ Multinomial(probs=Table(t))", {"x": x})
    guess = first_guess(made, made.build(lambda model: lambda: None), np.random.default_rng(0), 0)
    found = guess.values["t"]
    assert guess.how["t"] == "non-negative factorization"
    np.testing.assert_allclose(found.sum(1), 1)
    table = parameters(made, guess)["x_probs"]
    order = table.reshape(3, 3, 4).sum(-1).argmax(1)
    assert sorted(order) == [0, 1, 2]
    np.testing.assert_allclose(table, WORDS[order], atol=0.05)
    assert np.abs(found - shares[:, order]).mean() < 0.05


def test_rates_times_factors_are_the_counts(problem, counts):
    _, x = counts
    made = problem("z ~ Gamma(1, 1, size=3)\nx ~ Poisson(rate=Table(z))", {"x": x})
    guess = first_guess(made, made.build(lambda model: lambda: None), np.random.default_rng(0), 1)
    fitted = guess.values["z"] @ parameters(made, guess)["x_rate"]
    np.testing.assert_allclose(guess.values["z"].mean(0), 1)
    assert np.corrcoef(fitted.ravel(), x.ravel())[0, 1] > 0.9
    assert fitted.sum() == pytest.approx(x.sum(), rel=0.05)


@pytest.mark.parametrize(
    ("latent", "law"), [("Dirichlet(1, size=3)", "Multinomial(probs"), ("Gamma(1, 1, size=3)", "Poisson(rate")]
)
def test_a_feature_that_is_never_counted_starts_above_zero(problem, counts, latent, law):
    x = np.column_stack([counts[1], np.zeros(80)])
    made = problem(f"t ~ {latent}\nx ~ {law}=Table(t))", {"x": x})
    guess = first_guess(made, made.build(lambda model: lambda: None), np.random.default_rng(0), 0)
    (table,) = (value for name, value in parameters(made, guess).items() if name.startswith("x_"))
    assert table.min() > 0


def test_a_factor_starts_at_what_its_pattern_says(problem):
    rng = np.random.default_rng(0)
    z = rng.normal(size=(200, 2))
    x = np.column_stack([z[:, [0]] + 0.3 * rng.normal(size=(200, 3)), z[:, [1]] + 0.3 * rng.normal(size=(200, 2))])
    made = problem(
        "z ~ Normal(0, 1, size=2)\nx ~ Normal(loc=Linear(z, pattern={0: [0, 1, 2], 1: [3, 4]}), scale=PerFeature())",
        {"x": x},
    )
    guess = first_guess(made, made.build(lambda model: lambda: None), np.random.default_rng(0), 0)
    assert guess.how["z"] == "axes of the pattern"
    likeness = np.abs(np.corrcoef(guess.values["z"].T, z.T)[:2, 2:])
    assert (likeness.diagonal() > 0.97).all()
