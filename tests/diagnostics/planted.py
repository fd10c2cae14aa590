"""Fits with one thing wrong, and fits with nothing wrong: what a diagnosis is held to."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import numpy as np

import latentprob as lp

Change = Callable[[dict[str, np.ndarray]], dict[str, np.ndarray]]

GAUSSIANS = "c ~ Categorical(size={k})\nx ~ MultivariateNormal(loc=Table(c), covariance=Table(c))"
FACTORS = "z ~ Normal(0, 1, size=2)\nx ~ Normal(loc=Linear(z), scale=PerFeature())"
NORMALS = "x ~ Normal(loc=PerFeature(), scale=PerFeature())"
POISSON = "x ~ Poisson(rate=PerFeature())"
DECODED = "z ~ Normal(0, 1, size={z})\nx ~ Normal(loc=MLP(z, hidden=[{h}]), scale=PerFeature())"
CURVED = "z ~ Normal(0, 1)\nx ~ Normal(loc=MLP(z, hidden=[16]), scale=PerFeature())"


def fitted(text: str, data: object, inference: object = None, seed: int = 0) -> lp.Fit:
    return lp.fit(lp.Model(text), data, inference, seed=seed, progress=False)


def clusters(seed: int = 0, rows: int = 150) -> np.ndarray:
    """Rows (N, 2) of two round clusters, six sds apart."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(rows, 2)) + 6 * rng.integers(2, size=(rows, 1))


def factors(seed: int = 0, rows: int = 200) -> np.ndarray:
    """Rows (N, 6) of two normal factors with noise."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(rows, 2)) @ rng.normal(size=(2, 6)) + 0.6 * rng.normal(size=(rows, 6))


def counts(seed: int = 0, rows: int = 200) -> np.ndarray:
    """Rows (N, 3) of counts of two kinds."""
    rng = np.random.default_rng(seed)
    return rng.poisson(np.array([[1, 6, 3], [8, 1, 4]])[rng.integers(2, size=rows)])


def answers(seed: int = 0, rows: int = 200) -> np.ndarray:
    """Rows (N, 6) of yes and no, of two kinds."""
    rng = np.random.default_rng(seed)
    probs = np.array([[0.1, 0.2, 0.8, 0.9, 0.2, 0.7], [0.8, 0.9, 0.1, 0.3, 0.8, 0.2]])
    return (rng.random((rows, 6)) < probs[rng.integers(2, size=rows)]).astype(int)


def curve(seed: int = 0, rows: int = 400) -> np.ndarray:
    """Rows (N, 5) on a smooth curve of one normal latent, with noise."""
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(rows, 1))
    return np.hstack([z, np.tanh(z), -z, 0.5 * z, z + 0.3 * np.tanh(2 * z)]) + 0.5 * rng.normal(size=(rows, 5))


def outliers() -> np.ndarray:
    """Three rows far from 57 normal ones."""
    x = np.random.default_rng(1).normal(size=(60, 2))
    x[[5, 17, 40]] = [[12, 0], [0, -11], [10, 10]]
    return x


def bimodal() -> np.ndarray:
    """Rows (N, 4) of one factor that is -2 or 2."""
    rng = np.random.default_rng(2)
    z = 2 * rng.choice([-1, 1], size=(300, 1)) + 0.1 * rng.normal(size=(300, 1))
    return z * np.array([1, -1, 0.8, 1.2]) + 0.5 * rng.normal(size=(300, 4))


@cache
def gaussians() -> lp.Fit:
    return fitted(GAUSSIANS.format(k=2), clusters())


@cache
def factor_analysis() -> lp.Fit:
    return fitted(FACTORS, factors())


@cache
def autoencoder() -> lp.Fit:
    return fitted(CURVED, curve(), lp.SVI(steps=1500, learning_rate=0.02))


def changed(fit: lp.Fit, chains: list[int], change: Change) -> lp.Fit:
    """The fit with the draws of some chains changed."""
    draws = fit.result.draws
    parameters = {name: array.copy() for name, array in draws.parameters.items()}
    for name, values in change({n: a[chains] for n, a in parameters.items()}).items():
        parameters[name][chains] = values
    return lp.fitting.Fit(replace(fit.result, draws=replace(draws, parameters=parameters)), fit.inference, 0)


@cache
def switched() -> lp.Fit:
    """A chain in which the two components have changed names."""
    axes = dict(gaussians().program.site_axes)

    def swap(sites: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        return {n: np.flip(a, 2 + axes[n].index("c")) for n, a in sites.items() if "c" in axes.get(n, ())}

    return changed(gaussians(), [0], swap)


def rotated() -> lp.Fit:
    """A chain whose factors are turned by 40 degrees."""
    angle = np.deg2rad(40)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return changed(
        factor_analysis(), [1], lambda s: {"x_loc_weights": np.einsum("ij,csjd->csid", turn, s["x_loc_weights"])}
    )


def stuck() -> lp.Fit:
    """A chain in a poorer mode: both components lie amid all rows."""
    return changed(gaussians(), [2], lambda s: {"x_loc": s["x_loc"] * 0.02 + clusters().mean(axis=0)})


def doubled() -> lp.Fit:
    """Two of three components on one of two clusters."""
    x, near = clusters(), clusters().sum(axis=1) < 6
    locs = [x[near].mean(axis=0), x[near].mean(axis=0) + 0.2, x[~near].mean(axis=0)]
    values = {"c_probs": [0.2, 0.3, 0.5], "x_loc": locs, "x_covariance": np.tile(np.eye(2), (3, 1, 1))}
    return lp.condition(lp.Model(GAUSSIANS.format(k=3)), values, x)


def spiked() -> lp.Fit:
    """A component that sits on one row."""
    covariance = np.stack([1e-8 * np.eye(2), np.cov(clusters().T)])
    values = {"c_probs": [0.01, 0.99], "x_loc": [clusters()[0], clusters().mean(axis=0)], "x_covariance": covariance}
    return lp.condition(lp.Model(GAUSSIANS.format(k=2)), values, clusters())


@cache
def small_encoder() -> lp.Fit:
    """The autoencoder with an encoder that has one hidden unit left."""
    result = autoencoder().result
    state = {name: value.clone() for name, value in result.module.state_dict().items()}
    last = max((n for n in state if n.startswith("z_encoder") and n.endswith("weight")), key=lambda n: (len(n), n))
    state[last][:, 1:] = 0
    module = lp.posterior.result.restored(result.program, result.statistics, state, {})
    return lp.fitting.Fit(replace(result, module=module), autoencoder().inference, 0)


def correlated() -> lp.Fit:
    """Slope and intercept of an input far from zero, under a guide without correlations."""
    rng = np.random.default_rng(3)
    u = 10 + rng.normal(size=(80, 1))
    data = {"u": u, "x": 1 + 0.5 * u + rng.normal(size=(80, 1))}
    return fitted("x ~ Normal(loc=Linear(u), scale=1)", data, lp.SVI(guide="normal", refine=False, restarts=2))


def hidden_twenty() -> lp.Fit:
    """Twenty latent dims for rows that have three."""
    rng = np.random.default_rng(4)
    x = rng.normal(size=(400, 3)) @ rng.normal(size=(3, 8)) + 0.5 * rng.normal(size=(400, 8))
    return fitted(DECODED.format(z=20, h=16), x, lp.SVI(steps=1500, learning_rate=0.01))


@cache
def hasty() -> lp.Fit:
    """A network fitted by sixty steps."""
    return fitted(CURVED, curve(), lp.SVI(steps=60))


@cache
def overdispersed() -> lp.Fit:
    """Counts that vary more than a Poisson's."""
    return fitted(POISSON, np.random.default_rng(5).negative_binomial(2, 0.2, size=(200, 2)))


def inflated() -> np.ndarray:
    rng = np.random.default_rng(6)
    return rng.poisson(4, size=(200, 2)) * rng.integers(2, size=(200, 2))


FAULTS: dict[str, tuple[str, tuple[str, ...], Callable[[], lp.Fit]]] = {
    "budget too small": ("bound", ("warn", "fail"), hasty),
    "budget too small, by the gradient": ("gradient", ("warn",), hasty),
    "a wrong likelihood": (
        "skewness of x",
        ("warn",),
        lambda: fitted(NORMALS, np.random.default_rng(0).exponential(size=(200, 2))),
    ),
    "outlier rows": ("LOO", ("warn",), lambda: fitted(NORMALS, outliers())),
    "two components on one cluster": ("duplicates of c", ("warn",), doubled),
    "a spike": ("spikes", ("fail",), spiked),
    "twenty latent dims where three are needed": ("dims of z", ("warn",), hidden_twenty),
    "label-switched chains": ("labels of c", ("fail",), switched),
    "label-switched chains, by R-hat": ("R-hat", ("fail",), switched),
    "a rotated chain": ("rotation of z", ("fail",), rotated),
    "a restart in a poorer mode": ("R-hat", ("fail",), stuck),
    "a mean-field guide on strong correlation": ("guide", ("warn",), correlated),
    "an encoder too small": ("amortization gap", ("warn",), small_encoder),
    "an encoder too small, by its weights": ("row beliefs", ("warn",), small_encoder),
    "heavy tails under a normal": (
        "extremes of x",
        ("warn",),
        lambda: fitted(NORMALS, np.random.default_rng(8).standard_t(3, size=(300, 2))),
    ),
    "overdispersed counts under a Poisson": ("variances of x", ("warn",), overdispersed),
    "overdispersed counts, by intervals": ("coverage of x", ("warn", "fail"), overdispersed),
    "too many zeros under a Poisson": ("zeros of x", ("warn",), lambda: fitted(POISSON, inflated())),
    "correlated features under independence": ("correlations of x", ("warn",), lambda: fitted(NORMALS, factors())),
    "two kinds of rows under a normal latent": (
        "prior of z",
        ("warn",),
        lambda: fitted("z ~ Normal(0, 1, size=1)\nx ~ Normal(loc=Linear(z), scale=PerFeature())", bimodal()),
    ),
    "an empty component": (
        "components of c",
        ("warn",),
        lambda: fitted("c ~ Categorical(probs=Dirichlet(0.01), size=4)\nx ~ Poisson(rate=Table(c))", counts()),
    ),
}
CLEAN: dict[str, Callable[[], lp.Fit]] = {
    "two clusters": gaussians,
    "Old Faithful": lambda: fitted(GAUSSIANS.format(k=2), lp.datasets.load("faithful")),
    "Poisson mixture": lambda: fitted("c ~ Categorical(size=2)\nx ~ Poisson(rate=Table(c))", counts()),
    "factor analysis": factor_analysis,
    "probabilistic principal components": lambda: fitted(FACTORS.replace("PerFeature", "Shared"), factors(1)),
    "latent classes": lambda: fitted("c ~ Categorical(size=2)\nx ~ Bernoulli(probs=Table(c))", answers()),
    "variational autoencoder": autoencoder,
    "NUTS": lambda: fitted(
        NORMALS, np.random.default_rng(10).normal(size=(60, 2)), lp.NUTS(draws=150, warmup=100, chains=2, compile=False)
    ),
    "maximum likelihood": lambda: lp.fit(lp.Model(GAUSSIANS.format(k=2)).point(), clusters(), progress=False),
}
