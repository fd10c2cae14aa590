"""A latent-variable model as a Pyro program; observed: y.

ability ~ Normal(0, 1)
y ~ Bernoulli(logits=Linear(ability))
"""

import pyro
import pyro.distributions as dist
from pyro.infer.autoguide import AutoNormal
from pyro.nn import PyroModule
from torch import nn


class Program(PyroModule):
    """Latent: ability drawn."""

    ability_size = 1

    def __init__(self, y_center, parameter_guide=AutoNormal):
        super().__init__()
        self.register_buffer("y_center", y_center)
        self.y_size = len(y_center)
        self.ability_encoder = nn.Sequential(
            nn.Linear(self.y_size, 64),
            nn.ReLU(),
            nn.Linear(64, 64),
            nn.ReLU(),
            nn.Linear(64, 2 * self.ability_size),
        )
        self.parameter_guide = parameter_guide(self.priors)

    def priors(self):
        """Draw every parameter."""
        prior = dist.Normal(self.y_center.logit(), 2.5)
        y_logits_intercept = pyro.sample(
            "y_logits_intercept", prior.expand([self.y_size]).to_event(1)
        )
        prior = dist.Normal(
            self.y_center.new_zeros([self.ability_size, self.y_size]), 2.5
        )
        y_logits_weights = pyro.sample("y_logits_weights", prior.to_event(2))
        return y_logits_intercept, y_logits_weights

    def model(self, y, rows):
        """The joint density of rows and latents."""
        y_logits_intercept, y_logits_weights = self.priors()
        with pyro.plate("row", rows, subsample=y):
            ability = pyro.sample(
                "ability",
                dist.Normal(self.y_center.new_zeros([self.ability_size]), 1.0).to_event(
                    1
                ),
            )
            y_logits = y_logits_intercept + ability @ y_logits_weights
            pyro.sample("y", dist.Bernoulli(logits=y_logits).to_event(1), obs=y)

    def marginal(self, y, rows):
        """No latent has a closed form: the joint density."""
        return self.model(y, rows)

    def encode(self, y):
        """Location and scale of the belief of each row, before its transform."""
        seen = 2 * y - 1
        ability_loc, ability_log_scale = self.ability_encoder(seen).chunk(2, -1)
        return ability_loc, ability_log_scale.exp()

    def latent_guide(self, y, rows):
        """q(ability given the data), by the encoder."""
        ability_loc, ability_scale = self.encode(y)
        with pyro.plate("row", rows, subsample=y):
            pyro.sample("ability", dist.Normal(ability_loc, ability_scale).to_event(1))

    def guide(self, y, rows):
        """Automatic for the parameters, an encoder for ability."""
        self.parameter_guide()
        self.latent_guide(y, rows)
