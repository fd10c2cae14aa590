"""A latent-variable model as a Pyro program; observed: x.

t ~ Dirichlet(0.5, size=10)
x ~ Multinomial(probs=Table(t))
"""

import pyro
import pyro.distributions as dist
import torch
from pyro.infer.autoguide import AutoNormal
from pyro.nn import PyroModule
from torch import nn
from torch.distributions import constraints
from torch.distributions.transforms import StickBreakingTransform


class Counts(dist.TorchDistribution):
    """x ~ Multinomial(total, probs), (..., D), of which each row has its own total, (...)."""

    support = constraints.independent(constraints.nonnegative_integer, 1)

    def __init__(self, total, probs, validate_args=None):
        shape = torch.broadcast_shapes(total.shape, probs.shape[:-1])
        self.total = total.expand(shape)
        self.probs = probs.expand(*shape, -1)
        super().__init__(shape, probs.shape[-1:], validate_args=validate_args)

    def log_prob(self, value):
        ways = (value.sum(-1) + 1).lgamma() - (value + 1).lgamma().sum(-1)
        tiny = torch.finfo(self.probs.dtype).tiny
        return ways + (value * self.probs.clamp_min(tiny).log()).sum(-1)

    def sample(self, sample_shape=()):
        most = int(self.total.max())
        drawn = dist.Categorical(self.probs).sample((most, *sample_shape))
        counted = torch.arange(most).to(self.total).view(-1, *[1] * (drawn.ndim - 1))
        counts = self.probs.new_zeros(*drawn.shape[1:], self.event_shape[0])
        counted = (counted < self.total).to(counts).expand(drawn.shape)
        return counts.scatter_add(-1, drawn.movedim(0, -1), counted.movedim(0, -1))

    @property
    def arg_constraints(self):
        return {"probs": constraints.simplex}

    @property
    def mean(self):
        return self.total[..., None] * self.probs


class Program(PyroModule):
    """Latent: t drawn."""

    t_size = 10

    def __init__(self, x_center, parameter_guide=AutoNormal):
        super().__init__()
        self.register_buffer("x_center", x_center)
        self.x_size = len(x_center)
        self.t_encoder = nn.Sequential(
            nn.Linear(self.x_size, 64),
            nn.ReLU(),
            nn.Linear(64, 64),
            nn.ReLU(),
            nn.Linear(64, 2 * (self.t_size - 1)),
        )
        self.parameter_guide = parameter_guide(self.priors)

    def priors(self):
        """Draw every parameter."""
        prior = dist.Dirichlet(self.x_center.new_ones([self.t_size, self.x_size]))
        x_probs = pyro.sample("x_probs", prior.to_event(1))
        return (x_probs,)

    def model(self, x, rows):
        """The joint density of rows and latents."""
        (x_probs,) = self.priors()
        with pyro.plate("row", rows, subsample=x):
            t = pyro.sample(
                "t", dist.Dirichlet(self.x_center.new_full([self.t_size], 0.5))
            )
            x_probs_total = t @ x_probs
            pyro.sample("x", Counts(x.sum(-1), x_probs_total), obs=x)

    def marginal(self, x, rows):
        """No latent has a closed form: the joint density."""
        return self.model(x, rows)

    def encode(self, x):
        """Location and scale of the belief of each row, before its transform."""
        seen = x.log1p() - self.x_center.log1p()
        t_loc, t_log_scale = self.t_encoder(seen).chunk(2, -1)
        return t_loc, t_log_scale.exp()

    def latent_guide(self, x, rows):
        """q(t given the data), by the encoder."""
        t_loc, t_scale = self.encode(x)
        with pyro.plate("row", rows, subsample=x):
            pyro.sample(
                "t",
                dist.TransformedDistribution(
                    dist.Normal(t_loc, t_scale).to_event(1),
                    StickBreakingTransform(cache_size=1),
                ),
            )

    def guide(self, x, rows):
        """Automatic for the parameters, an encoder for t."""
        self.parameter_guide()
        self.latent_guide(x, rows)
