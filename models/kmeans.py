"""A latent-variable model as a Pyro program; observed: x.

c = Nearest(x, size=3)
x ~ Normal(loc=Table(c, prior="point"), scale=Spread())
"""

import math

import pyro
import pyro.distributions as dist
import torch
from pyro.infer.autoguide import AutoNormal
from pyro.nn import PyroModule
from torch.distributions import constraints


def normal_log_prob(x, loc, scale, origin):
    """log Normal(x; loc, scale), summed over the features, by matrix products.

    x is (N, D), loc and scale are (..., D), the result is (N, ...).
    Squares are expanded around origin, (D,), a point amid the rows.
    """
    x, loc, precision = x - origin, loc - origin, scale.square().reciprocal()
    loc, precision = torch.broadcast_tensors(loc, precision)
    squares = torch.einsum("nx,...x->n...", x.square(), precision)
    products = torch.einsum("nx,...x->n...", x, precision * loc)
    rest = precision * loc.square() - precision.log() + math.log(math.tau)
    return products - 0.5 * squares - 0.5 * rest.sum(-1)


class Program(PyroModule):
    """Deterministic: c."""

    c_size = 3

    def __init__(self, x_center, x_spread, parameter_guide=AutoNormal):
        super().__init__()
        self.register_buffer("x_center", x_center)
        self.register_buffer("x_spread", x_spread)
        self.x_size = len(x_center)
        self.parameter_guide = parameter_guide(self.priors)

    def priors(self):
        """Draw every parameter."""
        x_loc = pyro.sample(
            "x_loc",
            dist.ImproperUniform(constraints.real, (), (self.c_size, self.x_size)),
        )
        return (x_loc,)

    def model(self, x, rows):
        """The density of rows given their c."""
        (x_loc,) = self.priors()
        with pyro.plate("row", rows, subsample=x):
            log_x = normal_log_prob(x, x_loc, self.x_spread, self.x_center)
            c = pyro.deterministic("c", log_x.argmax(-1))
            pyro.sample("x", dist.Normal(x_loc[c], self.x_spread).to_event(1), obs=x)

    def marginal(self, x, rows):
        """Nothing is drawn: what is maximized."""
        return self.model(x, rows)

    def guide(self, x, rows):
        """Automatic for the parameters."""
        self.parameter_guide()
