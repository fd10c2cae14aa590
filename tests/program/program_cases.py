"""Named models, small data for each, and draws of their parameters."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from pyro import poutine
from torch import Tensor

from latentprob import models
from latentprob.program import Program, compile, evaluate, patterns
from latentprob.spec.model import Model
from latentprob.spec.sites import free_parameters

ROWS = 7
COVARIANCE = "[[1, 0.5, 0, 0], [0.5, 2, 0, 0], [0, 0, 1, 0.3], [0, 0, 0.3, 1]]"
CORRELATION = "[[1, 0.5, 0, 0], [0.5, 1, 0, 0], [0, 0, 1, 0.3], [0, 0, 0.3, 1]]"
TRIL = "[[1, 0, 0, 0], [0.5, 2, 0, 0], [0, 0, 1, 0], [0, 0, 0.3, 1]]"

# Every latent has a closed form. x has 4 features, y 3; w is an input of 2 columns, v of 1, g of 3 levels.
CLOSED = {
    "no latent": "x ~ Normal(loc=PerFeature(), scale=PerFeature())",
    "regression": "x ~ Normal(loc=Linear(w), scale=Shared())",
    "regression, scale too": "x ~ Normal(loc=Linear(w), scale=Linear(w, weights=Normal(0, 0.1)))",
    "student regression": "x ~ StudentT(loc=Linear(w), scale=Shared())",
    "input as it is": "x ~ Normal(loc=v, scale=Shared())",
    "groups of rows": "x ~ Normal(loc=Table(g), scale=Shared())",
    "normal, diagonal": "c ~ Categorical(size=3)\nx ~ Normal(loc=Table(c), scale=Table(c))",
    "variance": "c ~ Categorical(size=2)\nx ~ Normal(loc=Table(c), variance=Table(c, per_feature=False))",
    "precision": "c ~ Categorical(size=2)\nx ~ Normal(loc=Table(c), precision=PerFeature())",
    "known scale": "c ~ Categorical(probs=[0.3, 0.7])\nx ~ Normal(loc=Table(c, per_feature=False), scale=0.4)",
    "known variances": "c ~ Categorical(size=2)\nx ~ Normal(loc=Table(c), variance=[0.5, 1, 2, 3])",
    "user priors": "c ~ Categorical(probs=Dirichlet([1, 2, 3]), size=3)\n"
    "x ~ Normal(loc=Table(c, prior=Normal([0, 1, 2, 3], 10)), scale=Uniform(0.1, 10))",
    "student": "c ~ Categorical(size=3)\nx ~ StudentT(loc=Table(c), scale=Table(c))",
    "student, known df": "c ~ Categorical(size=2)\nx ~ StudentT(df=4, loc=Table(c), scale=Shared())",
    "lognormal": "c ~ Categorical(size=2)\nx ~ LogNormal(loc=Table(c), scale=Table(c))",
    "gamma": "c ~ Categorical(size=2)\nx ~ Gamma(concentration=Table(c), rate=Table(c))",
    "exponential": "c ~ Categorical(size=2)\nx ~ Exponential(rate=Table(c))",
    "beta": "c ~ Categorical(size=2)\nx ~ Beta(concentration1=Table(c), concentration0=Table(c))",
    "bernoulli": "c ~ Categorical(size=3)\nx ~ Bernoulli(probs=Table(c))",
    "bernoulli, logits": "c ~ Categorical(size=3)\nx ~ Bernoulli(logits=Table(c))",
    "bernoulli, regression": "c ~ Categorical(size=2)\nx ~ Bernoulli(logits=Linear(w, by=c))",
    "poisson": "c ~ Categorical(size=3)\nx ~ Poisson(rate=Table(c))",
    "poisson, shared": "c ~ Categorical(size=3)\nx ~ Poisson(rate=Table(c, per_feature=False))",
    "poisson, regression": "c ~ Categorical(size=2)\nx ~ Poisson(rate=Linear(w, by=c))",
    "negative binomial": "c ~ Categorical(size=2)\nx ~ NegativeBinomial(total_count=Table(c), probs=Table(c))",
    "negative binomial, logits": "c ~ Categorical(size=2)\nx ~ NegativeBinomial(total_count=Shared(), logits=Table(c))",
    "categorical": "c ~ Categorical(size=2)\nx ~ Categorical(probs=Table(c))",
    "categorical, one for all": "c ~ Categorical(size=2)\nx ~ Categorical(probs=Table(c, per_feature=False))",
    "categorical, regression": "x ~ Categorical(logits=Linear(w))",
    "covariance": "c ~ Categorical(size=3)\nx ~ MultivariateNormal(loc=Table(c), covariance=Table(c))",
    "covariance, shared": "c ~ Categorical(size=3)\nx ~ MultivariateNormal(loc=Table(c), covariance=Shared())",
    "covariance, loc shared": "c ~ Categorical(size=2)\nx ~ MultivariateNormal(loc=PerFeature(), covariance=Table(c))",
    "covariance, known": f"c ~ Categorical(size=2)\nx ~ MultivariateNormal(loc=Table(c), covariance={COVARIANCE})",
    "precision matrix": "c ~ Categorical(size=2)\n"
    "x ~ MultivariateNormal(loc=Table(c), precision=Table(c, prior=Wishart(10, 0.2)))",
    "precision matrix, known": f"c ~ Categorical(size=2)\nx ~ MultivariateNormal(loc=Table(c), precision={COVARIANCE})",
    "scale tril": "x ~ MultivariateNormal(loc=PerFeature(), scale_tril=Shared())",
    "scale tril, known": f"c ~ Categorical(size=2)\nx ~ MultivariateNormal(loc=Table(c), scale_tril={TRIL})",
    "scale and correlation": "c ~ Categorical(size=2)\nx ~ MultivariateNormal(loc=Table(c, prior=Normal(0, 1)), "
    "scale=Table(c, prior=HalfNormal(1)), correlation=Table(c, prior=LKJ(2)))",
    "scale for all": f"x ~ MultivariateNormal(loc=PerFeature(), scale=Shared(), correlation={CORRELATION})",
    "scales known": "c ~ Categorical(size=2)\n"
    "x ~ MultivariateNormal(loc=Table(c), scale=[1, 2, 3, 4], correlation=Shared())",
    "normal-wishart": "c ~ Categorical(size=2)\n"
    "x ~ MultivariateNormal(loc=Table(c), covariance=Table(c, prior=NormalWishart(0, 4, 10, 0.2)))",
    "mvn regression": "x ~ MultivariateNormal(loc=Linear(w), covariance=Shared())",
    "two levels": "c ~ Categorical(size=2)\nd ~ Categorical(size=3)\n"
    "x ~ Normal(loc=Table(c) + Table(d), scale=Shared())",
    "two levels, mvn": "c ~ Categorical(size=2)\nd ~ Categorical(size=3)\n"
    "x ~ MultivariateNormal(loc=Table(c) + Table(d), covariance=Table(d))",
    "level under level": "c ~ Categorical(size=2)\nd ~ Categorical(probs=Table(c), size=3)\n"
    "x ~ Normal(loc=Table(d), scale=Table(c))",
    "mixture of experts": "c ~ Categorical(logits=Linear(w), size=3)\nx ~ Normal(loc=Linear(w, by=c), scale=Table(c))",
    "bernoulli level": "c ~ Bernoulli()\nx ~ Normal(loc=Table(c), scale=Shared())",
    "bernoulli level, known": "c ~ Bernoulli(probs=0.3)\nx ~ Poisson(rate=Table(c))",
    "bernoulli level, logits known": "c ~ Bernoulli(logits=-0.4)\nx ~ Poisson(rate=Table(c))",
    "bernoulli level, regression": "c ~ Bernoulli(logits=Linear(w))\nx ~ Normal(loc=Table(c), scale=Shared())",
    "factors": "z ~ Normal(0, 1, size=2)\nx ~ Normal(loc=Linear(z), scale=PerFeature())",
    "factors, one scale": "z ~ Normal(0, 1, size=2)\nx ~ Normal(loc=Linear(z), scale=Shared())",
    "factors, known scale": "z ~ Normal([1, -1], [2, 0.5])\nx ~ Normal(loc=Linear(z), scale=0.4)",
    "factors, offset": "z ~ Normal(0, 1)\nx ~ Normal(loc=[1, 2, 3, 4] + Linear(z), scale=PerFeature())",
    "factors by level": "c ~ Categorical(size=3)\nz ~ Normal(0, 1, size=2)\n"
    "x ~ Normal(loc=Linear(z, by=c), scale=PerFeature())",
    "factors by level, scales too": "c ~ Categorical(size=3)\nz ~ Normal(0, 1, size=2)\n"
    "x ~ Normal(loc=Linear(z, by=c), scale=Table(c))",
    "factors and table": "c ~ Categorical(size=3)\nz ~ Normal(0, 1, size=2)\n"
    "x ~ Normal(loc=Table(c) + Linear(z), scale=Table(c))",
    "factors and regression": "z ~ Normal(0, 1, size=2)\nx ~ Normal(loc=Linear(w) + Linear(z), scale=PerFeature())",
    "factors, scale by input": "z ~ Normal(0, 1, size=2)\n"
    "x ~ Normal(loc=Linear(z), scale=Linear(w, weights=Normal(0, 0.1)))",
    "factors under level": "c ~ Categorical(size=3)\nz ~ Normal(loc=Table(c), scale=Table(c), size=2)\n"
    "x ~ Normal(loc=Linear(z), scale=PerFeature())",
    "factors under level, by level": "c ~ Categorical(size=2)\nd ~ Categorical(size=3)\n"
    "z ~ Normal(loc=Table(c), scale=1, size=2)\nx ~ Normal(loc=Linear(z, by=d), scale=PerFeature())",
    "factors under regression": "z ~ Normal(loc=Linear(w), scale=Shared(), size=2)\n"
    "x ~ Normal(loc=Linear(z), scale=PerFeature())",
    "factors, scale under input": "z ~ Normal(loc=0, scale=Linear(w, weights=Normal(0, 0.1)), size=2)\n"
    "x ~ Normal(loc=Linear(z), scale=PerFeature())",
    "factors, correlated": "z ~ MultivariateNormal(loc=0, scale=1, correlation=Shared(), size=2)\n"
    "x ~ Normal(loc=Linear(z), scale=PerFeature())",
    "factors, correlated under level": "c ~ Categorical(size=2)\n"
    "z ~ MultivariateNormal(loc=Table(c), covariance=Table(c), size=2)\nx ~ Normal(loc=Linear(z), scale=PerFeature())",
    "factors, correlated noise": "z ~ Normal(0, 1, size=2)\nx ~ MultivariateNormal(loc=Linear(z), covariance=Shared())",
    "factors, correlated noise by level": "c ~ Categorical(size=2)\nz ~ Normal(0, 1, size=2)\n"
    "x ~ MultivariateNormal(loc=Linear(z, by=c), covariance=Table(c))",
    "factors of two children": "c ~ Categorical(size=2)\nz ~ Normal(0, 1, size=2)\n"
    "x ~ Normal(loc=Linear(z), scale=Shared())\ny ~ Normal(loc=Linear(z, by=c), scale=PerFeature())",
    "two factors of one child": "a ~ Normal(0, 1, size=2)\nb ~ Normal(0.5, 2, size=1)\n"
    "x ~ Normal(loc=Linear(a) + Linear(b), scale=Shared())",
    "two factors in a row": "a ~ Normal(0, 1, size=2)\n"
    "b ~ MultivariateNormal(loc=[1, 0], covariance=[[1, 0.5], [0.5, 1]])\n"
    "x ~ Normal(loc=Linear(a), scale=Shared())\ny ~ MultivariateNormal(loc=Linear(a) + Linear(b), covariance=Shared())",
    "two factors under levels": "c ~ Categorical(size=2)\nd ~ Categorical(size=3)\n"
    "a ~ Normal(loc=Table(c), scale=Table(c), size=2)\nb ~ Normal(0, 1)\n"
    "x ~ Normal(loc=Linear(a) + Linear(b, by=d), scale=PerFeature())",
    "two separate factors": "a ~ Normal(0, 1, size=2)\nb ~ Normal(0, 1)\n"
    "x ~ Normal(loc=Linear(a), scale=Shared())\ny ~ Normal(loc=Linear(b), scale=Shared())",
    "noise twice": "z ~ Normal(0, 1, size=4)\nx ~ Normal(loc=z, scale=0.4)",
    "row effect": "z ~ Normal(0, 2)\nx ~ Normal(loc=PerFeature() + z, scale=PerFeature())",
    "pattern": "z ~ Normal(0, 1, size=2)\n"
    "x ~ Normal(loc=Linear(z, pattern={0: [0, 1], 1: [1, 2, 3]}), scale=PerFeature())",
    "pattern, correlated": "z ~ MultivariateNormal(loc=0, scale=1, correlation=Shared(), size=2)\n"
    'x ~ Normal(loc=Linear(z, pattern={"a": [0, 1], "b": [2, 3]}, weights=Normal([0, 1, 2, 3], 1)), scale=1)',
    "pattern by level": "c ~ Categorical(size=3)\nz ~ Normal(0, 1, size=2)\n"
    'x ~ Normal(loc=Linear(z, by=c, pattern={"a": [3, 1], "b": [0, 2]}, weights=Laplace(0, 1)), scale=PerFeature())',
    "parts of a total": "c ~ Categorical(size=3)\nx ~ Multinomial(probs=Table(c))",
    "parts of a total, one law": "x ~ Multinomial()",
    "parts of a total, logits": "c ~ Categorical(size=3)\nx ~ Multinomial(logits=Table(c))",
    "parts of a total, regression": "x ~ Multinomial(logits=Linear(w))",
    "shares": "c ~ Categorical(size=3)\nx ~ Dirichlet(concentration=Table(c))",
    "level and factors aside": "c ~ Categorical(size=2)\nz ~ Normal(0, 1)\n"
    "x ~ Poisson(rate=Table(c))\ny ~ Normal(loc=Linear(z) + Table(c), scale=PerFeature())",
}

# Levels of factors are drawn with the parameters, and looked up by rows.
CLOSED |= {
    "levels": "u[user] ~ Normal(0, 1, size=2)\nx ~ Normal(loc=Linear(u), scale=Shared())",
    "levels as they are": "u[user] ~ Normal(Normal(0, 1), HalfNormal(1), size=4)\n"
    "x ~ Normal(loc=u, scale=PerFeature())",
    "levels of one number": "u[user] ~ StudentT(4, 0, Shared())\nx ~ Bernoulli(logits=PerFeature() + u + u[friend])",
    "levels, correlated": "u[user] ~ MultivariateNormal(0, covariance=Shared(), size=2)\n"
    "x ~ Normal(loc=Linear(u) + Linear(w), scale=Shared())",
    "levels of slopes": "u[user] ~ Normal(0, PerFeature(), size=2)\nx ~ Poisson(rate=Dot(w, u))",
    "levels, positive": "u[user] ~ Gamma(2, Shared())\nx ~ Poisson(rate=u)",
    "levels by level": "u[user] ~ Normal(0, 1)\nx ~ Bernoulli(logits=Linear(u, by=g))",
    "levels and a hidden level": "c ~ Categorical(size=2)\nu[user] ~ Normal(0, 1)\n"
    "x ~ Normal(loc=Table(c) + u, scale=Table(c))",
    "levels and factors": "z ~ Normal(0, 1, size=2)\nu[user] ~ Normal(0, 1)\n"
    "x ~ Normal(loc=Linear(z) + u, scale=PerFeature())",
    "factorization": "u[user] ~ Normal(0, 1, size=2)\nv[item] ~ Normal(0, 0.5, size=2)\n"
    "x ~ Normal(loc=Dot(u, v) + PerLevel(user) + PerLevel(item), scale=Shared())",
    "relations": "e[entity] ~ Normal(0, 1, size=3)\nr[relation] ~ Normal(0, 1, size=3)\n"
    "x ~ Bernoulli(logits=Dot(e[head], r[relation], e[tail]))",
    "translations": "e[entity] ~ Normal(0, 1, size=3)\nr[relation] ~ Normal(0, 1, size=3)\n"
    "x ~ Bernoulli(logits=Shared() + Translation(e[head], r, e[tail]))",
    "pooled": "x ~ Poisson(rate=PerLevel(user, scale=HalfNormal(0.5)) + Linear(w))",
    "pooled slopes": "x ~ Normal(loc=Linear(w, by=g), scale=Shared())",
    "pooled weights": "z ~ Normal(0, 1, size=2)\nx ~ Normal(loc=Linear(z, by=g), scale=PerFeature())",
    "pooled by a known law": "x ~ Normal(loc=PerLevel(user, prior=Normal(0, 2)), scale=PerLevel(user))",
}

# At least one latent is drawn.
DRAWN = {
    "binary factor": "ability ~ Normal(0, 1)\nx ~ Bernoulli(logits=Linear(ability))",
    "categorical factors": "z ~ Normal(0, 1, size=2)\nx ~ Categorical(logits=Linear(z))",
    "categorical network": "z ~ Normal(0, 1, size=2)\nx ~ Categorical(logits=MLP(z, hidden=[5]))",
    "gamma latent": "z ~ Gamma(2, 1, size=2)\nx ~ Poisson(rate=MLP(z, hidden=[4]))",
    "beta latent": "z ~ Beta(2, 2)\nx ~ Normal(loc=Linear(z), scale=PerFeature())",
    "lognormal latent": "c ~ Categorical(size=2)\nz ~ LogNormal(loc=Table(c), scale=1, size=2)\n"
    "x ~ Normal(loc=MLP(z, hidden=[4]), scale=PerFeature())",
    "student latent": "z ~ StudentT(4, 0, 1, size=2)\nx ~ Normal(loc=Linear(z), scale=Shared())",
    "scale by network": "z ~ Normal(0, 1, size=2)\nx ~ Normal(loc=MLP(z, hidden=[4]), scale=MLP(z, hidden=[4]))",
    "binary under level": "c ~ Categorical(size=2)\nz ~ Normal(loc=Table(c), scale=1, size=2)\n"
    "x ~ Bernoulli(logits=Linear(z) + Table(c))",
    "factors under factors": "a ~ Normal(0, 1, size=2)\nz ~ Normal(loc=Linear(a), scale=1, size=3)\n"
    "x ~ Normal(loc=Linear(z), scale=Shared())",
    "drawn and integrated": "u ~ Normal(0, 1)\nz ~ Normal(0, 1, size=2)\n"
    "x ~ Normal(loc=Linear(z) + MLP(u, hidden=[3]), scale=PerFeature())",
    "process": "z ~ Normal(0, 1, size=2)\nx ~ Normal(loc=GP(z, inducing=5), scale=Shared())",
    "process of an input": "x ~ Normal(loc=GP(w, inducing=5), scale=PerFeature())",
    "process and table": "c ~ Categorical(size=2)\nz ~ Normal(0, 1, size=2)\n"
    "x ~ Normal(loc=Table(c) + GP(z, inducing=5), scale=Shared())",
    "two processes": "z ~ Normal(0, 1, size=2)\nu ~ Normal(0, 1)\nx ~ Poisson(rate=GP(u) + GP(z, inducing=5))",
    "categorical process": "z ~ Normal(0, 1)\nx ~ Categorical(logits=GP(z, inducing=5))",
    "process and line": "u ~ Normal(0, 1)\nz ~ Normal(0, 1, size=2)\n"
    "x ~ Normal(loc=Linear(z) + GP(u, inducing=5), scale=PerFeature())",
    "levels by a process": "c ~ Categorical(logits=GP(w, inducing=5), size=3)\nx ~ Normal(loc=Table(c), scale=1)",
    "factors under a process": "z ~ Normal(loc=GP(w, inducing=5), scale=1, size=2)\n"
    "x ~ Normal(loc=Linear(z), scale=Shared())",
    "topics": "t ~ Dirichlet(0.5, size=3)\nx ~ Multinomial(probs=Table(t))",
    "topics under level": "c ~ Categorical(size=2)\nt ~ Dirichlet(concentration=Table(c), size=3)\n"
    "x ~ Multinomial(probs=Table(t))",
    "logits of a total": "z ~ Normal(0, 1, size=2)\nx ~ Multinomial(logits=MLP(z, hidden=[4]))",
    "weighed rates": "z ~ Gamma(0.5, 1, size=2)\nx ~ Poisson(rate=Table(z))",
    "weighed probabilities": "t ~ Dirichlet(2, size=2)\nx ~ Bernoulli(probs=Table(t))",
    "weighed locations": "t ~ Dirichlet(2, size=2)\nx ~ Normal(loc=Table(t), scale=Table(t, per_feature=False))",
    "network of levels": "u[user] ~ Normal(0, 1, size=2)\nx ~ Bernoulli(logits=MLP(u, hidden=[3]) + MLP(u[friend]))",
    "process of levels": "u[user] ~ Normal(0, 1)\nx ~ Normal(loc=GP(u, inducing=5), scale=Shared())",
    "network and input": "c ~ Bernoulli(logits=MLP(w, hidden=[3]))\nx ~ Normal(loc=Table(c), scale=Shared())",
}

# Names as long as users write them.
LONG = {
    "long": "component_of_the_mixture ~ Categorical(size=3)\nlatent_scores ~ Normal(0, 1, size=2)\n"
    "times_of_reaction ~ Normal(loc=Linear(latent_scores, by=component_of_the_mixture), scale=PerFeature())",
    "long, two": "first_latent_scores ~ Normal(0, 1, size=2)\nsecond_latent_scores ~ Normal(0, 1, size=2)\n"
    "times_of_reaction ~ Normal(loc=Linear(first_latent_scores) + Linear(second_latent_scores), scale=PerFeature())",
    "long, network": "latent_scores_of_persons ~ Normal(0, 1, size=2)\n"
    "times_of_reaction_of_persons ~ Bernoulli(logits=MLP(latent_scores_of_persons, hidden=[3]))",
}
FILES = {name: models.path(name).read_text() for name in models.names()}
SHIPPED = {name: text for name, text in FILES.items() if not Model(text).embedded and not Model(text).axis}
# Rows are steps of series.
CHAINS = {
    **{name: text for name, text in FILES.items() if Model(text).axis},
    "chain, stationary": 's[time] ~ Markov(size=2, initial="stationary")\nx ~ Normal(loc=Table(s), scale=Table(s))',
    "chain, uniform": 's[time] ~ Markov(size=2, initial="uniform")\nx ~ Bernoulli(probs=Table(s))',
    "chain, sticky": "s[time] ~ Markov(size=2, initial=Dirichlet([1, 2]), transition=Dirichlet([[9, 1], [1, 9]]))\n"
    "x ~ StudentT(df=4, loc=Table(s), scale=Shared())",
    "chain, known": "s[time] ~ Markov(initial=[1, 0], transition=[[0.7, 0.3], [0, 1]])\nx ~ Gamma(Table(s), Table(s))",
    "chain, regression": "s[time] ~ Markov(size=2)\nx ~ Poisson(rate=Linear(w, by=s) + Table(s))",
    "chain beside levels": "c ~ Categorical(size=2)\ns[time] ~ Markov(size=2)\n"
    "x ~ Normal(loc=Table(s) + Table(c), scale=Shared())",
    "chain and factors": "s[time] ~ Markov(size=2)\nz ~ Normal(0, 1, size=2)\n"
    "x ~ Normal(loc=Table(s) + Linear(z, by=s), scale=Table(s))",
    "chain of two children": "s[time] ~ Markov(size=2)\nx ~ Normal(loc=Table(s), scale=1)\n"
    "y ~ Normal(loc=Table(s), scale=PerFeature())",
    "states, level": "z[time] ~ LinearDynamics(transition=1, scale=Shared(), initial=10)\n"
    "x ~ Normal(loc=z, scale=Shared())",
    "states, regression": "z[time] ~ LinearDynamics(size=2, transition=[0.9, 0.5])\n"
    "x ~ Normal(loc=Linear(w) + Linear(z), scale=PerFeature())",
    "states, turning": "z[time] ~ LinearDynamics(transition=[[0.9, 0.2], [-0.2, 0.9]], scale=[1, 0.5])\n"
    "x ~ MultivariateNormal(loc=Linear(z), covariance=Shared())",
    "states of three dims": "z[time] ~ LinearDynamics(size=3, transition=Normal(0, 0.5), scale=PerFeature())\n"
    "x ~ Normal(loc=Linear(z), scale=Shared())\ny ~ Normal(loc=Linear(z), scale=0.5)",
}
FIRST = [True, False, False, False, True, False, True]  # where series start
# What is hidden is computed from the data: no gaps, no beliefs; some without priors.
EMBEDDED = {
    **{name: text for name, text in FILES.items() if Model(text).embedded},
    "linear": "z = Linear(x, size=2)\nx ~ Normal(loc=Linear(z), scale=Shared())",
    "linear, by level": "z = Linear(x, by=g, size=2)\nx ~ Normal(loc=Linear(z, by=g), scale=PerFeature())",
    "of an input": "z = Linear(w, size=2)\nx ~ Normal(loc=Linear(z), scale=Shared())",
    "as it is": "z = Linear(w, size=4)\nx ~ Normal(loc=z, scale=0.5)",
    "one dim": "z = Linear(x, size=1)\nx ~ Poisson(rate=Linear(z))",
    "two steps": 'h = MLP(x, hidden=[5], activation="tanh", size=3)\nz = Linear(h, size=2)\n'
    "x ~ Normal(loc=MLP(z, hidden=[5]), scale=Shared())",
    "counts": "z = MLP(x, hidden=[5], size=2)\nx ~ Poisson(rate=MLP(z, hidden=[5]))",
    "levels encoded": "z = MLP(x, hidden=[5], size=2)\nx ~ Categorical(logits=MLP(z, hidden=[5]))",
    "nearest rates": "c = Nearest(x, size=3)\nx ~ Poisson(rate=Table(c))",
    "nearest, covariance": "c = Nearest(x, size=2)\nx ~ MultivariateNormal(loc=Table(c), covariance=Table(c))",
    "nearest, heavy tails": "c = Nearest(x, size=2)\nx ~ StudentT(df=4, loc=Table(c), scale=Shared())",
}
TEXTS = {**CLOSED, **DRAWN, **LONG, **SHIPPED}
GAPS = {"": (), ", gaps": ("x",)}


@dataclass(frozen=True)
class Case:
    """A model, which variables have gaps, which parents the data hold, and small data made for it."""

    text: str
    gaps: tuple[str, ...] = ()
    held: tuple[str, ...] = ()
    collapse: bool = True
    point: bool = False

    @cached_property
    def model(self) -> Model:
        """The model."""
        model = Model(self.text)
        return model.point() if self.point else model

    @cached_property
    def observed(self) -> tuple[str, ...]:
        """The variables without children, the inputs, what has gaps, and what else is held."""
        childless = [name for name in self.model if not self.model.children(name)]
        return tuple(dict.fromkeys((*childless, *self.model.inputs, *self.gaps, *self.held)))

    @cached_property
    def program(self) -> Program:
        """The program."""
        return compile(self.model, self.observed, self.gaps, collapse=self.collapse)

    @cached_property
    def batch(self) -> dict[str, Tensor]:
        """Values of the observed variables, and masks of seen cells."""
        rng = np.random.default_rng(0)
        found = {name: torch.as_tensor(self._values(name, rng)) for name in self.observed}
        masks = {f"{name}_seen": torch.as_tensor(self._seen(name, found[name].shape, rng)) for name in self.gaps}
        both = {**found, **masks}
        if self.model.axis is not None:
            both[f"{self.model.axis}_first"] = torch.tensor(FIRST)
        return {
            name: value.to(self.program.dtype) if value.is_floating_point() else value for name, value in both.items()
        }

    def _values(self, name: str, rng: np.random.Generator) -> Any:
        if self.model.is_level(name):
            return rng.integers(0, self.levels(name), ROWS)
        known = getattr(self.model.statements.get(name), "size", None)
        shape = (ROWS, known or {"y": 3, "w": 2, "v": 1}.get(name, 4))
        support = self.model[name].support if name in self.model else "real"
        return {
            "real": lambda: 3 + 2 * rng.normal(size=shape),
            "positive": lambda: rng.gamma(2, size=shape),
            "unit": lambda: rng.beta(2, 2, size=shape),
            "binary": lambda: rng.integers(0, 2, shape).astype(float),
            "level": lambda: rng.integers(0, 3, shape),
            "count": lambda: rng.poisson(3, shape).astype(float),
            "simplex": lambda: rng.dirichlet(np.full(shape[1], 2), ROWS),
        }[support]()

    def _seen(self, name: str, shape: tuple[int, ...], rng: np.random.Generator) -> Any:
        """Which cells are seen; of parts of a whole, which rows."""
        if getattr(self.model.statements.get(name), "over_features", False):
            return np.repeat(rng.random((shape[0], 1)) > 0.3, shape[1], axis=1)
        return rng.random(shape) > 0.3

    def levels(self, name: str) -> int:
        """The number of levels of a discrete variable."""
        law: Any = self.model.statements.get(name)
        return getattr(law, "size", None) or {"Bernoulli": 2}.get(type(law).__name__, 3)

    @cached_property
    def buffers(self) -> dict[str, Tensor]:
        """Centres and spreads, as the data room makes them."""
        found = {}
        for name in self.observed:
            value = self.batch[name]
            if self.model.is_level(name):
                found[f"{name}_center"] = torch.full((self.levels(name),), 1 / self.levels(name)).double()
            elif not value.is_floating_point():
                found[f"{name}_center"] = torch.full((value.shape[1], 3), 1 / 3).double()
            else:
                found[f"{name}_center"] = value.double().mean(0).clamp(0.1, 0.9 if value.max() <= 1 else torch.inf)
                found[f"{name}_spread"] = value.double().std(0)
        for free in (f for f in free_parameters(self.model) if f.pattern is not None):
            mask = free.pattern.mask(range(self.batch[free.variable].shape[1]), free.name)
            found[patterns.buffer(free)] = torch.as_tensor(mask)
        return found

    @cached_property
    def module(self) -> Any:
        """The built program, in its own precision."""
        torch.manual_seed(1)
        return self.program.build(self.buffers)

    def draws(self, count: int = 2) -> dict[str, Tensor]:
        """Draws of the Pyro sites of the parameters from their priors, (S, ...)."""
        module = self.module
        torch.manual_seed(2)
        found = [site_values(module) for _ in range(count)] if self.program.site_axes else [{}]
        return {name: torch.stack([each[name] for each in found]) for name in found[0]}

    def parameters(self, draws: Mapping[str, Tensor], at: int) -> dict[str, np.ndarray]:
        """The parameters of one draw, as the model names them."""
        return {name: value[at].numpy() for name, value in evaluate.derived(self.module, draws).items()}

    def rows(self) -> list[dict[str, np.ndarray]]:
        """The data, row by row."""
        return [{name: value[n].numpy() for name, value in self.batch.items()} for n in range(ROWS)]


def site_values(module: Any) -> dict[str, Tensor]:
    """One draw of the stochastic sites of the parameters."""
    with evaluate.quiet(), torch.no_grad():
        nodes = poutine.trace(module.priors).get_trace().nodes
    return {n: s["value"] for n, s in nodes.items() if s["type"] == "sample" and not s["infer"].get("_deterministic")}


def cases(texts: Mapping[str, str], gaps: Mapping[str, tuple[str, ...]] = GAPS) -> dict[str, Case]:
    """Every text without and with gaps in x."""
    return {
        f"{name}{said}": Case(text, tuple(n for n in hidden if f"{n} ~" in text))
        for name, text in texts.items()
        for said, hidden in gaps.items()
    }


PARTLY = {
    "partly labelled": Case(CLOSED["normal, diagonal"], ("c",)),
    "partly labelled, gaps": Case(CLOSED["covariance"], ("c", "x")),
    "partly labelled, bernoulli": Case(CLOSED["bernoulli level"], ("c",)),
    "partly labelled, bernoulli under input": Case(CLOSED["bernoulli level, regression"], ("c",)),
    "partly labelled, factors": Case(CLOSED["factors by level"], ("c", "x")),
    "partly labelled, one of two": Case(CLOSED["two levels"], ("d",)),
    "partly labelled, under a hidden level": Case(CLOSED["level under level"], ("d",)),
    "partly labelled, both": Case(CLOSED["level under level"], ("c", "d")),
}

HELD = {
    "held level": Case(CLOSED["normal, diagonal"], held=("c",)),
    "held level, gaps": Case(CLOSED["covariance"], ("x",), held=("c",)),
    "held level, factors": Case(CLOSED["factors by level"], held=("c",)),
    "held level, factors under it": Case(CLOSED["factors under level"], ("x",), held=("c",)),
    "held bernoulli": Case(CLOSED["bernoulli level"], held=("c",)),
    "held bernoulli, factors": Case(
        "c ~ Bernoulli()\nz ~ Normal(0, 1)\nx ~ Normal(loc=Linear(z, by=c), scale=0.5)", held=("c",)
    ),
    "held, one of two": Case(CLOSED["level under level"], held=("c",)),
    "held parent": Case("y ~ Normal(0, 1)\nx ~ Normal(loc=Linear(y), scale=Shared())", held=("y",)),
    "held factors": Case(CLOSED["factors"], held=("z",)),
}
