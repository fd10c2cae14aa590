"""A latent-variable model as a Pyro program; observed: pair, word, context.

w[word] ~ Normal(0, 1, size=32)
v[context] ~ Normal(0, 1, size=32)
pair ~ Bernoulli(logits=Dot(w, v))
"""

import pyro
import pyro.distributions as dist
from pyro.infer.autoguide import AutoNormal
from pyro.nn import PyroModule


class Program(PyroModule):
    """Latent: w and v drawn with the parameters."""

    w_size = 32
    v_size = 32

    def __init__(
        self, pair_center, word_center, context_center, parameter_guide=AutoNormal
    ):
        super().__init__()
        self.register_buffer("pair_center", pair_center)
        self.register_buffer("word_center", word_center)
        self.register_buffer("context_center", context_center)
        self.pair_size = len(pair_center)
        self.word_size = len(word_center)
        self.context_size = len(context_center)
        self.parameter_guide = parameter_guide(self.priors)

    def priors(self):
        """Draw every parameter."""
        prior = dist.Normal(self.pair_center.new_zeros([self.w_size]), 1.0)
        w = pyro.sample("w", prior.expand([self.word_size, self.w_size]).to_event(2))
        prior = dist.Normal(self.pair_center.new_zeros([self.v_size]), 1.0)
        v = pyro.sample("v", prior.expand([self.context_size, self.v_size]).to_event(2))
        return w, v

    def model(self, pair, word, context, rows):
        """The joint density of rows and latents."""
        w, v = self.priors()
        with pyro.plate("row", rows, subsample=pair):
            pair_logits = (w[word] * v[context]).sum(-1)
            pyro.sample(
                "pair",
                dist.Bernoulli(
                    logits=pair_logits[:, None].expand(-1, self.pair_size)
                ).to_event(1),
                obs=pair,
            )

    def marginal(self, pair, word, context, rows):
        """No latent has a closed form: the joint density."""
        return self.model(pair, word, context, rows)

    def guide(self, pair, word, context, rows):
        """Automatic for the parameters."""
        self.parameter_guide()
