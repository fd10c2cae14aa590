"""Hidden chains: every path enumerated, dense algebra of normal vectors, and what follows from the laws held."""

import itertools

import numpy as np
import pytest
import torch
from program_cases import CHAINS, FIRST, ROWS, cases

from latentprob.errors import ModelError
from latentprob.program import chains, compile, evaluate, states
from latentprob.spec.model import Model

ALL = cases(CHAINS)
LEVELS = {name: case for name, case in ALL.items() if "Markov" in case.text and "size=3" not in case.text}
STATES = {name: case for name, case in ALL.items() if "LinearDynamics" in case.text}
LENGTHS = (4, 1, 3)
RNG = np.random.default_rng(0)


def starts(lengths):
    first = torch.zeros(sum(lengths), dtype=torch.bool)
    first[np.cumsum([0, *lengths[:-1]])] = True
    return first


def random_chain(lengths, size=3):
    """Log densities (N, K), starts, initial law, transitions of which one is impossible."""
    transition = RNG.random((size, size))
    transition[0, size - 1] = 0
    initial = RNG.random(size)
    arrays = (3 * RNG.normal(size=(sum(lengths), size)), initial / initial.sum())
    log_x, initial = (torch.as_tensor(array) for array in arrays)
    return log_x, starts(lengths), initial, torch.as_tensor(transition / transition.sum(1, keepdims=True))


def enumerated(log_x, initial, transition):
    """log p of one series, nats, and the probabilities (T, K) of its levels, by all K^T paths."""
    (steps, size), found = log_x.shape, []
    with np.errstate(divide="ignore"):
        log_initial, log_transition = np.log(initial), np.log(transition)
    paths = list(itertools.product(range(size), repeat=steps))
    for path in paths:
        moved = sum(log_transition[a, b] for a, b in itertools.pairwise(path))
        found.append(log_initial[path[0]] + moved + sum(log_x[t, level] for t, level in enumerate(path)))
    total = np.logaddexp.reduce(found)
    shares, probs = np.exp(np.array(found) - total), np.zeros((steps, size))
    for path, share in zip(paths, shares, strict=True):
        probs[np.arange(steps), path] += share
    return total, probs


@pytest.mark.parametrize("lengths", [(1,), (2,), (7,), LENGTHS, (1, 1, 2, 3)])
def test_levels_against_all_paths(lengths):
    log_x, first, initial, transition = random_chain(lengths)
    log_prob = chains.chain_log_prob(log_x, first, initial, transition)
    probs, _ = chains.chain_belief(log_x, first, initial, transition)
    filtered, _ = chains.chain_filter(log_x, first, initial, transition)
    for start, length in zip(np.flatnonzero(first), lengths, strict=True):
        before = 0.0
        for end in range(start + 1, start + length + 1):
            total, known = enumerated(log_x[start:end].numpy(), initial.numpy(), transition.numpy())
            assert log_prob[end - 1] == pytest.approx(total - before, abs=1e-11)
            np.testing.assert_allclose(filtered[end - 1], known[-1], atol=1e-12)
            before = total
        np.testing.assert_allclose(probs[start : start + length], known, atol=1e-12)


def test_the_gradient_is_the_smoothed_belief():
    log_x, first, initial, transition = random_chain(LENGTHS)
    gradient = torch.func.grad(lambda values: chains.chain_log_prob(values, first, initial, transition).sum())(log_x)
    torch.testing.assert_close(gradient, chains.chain_belief(log_x, first, initial, transition)[0])


def test_derivatives_are_finite_where_a_move_is_impossible():
    log_x, first, initial, transition = random_chain(LENGTHS)
    total = lambda t: chains.chain_log_prob(log_x, first, initial, t).sum()  # noqa: E731
    assert torch.func.grad(total)(transition).isfinite().all()
    assert torch.func.jacrev(torch.func.grad(total))(transition).isfinite().all()
    many = torch.stack([transition, transition.mT / transition.mT.sum(1, keepdim=True)])
    one_by_one = torch.stack([torch.func.grad(total)(each) for each in many])
    torch.testing.assert_close(torch.vmap(torch.func.grad(total))(many), one_by_one)


def test_a_long_chain_against_the_filter_step_by_step():
    log_x, first, initial, transition = random_chain((5_000, 1_200))
    found = chains.chain_log_prob(log_x, first, initial, transition)
    belief = initial.numpy()
    for step, start in enumerate(first.tolist()):
        belief = initial.numpy() if start else belief @ transition.numpy()
        belief = belief * np.exp(log_x[step].numpy())
        assert found[step] == pytest.approx(np.log(belief.sum()), abs=1e-9)
        belief = belief / belief.sum()


def test_levels_that_never_change_tell_series_apart():
    """A chain that cannot move is a mixture over series, however long the series are."""
    log_x, first, initial, _ = random_chain((3_000, 2_000), 2)
    found = chains.chain_log_prob(log_x, first, initial, torch.eye(2).double())
    for rows in (slice(0, 3_000), slice(3_000, 5_000)):
        expected = (log_x[rows].sum(0) + initial.log()).logsumexp(0)
        assert found[rows].sum() == pytest.approx(expected.item(), abs=1e-6)


def test_stationary_law():
    *_, transition = random_chain((3,), 4)
    found = chains.stationary(transition)
    torch.testing.assert_close(found @ transition, found)
    assert found.sum() == pytest.approx(1)


def test_draws_of_levels_follow_their_law():
    _, first, initial, transition = random_chain((40_000, 1, 3))
    torch.manual_seed(0)
    law = chains.Chain(initial, transition, first)
    drawn = law.sample()
    moves = torch.zeros(3, 3).index_put_((drawn[:39_999], drawn[1:40_000]), torch.ones(39_999), accumulate=True)
    np.testing.assert_allclose(moves / moves.sum(1, keepdim=True), transition, atol=0.02)
    expected = [initial[drawn[0]], *transition[drawn[:39_999], drawn[1:40_000]]]
    torch.testing.assert_close(law.log_prob(drawn)[:40_000], torch.stack(expected).log())


@pytest.mark.parametrize("case", LEVELS.values(), ids=LEVELS)
def test_the_marginal_sums_the_joint_density_of_all_paths(case):
    """The program with the levels held is the joint density, site by site; all its paths sum to the marginal."""
    draws = case.draws(1)
    held = compile(case.model, (*case.observed, "s"), case.gaps)
    module = held.build({**case.buffers, "s_center": torch.full((2,), 0.5)})
    paths = [torch.tensor(path) for path in itertools.product(range(2), repeat=ROWS)]
    each = [evaluate.row_log_density(module, {**case.batch, "s": path}, draws)[0].sum() for path in paths]
    found = evaluate.row_log_density(case.module, case.batch, draws)[0].sum()
    assert found == pytest.approx(torch.stack(each).logsumexp(0).item(), abs=1e-9)
    shares = torch.stack(each).softmax(0)
    expected = sum(share * torch.eye(2).double()[path] for share, path in zip(shares, paths, strict=True))
    beliefs = evaluate.beliefs(case.module, case.batch, draws)
    torch.testing.assert_close(beliefs["s_probs"][0], expected)


@pytest.mark.parametrize("case", STATES.values(), ids=STATES)
def test_the_marginal_is_the_joint_density_over_the_belief_of_the_states(case):
    """p(x) = p(x, z) / p(z given x) at any z; the belief is a chain from the end."""
    draws = case.draws(1)
    size = case.model["z"].size or 1
    held = compile(case.model, (*case.observed, "z"), case.gaps)
    module = held.build({**case.buffers, "z_center": torch.zeros(size), "z_spread": torch.ones(size)})
    z = torch.as_tensor(RNG.normal(size=(ROWS, size)))
    joint = evaluate.row_log_density(module, {**case.batch, "z": z}, draws)[0].sum()
    belief = {name: value[0] for name, value in evaluate.beliefs(case.module, case.batch, draws).items()}
    loc = (belief["z_later_map"] @ z.roll(-1, 0)[..., None])[..., 0] + belief["z_later_loc"]
    law = torch.distributions.MultivariateNormal(loc, belief["z_later_covariance"])
    found = evaluate.row_log_density(case.module, case.batch, draws)[0].sum()
    assert found == pytest.approx((joint - law.log_prob(z).sum()).item(), abs=1e-9)


@pytest.mark.parametrize("size", [1, 2, 3])
def test_states_against_dense_algebra(size):
    features, rows = 3, sum(LENGTHS)
    first, transition = starts(LENGTHS), torch.as_tensor(0.5 * RNG.normal(size=(size, size)))
    scale, initial = (torch.as_tensor(RNG.uniform(0.5, 2, size)) for _ in range(2))
    weights, sd = torch.as_tensor(RNG.normal(size=(size, features))), torch.as_tensor(RNG.uniform(0.5, 1, features))
    x, seen = torch.as_tensor(RNG.normal(size=(rows, features))), torch.as_tensor(RNG.random((rows, features)) > 0.3)
    precision = torch.einsum("nd,zd,yd->nzy", seen.double(), weights / sd**2, weights)
    said = precision, (x * seen / sd**2) @ weights.mT, first, transition, scale, initial
    found = states.states_log_prob(*said) + (torch.distributions.Normal(0.0, sd).log_prob(x) * seen).sum(1)
    mean, covariance, *_ = states.states_belief(*said)
    for start, length in zip(np.flatnonzero(first), LENGTHS, strict=True):
        series = slice(start, start + length)
        total, dense_mean, dense = smoothed(x[series], seen[series], weights, sd, transition, scale, initial)
        assert found[series].sum() == pytest.approx(total, abs=1e-10)
        np.testing.assert_allclose(mean[series], dense_mean, atol=1e-12)
        np.testing.assert_allclose(covariance[series], dense, atol=1e-12)


def smoothed(x, seen, weights, sd, transition, scale, initial):
    """log p, means (T, Z) and covariances (T, Z, Z) of one series, all its steps as one normal vector."""
    steps, size = len(x), len(scale)
    root = torch.zeros(steps, size, steps, size).double()
    for step in range(steps):
        for before in range(step + 1):
            power = torch.linalg.matrix_power(transition, step - before)
            root[step, :, before] = power @ torch.diag(scale if before else initial)
    prior = root.reshape(steps * size, -1) @ root.reshape(steps * size, -1).mT
    design = torch.block_diag(*[weights.mT] * steps)[seen.flatten()]
    noise = torch.diag(sd.square().repeat(steps)[seen.flatten()])
    marginal, y = design @ prior @ design.mT + noise, x.flatten()[seen.flatten()]
    gain = prior @ design.mT @ marginal.inverse()
    total = torch.distributions.MultivariateNormal(torch.zeros_like(y), marginal).log_prob(y).item()
    left = (prior - gain @ design @ prior).reshape(steps, size, steps, size)
    return total, (gain @ y).reshape(steps, size), torch.stack([left[t, :, t] for t in range(steps)])


def test_draws_of_states_follow_their_law():
    transition = torch.tensor([[0.9, 0.2], [-0.2, 0.8]]).double()
    first, scale = starts((40_000,)), torch.tensor([1.0, 0.5]).double()
    torch.manual_seed(0)
    law = states.States(transition, scale, 2 * scale, first)
    z = law.sample()
    found = torch.linalg.lstsq(z[:-1], z[1:]).solution.mT
    np.testing.assert_allclose(found, transition, atol=0.02)
    np.testing.assert_allclose((z[1:] - z[:-1] @ transition.mT).std(0), scale, rtol=0.02)
    normal = torch.distributions.Normal
    expected = torch.cat(
        [normal(0.0, 2 * scale).log_prob(z[:1]), normal(z[:-1] @ transition.mT, scale).log_prob(z[1:])]
    )
    torch.testing.assert_close(law.log_prob(z), expected.sum(1))


WRONG = {
    "drawn emission": (
        "s[time] ~ Markov(size=2)\nz ~ Normal(loc=Table(s), scale=1)\nx ~ Poisson(rate=Linear(z))",
        "z has no closed form given it",
    ),
    "states under a link": (
        "z[time] ~ LinearDynamics(size=2)\nx ~ Poisson(rate=Linear(z))",
        "z moves along an axis, and what reads it leaves no closed form; read it by Linear",
    ),
    "states by hidden level": (
        "c ~ Categorical(size=2)\nz[time] ~ LinearDynamics(size=2)\nx ~ Normal(loc=Linear(z, by=c), scale=1)",
        "what reads z reads other hidden variables beside it",
    ),
}


@pytest.mark.parametrize(("text", "said"), WRONG.values(), ids=WRONG)
def test_what_has_no_closed_form_is_refused(text, said):
    with pytest.raises(ModelError, match=said):
        compile(Model(text), observed=["x"])


def test_a_chain_is_known_at_every_step_or_at_none():
    with pytest.raises(ModelError, match="s is known at some steps alone"):
        compile(Model(CHAINS["hidden_markov"]), observed=["x", "s"], missing=["s"])


def test_series_start_where_the_cases_say():
    assert len(FIRST) == ROWS
    assert FIRST[0]
