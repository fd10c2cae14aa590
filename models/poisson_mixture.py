"""A latent-variable model as a Pyro program; observed: x.

c ~ Categorical(size=3)
x ~ Poisson(rate=Table(c))
"""

import pyro
import pyro.distributions as dist
from pyro.infer.autoguide import AutoNormal
from pyro.nn import PyroModule


class Program(PyroModule):
    """Latent: c summed out."""

    c_size = 3

    def __init__(self, x_center, parameter_guide=AutoNormal):
        super().__init__()
        self.register_buffer("x_center", x_center)
        self.x_size = len(x_center)
        self.parameter_guide = parameter_guide(self.priors)

    def priors(self):
        """Draw every parameter."""
        c_probs = pyro.sample(
            "c_probs", dist.Dirichlet(self.x_center.new_ones([self.c_size]))
        )
        prior = dist.Gamma(1.0, 1 / self.x_center)
        x_rate = pyro.sample(
            "x_rate", prior.expand([self.c_size, self.x_size]).to_event(2)
        )
        return c_probs, x_rate

    def model(self, x, rows):
        """The joint density of rows and latents."""
        c_probs, x_rate = self.priors()
        with pyro.plate("row", rows, subsample=x):
            c = pyro.sample("c", dist.Categorical(c_probs))
            pyro.sample("x", dist.Poisson(x_rate[c]).to_event(1), obs=x)

    def joint(self, parameters, x):
        """log p(c, x given the parameters), for each row and level of c."""
        c_probs, x_rate = parameters
        log_c = c_probs.log()
        x_log_rate = x_rate.clamp_min(1e-300).log()
        log_x = x @ x_log_rate.mT - x_rate.sum(-1) - (x + 1).lgamma().sum(-1)[:, None]
        return log_c + log_x

    def marginal(self, x, rows):
        """The density of the rows with c taken out."""
        parameters = self.priors()
        with pyro.plate("row", rows, subsample=x):
            pyro.factor("x_marginal", self.joint(parameters, x).logsumexp(-1))

    def guide(self, x, rows):
        """Automatic for the parameters."""
        self.parameter_guide()

    def belief(self, parameters, x):
        """What was taken out, given the data, the parameters and what was drawn; exact."""
        c_probs = self.joint(parameters, x).softmax(-1)
        return {"c_probs": c_probs}
