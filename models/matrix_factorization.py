"""A latent-variable model as a Pyro program; observed: rating, user, item.

u[user] ~ Normal(0, 1, size=8)
v[item] ~ Normal(0, 1, size=8)
rating ~ Normal(loc=Dot(u, v) + PerLevel(user) + PerLevel(item), scale=Shared())
"""

import pyro
import pyro.distributions as dist
from pyro.infer.autoguide import AutoNormal
from pyro.nn import PyroModule
from torch.distributions.transforms import PowerTransform


class Program(PyroModule):
    """Latent: u and v drawn with the parameters."""

    u_size = 8
    v_size = 8

    def __init__(
        self,
        rating_center,
        rating_spread,
        user_center,
        item_center,
        parameter_guide=AutoNormal,
    ):
        super().__init__()
        self.register_buffer("rating_center", rating_center)
        self.register_buffer("rating_spread", rating_spread)
        self.register_buffer("user_center", user_center)
        self.register_buffer("item_center", item_center)
        self.rating_size = len(rating_center)
        self.user_size = len(user_center)
        self.item_size = len(item_center)
        self.parameter_guide = parameter_guide(self.priors)

    def priors(self):
        """Draw every parameter."""
        prior = dist.Normal(self.rating_center.new_zeros([self.u_size]), 1.0)
        u = pyro.sample("u", prior.expand([self.user_size, self.u_size]).to_event(2))
        prior = dist.Normal(self.rating_center.new_zeros([self.v_size]), 1.0)
        v = pyro.sample("v", prior.expand([self.item_size, self.v_size]).to_event(2))
        rating_scale = pyro.sample(
            "rating_scale",
            dist.TransformedDistribution(
                dist.Gamma(2.0, 0.1 * self.rating_spread.mean() ** 2),
                PowerTransform(-0.5),
            ),
        )
        prior = dist.Normal(self.rating_center, 2.5 * self.rating_spread)
        rating_loc_intercept = pyro.sample(
            "rating_loc_intercept", prior.expand([self.rating_size]).to_event(1)
        )
        prior = dist.HalfNormal(self.rating_spread)
        rating_loc_user_scale = pyro.sample(
            "rating_loc_user_scale", prior.expand([self.rating_size]).to_event(1)
        )
        prior = dist.Normal(0.0, rating_loc_user_scale)
        rating_loc_user = pyro.sample(
            "rating_loc_user",
            prior.expand([self.user_size, self.rating_size]).to_event(2),
        )
        prior = dist.HalfNormal(self.rating_spread)
        rating_loc_item_scale = pyro.sample(
            "rating_loc_item_scale", prior.expand([self.rating_size]).to_event(1)
        )
        prior = dist.Normal(0.0, rating_loc_item_scale)
        rating_loc_item = pyro.sample(
            "rating_loc_item",
            prior.expand([self.item_size, self.rating_size]).to_event(2),
        )
        return (
            u,
            v,
            rating_loc_intercept,
            rating_loc_user_scale,
            rating_loc_user,
            rating_loc_item_scale,
            rating_loc_item,
            rating_scale,
        )

    def model(self, rating, user, item, rows):
        """The joint density of rows and latents."""
        (
            u,
            v,
            rating_loc_intercept,
            _,
            rating_loc_user,
            _,
            rating_loc_item,
            rating_scale,
        ) = self.priors()
        with pyro.plate("row", rows, subsample=rating):
            rating_loc = (
                (u[user] * v[item]).sum(-1)[:, None]
                + rating_loc_intercept
                + rating_loc_user[user]
                + rating_loc_item[item]
            )
            pyro.sample(
                "rating", dist.Normal(rating_loc, rating_scale).to_event(1), obs=rating
            )

    def marginal(self, rating, user, item, rows):
        """No latent has a closed form: the joint density."""
        return self.model(rating, user, item, rows)

    def guide(self, rating, user, item, rows):
        """Automatic for the parameters."""
        self.parameter_guide()
