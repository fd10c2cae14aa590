"""A latent-variable model as a Pyro program; observed: x.

z ~ Normal(0, 1, size=2)
x ~ Normal(loc=Linear(z), scale=Shared())
"""

import math

import pyro
import pyro.distributions as dist
import torch
from pyro.infer.autoguide import AutoNormal
from pyro.nn import PyroModule
from torch.distributions.transforms import PowerTransform


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
    """Latent: z integrated out."""

    z_size = 2

    def __init__(self, x_center, x_spread, parameter_guide=AutoNormal):
        super().__init__()
        self.register_buffer("x_center", x_center)
        self.register_buffer("x_spread", x_spread)
        self.x_size = len(x_center)
        self.parameter_guide = parameter_guide(self.priors)

    def priors(self):
        """Draw every parameter."""
        x_scale = pyro.sample(
            "x_scale",
            dist.TransformedDistribution(
                dist.Gamma(2.0, 0.1 * self.x_spread.mean() ** 2), PowerTransform(-0.5)
            ),
        )
        prior = dist.Normal(self.x_center, 2.5 * self.x_spread)
        x_loc_intercept = pyro.sample(
            "x_loc_intercept", prior.expand([self.x_size]).to_event(1)
        )
        prior = dist.Normal(0.0, 2.5 * self.x_spread)
        x_loc_weights = pyro.sample(
            "x_loc_weights", prior.expand([self.z_size, self.x_size]).to_event(2)
        )
        return x_loc_intercept, x_loc_weights, x_scale

    def model(self, x, rows):
        """The joint density of rows and latents."""
        x_loc_intercept, x_loc_weights, x_scale = self.priors()
        with pyro.plate("row", rows, subsample=x):
            z = pyro.sample(
                "z",
                dist.Normal(self.x_center.new_zeros([self.z_size]), 1.0).to_event(1),
            )
            x_loc = x_loc_intercept + z @ x_loc_weights
            pyro.sample("x", dist.Normal(x_loc, x_scale).to_event(1), obs=x)

    def z_belief(self, parameters, x):
        """Belief of z: mean, covariance, log p(0) - log p(0 given the data)."""
        x_loc_intercept, x_loc_weights, x_scale = parameters
        z_precision = self.x_center.new_ones([self.z_size])
        x_loaded = x_loc_weights * x_scale.square().reciprocal()
        x_residual = x - x_loc_intercept
        precision = torch.diag_embed(z_precision) + x_loaded @ x_loc_weights.mT
        shift = x_residual @ x_loaded.mT
        tril = torch.linalg.cholesky(precision)
        z_covariance = torch.cholesky_inverse(tril)
        z_mean = shift @ z_covariance
        z_log_scale = tril.diagonal(dim1=-2, dim2=-1).log().sum(-1)
        log_z = 0.5 * (shift * z_mean).sum(-1) - z_log_scale
        return z_mean, z_covariance, log_z

    def joint(self, parameters, x):
        """log p(x given the parameters), for each row."""
        x_loc_intercept, _, x_scale = parameters
        log_x = normal_log_prob(
            x, x_loc_intercept, x_scale.expand(self.x_size), self.x_center
        )
        _, _, log_z = self.z_belief(parameters, x)
        return log_x + log_z

    def marginal(self, x, rows):
        """The density of the rows with z taken out."""
        parameters = self.priors()
        with pyro.plate("row", rows, subsample=x):
            pyro.factor("x_marginal", self.joint(parameters, x))

    def guide(self, x, rows):
        """Automatic for the parameters."""
        self.parameter_guide()

    def belief(self, parameters, x):
        """What was taken out, given the data, the parameters and what was drawn; exact."""
        z_loc, z_covariance, _ = self.z_belief(parameters, x)
        return {"z_loc": z_loc, "z_covariance": z_covariance}
