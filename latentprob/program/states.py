"""Linear-Gaussian state spaces in parallel: Kalman's filter and smoother in log2 N rounds, series one behind the other.

z_t = transition z_t-1 + scale * noise, and initial * noise where `first`. What a row says of its state is given by a
precision and a shift, log p(row | z) - log p(row | z = 0) = shift' z - z' precision z / 2, so that gaps and any normal
children are the same to the filter. A program carries these functions along: see `chains`.

Särkkä and García-Fernández (2021), IEEE Transactions on Automatic Control 66: a run of steps is the law of its last
state given the state in front of it, and what it says of that state.
"""

from typing import Any

import pyro.distributions as dist
import torch
from torch import Tensor
from torch.distributions import constraints

from latentprob.program.carry import carried
from latentprob.program.chains import Parts, scan


def times(matrix: Tensor, other: Tensor) -> Tensor:
    """Products of matrices (Z, Z, N) with matrices or vectors (Z, N)."""
    if other.ndim == matrix.ndim:
        return (matrix[:, :, None] * other).sum(1)
    return (matrix * other).sum(1)


def inverse(matrix: Tensor) -> Tensor:
    """Inverses of matrices (Z, Z, N); small ones by their cofactors, which is much faster."""
    if len(matrix) == 1:
        return matrix.reciprocal()
    if len(matrix) == 2:
        cofactors = matrix.flip(0, 1) * (2 * unit(matrix) - 1)
        return cofactors.transpose(0, 1) / (matrix[0] * cofactors[0]).sum(0)
    return torch.linalg.inv(matrix.movedim(-1, 0)).movedim(0, -1)


def unit(matrix: Tensor) -> Tensor:
    """The identity (Z, Z, 1) beside matrices (Z, Z, N)."""
    eye = torch.eye(len(matrix), dtype=matrix.dtype, device=matrix.device)
    return eye[..., None]


def compose_runs(left: Parts, right: Parts) -> list[Tensor]:
    """Runs of steps: map, mean, covariance, shift, precision; left comes first."""
    (a, b, c, shift, precision), (d, e, f, later_shift, later) = left, right
    gain = inverse(unit(c) + times(c, later))
    carry, back = times(d, gain), times(a.transpose(0, 1), gain.transpose(0, 1))
    mean = times(carry, b + times(c, later_shift)) + e
    covariance = times(times(carry, c), d.transpose(0, 1)) + f
    shift = times(back, later_shift - times(later, b)) + shift
    precision = times(times(back, later), a) + precision
    return [times(carry, a), mean, covariance, shift, precision]


def step_states(state: Parts, runs: Parts) -> list[Tensor]:
    """Mean (Z, N) and covariance (Z, Z, N) of states after runs of steps."""
    (mean, covariance), (a, b, c, shift, precision) = state, runs
    carry = times(a, inverse(unit(a) + times(covariance, precision)))
    mean = times(carry, mean + times(covariance, shift)) + b
    return [mean, times(times(carry, covariance), a.transpose(0, 1)) + c]


def states_filter(
    precision: Tensor, shift: Tensor, first: Tensor, transition: Tensor, scale: Tensor, initial: Tensor
) -> list[Tensor]:
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


def states_log_prob(
    precision: Tensor, shift: Tensor, first: Tensor, transition: Tensor, scale: Tensor, initial: Tensor
) -> Tensor:
    """log p(row | the rows before it) - log p(row | z = 0), (N,)."""
    return states_filter(precision, shift, first, transition, scale, initial)[2]


def compose_affine(left: Parts, right: Parts) -> list[Tensor]:
    """Maps z -> A z + b + noise of covariance C; left comes first."""
    (a, b, c), (d, e, f) = left, right
    return [times(d, a), times(d, b) + e, times(times(d, c), d.transpose(0, 1)) + f]


def step_affine(state: Parts, maps: Parts) -> list[Tensor]:
    """Means (Z, N) and covariances (Z, Z, N) behind such maps."""
    (mean, covariance), (a, b, c) = state, maps
    return [times(a, mean) + b, times(times(a, covariance), a.transpose(0, 1)) + c]


def through(maps: Parts) -> list[Tensor]:
    """Means (Z, N) and covariances behind maps, the first of which forgets."""
    state = [torch.zeros_like(maps[1][:, 0]), torch.zeros_like(maps[2][..., 0])]
    return step_affine(scan(maps, state, compose_affine, step_affine), maps)


def states_belief(
    precision: Tensor, shift: Tensor, first: Tensor, transition: Tensor, scale: Tensor, initial: Tensor
) -> list[Tensor]:
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

    def __init__(self, transition: Tensor, scale: Tensor, initial: Tensor, first: Tensor):
        self.transition, self.first = transition, first[:, None]
        self.noise = torch.where(self.first, initial, scale)
        super().__init__(first.shape, scale.shape, validate_args=False)

    @property
    def arg_constraints(self) -> dict[str, constraints.Constraint]:
        return {}

    @property
    def support(self) -> constraints.Constraint:
        return constraints.real_vector

    def log_prob(self, value: Tensor) -> Tensor:
        """log p(state | the state before), (N,)."""
        moved = value.roll(1, 0) @ self.transition.mT
        moved = torch.where(self.first, 0.0, moved)
        return dist.Normal(moved, self.noise).log_prob(value).sum(-1)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        """Draws the noise of every step, and follows."""
        noise = (self.noise * torch.randn_like(self.noise)).mT
        moves = torch.where(self.first[:, 0], 0.0, self.transition[..., None])
        return through([moves, noise, torch.zeros_like(moves)])[0].mT


CARRIED = {
    "times": carried(times),
    "inverse": carried(inverse, unit),
    "states_filter": carried(compose_runs, step_states, states_filter),
    "states_log_prob": carried(states_log_prob),
    "through": carried(compose_affine, step_affine, through),
    "states_belief": carried(states_belief),
    "States": carried(States),
}
