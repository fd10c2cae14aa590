"""A latent-variable model as a Pyro program; observed: x.

z = MLP(x, hidden=[256], size=8)
x ~ Bernoulli(logits=MLP(z, hidden=[256]))
"""

import pyro
import pyro.distributions as dist
from pyro.nn import PyroModule
from torch import nn


class Program(PyroModule):
    """Deterministic: z."""

    z_size = 8

    def __init__(self, x_center):
        super().__init__()
        self.register_buffer("x_center", x_center)
        self.x_size = len(x_center)
        self.z_encoder = nn.Sequential(
            nn.Linear(self.x_size, 256),
            nn.ReLU(),
            nn.Linear(256, self.z_size),
        )
        self.x_logits_network = nn.Sequential(
            nn.Linear(self.z_size, 256),
            nn.ReLU(),
            nn.Linear(256, self.x_size),
        )

    def model(self, x, rows):
        """The density of rows given their z."""
        with pyro.plate("row", rows, subsample=x):
            z_value = self.z_encoder(2 * x - 1)
            z = pyro.deterministic("z", z_value, event_dim=1)
            x_logits = self.x_logits_network(z)
            pyro.sample("x", dist.Bernoulli(logits=x_logits).to_event(1), obs=x)

    def marginal(self, x, rows):
        """Nothing is drawn: what is maximized."""
        return self.model(x, rows)

    def guide(self, x, rows):
        """Nothing is drawn."""
