"""A latent-variable model as a Pyro program; observed: x.

z[time] ~ LinearDynamics(size=2)
x ~ Normal(loc=Linear(z), scale=PerFeature())
"""

import math

import pyro
import pyro.distributions as dist
import torch
from pyro.infer.autoguide import AutoNormal
from pyro.nn import PyroModule
from torch.distributions import constraints
from torch.distributions.transforms import PowerTransform


def normal_log_prob(x, loc, scale, origin):
    """log Normal(x; loc, scale), summed over the features, by matrix products.

    x is (N, D), loc and scale are (..., D), the result is (N, ...).
    Squares are expanded around origin, (D,), a point amid the rows.
    """
    x, loc, precision = x - origin, loc - origin, scale.square().reciprocal()
    loc, precision = torch.broadcast_tensors(loc, precision)
    squares = torch.einsum("nx,...x->n...", x.square(), precision)
    products = torch.einsum("nx,...x->n...", x, precision * loc)
    rest = precision * loc.square() - precision.log() + math.log(math.tau)
    return products - 0.5 * squares - 0.5 * rest.sum(-1)


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


def times(matrix, other):
    """Products of matrices (Z, Z, N) with matrices or vectors (Z, N)."""
    if other.ndim == matrix.ndim:
        return (matrix[:, :, None] * other).sum(1)
    return (matrix * other).sum(1)


def inverse(matrix):
    """Inverses of matrices (Z, Z, N); small ones by their cofactors, which is much faster."""
    if len(matrix) == 1:
        return matrix.reciprocal()
    if len(matrix) == 2:
        cofactors = matrix.flip(0, 1) * (2 * unit(matrix) - 1)
        return cofactors.transpose(0, 1) / (matrix[0] * cofactors[0]).sum(0)
    return torch.linalg.inv(matrix.movedim(-1, 0)).movedim(0, -1)


def unit(matrix):
    """The identity (Z, Z, 1) beside matrices (Z, Z, N)."""
    eye = torch.eye(len(matrix), dtype=matrix.dtype, device=matrix.device)
    return eye[..., None]


def compose_runs(left, right):
    """Runs of steps: map, mean, covariance, shift, precision; left comes first."""
    (a, b, c, shift, precision), (d, e, f, later_shift, later) = left, right
    gain = inverse(unit(c) + times(c, later))
    carry, back = times(d, gain), times(a.transpose(0, 1), gain.transpose(0, 1))
    mean = times(carry, b + times(c, later_shift)) + e
    covariance = times(times(carry, c), d.transpose(0, 1)) + f
    shift = times(back, later_shift - times(later, b)) + shift
    precision = times(times(back, later), a) + precision
    return [times(carry, a), mean, covariance, shift, precision]


def step_states(state, runs):
    """Mean (Z, N) and covariance (Z, Z, N) of states after runs of steps."""
    (mean, covariance), (a, b, c, shift, precision) = state, runs
    carry = times(a, inverse(unit(a) + times(covariance, precision)))
    mean = times(carry, mean + times(covariance, shift)) + b
    return [mean, times(times(carry, covariance), a.transpose(0, 1)) + c]


def states_filter(precision, shift, first, transition, scale, initial):
    """Means (Z, N) and covariances of states given the data so far; factors of rows (N,).

    The factor of a row is log p(row | before) - log p(row | z = 0). Of what a row says of
    its state the precision is (Z, Z) or (N, Z, Z), the shift (N, Z).
    """
    shift, transition = shift.mT, transition[..., None]
    precision = precision.expand(len(first), -1, -1).movedim(0, -1)
    start, later = initial.square().diag()[..., None], scale.square().diag()[..., None]
    noise, moves = torch.where(first, start, later), torch.where(first, 0.0, transition)
    gain = inverse(unit(noise) + times(noise, precision))
    run, spread = times(gain, moves), times(gain, noise)
    mean = times(spread, shift)
    said = times(moves.transpose(0, 1), shift - times(precision, mean))
    known = times(moves.transpose(0, 1), times(precision, run))
    state = [torch.zeros_like(mean[:, 0]), torch.zeros_like(spread[..., 0])]
    runs = [run, mean, spread, said, known]
    mean, spread = scan(runs, state, compose_runs, step_states)
    mean, moved = times(moves, mean), times(moves, spread)
    spread = times(moved, moves.transpose(0, 1))
    inner = unit(spread) + times(spread + noise, precision)
    spread = times(inverse(inner), spread + noise)
    rest = shift - times(precision, mean)
    gained = (rest * times(spread, rest)).sum(0) - torch.logdet(inner.movedim(-1, 0))
    factor = 0.5 * (gained + ((shift + rest) * mean).sum(0))
    return [mean + times(spread, rest), spread, factor]


def states_log_prob(precision, shift, first, transition, scale, initial):
    """log p(row | the rows before it) - log p(row | z = 0), (N,)."""
    return states_filter(precision, shift, first, transition, scale, initial)[2]


def compose_affine(left, right):
    """Maps z -> A z + b + noise of covariance C; left comes first."""
    (a, b, c), (d, e, f) = left, right
    return [times(d, a), times(d, b) + e, times(times(d, c), d.transpose(0, 1)) + f]


def step_affine(state, maps):
    """Means (Z, N) and covariances (Z, Z, N) behind such maps."""
    (mean, covariance), (a, b, c) = state, maps
    return [times(a, mean) + b, times(times(a, covariance), a.transpose(0, 1)) + c]


def through(maps):
    """Means (Z, N) and covariances behind maps, the first of which forgets."""
    state = [torch.zeros_like(maps[1][:, 0]), torch.zeros_like(maps[2][..., 0])]
    return step_affine(scan(maps, state, compose_affine, step_affine), maps)


def states_belief(precision, shift, first, transition, scale, initial):
    """Means (N, Z) and covariances (N, Z, Z) of states given all data of their series.

    And map, offset, covariance of a state given the next one and the data so far.
    """
    law = (first, transition, scale, initial)
    mean, spread, _ = states_filter(precision, shift, *law)
    moves, noise = transition[..., None], scale.square().diag()[..., None]
    moved = times(moves, spread)
    predicted = times(moved, moves.transpose(0, 1)) + noise
    back = times(moved.transpose(0, 1), inverse(predicted))
    back = torch.where(first.roll(-1), 0.0, back)
    offset, rest = mean - times(back, times(moves, mean)), spread - times(back, moved)
    maps = [back, offset, 0.5 * (rest + rest.transpose(0, 1))]
    smoothed = through([part.flip(-1) for part in maps])
    found = [*(part.flip(-1) for part in smoothed), *maps]
    return [part.movedim(-1, 0) for part in found]


class States(dist.TorchDistribution):
    """States (N, Z): each is transition @ the one before + scale * noise.

    Where first it is initial * noise.
    """

    def __init__(self, transition, scale, initial, first):
        self.transition, self.first = transition, first[:, None]
        self.noise = torch.where(self.first, initial, scale)
        super().__init__(first.shape, scale.shape, validate_args=False)

    @property
    def arg_constraints(self):
        return {}

    @property
    def support(self):
        return constraints.real_vector

    def log_prob(self, value):
        """log p(state | the state before), (N,)."""
        moved = value.roll(1, 0) @ self.transition.mT
        moved = torch.where(self.first, 0.0, moved)
        return dist.Normal(moved, self.noise).log_prob(value).sum(-1)

    def sample(self, sample_shape=()):
        """Draws the noise of every step, and follows."""
        noise = (self.noise * torch.randn_like(self.noise)).mT
        moves = torch.where(self.first[:, 0], 0.0, self.transition[..., None])
        return through([moves, noise, torch.zeros_like(moves)])[0].mT


class Program(PyroModule):
    """Latent: z integrated out."""

    z_size = 2

    def __init__(self, x_center, x_spread, parameter_guide=AutoNormal):
        super().__init__()
        self.register_buffer("x_center", x_center)
        self.register_buffer("x_spread", x_spread)
        self.x_size = len(x_center)
        self.parameter_guide = parameter_guide(self.priors)

    def priors(self):
        """Draw every parameter."""
        prior = dist.Normal(self.x_center.new_zeros([self.z_size, self.z_size]), 1.0)
        z_transition = pyro.sample("z_transition", prior.to_event(2))
        prior = dist.TransformedDistribution(
            dist.Gamma(2.0, 0.1 * self.x_spread**2), PowerTransform(-0.5)
        )
        x_scale = pyro.sample("x_scale", prior.expand([self.x_size]).to_event(1))
        prior = dist.Normal(self.x_center, 2.5 * self.x_spread)
        x_loc_intercept = pyro.sample(
            "x_loc_intercept", prior.expand([self.x_size]).to_event(1)
        )
        prior = dist.Normal(0.0, 2.5 * self.x_spread)
        x_loc_weights = pyro.sample(
            "x_loc_weights", prior.expand([self.z_size, self.x_size]).to_event(2)
        )
        return z_transition, x_loc_intercept, x_loc_weights, x_scale

    def model(self, x, time_first, rows):
        """The joint density of rows and latents."""
        z_transition, x_loc_intercept, x_loc_weights, x_scale = self.priors()
        with pyro.plate("row", rows, subsample=x):
            z = pyro.sample(
                "z",
                States(
                    z_transition,
                    self.x_center.new_ones([self.z_size]),
                    self.x_center.new_ones([self.z_size]),
                    time_first,
                ),
            )
            x_loc = x_loc_intercept + z @ x_loc_weights
            pyro.sample("x", dist.Normal(x_loc, x_scale).to_event(1), obs=x)

    def z_evidence(self, parameters, x, time_first):
        """What the data of each row say of z: precision and shift of their density."""
        _, x_loc_intercept, x_loc_weights, x_scale = parameters
        x_loaded = x_loc_weights * x_scale.square().reciprocal()
        x_residual = x - x_loc_intercept
        precision = x_loaded @ x_loc_weights.mT
        shift = x_residual @ x_loaded.mT
        return precision, shift

    def joint(self, parameters, x, time_first):
        """log p(x given the parameters), for each row."""
        z_transition, x_loc_intercept, _, x_scale = parameters
        log_x = normal_log_prob(x, x_loc_intercept, x_scale, self.x_center)
        precision, shift = self.z_evidence(parameters, x, time_first)
        log_z = states_log_prob(
            precision,
            shift,
            time_first,
            z_transition,
            self.x_center.new_ones([self.z_size]),
            self.x_center.new_ones([self.z_size]),
        )
        return log_x + log_z

    def marginal(self, x, time_first, rows):
        """The density of the rows with z taken out."""
        parameters = self.priors()
        with pyro.plate("row", rows, subsample=x):
            pyro.factor("x_marginal", self.joint(parameters, x, time_first))

    def guide(self, x, time_first, rows):
        """Automatic for the parameters."""
        self.parameter_guide()

    def belief(self, parameters, x, time_first):
        """What was taken out, given the data, the parameters and what was drawn; exact."""
        z_transition, _, _, _ = parameters
        precision, shift = self.z_evidence(parameters, x, time_first)
        z_loc, z_covariance, z_later_map, z_later_loc, z_later_covariance = (
            states_belief(
                precision,
                shift,
                time_first,
                z_transition,
                self.x_center.new_ones([self.z_size]),
                self.x_center.new_ones([self.z_size]),
            )
        )
        return {
            "z_loc": z_loc,
            "z_covariance": z_covariance,
            "z_later_map": z_later_map,
            "z_later_loc": z_later_loc,
            "z_later_covariance": z_later_covariance,
        }
