"""Probabilistic latent-variable models: declare, compile to Pyro, fit, look.

    import latentprob as lp

    model = lp.Model('''
        c ~ Categorical(size=2)
        x ~ MultivariateNormal(loc=Table(c), covariance=Table(c))
    ''')
    fit = lp.fit(model, lp.datasets.load("faithful"), seed=0)
    print(fit.diagnose())

The public names are loaded when they are first used: importing latentprob loads neither torch nor pyro nor numpy.
"""

from difflib import get_close_matches
from importlib import import_module
from typing import Any

PUBLIC = {
    "latentprob.spec.model": ("Model",),
    "latentprob.spec.distributions": (
        "Bernoulli",
        "Beta",
        "Categorical",
        "Dirichlet",
        "Exponential",
        "Gamma",
        "HalfCauchy",
        "HalfNormal",
        "InverseGamma",
        "LKJ",
        "Laplace",
        "LogNormal",
        "Multinomial",
        "MultivariateNormal",
        "NegativeBinomial",
        "Normal",
        "NormalWishart",
        "Poisson",
        "StudentT",
        "Uniform",
        "Wishart",
    ),
    "latentprob.spec.dynamics": ("LinearDynamics", "Markov"),
    "latentprob.spec.maps": (
        "GP",
        "MLP",
        "Dot",
        "Embedding",
        "Linear",
        "Module",
        "Nearest",
        "PerFeature",
        "PerLevel",
        "Shared",
        "Spread",
        "Table",
        "Translation",
    ),
    "latentprob.program": ("compile",),
    "latentprob.inference": ("Exact", "NUTS", "NaturalGradient", "SVI"),
    "latentprob.fitting": ("Fit", "condition", "fit", "load", "simulate"),
    "latentprob.studies": ("Calibration", "Comparison", "Selection", "calibrate", "compare", "select"),
}
MODULES = ("datasets", "errors", "models")
HOMES = {name: module for module, names in PUBLIC.items() for name in names}

__all__ = sorted([*HOMES, *MODULES])


def __getattr__(name: str) -> Any:
    if name in HOMES:
        return getattr(import_module(HOMES[name]), name)
    if name in MODULES:
        return import_module(f"latentprob.{name}")
    if name == "__version__":
        return import_module("importlib.metadata").version("latentprob")
    close = get_close_matches(name, __all__, n=1)
    raise AttributeError(f"latentprob has no name '{name}'{f'; write {close[0]}' if close else ''}")


def __dir__() -> list[str]:
    return __all__
