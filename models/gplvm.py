"""A latent-variable model as a Pyro program; observed: x.

z ~ Normal(0, 1, size=2)
x ~ Normal(loc=GP(z, inducing=64), scale=Shared())
"""

import pyro
import pyro.distributions as dist
import torch
from pyro.infer.autoguide import AutoNormal
from pyro.nn import PyroModule
from torch import nn
from torch.distributions.transforms import PowerTransform


def process_features(z, points, lengthscale):
    """What a Gaussian process at z, (N, Z), takes from whitened values at points, (M, Z).

    Features, (N, M), and the share of the variance that they leave open, (N,), under the
    kernel exp(-|(a - b) / lengthscale|^2 / 2).
    """
    z, points = z / lengthscale, points / lengthscale
    inner = points @ points.mT
    norms = 0.5 * inner.diagonal(dim1=-2, dim2=-1)
    jitter = 1e-6 * torch.eye(len(points), dtype=z.dtype, device=z.device)
    kernel = (inner - norms - norms[:, None]).exp()
    cross = (points @ z.mT - 0.5 * z.square().sum(-1) - norms[:, None]).exp()
    tril = torch.linalg.cholesky(kernel + jitter)
    features = torch.linalg.solve_triangular(tril, cross, upper=False).mT
    return features, (1 - features.square().sum(-1)).clamp_min(1e-9)


class Program(PyroModule):
    """Latent: z drawn."""

    z_size = 2

    def __init__(self, x_center, x_spread, parameter_guide=AutoNormal):
        super().__init__()
        self.register_buffer("x_center", x_center)
        self.register_buffer("x_spread", x_spread)
        self.x_size = len(x_center)
        self.x_loc_points = nn.Parameter(torch.randn(64, self.z_size))
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
        prior = dist.LogNormal(self.x_center.new_zeros([self.z_size]), 1.0)
        x_loc_lengthscale = pyro.sample("x_loc_lengthscale", prior.to_event(1))
        prior = dist.LogNormal(2 * self.x_spread.log(), 1.0)
        x_loc_variance = pyro.sample(
            "x_loc_variance", prior.expand([self.x_size]).to_event(1)
        )
        prior = dist.Normal(
            self.x_center.new_zeros([len(self.x_loc_points), self.x_size]), 1.0
        )
        x_loc_inducing = pyro.sample("x_loc_inducing", prior.to_event(2))
        return (
            x_loc_intercept,
            x_loc_lengthscale,
            x_loc_variance,
            x_loc_inducing,
            x_scale,
        )

    def model(self, x, rows):
        """The joint density of rows and latents."""
        (
            x_loc_intercept,
            x_loc_lengthscale,
            x_loc_variance,
            x_loc_inducing,
            x_scale,
        ) = self.priors()
        with pyro.plate("row", rows, subsample=x):
            z = pyro.sample(
                "z",
                dist.Normal(self.x_center.new_zeros([self.z_size]), 1.0).to_event(1),
            )
            x_loc_residual = pyro.sample(
                "x_loc_residual",
                dist.Normal(self.x_center.new_zeros([self.x_size]), 1.0).to_event(1),
            )
            x_loc_features, x_loc_rest = process_features(
                z, self.x_loc_points, x_loc_lengthscale
            )
            x_loc_process = x_loc_features @ x_loc_inducing
            x_loc_process = x_loc_process + x_loc_rest.sqrt()[:, None] * x_loc_residual
            x_loc = x_loc_intercept + x_loc_variance.sqrt() * x_loc_process
            pyro.sample("x", dist.Normal(x_loc, x_scale).to_event(1), obs=x)

    def marginal(self, x, rows):
        """No latent has a closed form: the joint density."""
        return self.model(x, rows)

    def encode(self, x):
        """Location and scale of the belief of each row, before its transform."""
        seen = (x - self.x_center) / self.x_spread
        z_loc, z_log_scale = self.z_encoder(seen).chunk(2, -1)
        return z_loc, z_log_scale.exp()

    def latent_guide(self, x, rows):
        """q(z given the data), by the encoder; the law of x_loc_residual as in the prior."""
        z_loc, z_scale = self.encode(x)
        with pyro.plate("row", rows, subsample=x):
            pyro.sample("z", dist.Normal(z_loc, z_scale).to_event(1))
            pyro.sample(
                "x_loc_residual",
                dist.Normal(self.x_center.new_zeros([self.x_size]), 1.0).to_event(1),
            )

    def guide(self, x, rows):
        """Automatic for the parameters, an encoder for z."""
        self.parameter_guide()
        self.latent_guide(x, rows)
