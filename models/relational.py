"""A latent-variable model as a Pyro program; observed: holds, head, relation, tail.

e[entity] ~ Normal(0, 1, size=16)
r[relation] ~ Normal(0, 1, size=16)
holds ~ Bernoulli(logits=Dot(e[head], r, e[tail]))
"""

import pyro
import pyro.distributions as dist
from pyro.infer.autoguide import AutoNormal
from pyro.nn import PyroModule


class Program(PyroModule):
    """Latent: e and r drawn with the parameters."""

    e_size = 16
    r_size = 16

    def __init__(
        self,
        holds_center,
        head_center,
        relation_center,
        tail_center,
        parameter_guide=AutoNormal,
    ):
        super().__init__()
        self.register_buffer("holds_center", holds_center)
        self.register_buffer("head_center", head_center)
        self.register_buffer("relation_center", relation_center)
        self.register_buffer("tail_center", tail_center)
        self.holds_size = len(holds_center)
        self.head_size = len(head_center)
        self.relation_size = len(relation_center)
        self.tail_size = len(tail_center)
        self.entity_size = len(head_center)
        self.parameter_guide = parameter_guide(self.priors)

    def priors(self):
        """Draw every parameter."""
        prior = dist.Normal(self.holds_center.new_zeros([self.e_size]), 1.0)
        e = pyro.sample("e", prior.expand([self.entity_size, self.e_size]).to_event(2))
        prior = dist.Normal(self.holds_center.new_zeros([self.r_size]), 1.0)
        r = pyro.sample(
            "r", prior.expand([self.relation_size, self.r_size]).to_event(2)
        )
        return e, r

    def model(self, holds, head, relation, tail, rows):
        """The joint density of rows and latents."""
        e, r = self.priors()
        with pyro.plate("row", rows, subsample=holds):
            holds_logits = (e[head] * r[relation] * e[tail]).sum(-1)
            pyro.sample(
                "holds",
                dist.Bernoulli(
                    logits=holds_logits[:, None].expand(-1, self.holds_size)
                ).to_event(1),
                obs=holds,
            )

    def marginal(self, holds, head, relation, tail, rows):
        """No latent has a closed form: the joint density."""
        return self.model(holds, head, relation, tail, rows)

    def guide(self, holds, head, relation, tail, rows):
        """Automatic for the parameters."""
        self.parameter_guide()
