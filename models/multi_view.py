"""A latent-variable model as a Pyro program; observed: x, y.

z ~ Normal(0, 1, size=2)
x ~ Normal(loc=Linear(z), scale=PerFeature())
y ~ Bernoulli(logits=Linear(z))
"""

import pyro
import pyro.distributions as dist
import torch
from pyro.infer.autoguide import AutoNormal
from pyro.nn import PyroModule
from torch import nn
from torch.distributions.transforms import PowerTransform


class Program(PyroModule):
    """Latent: z drawn."""

    z_size = 2

    def __init__(self, x_center, x_spread, y_center, parameter_guide=AutoNormal):
        super().__init__()
        self.register_buffer("x_center", x_center)
        self.register_buffer("x_spread", x_spread)
        self.register_buffer("y_center", y_center)
        self.x_size = len(x_center)
        self.y_size = len(y_center)
        self.z_encoder = nn.Sequential(
            nn.Linear(self.x_size + self.y_size, 64),
            nn.ReLU(),
            nn.Linear(64, 64),
            nn.ReLU(),
            nn.Linear(64, 2 * self.z_size),
        )
        self.parameter_guide = parameter_guide(self.priors)

    def priors(self):
        """Draw every parameter."""
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
        prior = dist.Normal(self.y_center.logit(), 2.5)
        y_logits_intercept = pyro.sample(
            "y_logits_intercept", prior.expand([self.y_size]).to_event(1)
        )
        prior = dist.Normal(self.x_center.new_zeros([self.z_size, self.y_size]), 2.5)
        y_logits_weights = pyro.sample("y_logits_weights", prior.to_event(2))
        return (
            x_loc_intercept,
            x_loc_weights,
            x_scale,
            y_logits_intercept,
            y_logits_weights,
        )

    def model(self, x, y, rows):
        """The joint density of rows and latents."""
        (
            x_loc_intercept,
            x_loc_weights,
            x_scale,
            y_logits_intercept,
            y_logits_weights,
        ) = self.priors()
        with pyro.plate("row", rows, subsample=x):
            z = pyro.sample(
                "z",
                dist.Normal(self.x_center.new_zeros([self.z_size]), 1.0).to_event(1),
            )
            x_loc = x_loc_intercept + z @ x_loc_weights
            pyro.sample("x", dist.Normal(x_loc, x_scale).to_event(1), obs=x)
            y_logits = y_logits_intercept + z @ y_logits_weights
            pyro.sample("y", dist.Bernoulli(logits=y_logits).to_event(1), obs=y)

    def marginal(self, x, y, rows):
        """No latent has a closed form: the joint density."""
        return self.model(x, y, rows)

    def encode(self, x, y):
        """Location and scale of the belief of each row, before its transform."""
        seen = torch.cat([(x - self.x_center) / self.x_spread, 2 * y - 1], -1)
        z_loc, z_log_scale = self.z_encoder(seen).chunk(2, -1)
        return z_loc, z_log_scale.exp()

    def latent_guide(self, x, y, rows):
        """q(z given the data), by the encoder."""
        z_loc, z_scale = self.encode(x, y)
        with pyro.plate("row", rows, subsample=x):
            pyro.sample("z", dist.Normal(z_loc, z_scale).to_event(1))

    def guide(self, x, y, rows):
        """Automatic for the parameters, an encoder for z."""
        self.parameter_guide()
        self.latent_guide(x, y, rows)
