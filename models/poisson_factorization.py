"""A latent-variable model as a Pyro program; observed: x.

z ~ Gamma(0.5, 0.5, size=5)
x ~ Poisson(rate=Table(z))
"""

import pyro
import pyro.distributions as dist
from pyro.infer.autoguide import AutoNormal
from pyro.nn import PyroModule
from torch import nn


class Program(PyroModule):
    """Latent: z drawn."""

    z_size = 5

    def __init__(self, x_center, parameter_guide=AutoNormal):
        super().__init__()
        self.register_buffer("x_center", x_center)
        self.x_size = len(x_center)
        self.z_encoder = nn.Sequential(
            nn.Linear(self.x_size, 64),
            nn.ReLU(),
            nn.Linear(64, 64),
            nn.ReLU(),
            nn.Linear(64, 2 * self.z_size),
        )
        self.parameter_guide = parameter_guide(self.priors)

    def priors(self):
        """Draw every parameter."""
        prior = dist.Gamma(1.0, 1 / self.x_center)
        x_rate = pyro.sample(
            "x_rate", prior.expand([self.z_size, self.x_size]).to_event(2)
        )
        return (x_rate,)

    def model(self, x, rows):
        """The joint density of rows and latents."""
        (x_rate,) = self.priors()
        with pyro.plate("row", rows, subsample=x):
            z = pyro.sample(
                "z",
                dist.Gamma(self.x_center.new_full([self.z_size], 0.5), 0.5).to_event(1),
            )
            x_rate_total = z @ x_rate
            pyro.sample("x", dist.Poisson(x_rate_total).to_event(1), obs=x)

    def marginal(self, x, rows):
        """No latent has a closed form: the joint density."""
        return self.model(x, rows)

    def encode(self, x):
        """Location and scale of the belief of each row, before its transform."""
        seen = x.log1p() - self.x_center.log1p()
        z_loc, z_log_scale = self.z_encoder(seen).chunk(2, -1)
        return z_loc, z_log_scale.exp()

    def latent_guide(self, x, rows):
        """q(z given the data), by the encoder."""
        z_loc, z_scale = self.encode(x)
        with pyro.plate("row", rows, subsample=x):
            pyro.sample("z", dist.LogNormal(z_loc, z_scale).to_event(1))

    def guide(self, x, rows):
        """Automatic for the parameters, an encoder for z."""
        self.parameter_guide()
        self.latent_guide(x, rows)
