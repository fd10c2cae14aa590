"""A latent-variable model as a Pyro program; observed: x.

c ~ Categorical(size=3)
x ~ MultivariateNormal(loc=Table(c), covariance=Table(c))
"""

import math

import pyro
import pyro.distributions as dist
import torch
from pyro.infer.autoguide import AutoNormal
from pyro.nn import PyroModule
from torch import nn


def inverse_wishart_tril(diagonal, above, root):
    """Cholesky factor of a covariance whose inverse is Wishart, by Bartlett (1933).

    diagonal, (..., D), is chi-squared; above, (..., D(D-1)/2), standard normal;
    root, (D, D), is the Cholesky factor of the inverse of the Wishart's scale.
    """
    D = diagonal.shape[-1]
    i, j = torch.triu_indices(D, D, 1, device=diagonal.device)
    flat = above.new_zeros(*above.shape[:-1], D * D).index_copy(-1, i * D + j, above)
    upper = flat.unflatten(-1, (D, D)) + torch.diag_embed(diagonal.sqrt())
    return torch.linalg.solve_triangular(upper.mT, root, upper=False, left=False)


def multivariate_normal_log_prob(x, loc, scale_tril):
    """log MultivariateNormal(x; loc, scale_tril), by one product with all whiteners.

    x is (N, D), loc is (..., D), scale_tril is (..., D, D), the result is (N, ...).
    """
    lead = torch.broadcast_shapes(loc.shape[:-1], scale_tril.shape[:-2])
    eye = torch.eye(x.shape[-1], dtype=x.dtype, device=x.device)
    whitener = torch.linalg.solve_triangular(scale_tril, eye, upper=False)
    whitener = whitener.expand(*lead, -1, -1)
    center = torch.einsum("...x,...yx->...y", loc, whitener)
    white = nn.functional.linear(x, whitener.flatten(0, -2), -center.flatten())
    white = white.unflatten(-1, center.shape)
    log_scale = scale_tril.diagonal(dim1=-2, dim2=-1).log() + 0.5 * math.log(math.tau)
    return -0.5 * (white.square() @ white.new_ones(len(eye))) - log_scale.sum(-1)


class Program(PyroModule):
    """Latent: c summed out."""

    c_size = 3

    def __init__(self, x_center, x_spread, parameter_guide=AutoNormal):
        super().__init__()
        self.register_buffer("x_center", x_center)
        self.register_buffer("x_spread", x_spread)
        self.x_size = len(x_center)
        self.register_buffer("x_covariance_root", 0.2**0.5 * torch.diag(self.x_spread))
        self.parameter_guide = parameter_guide(self.priors)

    def priors(self):
        """Draw every parameter."""
        c_probs = pyro.sample(
            "c_probs", dist.Dirichlet(self.x_center.new_ones([self.c_size]))
        )
        # Bartlett's factors of a Wishart precision: chi-squared on the diagonal
        freedom = 3 + self.x_center.new_ones(self.x_size).cumsum(0)
        x_covariance_diagonal = pyro.sample(
            "x_covariance_diagonal",
            dist.Chi2(freedom).expand([self.c_size, self.x_size]).to_event(2),
        )
        x_covariance_above = pyro.sample(
            "x_covariance_above",
            dist.Normal(
                self.x_center.new_zeros(
                    self.c_size, self.x_size * (self.x_size - 1) // 2
                ),
                1.0,
            ).to_event(2),
        )
        x_scale_tril = inverse_wishart_tril(
            x_covariance_diagonal, x_covariance_above, self.x_covariance_root
        )
        pyro.deterministic("x_covariance", x_scale_tril @ x_scale_tril.mT)
        prior = dist.MultivariateNormal(self.x_center, scale_tril=10.0 * x_scale_tril)
        x_loc = pyro.sample("x_loc", prior.expand([self.c_size]).to_event(1))
        return c_probs, x_loc, x_scale_tril

    def model(self, x, rows):
        """The joint density of rows and latents."""
        c_probs, x_loc, x_scale_tril = self.priors()
        with pyro.plate("row", rows, subsample=x):
            c = pyro.sample("c", dist.Categorical(c_probs))
            pyro.sample(
                "x",
                dist.MultivariateNormal(x_loc[c], scale_tril=x_scale_tril[c]),
                obs=x,
            )

    def joint(self, parameters, x):
        """log p(c, x given the parameters), for each row and level of c."""
        c_probs, x_loc, x_scale_tril = parameters
        log_c = c_probs.log()
        log_x = multivariate_normal_log_prob(x, x_loc, x_scale_tril)
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
