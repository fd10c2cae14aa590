"""A fit changes nothing that others can see."""

import random

import numpy as np
import pyro
import pytest
import torch

from latentprob.inference.nuts import NUTS
from latentprob.inference.svi import SVI

MIXTURE = "c ~ Categorical(size=2)\nx ~ Normal(loc=Table(c), scale=Table(c))"
VAE = "z ~ Normal(0, 1, size=2)\nx ~ Bernoulli(logits=MLP(z, hidden=[8]))"


def state():
    return {
        "torch": torch.random.get_rng_state().tolist(),
        "numpy": str(np.random.get_state()),  # noqa: NPY002
        "python": random.getstate(),
        "dtype": torch.get_default_dtype(),
        "grad": torch.is_grad_enabled(),
        "settings": pyro.settings.get(),
        "store": list(pyro.get_param_store().keys()),
        "validation": (torch.distributions.Distribution._validate_args, pyro.infer.util.is_validation_enabled()),
        "threads": torch.get_num_threads(),
    }


@pytest.mark.parametrize(
    ("text", "method"),
    [
        (MIXTURE, SVI(steps=30, restarts=2, draws=10)),
        (VAE, SVI(steps=30)),
        (MIXTURE, NUTS(draws=5, warmup=10, chains=1)),
    ],
    ids=["svi", "vae", "nuts"],
)
def test_nothing_global_changes(problem, two_groups, text, method):
    pyro.get_param_store().clear()
    data = two_groups if text == MIXTURE else (np.random.default_rng(0).random((30, 4)) < 0.5).astype(float)
    at = problem(text, data)
    before = state()
    method.run(at, seed=1, progress=False)
    assert state() == before
