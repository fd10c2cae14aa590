"""A latent-variable model as a Pyro program; observed: x.

c ~ Categorical(size=10)
z ~ Normal(loc=Table(c), scale=Table(c), size=8)
x ~ Bernoulli(logits=MLP(z, hidden=[256]))
"""

import pyro
import pyro.distributions as dist
from pyro.infer.autoguide import AutoNormal
from pyro.nn import PyroModule
from torch import nn
from torch.distributions import constraints
from torch.distributions.transforms import PowerTransform


class Program(PyroModule):
    """Latent: c summed out, z drawn."""

    c_size = 10
    z_size = 8

    def __init__(self, x_center, parameter_guide=AutoNormal):
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
        self.parameter_guide = parameter_guide(self.priors)

    def priors(self):
        """Draw every parameter."""
        c_probs = pyro.sample(
            "c_probs", dist.Dirichlet(self.x_center.new_ones([self.c_size]))
        )
        prior = dist.TransformedDistribution(
            dist.Gamma(self.x_center.new_full([self.c_size, self.z_size], 2.0), 0.1),
            PowerTransform(-0.5),
        )
        z_scale = pyro.sample("z_scale", prior.to_event(2))
        prior = dist.Normal(0.0, 10.0 * z_scale)
        z_loc = pyro.sample(
            "z_loc", prior.expand([self.c_size, self.z_size]).to_event(2)
        )
        return c_probs, z_loc, z_scale

    def model(self, x, rows):
        """The joint density of rows and latents."""
        c_probs, z_loc, z_scale = self.priors()
        with pyro.plate("row", rows, subsample=x):
            c = pyro.sample("c", dist.Categorical(c_probs))
            z = pyro.sample("z", dist.Normal(z_loc[c], z_scale[c]).to_event(1))
            x_logits = self.x_logits_network(z)
            pyro.sample("x", dist.Bernoulli(logits=x_logits).to_event(1), obs=x)

    def joint(self, parameters, x, z):
        """log p(c, z given the parameters), for each row and level of c."""
        c_probs, z_loc, z_scale = parameters
        log_c = c_probs.log()
        z_law = dist.Normal(z_loc, z_scale).to_event(1)
        log_z = z_law.log_prob(z[:, None])
        return log_c + log_z

    def marginal(self, x, rows):
        """The density of the rows with c taken out."""
        parameters = self.priors()
        with pyro.plate("row", rows, subsample=x):
            z = pyro.sample(
                "z", dist.ImproperUniform(constraints.real, (), (self.z_size,))
            )
            x_logits = self.x_logits_network(z)
            pyro.sample("x", dist.Bernoulli(logits=x_logits).to_event(1), obs=x)
            pyro.factor("z_marginal", self.joint(parameters, x, z).logsumexp(-1))

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
        """Automatic for the parameters, an encoder for z."""
        self.parameter_guide()
        self.latent_guide(x, rows)

    def belief(self, parameters, x, z):
        """What was taken out, given the data, the parameters and what was drawn; exact."""
        c_probs = self.joint(parameters, x, z).softmax(-1)
        return {"c_probs": c_probs}
