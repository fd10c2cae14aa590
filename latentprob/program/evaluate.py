"""What a built program says at given parameters, for S draws at once. Pure functions; nothing global is touched.

Draws are mappings from site to (S, ...). Drawn latents (those that no closed form reaches) are (S, N, ...).
The program's own Pyro trace is evaluated under torch.vmap, so the text stays the one source of truth.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

import pyro
import torch
from pyro import poutine
from pyro.distributions.util import scale_and_mask
from pyro.infer.autoguide.initialization import InitMessenger, init_to_mean
from torch import Tensor

from latentprob.errors import InferenceError
from latentprob.program import patterns
from latentprob.program.build import Program
from latentprob.program.context import is_matrix
from latentprob.spec.distributions import LKJ
from latentprob.spec.sites import free_parameters

HALVES = ("_observed", "_unobserved")  # the sites that obs_mask makes of a partly labelled one

Draws = Mapping[str, Tensor]
Batch = Mapping[str, Tensor]


@contextmanager
def quiet() -> Iterator[None]:
    """Pyro without validation and with parameters that live in their modules; restored afterwards."""
    with pyro.settings.context(module_local_params=True), pyro.validation_enabled(False):
        yield


def row_sites(trace: poutine.Trace) -> Iterator[Any]:
    """The sites of a trace that lie in the plate of rows."""
    for site in trace.nodes.values():
        if site["type"] == "sample" and any(frame.name == "row" for frame in site.get("cond_indep_stack", ())):
            yield site


def fed(method: Callable[..., Any], batch: Batch, rows: int) -> Callable[[], Any]:
    """A method of the program with its data: Pyro's handlers have arguments of their own, called fn and context."""
    return partial(method, **batch, rows=rows)


def marginal_trace(module: Any, batch: Batch, values: Mapping[str, Tensor], rows: int | None = None) -> poutine.Trace:
    """The trace of `marginal` at given values of its sites, with log densities, unscaled."""
    some = next(iter(batch.values()))
    fixed = poutine.condition(fed(module.marginal, batch, rows or len(some)), data=dict(values))
    trace = poutine.trace(fixed).get_trace()
    trace.compute_log_prob()
    return trace


def _size(batch: Batch) -> int:
    return len(next(iter(batch.values())))


def _mapped(function: Callable[..., Any], draws: Draws, drawn: Draws | None, gradient: bool = False) -> Any:
    """function(draw, drawn) for every draw; a program without parameters has one draw."""
    values, local = dict(draws), dict(drawn or {})
    with quiet(), torch.set_grad_enabled(gradient):
        if not values and not local:
            found = function({}, {})
            return torch.utils._pytree.tree_map(lambda t: t[None], found)
        return torch.vmap(function)(values, local)


def row_log_density(
    module: Any, batch: Batch, draws: Draws, drawn: Draws | None = None, gradient: bool = False
) -> Tensor:
    """log p(row [, drawn latents] given the parameters), nats, (S, N); what has a closed form is taken out.

    gradient: whether it can be differentiated.
    """

    def one(draw: Draws, local: Draws) -> Tensor:
        return row_density(marginal_trace(module, batch, {**draw, **local}), _size(batch))

    return _mapped(one, draws, drawn, gradient)


def row_density(trace: poutine.Trace, rows: int) -> Tensor:
    """The log density of each row of a trace, (N,), without the plate's scale."""
    logs: list[Tensor] = [scale_and_mask(s["unscaled_log_prob"], mask=s["mask"]) for s in row_sites(trace)]
    return torch.stack([log.expand(rows) for log in logs]).sum(0)


def prior_density(trace: poutine.Trace) -> Tensor | float:
    """The log density of the parameters of a trace, nats."""
    rows = {id(site) for site in row_sites(trace)}
    sites: list[Any] = [s for s in trace.nodes.values() if s["type"] == "sample" and id(s) not in rows]
    return sum(site["log_prob_sum"] for site in sites)


def joint_log_density(
    module: Any,
    batch: Batch,
    draws: Draws,
    drawn: Draws | None = None,
    weights: Tensor | None = None,
    rows: int | None = None,
) -> Tensor:
    """log p(rows, parameters [, drawn latents]), nats, (S,).

    weights: how often each row counts, (N,). rows: the number of rows that the batch stands for.
    """

    def one(draw: Draws, local: Draws) -> Tensor:
        trace = marginal_trace(module, batch, {**draw, **local})
        each = row_density(trace, _size(batch))
        total = (each if weights is None else each * weights).sum()
        return total * ((rows or _size(batch)) / _size(batch)) + prior_density(trace)

    return _mapped(one, draws, drawn)


def parameters_of(module: Any, draw: Draws) -> tuple[Any, ...]:
    """What `priors` returns at one draw."""
    if not hasattr(module, "priors"):
        return ()
    with poutine.block():
        return poutine.condition(module.priors, data=dict(draw))()


def beliefs(module: Any, batch: Batch, draws: Draws, drawn: Draws | None = None) -> dict[str, Tensor]:
    """The exact belief of what is taken out, name -> (S, N, ...): see the program's `belief`."""
    if not hasattr(module, "belief"):
        return {}

    def one(draw: Draws, local: Draws) -> dict[str, Tensor]:
        return module.belief(parameters_of(module, draw), **batch, **_read(module, local))

    return _mapped(one, draws, drawn)


def _read(module: Any, local: Draws) -> dict[str, Tensor]:
    code = module.belief.__func__.__code__
    return {name: value for name, value in local.items() if name in code.co_varnames[: code.co_argcount]}


def encode(module: Any, batch: Batch) -> dict[str, Any]:
    """The encoder's law of each drawn latent, a distribution with batch shape (N,)."""
    if not hasattr(module, "latent_guide"):
        return {}
    with quiet(), torch.no_grad(), poutine.block(), torch.random.fork_rng(devices=_devices(batch)):
        trace = poutine.trace(fed(module.latent_guide, batch, _size(batch))).get_trace()
    return {site["name"]: site["fn"] for site in row_sites(trace)}


def derived(module: Any, draws: Draws) -> dict[str, Tensor]:
    """The draws with every deterministic value of the parameters, such as a covariance made of its factors."""

    def one(draw: Draws, local: Draws) -> dict[str, Tensor]:
        with poutine.block():
            trace = poutine.trace(poutine.condition(module.priors, data=dict(draw))).get_trace()
        named: Any = trace.nodes.items()
        return {k: s["value"] for k, s in named if s["type"] == "sample" and s["infer"].get("_deterministic")}

    if not draws:
        return {}
    return {**draws, **_mapped(one, draws, None)}


def means(module: Any, batch: Batch, draws: Draws, latents: Draws) -> dict[str, Tensor]:
    """E[x given its parents] of every observed variable, (S, N, D); of a categorical its probabilities (S, N, D, L).

    latents: values of all latents, partly labelled ones among them, (S, N, ...). What inducing values leave open of a
    process stands at its mean where no value is given.
    """

    def one(draw: Draws, local: Draws) -> dict[str, Tensor]:
        # A level with gaps has two sites, of which the hidden one must not be drawn under vmap.
        known, hidden = ({f"{name}{half}": value for name, value in local.items()} for half in HALVES)
        model = fed(module.model, batch, _size(batch))
        fixed = InitMessenger(init_to_mean)(poutine.condition(model, data={**draw, **local, **hidden}))
        with poutine.block():
            trace = poutine.trace(fixed).get_trace()
        found = {}
        for site in row_sites(trace):
            computed = site["infer"].get("_deterministic")
            if site["is_observed"] and not computed and site["name"] not in {*local, *known, *hidden}:
                found[site["name"]] = expectation(site["fn"])
        return found

    return _mapped(one, draws, latents)


def embeddings(module: Any, batch: Batch, draws: Draws) -> dict[str, Tensor]:
    """The value of every deterministic variable, (S, N, Z), or (S, N) of a level."""

    def one(draw: Draws, local: Draws) -> dict[str, Tensor]:
        with poutine.block():
            fixed = poutine.condition(fed(module.model, batch, _size(batch)), data=dict(draw))
            trace = poutine.trace(fixed).get_trace()
        return {site["name"]: site["value"] for site in row_sites(trace) if site["infer"].get("_deterministic")}

    return _mapped(one, draws, None)


def expectation(law: Any) -> Tensor:
    """The mean of a Pyro law; the probabilities of a categorical."""
    while not hasattr(law, "probs") and hasattr(law, "base_dist") and hasattr(law, "reinterpreted_batch_ndims"):
        law = law.base_dist
    if isinstance(law, pyro.distributions.MaskedDistribution):
        return expectation(law.base_dist)
    if isinstance(law, pyro.distributions.StudentT):
        return law.loc  # its mean is not defined at df <= 1; the centre of symmetry is
    return law.probs if isinstance(law, pyro.distributions.Categorical) else law.mean


def draw_rows(module: Any, batch: Batch, draws: Draws, seed: int) -> dict[str, Tensor]:
    """Latents and observed variables drawn from `model` at given parameters, name -> (S, N, ...).

    batch: the inputs, and for the observed variables any values of the right shape: they set the number of rows.
    """
    count = len(next(iter(draws.values()))) if draws else 1
    found: list[dict[str, Tensor]] = []
    with quiet(), torch.no_grad(), poutine.block(), torch.random.fork_rng(devices=_devices(batch)):
        torch.manual_seed(seed)
        for s in range(count):
            fixed = {name: value[s] for name, value in draws.items()}
            free = poutine.condition(poutine.uncondition(fed(module.model, batch, _size(batch))), data=fixed)
            trace = poutine.trace(free).get_trace()
            found.append({site["name"]: site["value"] for site in row_sites(trace)})
    halves = {f"{name}{half}" for name in found[0] for half in HALVES}
    return {name: torch.stack([one[name] for one in found]) for name in found[0] if name not in halves}


def _devices(batch: Batch) -> list[Any]:
    device = next(iter(batch.values())).device
    return [device] if device.type == "cuda" else []


def to_sites(program: Program, module: Any, parameters: Mapping[str, Any]) -> dict[str, Tensor]:
    """Values of the Pyro sites from values of the parameters, such as Bartlett's factors from a covariance.

    parameters: name -> value of the parameter's shape, or one that reshapes to it.
    """
    found: dict[str, Tensor] = {}
    anchor = next(module.buffers())
    for free in free_parameters(program.model):
        if free.name not in parameters:
            raise InferenceError(f"no value of the parameter '{free.name}' was given")
        value = torch.as_tensor(parameters[free.name]).to(anchor)
        if is_matrix(free):
            found |= _matrix_sites(free, value, module)
        elif free.pattern is not None:
            found[patterns.site(free)] = value.flatten(-2)[..., getattr(module, patterns.places(free))]
        else:
            found[free.name] = value
    return found


def _matrix_sites(free: Any, value: Tensor, module: Any) -> dict[str, Tensor]:
    covariance = {
        "covariance": lambda m: m,
        "precision": torch.linalg.inv,
        "scale_tril": lambda m: m @ m.mT,
        "correlation": lambda m: m,
    }[free.parameter](value)
    tril = torch.linalg.cholesky(covariance)
    if free.parameter == "correlation" or isinstance(free.prior, LKJ):
        return {f"{free.name}_tril": tril}
    if free.prior == "point":
        return {f"{free.name}_tril": _without_floor(covariance, free, module)}
    root = getattr(module, f"{free.name}_root")
    upper = torch.linalg.solve_triangular(tril, root.expand_as(tril), upper=False).mT
    size = value.shape[-1]
    i, j = torch.triu_indices(size, size, 1)
    return {f"{free.name}_diagonal": upper.diagonal(dim1=-2, dim2=-1).square(), f"{free.name}_above": upper[..., i, j]}


def _without_floor(covariance: Tensor, free: Any, module: Any) -> Tensor:
    floor = getattr(module, f"{free.name}_floor")
    values, vectors = torch.linalg.eigh(covariance - floor)
    values = values.clamp_min(1e-12 * values.amax(-1, keepdim=True))
    return torch.linalg.cholesky((vectors * values[..., None, :]) @ vectors.mT)
