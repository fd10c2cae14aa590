"""A latent-variable model as a Pyro program; observed: x.

z ~ Normal(0, 1, size=8)
x ~ Bernoulli(logits=MLP(z, hidden=[256]))
"""

import pyro
import pyro.distributions as dist
from pyro.nn import PyroModule
from torch import nn


class Program(PyroModule):
    """Latent: z drawn."""

    z_size = 8

    def __init__(self, x_center):
        super().__init__()
        self.register_buffer("x_center", x_center)
        self.x_size = len(x_center)
        self.x_logits_network = nn.Sequential(
            nn.Linear(self.z_size, 256),
            nn.ReLU(),
            nn.Linear(256, self.x_size),
        )
        self.z_encoder = nn.Sequential(
            nn.Linear(self.x_size, 256),
            nn.ReLU(),
            nn.Linear(256, 2 * self.z_size),
        )

    def model(self, x, rows):
        """The joint density of rows and latents."""
        with pyro.plate("row", rows, subsample=x):
            z = pyro.sample(
                "z",
                dist.Normal(self.x_center.new_zeros([self.z_size]), 1.0).to_event(1),
            )
            x_logits = self.x_logits_network(z)
            pyro.sample("x", dist.Bernoulli(logits=x_logits).to_event(1), obs=x)

    def marginal(self, x, rows):
        """No latent has a closed form: the joint density."""
        return self.model(x, rows)

    def encode(self, x):
        """Location and scale of the belief of each row, before its transform."""
        seen = 2 * x - 1
        z_loc, z_log_scale = self.z_encoder(seen).chunk(2, -1)
        return z_loc, z_log_scale.exp()

    def latent_guide(self, x, rows):
        """q(z given the data), by the encoder."""
        z_loc, z_scale = self.encode(x)
        with pyro.plate("row", rows, subsample=x):
            pyro.sample("z", dist.Normal(z_loc, z_scale).to_event(1))

    def guide(self, x, rows):
        """An encoder for z."""
        self.latent_guide(x, rows)
