"""Stochastic variational inference: Pyro's bound as a captured graph, all restarts in one optimizer."""

import time
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
from pydantic import Field
from pyro.infer.autoguide import AutoDelta
from pyro.infer.autoguide.guides import AutoGuide
from torch import Tensor

from latentprob.errors import InferenceError
from latentprob.inference import guides, point
from latentprob.inference.bound import Restarts, Step, gradient_signal, score
from latentprob.inference.capture import Density, Loss, automatic_guide, compiled
from latentprob.inference.draws import DENSITY_CELLS, Sampler, from_guide
from latentprob.inference.loop import Climb, Rows, climb, window_steps
from latentprob.inference.modes import Place, places
from latentprob.inference.problem import Attrs, Draws, Problem, isolated
from latentprob.inference.progress import Progress
from latentprob.inference.refine import refined
from latentprob.inference.restarts import best, gathered, kept, only
from latentprob.inference.settings import Settings
from latentprob.inference.spikes import spikes
from latentprob.inference.starts import Start, starts
from latentprob.inference.unconstrain import Part, Space, space_of
from latentprob.program import Program, patterns
from latentprob.spec.maps import Dot, Translation
from latentprob.spec.sites import free_parameters
from latentprob.spec.structure import parents
from latentprob.spec.structure import places as places_of
from latentprob.spec.symmetry import level_groups

FULL_GUIDE = 100  # global numbers up to which a full covariance is cheap beside the density
FULL_BATCH = 5_000  # rows that one step takes whole
SMALL_BATCH = 128  # rows of a minibatch where there are networks: few steps hold their fits back, not noise
LARGE_BATCH = 1_024  # rows of a minibatch elsewhere
STEPS = {True: 20_000, False: 4_000}  # budget with networks, and where the mode was found first
RATES = {True: 0.005, False: 0.01}  # learning rates, the second in posterior standard deviations
PRODUCTS_RATE = 0.05  # in a tenth of the prior's spread, where levels are multiplied
WINDOWS = {True: 200, False: 40}  # steps between two looks at the bound, at least: networks gain slowly
PATIENCE = {True: 2, False: 1}  # windows without a gain until the learning rate falls
LARGE = 2_000  # global numbers from which one restart is made
GLOBAL_CELLS = 40_000_000  # draws times global numbers that are kept
RESTARTS, POINT_RESTARTS = 4, 10  # chains that can disagree; starts of L-BFGS, which is cheap
START_SCALE = 0.1  # of the prior's spread: the guide's scales where no mode was found first
SPIKE_DRAWS = 64


class SVI(Settings):
    """Maximize the evidence lower bound of `marginal` over a guide. None lets the model's structure decide.

    >>> import latentprob as lp
    >>> model = lp.Model("x ~ Normal(loc=PerFeature(), scale=1)")
    >>> fit = lp.fit(model, {"x": [0.5, -1.0, 2.0]}, lp.SVI(guide="full", restarts=1), progress=False)
    >>> fit.attrs["guide"], fit.attrs["settled"]
    ('full', True)
    """

    guide: Literal["normal", "low_rank", "full"] | None = Field(
        default=None,
        description='covariance of the guide over global parameters: "normal" (none), "low_rank", "full"; '
        "None takes full up to 100 global numbers without networks",
    )
    collapse: bool = Field(default=True, description="fit `marginal`; False draws every continuous latent instead")
    steps: int | None = Field(default=None, ge=1, description="budget of optimizer steps, from 1")
    learning_rate: float | None = Field(
        default=None, gt=0, description="first step size, above 0: in posterior sds where a mode was found first"
    )
    batch: int | None = Field(default=None, ge=1, description="rows of a minibatch, from 1")
    restarts: int | None = Field(default=None, ge=1, description="starts that are fitted side by side, from 1")
    draws: int = Field(default=1000, ge=1, description="draws of the posterior from each kept restart, from 1")
    particles: int = Field(default=1, ge=1, description="draws of the guide in each step, from 1")
    refine: bool | None = Field(
        default=None, description="importance resampling of the posterior around the mode; None: where it is small"
    )
    compile: bool | None = Field(default=None, description="torch.compile the step; None: where a budget pays, late")

    def run(self, problem: Problem, seed: int = 0, progress: bool | None = None) -> Draws:
        """Fit; a seed gives the same numbers, bit for bit, on one machine."""
        if problem.together and self.batch is not None:
            raise InferenceError(
                f"batch={self.batch}: rows are steps along {problem.program.model.axis}, and a minibatch would tear "
                "series apart; leave batch out, all rows are taken at every step"
            )
        begin = time.perf_counter()
        with isolated(seed):
            setting = prepare(problem, self, seed)
            if setting.space.is_point and setting.closed:
                draws = point.run(problem, setting.density, [start.values for start in setting.begun], progress)
            else:
                draws = _fit(problem, self, setting, seed, progress)
        seconds = time.perf_counter() - begin
        how: Attrs = {"start": setting.begun[0].how, "start_notes": " ".join(setting.begun[0].notes)}
        return Draws(
            draws.parameters,
            draws.latents,
            draws.state,
            draws.stats,
            {**draws.attrs, **how, "seed": seed, "seconds": seconds},
        )


@dataclass(frozen=True)
class Setting:
    """What the structure of a problem says before anything is fitted."""

    space: Space
    density: Density
    begun: list[Start]
    networks: bool
    closed: bool  # no latent is drawn, no weights of networks: the density of the global sites is all there is


def prepare(problem: Problem, settings: "SVI", seed: int) -> Setting:
    """Starts, space and density of the global parameters."""
    probe = problem.build(AutoDelta)
    own = {id(p) for part in probe.modules() if isinstance(part, AutoGuide) for p in part.parameters()}
    networks = any(p.requires_grad and id(p) not in own for p in probe.parameters())
    closed = not networks and not problem.drawn
    first = starts(problem, probe, range(1), seed)
    space = space_of(probe.priors, first[0].values) if problem.program.site_axes else space_of(lambda: None, {})
    is_point = space.is_point and closed
    alone = networks or (not is_point and turned(problem.program))
    large = space.size > LARGE  # a start costs much, and many levels agree on little
    count = settings.restarts or (1 if alone or large else POINT_RESTARTS if is_point else RESTARTS)
    space = _in_data_units(space, problem)
    density = Density(probe, space, problem.rows, jacobian=not is_point)
    begun = first + starts(problem, probe, range(1, count), seed)
    return Setting(space, density, begun, networks, closed)


def turned(program: Program) -> bool:
    """Whether restarts differ by a rotation of an embedding, or of levels, that nothing undoes: the best is kept."""
    model = program.model
    aligned = {name for names in level_groups(model) for name in names}
    products = (Dot, Translation)
    terms = [part for name, law in model.statements.items() for _, part in places_of(law, name)]
    loose = any(not {*parents(t)} & aligned for t in terms if isinstance(t, products))
    return loose or any(not model.is_level(name) for name in model.embedded)


def multiplied(program: Program) -> bool:
    """Whether levels of factors are multiplied with each other.

    Guides of restarts then settle in optima that differ in how many dims they use: the best is kept.
    """
    model = program.model
    terms = [part for name, law in model.statements.items() for _, part in places_of(law, name)]
    return any(isinstance(part, Dot) and len({*parents(part)} & {*model.factors}) > 1 for part in terms)


def _in_data_units(space: Space, problem: Problem) -> Space:
    """The space with the data's spread for locations without a prior, which would say it."""
    frees = free_parameters(problem.program.model)
    free = {f.name if f.pattern is None else patterns.site(f): f for f in frees}

    def scaled(part: Part) -> Part:
        f = free.get(part.name)
        spread = None if f is None else problem.buffers.get(f"{f.variable}_spread")
        located = f is not None and f.parameter == "loc" and f.part not in ("lengthscale", "variance")
        if f is None or not part.point or spread is None or not located:
            return part
        own = torch.as_tensor(spread).to(part.spread)
        if f.pattern is not None:
            allowed = torch.as_tensor(problem.buffers[patterns.buffer(f)])
            own = own.expand(allowed.shape)[allowed > 0]
        return replace(part, spread=own.expand(part.shape))

    return replace(space, parts=tuple(scaled(part) for part in space.parts))


def _fit(problem: Problem, settings: SVI, setting: Setting, seed: int, progress: bool | None) -> Draws:
    generator = torch.Generator(problem.device)
    generator.manual_seed(seed)
    where = _places(problem, setting)
    full = setting.closed and setting.space.size <= FULL_GUIDE and not turned(problem.program)
    kind = settings.guide or ("full" if full else "normal")
    restarts = _restarts(problem, setting, where, kind)
    end, signal = _climb(problem, settings, setting, restarts, generator, progress)
    parameters = {name: value.detach() for name, value in restarts.parameters(end.parameters).items()}
    restarts.loss.eval()
    scores, errors = score(restarts, parameters, problem, generator)
    sampler = Sampler(restarts.loss.program, problem.rows, density=False)
    few = [
        from_guide(sampler, restarts.one(parameters, r), restarts.fixed, problem, SPIKE_DRAWS, generator)
        for r in range(restarts.count)
    ]
    spiked = np.array([bool(spikes(problem.program.model, problem.buffers, draws)) for draws in few])
    keep = kept(scores, errors, spiked)
    top = best(scores, keep)
    alone = turned(problem.program) or multiplied(problem.program)
    keep = np.arange(len(keep)) == top if alone else keep
    modes = [setting.space.split(where[r].vector)[0] for r in np.flatnonzero(keep)]
    module = setting.density.program
    draws = min(settings.draws, max(SPIKE_DRAWS, GLOBAL_CELLS // max(1, setting.space.size)))
    better = refined(problem, module, modes, draws, generator, settings.refine, setting.closed)
    if better.chains:
        chains, keep = better.chains, only(keep, better.kept)
    else:
        sampler.density = setting.closed and draws * problem.rows <= DENSITY_CELLS
        chains = [
            from_guide(sampler, restarts.one(parameters, r), restarts.fixed, problem, draws, generator)
            for r in np.flatnonzero(keep)
        ]
    values = gathered(chains)
    stats: dict[str, np.ndarray] = {n: values.pop(n) for n in ("log_p", "log_q") if n in values}
    attrs: Attrs = {
        "method": "svi",
        "guide": kind,
        "settled": end.settled,
        "steps": end.steps,
        "budget": settings.steps or STEPS[not setting.closed],
        "gradient_signal": float(signal[top]),
        "bound": float(scores[top]),
        "bound_error": float(errors[top]),
        "set_aside": int((~keep).sum()),
        "spikes": int(spiked.sum()),
        "flat_directions": max((p.laplace.flat for p in where if p.laplace is not None), default=0),
        **better.attrs,
    }
    stats |= {"bound": end.bounds, "score": scores, "score_error": errors, "kept": keep}
    return Draws(values, {}, _state(restarts, parameters, top), stats, attrs)


def _places(problem: Problem, setting: Setting) -> list[Place]:
    """Where each restart begins: at a mode, or at its start where networks or drawn latents have none.

    Where levels are multiplied the mode follows the noise, far from the bound's optimum: of 200 x 300 ratings with rank
    5 the bound ends 600 nats higher from small levels.
    """
    if setting.closed and setting.space.size and not multiplied(problem.program):
        return places(*problem.arguments(), setting.density, [s.values for s in setting.begun], problem.program.model)
    space = setting.space
    return [
        Place(
            space.join(start.values) if space.size else space.start,
            START_SCALE * space.spread if start.scales is None else start.scales,
            None,
        )
        for start in setting.begun
    ]


def _restarts(problem: Problem, setting: Setting, where: list[Place], kind: guides.Kind) -> Restarts:
    """One module a restart, its guide set where the restart begins."""
    losses, units = [], []
    space = setting.space
    for place, start in zip(where, setting.begun, strict=True):
        module = problem.ready(guides.factory(kind, space, space.split(place.vector)[0]))
        module.load_state_dict(start.state, strict=False)
        moves = place.scales if setting.closed else space.spread
        if start.scales is not None:  # pretrained at a guess of the latents, which will move: between both scales
            moves = (start.scales * space.spread).sqrt()
        guide = automatic_guide(module)
        if guide is not None:
            guides.locate(space, guide, place)
        own = {} if guide is None else guides.units(guide, space, moves)
        units.append({f"program.parameter_guide.{name}": unit for name, unit in own.items()})
        losses.append(Loss(module.train(), problem.rows))
    return Restarts.of(losses, units)


def _climb(
    problem: Problem,
    settings: SVI,
    setting: Setting,
    restarts: Restarts,
    generator: torch.Generator,
    progress: bool | None,
) -> tuple[Climb, np.ndarray]:
    """The end of the optimization, and what is left of the gradient there, (restart,)."""
    networks = not setting.closed
    batch = problem.rows if problem.together else settings.batch or _batch(problem.rows, networks)
    steps = settings.steps or STEPS[networks]
    step = Step(restarts, problem, Rows(problem.rows, batch, generator), settings.particles, generator)
    step.run = compiled(step.graph, steps, settings.compile, certain=False)
    with Progress(steps, "bound", progress) as bar:
        end = climb(
            step,
            restarts.start(),
            learning_rate=settings.learning_rate or (PRODUCTS_RATE if multiplied(problem.program) else RATES[networks]),
            steps=steps,
            window=window_steps(problem.rows, batch, WINDOWS[networks]),
            patience=PATIENCE[networks],
            report=bar.bound,
        )
    return end, gradient_signal(step, end.parameters)


def _batch(rows: int, networks: bool) -> int:
    """Rows of a minibatch: all of them where that is cheap, or where two minibatches would not fit."""
    if networks:
        return SMALL_BATCH if rows >= 2 * SMALL_BATCH else rows
    return rows if rows <= FULL_BATCH else LARGE_BATCH


def _state(restarts: Restarts, parameters: dict[str, Tensor], restart: int) -> dict[str, Tensor]:
    """What `load_state_dict` of a built module takes, for one restart."""
    both = {**restarts.one(parameters, restart), **restarts.fixed}
    return {name.removeprefix("program."): value for name, value in both.items()}
