"""A latent-variable model as a Pyro program; observed: x.

s[time] ~ Markov(size=3)
x ~ MultivariateNormal(loc=Table(s), covariance=Table(s))
"""

import math

import pyro
import pyro.distributions as dist
import torch
from pyro.infer.autoguide import AutoNormal
from pyro.nn import PyroModule
from torch import nn
from torch.distributions import constraints


def inverse_wishart_tril(diagonal, above, root):
    """Cholesky factor of a covariance whose inverse is Wishart, by Bartlett (1933).

    diagonal, (..., D), is chi-squared; above, (..., D(D-1)/2), standard normal;
    root, (D, D), is the Cholesky factor of the inverse of the Wishart's scale.
    """
    D = diagonal.shape[-1]
    i, j = torch.triu_indices(D, D, 1, device=diagonal.device)
    flat = above.new_zeros(*above.shape[:-1], D * D).index_copy(-1, i * D + j, above)
    upper = flat.unflatten(-1, (D, D)) + torch.diag_embed(diagonal.sqrt())
    return torch.linalg.solve_triangular(upper.mT, root, upper=False, left=False)


def multivariate_normal_log_prob(x, loc, scale_tril):
    """log MultivariateNormal(x; loc, scale_tril), by one product with all whiteners.

    x is (N, D), loc is (..., D), scale_tril is (..., D, D), the result is (N, ...).
    """
    lead = torch.broadcast_shapes(loc.shape[:-1], scale_tril.shape[:-2])
    eye = torch.eye(x.shape[-1], dtype=x.dtype, device=x.device)
    whitener = torch.linalg.solve_triangular(scale_tril, eye, upper=False)
    whitener = whitener.expand(*lead, -1, -1)
    center = torch.einsum("...x,...yx->...y", loc, whitener)
    white = nn.functional.linear(x, whitener.flatten(0, -2), -center.flatten())
    white = white.unflatten(-1, center.shape)
    log_scale = scale_tril.diagonal(dim1=-2, dim2=-1).log() + 0.5 * math.log(math.tau)
    return -0.5 * (white.square() @ white.new_ones(len(eye))) - log_scale.sum(-1)


def scan(elements, state, compose, step):
    """The states in front of each of N elements: state, step(state, first element), ...

    elements are tensors (..., N), state tensors (...). Neighbours are composed, the states
    in front of the pairs are found, then those amid the pairs: log2 N rounds.
    """
    size = elements[0].shape[-1]
    if size == 1:
        return [value[..., None] for value in state]
    left = [element[..., 0 : size - 1 : 2] for element in elements]
    pairs = compose(left, [element[..., 1::2] for element in elements])
    if size % 2:
        ends = [element[..., -1:] for element in elements]
        both = zip(pairs, ends, strict=True)
        pairs = [torch.cat([pair, end], -1) for pair, end in both]
    before = scan(pairs, state, compose, step)
    front = [value[..., : size // 2] for value in before]
    amid = step(front, left)
    both = zip(front, amid, strict=True)
    woven = [torch.stack(values, -1).flatten(-2) for values in both]
    if size % 2:
        ends = [value[..., -1:] for value in before]
        both = zip(woven, ends, strict=True)
        woven = [torch.cat([value, end], -1) for value, end in both]
    return woven


def compose_moves(left, right):
    """Products of matrices (K, K, N), scaled; left comes first."""
    rows, columns = left[0].unbind(1), right[0].unbind(0)
    product = rows[0][:, None] * columns[0]
    for row, column in zip(rows[1:], columns[1:], strict=True):
        product = product + row[:, None] * column
    return [product / product.detach().amax((0, 1))]


def step_levels(state, moves):
    """Probabilities (K, N) after moves (K, K, N)."""
    moved = (state[0][:, None] * moves[0]).sum(0)
    return [moved / moved.sum(0)]


def chain_filter(log_x, first, initial, transition):
    """Probabilities (N, K) of levels given the data so far; log p(step | before), (N,).

    log_x is (N, K), the log density of each row in each level.
    """
    top = log_x.detach().amax(-1)
    shares = (log_x - top[:, None]).double().exp().mT
    initial, transition = initial.double() + 1e-100, transition.double() + 1e-100
    moves = torch.where(first, initial[:, None], transition[..., None]) * shares
    uniform = torch.full_like(initial, 1 / len(initial))
    (before,) = scan([moves], [uniform], compose_moves, step_levels)
    joint = torch.where(first, initial[:, None], transition.mT @ before) * shares
    total = joint.sum(0)
    return (joint / total).mT.to(log_x), total.log().to(log_x) + top


def chain_log_prob(log_x, first, initial, transition):
    """log p(step | the steps before it in its series), (N,), levels summed out.

    log_x is (N, K), the log density of each row in each level.
    """
    return chain_filter(log_x, first, initial, transition)[1]


def chain_belief(log_x, first, initial, transition):
    """Probabilities (N, K) of levels given all data of their series.

    And of levels given the level a step later and the data so far, (N, K later, K).
    """
    filtered = chain_filter(log_x, first, initial, transition)[0].double().mT
    joint = filtered * (transition.double() + 1e-100).mT[..., None]
    later = joint / joint.sum(1, keepdim=True)
    later = torch.where(first.roll(-1), filtered, later)
    uniform = torch.full_like(filtered[:, 0], 1 / len(filtered))
    moves = [later.flip(-1)]
    behind = scan(moves, [uniform], compose_moves, step_levels)
    probs = step_levels(behind, moves)[0].flip(-1)
    return probs.mT.to(log_x), later.movedim(-1, 0).to(log_x)


def compose_maps(left, right):
    """Maps of levels (K, N), one behind the other; left comes first."""
    return [right[0].gather(0, left[0])]


def step_maps(state, maps):
    """Levels (N,) after maps (K, N)."""
    return [maps[0].gather(0, state[0][None])[0]]


def follow(maps):
    """The levels (N,) that maps (K, N) lead to, the first of which is constant."""
    before = scan([maps], [maps[0, 0]], compose_maps, step_maps)
    return step_maps(before, [maps])[0]


class Chain(dist.TorchDistribution):
    """Levels (N,): each of transition[the level before], or of initial where first."""

    def __init__(self, initial, transition, first):
        self.initial, self.transition, self.first = initial, transition, first
        super().__init__(first.shape, validate_args=False)

    @property
    def arg_constraints(self):
        return {}

    @property
    def support(self):
        return constraints.integer_interval(0, len(self.initial) - 1)

    def log_prob(self, value):
        """log p(level | the level before), (N,)."""
        moved = self.transition.log()[value.roll(1), value]
        return torch.where(self.first, self.initial.log()[value], moved)

    def sample(self, sample_shape=()):
        """Draws where every level would lead at every step, and follows."""
        laws = torch.where(self.first[:, None, None], self.initial, self.transition)
        return follow(dist.Categorical(laws).sample().mT)


class Program(PyroModule):
    """Latent: s summed out."""

    s_size = 3

    def __init__(self, x_center, x_spread, parameter_guide=AutoNormal):
        super().__init__()
        self.register_buffer("x_center", x_center)
        self.register_buffer("x_spread", x_spread)
        self.x_size = len(x_center)
        self.register_buffer("x_covariance_root", 0.2**0.5 * torch.diag(self.x_spread))
        self.parameter_guide = parameter_guide(self.priors)

    def priors(self):
        """Draw every parameter."""
        s_initial = pyro.sample(
            "s_initial", dist.Dirichlet(self.x_center.new_ones([self.s_size]))
        )
        prior = dist.Dirichlet(self.x_center.new_ones([self.s_size, self.s_size]))
        s_transition = pyro.sample("s_transition", prior.to_event(1))
        # Bartlett's factors of a Wishart precision: chi-squared on the diagonal
        freedom = 3 + self.x_center.new_ones(self.x_size).cumsum(0)
        x_covariance_diagonal = pyro.sample(
            "x_covariance_diagonal",
            dist.Chi2(freedom).expand([self.s_size, self.x_size]).to_event(2),
        )
        x_covariance_above = pyro.sample(
            "x_covariance_above",
            dist.Normal(
                self.x_center.new_zeros(
                    self.s_size, self.x_size * (self.x_size - 1) // 2
                ),
                1.0,
            ).to_event(2),
        )
        x_scale_tril = inverse_wishart_tril(
            x_covariance_diagonal, x_covariance_above, self.x_covariance_root
        )
        pyro.deterministic("x_covariance", x_scale_tril @ x_scale_tril.mT)
        prior = dist.MultivariateNormal(self.x_center, scale_tril=10.0 * x_scale_tril)
        x_loc = pyro.sample("x_loc", prior.expand([self.s_size]).to_event(1))
        return s_initial, s_transition, x_loc, x_scale_tril

    def model(self, x, time_first, rows):
        """The joint density of rows and latents."""
        s_initial, s_transition, x_loc, x_scale_tril = self.priors()
        with pyro.plate("row", rows, subsample=x):
            s = pyro.sample("s", Chain(s_initial, s_transition, time_first))
            pyro.sample(
                "x",
                dist.MultivariateNormal(x_loc[s], scale_tril=x_scale_tril[s]),
                obs=x,
            )

    def joint(self, parameters, x, time_first):
        """log p(x given s and the parameters), for each row and level of s."""
        _, _, x_loc, x_scale_tril = parameters
        log_x = multivariate_normal_log_prob(x, x_loc, x_scale_tril)
        return log_x

    def marginal(self, x, time_first, rows):
        """The density of the rows with s taken out."""
        parameters = self.priors()
        s_initial, s_transition, _, _ = parameters
        with pyro.plate("row", rows, subsample=x):
            log_x = self.joint(parameters, x, time_first)
            pyro.factor(
                "x_marginal", chain_log_prob(log_x, time_first, s_initial, s_transition)
            )

    def guide(self, x, time_first, rows):
        """Automatic for the parameters."""
        self.parameter_guide()

    def belief(self, parameters, x, time_first):
        """What was taken out, given the data, the parameters and what was drawn; exact."""
        s_initial, s_transition, _, _ = parameters
        s_probs, s_later = chain_belief(
            self.joint(parameters, x, time_first), time_first, s_initial, s_transition
        )
        return {"s_probs": s_probs, "s_later": s_later}
