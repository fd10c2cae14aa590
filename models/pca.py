"""A latent-variable model as a Pyro program; observed: x.

z = Linear(x, weights="point", intercept="point", size=2)
x ~ Normal(loc=Linear(z, weights="point", intercept="point"), scale=Shared(prior="point"))
"""

import pyro
import pyro.distributions as dist
from pyro.infer.autoguide import AutoNormal
from pyro.nn import PyroModule
from torch.distributions import constraints


class Program(PyroModule):
    """Deterministic: z."""

    z_size = 2

    def __init__(self, x_center, x_spread, parameter_guide=AutoNormal):
        super().__init__()
        self.register_buffer("x_center", x_center)
        self.register_buffer("x_spread", x_spread)
        self.x_size = len(x_center)
        self.parameter_guide = parameter_guide(self.priors)

    def priors(self):
        """Draw every parameter."""
        z_intercept = pyro.sample(
            "z_intercept", dist.ImproperUniform(constraints.real, (), (self.z_size,))
        )
        z_weights = pyro.sample(
            "z_weights",
            dist.ImproperUniform(constraints.real, (), (self.x_size, self.z_size)),
        )
        x_scale = pyro.sample(
            "x_scale",
            dist.ImproperUniform(
                constraints.greater_than(0.001 * self.x_spread.mean()), (), ()
            ),
        )
        x_loc_intercept = pyro.sample(
            "x_loc_intercept",
            dist.ImproperUniform(constraints.real, (), (self.x_size,)),
        )
        x_loc_weights = pyro.sample(
            "x_loc_weights",
            dist.ImproperUniform(constraints.real, (), (self.z_size, self.x_size)),
        )
        return z_intercept, z_weights, x_loc_intercept, x_loc_weights, x_scale

    def model(self, x, rows):
        """The density of rows given their z."""
        z_intercept, z_weights, x_loc_intercept, x_loc_weights, x_scale = self.priors()
        with pyro.plate("row", rows, subsample=x):
            z_value = z_intercept + (x - self.x_center) @ z_weights
            z = pyro.deterministic("z", z_value, event_dim=1)
            x_loc = x_loc_intercept + z @ x_loc_weights
            pyro.sample("x", dist.Normal(x_loc, x_scale).to_event(1), obs=x)

    def marginal(self, x, rows):
        """Nothing is drawn: what is maximized."""
        return self.model(x, rows)

    def guide(self, x, rows):
        """Automatic for the parameters."""
        self.parameter_guide()
