"""A program's log density and bound as plain tensor graphs: Pyro traces them, the graph runs."""

import math
import os
import shutil
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import torch
from pyro import poutine
from pyro.infer.autoguide.guides import AutoGuide
from pyro.poutine import Trace
from torch import Tensor, nn
from torch.fx import GraphModule
from torch.fx.experimental.proxy_tensor import make_fx
from torch.overrides import TorchFunctionMode

from latentprob.errors import InferenceError
from latentprob.inference.unconstrain import Space
from latentprob.program.evaluate import fed

ROW = "row"  # the plate of the rows
COMPILE = 10_000_000  # operations times runs: 100 s eagerly, twice what inductor takes to compile


class Noise(TorchFunctionMode):
    """Standard normals that a program draws come from a tensor, so that a graph has its noise as an argument.

    Without a tensor it counts how many are needed.
    """

    def __init__(self, noise: Tensor | None = None) -> None:
        super().__init__()
        self.noise = noise
        self.used = 0

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is Tensor.normal_:
            return self._normal(args[0])
        if func is nn.functional.dropout:
            return self._dropout(*args, **(kwargs or {}))
        return func(*args, **(kwargs or {}))

    def _normal(self, like: Tensor) -> Tensor:
        count = like.numel()
        self.used += count
        if self.noise is None:
            return like.zero_()
        return self.noise[self.used - count : self.used].reshape(like.shape)

    def _dropout(self, x: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
        if not training or p == 0:
            return x
        threshold = math.sqrt(2) * torch.special.erfinv(torch.tensor(2 * p - 1)).item()
        return x * (self._normal(torch.empty_like(x)) > threshold) / (1 - p)


def log_prob(trace: Trace, weights: Tensor) -> Tensor:
    """The log density of a trace, nats; what stands in the plate of rows counts by their weights, (N,)."""
    trace.compute_log_prob()
    total = weights.new_zeros(())
    for site in trace.nodes.values():
        if site["type"] == "sample":
            in_rows = any(frame.name == ROW for frame in site["cond_indep_stack"])
            total = total + ((site["log_prob"] * weights).sum() if in_rows else site["log_prob"].sum())
    return total


class Loss(nn.Module):
    """Minus the bound from one draw of the guide, nats: log q(theta, z) - log p(x, z, theta)."""

    def __init__(self, program: Any, rows: int) -> None:
        super().__init__()
        self.program: Any = program
        self.rows = rows

    def forward(self, batch: Mapping[str, Tensor], weights: Tensor) -> Tensor:
        guide = poutine.trace(fed(self.program.guide, batch, self.rows)).get_trace()
        marginal = fed(self.program.marginal, batch, self.rows)
        model = poutine.trace(poutine.replay(marginal, trace=guide)).get_trace()
        return log_prob(guide, weights) - log_prob(model, weights)


class Density(nn.Module):
    """log p(x, theta [, drawn latents]) at an unconstrained vector (P,), nats; the Jacobian is in it if `jacobian`."""

    def __init__(self, program: Any, space: Space, rows: int, jacobian: bool = True) -> None:
        super().__init__()
        self.program: Any = program
        self.space = space
        self.rows = rows
        self.jacobian = jacobian

    def forward(self, vector: Tensor, batch: Mapping[str, Tensor], weights: Tensor) -> Tensor:
        values, log_jacobian = self.space.split(vector)
        at = poutine.condition(fed(self.program.marginal, batch, self.rows), data=values)
        density = log_prob(poutine.trace(at).get_trace(), weights)
        return density + log_jacobian if self.jacobian else density


def noise_count(loss: Loss, batch: Mapping[str, Tensor], weights: Tensor) -> int:
    """How many standard normals one evaluation of the loss uses."""
    with Noise() as noise, torch.no_grad():
        loss(batch, weights)
    return noise.used


class Short(TorchFunctionMode):
    """Formulas that take a few operations in place of many; torch captures its own of a Bernoulli in two dozen."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = {name: value for name, value in (kwargs or {}).items() if value is not None}
        if func is nn.functional.binary_cross_entropy_with_logits and given == {"reduction": "none"}:
            logits, x = args
            return nn.functional.softplus(logits, threshold=LINEAR) - x * logits
        return func(*args, **(kwargs or {}))


LINEAR = 50.0  # above it softplus is the identity in double precision


def captured(function: Callable[..., Any], *example: Any) -> GraphModule:
    """A function as a graph of tensor operations, for arguments of these shapes."""
    with Short():
        graph = make_fx(function)(*example)
    _without_views(graph)
    graph.graph.eliminate_dead_code()
    graph.recompile()
    for node in graph.graph.nodes:
        if torch.Tag.nondeterministic_seeded in getattr(node.target, "tags", ()):
            raise InferenceError(
                f"the program draws random numbers by {node.target}, which are not under the seed; "
                "use normal draws, or a module without random layers"
            )
    return graph


VIEWS = tuple(getattr(torch.ops.aten, name).default for name in ("expand", "view", "_unsafe_view"))


def _without_views(graph: GraphModule) -> None:
    """Take out views of the shape that is there."""
    for node in graph.graph.nodes:
        if node.target in VIEWS:
            after, before = (one.meta.get("tensor_meta") for one in (node, node.args[0]))
            if after is not None and before is not None and after.shape == before.shape:
                node.replace_all_uses_with(node.args[0])


def compiled(graph: GraphModule, runs: int, wanted: bool | None, certain: bool = True) -> Callable[..., Any]:
    """The graph through torch.compile, where that is wanted, or where this many runs pay for it.

    certain: whether there will be so many. Most fits settle long before their budget: then the graph runs eagerly for
    as long as inductor would take, so that no fit takes much over twice the time of the better choice.
    """
    operations = len(graph.graph.nodes)
    pays = operations * runs >= COMPILE and shutil.which(os.environ.get("CXX", "g++")) is not None
    if not (pays if wanted is None else wanted):
        return graph
    return fast(graph) if certain or wanted else Late(graph, COMPILE // (2 * operations))


def fast(graph: GraphModule) -> Callable[..., Any]:
    """The graph through torch.compile, without inductor's warnings of its own deprecations."""
    with warnings.catch_warnings():  # when it is loaded, and when it runs
        warnings.simplefilter("ignore")
        done = torch.compile(graph, dynamic=False)

    def run(*arguments: Any) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return done(*arguments)

    return run


class Late:
    """A graph that is compiled after so many runs."""

    def __init__(self, graph: GraphModule, after: int) -> None:
        self.graph, self.left = graph, after
        self.run: Callable[..., Any] = graph

    def __call__(self, *arguments: Any) -> Any:
        if self.left == 0:
            self.run = fast(self.graph)
        self.left -= 1
        return self.run(*arguments)


def value_and_gradient(
    density: Density, batch: Mapping[str, Tensor], weights: Tensor
) -> Callable[[Tensor], tuple[Tensor, Tensor]]:
    """The captured log density of these rows, and its gradient (P,), at a vector (P,)."""
    graph = captured(torch.func.grad_and_value(density), density.space.start, batch, weights)

    def evaluate(vector: Tensor) -> tuple[Tensor, Tensor]:
        gradient, value = graph(vector, batch, weights)
        return value, gradient

    return evaluate


def automatic_guide(module: nn.Module) -> AutoGuide | None:
    """The automatic guide of the global parameters in a built program, where it has any."""
    return next((part for part in module.modules() if isinstance(part, AutoGuide)), None)
