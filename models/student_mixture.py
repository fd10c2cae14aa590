"""A latent-variable model as a Pyro program; observed: x.

c ~ Categorical(size=3)
x ~ StudentT(loc=Table(c), scale=Table(c))
"""

import pyro
import pyro.distributions as dist
from pyro.infer.autoguide import AutoNormal
from pyro.nn import PyroModule
from torch.distributions.transforms import PowerTransform


class Program(PyroModule):
    """Latent: c summed out."""

    c_size = 3

    def __init__(self, x_center, x_spread, parameter_guide=AutoNormal):
        super().__init__()
        self.register_buffer("x_center", x_center)
        self.register_buffer("x_spread", x_spread)
        self.x_size = len(x_center)
        self.parameter_guide = parameter_guide(self.priors)

    def priors(self):
        """Draw every parameter."""
        c_probs = pyro.sample(
            "c_probs", dist.Dirichlet(self.x_center.new_ones([self.c_size]))
        )
        x_df = pyro.sample("x_df", dist.Gamma(self.x_center.new_full([], 2.0), 0.1))
        prior = dist.TransformedDistribution(
            dist.Gamma(2.0, 0.1 * self.x_spread**2), PowerTransform(-0.5)
        )
        x_scale = pyro.sample(
            "x_scale", prior.expand([self.c_size, self.x_size]).to_event(2)
        )
        prior = dist.Normal(self.x_center, 2.5 * self.x_spread)
        x_loc = pyro.sample(
            "x_loc", prior.expand([self.c_size, self.x_size]).to_event(2)
        )
        return c_probs, x_df, x_loc, x_scale

    def model(self, x, rows):
        """The joint density of rows and latents."""
        c_probs, x_df, x_loc, x_scale = self.priors()
        with pyro.plate("row", rows, subsample=x):
            c = pyro.sample("c", dist.Categorical(c_probs))
            pyro.sample(
                "x", dist.StudentT(x_df, x_loc[c], x_scale[c]).to_event(1), obs=x
            )

    def joint(self, parameters, x):
        """log p(c, x given the parameters), for each row and level of c."""
        c_probs, x_df, x_loc, x_scale = parameters
        log_c = c_probs.log()
        x_law = dist.StudentT(x_df, x_loc, x_scale).to_event(1)
        log_x = x_law.log_prob(x[:, None])
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
