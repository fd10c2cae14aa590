"""lp.NaturalGradient: stochastic variational inference with natural gradients, for conjugate structure."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from latentprob.errors import InferenceError
from latentprob.inference.draws import arrays
from latentprob.inference.guesses import Guess, first_guess
from latentprob.inference.natural.ascent import Ascent, Layout, ascend, growing, stochastic
from latentprob.inference.natural.chains import Chained, moves
from latentprob.inference.natural.components import components, level_of, supports
from latentprob.inference.natural.engine import Engine
from latentprob.inference.natural.factors import Factors
from latentprob.inference.natural.part import Natural, Values
from latentprob.inference.natural.priors import Priors
from latentprob.inference.natural.shares import levels
from latentprob.inference.problem import Attrs, Draws, Problem, isolated, rows_of
from latentprob.inference.progress import Progress
from latentprob.inference.refine import refined
from latentprob.inference.restarts import best, gathered, kept, only
from latentprob.inference.settings import Settings
from latentprob.inference.spikes import spikes
from latentprob.inference.starts import parameters
from latentprob.program.evaluate import to_sites
from latentprob.spec.dynamics import Markov

RESTARTS = 4  # chains that can disagree
STEPS = 2_000  # passes over all rows
BATCH = 1_024  # rows of a minibatch: its noise leaves saddles at which larger ones, and EM, wait
MINIBATCHES = 150  # steps by minibatches, where there are MANY of them: parts of the rows alone wait at saddles
MANY = 8  # minibatches from which a step by one gains more than a pass over all rows
DELAY, POWER = 2.0, 0.6  # of the falling weights (step + delay)^-power
DENSITY_BLOCK = 256  # draws whose density is computed at once, at most
DENSITY_WORK = 5e9  # products, about half a second, up to which the joint density of every draw is computed
SPIKE_DRAWS = 64


class NaturalGradient(Settings):
    r"""Maximize the mean-field bound over the conjugate families of the parameters. None lets the structure decide.

    Hoffman et al. (2013), JMLR 14: minibatches first where there are many rows, then coordinate ascent on growing parts
    of them and on all.

    >>> import latentprob as lp
    >>> model = lp.Model("c ~ Categorical(size=2)\nx ~ Poisson(rate=Table(c))")
    >>> fit = lp.fit(model, {"x": [0, 1, 0, 9, 8, 11]}, lp.NaturalGradient(restarts=2))
    >>> fit.attrs["method"], fit.attrs["settled"]
    ('natural_gradient', True)
    """

    restarts: int | None = Field(default=None, ge=1, description="starts that are fitted side by side, from 1")
    steps: int = Field(default=STEPS, ge=1, description="budget of passes over all rows, from 1")
    epochs: int | None = Field(
        default=None,
        ge=0,
        description="passes by minibatches before those over all rows; None: some minibatches and growing parts "
        "of the rows, where there are many",
    )
    batch: int | None = Field(default=None, ge=1, description="rows of a minibatch, from 1")
    delay: float = Field(default=DELAY, ge=1, description="weights of minibatches are (step + delay)^-power, from 1")
    power: float = Field(default=POWER, gt=0.5, le=1, description="how fast they fall, above 0.5 to 1")
    draws: int = Field(default=1000, ge=1, description="draws of the posterior from each kept restart, from 1")
    refine: bool | None = Field(
        default=None, description="importance resampling of the posterior around the mode; None: where it is small"
    )

    def run(self, problem: Problem, seed: int = 0, progress: bool | None = None) -> Draws:
        """Fit; a seed gives the same numbers, bit for bit, on one machine."""
        if not supports(problem.program):
            raise InferenceError(
                "NaturalGradient needs conjugate structure: parameters under their default or conjugate priors, "
                "given at most one discrete latent and one normal latent under Linear; use SVI() for this model"
            )
        begin = time.perf_counter()
        with isolated(seed), torch.no_grad():
            draws = _fit(problem, self, seed, progress)
        attrs: Attrs = {**draws.attrs, "seed": seed, "seconds": time.perf_counter() - begin}
        return Draws(draws.parameters, draws.latents, draws.state, draws.stats, attrs)


@dataclass(frozen=True)
class Setting:
    """A problem made ready: its engine, its built program and the naturals where its restarts begin."""

    problem: Problem
    engine: Engine
    module: Any
    starts: list[Natural]


def prepare(problem: Problem, restarts: int | None, seed: int) -> Setting:
    """The components of a program with their priors, and the starts of all restarts."""
    module = problem.build(_silent)
    program, (batch, weights) = problem.program, problem.arguments()
    name = level_of(program)
    size = 1 if name is None else getattr(module, f"{name}_size")
    priors = Priors.of(program, module, batch, name)
    parts = components(program, priors, size)
    known = None
    law = None if name is None else program.model.statements.get(name)
    if isinstance(law, Markov):
        parts.append(moves(law, str(name), priors, size, weights))
    elif name is not None:
        parts.append(levels(law, name, priors, size, weights))
        if name in batch:
            hidden = (
                ~batch[f"{name}_seen"] if name in program.missing else torch.zeros_like(batch[name], dtype=torch.bool)
            )
            known = batch[name].masked_fill(hidden, -1)
    engine = Engine(parts, size, batch, weights, known)
    if isinstance(law, Markov):
        engine = Chained.of(engine, batch[f"{program.model.axis}_first"])
    exact = engine.fixed is not None and not any(isinstance(part, Factors) for part in parts)
    count = 1 if exact else restarts or RESTARTS
    guesses = [first_guess(problem, module, np.random.default_rng([seed, r]), r) for r in range(count)]
    return Setting(problem, engine, module, started(problem, engine, name, guesses))


def _silent(model: Any) -> Any:
    return lambda: None


def started(problem: Problem, engine: Engine, level: str | None, guesses: Sequence[Guess]) -> list[Natural]:
    """Naturals (R, ...) from guesses of the latents in some rows."""
    sums, like = [], engine.weights
    for guess in guesses:
        rows = torch.as_tensor(guess.rows, device=like.device)
        shares = torch.ones(1, len(rows)) if level is None else torch.as_tensor(guess.values[level].T)
        shares = shares.to(like) * like[rows]
        sums.append(engine.sums(rows_of(engine.batch, rows), shares) * (like.sum() / like[rows].sum()))
    naturals: list[Natural] = [
        tuple(value.expand(len(guesses), *value.shape) for value in part.prior) for part in engine.parts
    ]
    for at, part in enumerate(engine.parts):
        if isinstance(part, Factors):
            each = [parameters(problem, guess) for guess in guesses]
            values = {name: torch.as_tensor(np.stack([one[name] for one in each])).to(like) for name in each[0]}
            naturals[at] = part.start(values)
    return engine.target(naturals, torch.stack(sums))


def _fit(problem: Problem, settings: NaturalGradient, seed: int, progress: bool | None) -> Draws:
    setting = prepare(problem, settings.restarts, seed)
    engine, layout = setting.engine, Layout.of(setting.starts)
    vectors = _by_minibatches(settings, engine, layout, layout.join(setting.starts), seed)
    with Progress(settings.steps, "bound", progress) as bar:
        end = ascend(engine, layout, vectors, settings.steps, report=bar.bound)
    scores = end.bounds[:, -1]
    naturals = layout.split(end.vectors)
    few = [sites(setting, drawn(engine, naturals, r, SPIKE_DRAWS)) for r in range(len(scores))]
    spiked = np.array([bool(spikes(problem.program.model, problem.buffers, draws)) for draws in few])
    keep = kept(scores, np.zeros_like(scores), spiked)
    top = best(scores, keep)
    chosen = [int(r) for r in np.flatnonzero(keep)]
    near = [{name: torch.as_tensor(v.mean(0)) for name, v in few[r].items()} for r in chosen]
    generator = torch.Generator(problem.device).manual_seed(seed)
    better = refined(problem, setting.module, near, settings.draws, generator, settings.refine)
    if better.chains:
        chains, keep = better.chains, only(keep, better.kept)
    else:
        chains = [_chain(setting, naturals, r, settings) for r in chosen]
    values = gathered(chains)
    stats: dict[str, np.ndarray] = {name: values.pop(name) for name in ("log_p", "log_q") if name in values}
    stats |= {"bound": end.bounds, "score": scores, "score_error": np.zeros_like(scores), "kept": keep}
    return Draws(values, {}, {}, stats, _attrs(end, keep, spiked, top, better.attrs))


def _attrs(end: Ascent, keep: np.ndarray, spiked: np.ndarray, top: int, correction: Attrs) -> Attrs:
    return {
        "method": "natural_gradient",
        "settled": end.settled,
        "steps": end.bounds.shape[1],
        "bound": float(end.bounds[top, -1]),
        "set_aside": int((~keep).sum()),
        "spikes": int(spiked.sum()),
        **correction,
    }


def _by_minibatches(settings: NaturalGradient, engine: Engine, layout: Layout, vectors: Tensor, seed: int) -> Tensor:
    """Vectors after minibatches, and growing parts of the rows; on few rows, or where one sum holds all, none."""
    rows, size = len(engine.weights), settings.batch or BATCH
    size = min(size, rows)
    count = rows // size * settings.epochs if settings.epochs is not None else MINIBATCHES if rows >= MANY * size else 0
    if engine.fixed is not None or not count:
        return vectors
    if engine.together:
        return growing(engine, layout, vectors, torch.arange(rows, device=vectors.device))
    generator = torch.Generator().manual_seed(seed)
    orders = [torch.randperm(rows, generator=generator).to(vectors.device) for _ in range(-(-count * size // rows))]
    batches = [index for order in orders for index in order.split(size) if len(index) == size][:count]
    vectors = stochastic(engine, layout, vectors, batches, settings.delay, settings.power)
    return vectors if settings.epochs is not None else growing(engine, layout, vectors, orders[0])


def drawn(engine: Engine, naturals: Sequence[Natural], restart: int, draws: int) -> list[Values]:
    """Draws (S, ...) of each component's posterior."""
    one = [tuple(value[restart] for value in natural) for natural in naturals]
    return [part.draw(natural, draws) for part, natural in zip(engine.parts, one, strict=True)]


def sites(setting: Setting, values: Sequence[Values]) -> dict[str, np.ndarray]:
    """The program's sites and deterministics (S, ...) at draws of the components."""
    found: dict[str, Tensor] = {}
    for part, own in zip(setting.engine.parts, values, strict=True):
        found |= part.parameters(own)
    return arrays({**found, **to_sites(setting.problem.program, setting.module, found)})


def _chain(setting: Setting, naturals: Sequence[Natural], restart: int, settings: NaturalGradient) -> dict[str, Any]:
    """Draws of one restart's posterior, with log p and log q where that is cheap."""
    engine = setting.engine
    values = drawn(engine, naturals, restart, settings.draws)
    found = sites(setting, values)
    if settings.draws * engine.work <= DENSITY_WORK:
        one = [tuple(value[restart] for value in natural) for natural in naturals]
        found |= arrays(_densities(engine, one, values, settings.draws))
    return found


def _densities(engine: Engine, naturals: Sequence[Natural], values: Sequence[Values], draws: int) -> dict[str, Tensor]:
    """log p(rows, parameters) and log q(parameters) of draws (S,), nats, in the components' units."""
    pieces = []
    for start in range(0, draws, DENSITY_BLOCK):
        some = [{name: value[start : start + DENSITY_BLOCK] for name, value in own.items()} for own in values]
        eta = engine.coefficients([part.at(own) for part, own in zip(engine.parts, some, strict=True)])
        pieces.append(engine.log_density(eta))
    log_p = torch.cat(pieces)
    prior = sum(part.log_density(part.prior, own) for part, own in zip(engine.parts, values, strict=True))
    log_q = [part.log_density(n, own) for part, n, own in zip(engine.parts, naturals, values, strict=True)]
    return {"log_p": log_p + prior, "log_q": sum(log_q, torch.zeros_like(log_p))}
